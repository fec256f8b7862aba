#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "source/network/cidr_set.h"

namespace weir::extensions::http_filters {

// The address prefixes of a text, one a line; what follows "#" and empty lines do not count. The
// error is "name:line: …".
absl::StatusOr<std::vector<network::Prefix>> parsePrefixLines(const std::string& name,
                                                              std::string_view text);

// Where a list of prefixes comes from. Value.
struct PrefixSource {
  std::vector<network::Prefix> prefixes = {};
  std::vector<std::string> files = {};
};

inline constexpr uint32_t kDenied = 0;
inline constexpr uint32_t kAllowed = 1;
// Reads the files. What is on both lists with the same length is denied. Blocks.
absl::StatusOr<std::shared_ptr<const network::CidrSet>> loadPrefixLists(const PrefixSource& allow,
                                                                        const PrefixSource& deny);

}  // namespace weir::extensions::http_filters
