#include "extensions/health_checkers/common/byte_pattern.h"

#include <algorithm>
#include <utility>

namespace weir::extensions::health_checkers {

BytePattern::BytePattern(std::string bytes) : bytes_(std::move(bytes)), fallback_(bytes_.size()) {
  State matched = 0;
  for (size_t i = 1; i < bytes_.size(); ++i) {
    while (matched > 0 && bytes_[i] != bytes_[matched]) matched = fallback_[matched - 1];
    if (bytes_[i] == bytes_[matched]) ++matched;
    fallback_[i] = matched;
  }
}

bool BytePattern::find(std::string_view& data, State& state) const {
  size_t at = 0;
  while (at < data.size()) {
    if (state == 0) {
      at = std::min(data.find(bytes_.front(), at), data.size());
      if (at == data.size()) break;
    }
    while (state > 0 && data[at] != bytes_[state]) state = fallback_[state - 1];
    if (data[at] == bytes_[state]) ++state;
    ++at;
    if (state < bytes_.size()) continue;
    state = 0;
    data.remove_prefix(at);
    return true;
  }
  data = {};
  return false;
}

}  // namespace weir::extensions::health_checkers
