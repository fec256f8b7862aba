#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "extensions/http_filters/common/rate_limit_answer.h"
#include "source/base/random.h"
#include "source/http/matchers.h"
#include "source/http/stream_info.h"
#include "source/network/cidr_set.h"

namespace weir::extensions::http_filters {

// Whom the limits of a filter are for, and how they answer: as the filter or a route says it; what
// a route leaves out is as the filter says. Immutable; part of the configuration.
struct LimitScope {
  std::optional<network::CidrSet> exempt_addresses = {};
  std::optional<std::vector<http::HeaderMatcher>> exempt_headers = {};
  std::optional<http::Fraction> enabled = {};
  std::optional<bool> shadow = {};
  std::optional<RateLimitAnswer> answer = {};
};

// The scope that holds for one request. Value; borrows both.
class ChosenScope {
 public:
  // `route` null: it says nothing.
  ChosenScope(const LimitScope* route, const LimitScope& filter)
      : route_(route), filter_(&filter) {}

  bool asks(base::Random& random) const {
    const auto* const enabled = of(&LimitScope::enabled);
    return enabled == nullptr || enabled->takes(random);
  }
  bool exempts(const http::RequestHead& head, const http::StreamInfo& info) const {
    const auto* const addresses = of(&LimitScope::exempt_addresses);
    const network::Address* const client = info.downstream_remote;
    if (addresses != nullptr && client != nullptr && addresses->contains(*client)) return true;
    const auto* const headers = of(&LimitScope::exempt_headers);
    return headers != nullptr &&
           std::any_of(headers->begin(), headers->end(),
                       [&](const http::HeaderMatcher& matcher) { return matcher.matches(head); });
  }
  bool shadow() const {
    const bool* const shadow = of(&LimitScope::shadow);
    return shadow != nullptr && *shadow;
  }
  const RateLimitAnswer& answer() const {
    static const RateLimitAnswer usual;
    const auto* const configured = of(&LimitScope::answer);
    return configured == nullptr ? usual : *configured;
  }

 private:
  template <class T>
  const T* of(const std::optional<T> LimitScope::*field) const {
    if (route_ != nullptr && route_->*field) return &*(route_->*field);
    return filter_->*field ? &*(filter_->*field) : nullptr;
  }

  const LimitScope* route_;
  const LimitScope* filter_;
};

}  // namespace weir::extensions::http_filters
