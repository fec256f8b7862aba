#pragma once

#include <string_view>

#include "source/base/ascii.h"

namespace weir::extensions::http_filters::common::codecs {

// Members of a comma-separated list (RFC 9110 5.6.1), without space around them; empty ones are
// none. For lists whose members have no quoted commas.
template <class Visit>
void forEachMember(std::string_view list, Visit&& visit) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view member = base::trimOws(list.substr(0, comma));
    if (!member.empty()) visit(member);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace weir::extensions::http_filters::common::codecs
