#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "source/http/filter.h"

namespace weir::extensions::http_filters {

// How much a limit has left, for the one who asked. `name` lives as long as whoever made it. Value.
struct RateLimitStanding {
  std::string_view name = {};
  uint64_t quota = 0;
  std::chrono::milliseconds window{0};
  uint64_t left = 0;
  std::chrono::milliseconds until_next{0};  // until another request could pass; 0: at once
  std::chrono::milliseconds until_full{0};  // until all of the quota is there again

  // Tells a client more than `other`: the one to be told of.
  bool tighterThan(const RateLimitStanding& other) const {
    if (until_next != other.until_next) return until_next > other.until_next;
    return left < other.left;
  }
};

// What is answered to requests over a limit, and what others are told. Immutable; part of the
// configuration.
class RateLimitAnswer {
 public:
  enum class Fields : uint8_t { kStandard, kX, kBoth, kNone };

  RateLimitAnswer() = default;
  RateLimitAnswer(uint16_t status, std::string body, Fields fields, bool on_all)
      : status_(status), body_(std::move(body)), fields_(fields), on_all_(on_all) {}

  // Answers for the filter whose handle it is. `detail` is static.
  void refuse(http::FilterHandle& handle, const RateLimitStanding& standing,
              std::string_view detail) const;
  // Answers to requests that pass are told, too.
  bool tellsAll() const { return on_all_ && fields_ != Fields::kNone; }
  // Instead of fields of the same names that an endpoint has sent.
  void tell(const RateLimitStanding& standing, http::HeaderMap& fields) const;

 private:
  uint16_t status_ = 429;
  std::string body_ = "too many requests\n";
  Fields fields_ = Fields::kStandard;
  bool on_all_ = false;
};

}  // namespace weir::extensions::http_filters
