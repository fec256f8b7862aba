#pragma once

#include <memory>

#include "source/config/diagnostics.h"
#include "source/http/header_rules.h"

namespace weir::config {

namespace v1 {
class HeaderRules;
}

// Null: there are none. Reports every rule that is wrong.
std::shared_ptr<const http::HeaderRules> compileHeaderRules(const v1::HeaderRules& from,
                                                            const Cursor& at);

}  // namespace weir::config
