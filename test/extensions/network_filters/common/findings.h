#pragma once

#include <string>
#include <string_view>

namespace weir::network::test {

// The findings for a listener whose chain has `filters` (text of the field); "" when there are
// none. Lines count from the filters' first.
std::string findings(std::string_view filters, std::string_view rest = {});

}  // namespace weir::network::test
