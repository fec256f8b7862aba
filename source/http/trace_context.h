#pragma once

#include <string_view>

namespace weir::http {

// To which trace an exchange belongs, for logs and for whoever calls others on its behalf. Texts
// live as long as the stream. Value.
struct TraceContext {
  std::string_view trace_id;  // 32 lower-case hex digits
  std::string_view span_id;   // 16, of the exchange's own span
  bool sampled = false;
};

}  // namespace weir::http
