#pragma once

#include <cstdint>
#include <string_view>

#include "source/event/dispatcher.h"
#include "source/http/header_map.h"

namespace weir::extensions::http_filters::static_files {

// What validates a file. Value.
struct Validators {
  std::string_view etag;       // strong
  event::SystemTime modified;  // whole seconds
};

// Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in that order (RFC
// 9110 13.2.2), of a GET or HEAD. 200: go on; 304; 412.
uint16_t evaluateConditions(const http::HeaderMap& request, const Validators& file,
                            event::SystemTime now);
// Whether Range counts, by If-Range (13.1.5).
bool rangeApplies(const http::HeaderMap& request, const Validators& file, event::SystemTime now);

}  // namespace weir::extensions::http_filters::static_files
