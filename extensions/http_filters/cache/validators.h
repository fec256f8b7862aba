#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "source/event/dispatcher.h"
#include "source/http/header_map.h"

namespace weir::extensions::http_filters::cache {

// What a stored response is known by (RFC 9110 8.8). Views into it.
struct Validators {
  std::string_view etag;           // as it stands in the field; empty: none
  std::string_view last_modified;  // likewise
  std::optional<event::SystemTime> modified;

  bool any() const { return !etag.empty() || !last_modified.empty(); }
};
Validators readValidators(const http::HeaderMap& response, event::SystemTime now);

// "W/" and the rest compared as RFC 9110 8.8.3.2 says: weakly the mark makes no difference,
// strongly neither may have it.
bool sameWeakly(std::string_view a, std::string_view b);
bool sameStrongly(std::string_view a, std::string_view b);

// Whether a client that sends these fields has what is stored: it gets 304 (RFC 9110 13.2.2, for
// GET and HEAD).
bool notModified(const http::HeaderMap& request, const Validators& stored, event::SystemTime now);

// Whether If-Range lets a range be taken out of what is stored (13.1.5); true without the field.
bool rangeHolds(const http::HeaderMap& request, const Validators& stored, event::SystemTime date,
                event::SystemTime now);

// If-Match, If-Unmodified-Since: about what the origin has, which it is asked itself.
bool hasPreconditionForOrigin(const http::HeaderMap& request);

}  // namespace weir::extensions::http_filters::cache
