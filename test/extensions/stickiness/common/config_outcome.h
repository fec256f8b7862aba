#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "source/base/registry.h"

namespace weir::extensions::stickiness::test {

// What the stickiness that `extension` makes of `fields` is called, or the findings when it makes
// none of them: of a configuration in `file`, whose line 3 is `fields`.
std::string configOutcome(std::unique_ptr<base::Extension> extension, std::string_view fields,
                          const std::string& file = "w.textproto");

}  // namespace weir::extensions::stickiness::test
