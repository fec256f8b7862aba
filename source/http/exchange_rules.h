#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "source/http/header_rules.h"

namespace weir::http {

// What a route, and where it says nothing its virtual host, says of an exchange as a whole.
// Immutable.
struct ExchangeRules {
  // Applied to the head of every response, in this order.
  std::vector<std::shared_ptr<const HeaderRules>> response_headers = {};
  // Each instead of the connection manager's; zero: no limit.
  std::optional<std::chrono::milliseconds> max_stream_duration = {};
  std::optional<std::chrono::milliseconds> request_timeout = {};
  std::optional<uint64_t> max_request_body_bytes = {};
  // The least that the connection manager's stream_idle has to be: the router minds the route's
  // own.
  std::optional<std::chrono::milliseconds> stream_idle = {};

  bool limited() const {
    return max_stream_duration || request_timeout || max_request_body_bytes || stream_idle;
  }
};

}  // namespace weir::http
