#pragma once

#include <string>

#include "source/base/registry.h"

namespace weir::config {

namespace v1 {
class Config;
}

// A configuration as it was understood, with the messages of its extensions, which `registry` has.
std::string canonicalText(const v1::Config& config, const base::Registry& registry);
std::string canonicalJson(const v1::Config& config, const base::Registry& registry);

}  // namespace weir::config
