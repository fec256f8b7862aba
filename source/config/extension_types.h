#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "source/base/registry.h"

namespace weir::config {

inline constexpr std::string_view kTypeUrlPrefix = "type.googleapis.com/";

// What the brackets of an extension's configuration come to.
struct ExtensionType {
  const base::Extension* extension = nullptr;  // one that has the message
  std::string config_type;                     // full name of the message; empty: unknown
  std::string what;                            // why it is unknown
  std::string right;
};

// `bracketed`: "category/name" or "type.googleapis.com/full.message.Name".
ExtensionType resolveExtensionType(const base::Registry& registry, std::string_view bracketed);

// "category/name" of the extensions that `config_type` configures.
std::vector<std::string> extensionsOfType(const base::Registry& registry,
                                          std::string_view config_type);

// `did you mean "x"?` for the nearest of `known`, and all of them when they are few. For the
// `right` half of a message; empty when nothing is known.
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

}  // namespace weir::config
