#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "source/http/matchers.h"

// What a route does beyond sending a request to an endpoint and, when that fails, to another one.
namespace weir::router {

// A copy of requests goes to another cluster, whose answers nobody sees.
struct MirrorPolicy {
  std::string cluster;
  http::Fraction fraction = {};
  bool keep_host = false;               // else "shop.example:80" is "shop.example-shadow:80" there
  uint32_t max_body_bytes = 64 * 1024;  // requests with more are not mirrored
  uint32_t max_active = 100;            // on each worker
  std::chrono::milliseconds timeout{15'000};
};

// Redirects of endpoints are followed here.
struct InternalRedirectPolicy {
  static constexpr uint16_t kFirstStatus = 300;
  static constexpr uint32_t bit(uint16_t status) { return uint32_t{1} << (status - kFirstStatus); }
  bool follows(uint16_t status) const {
    return status >= kFirstStatus && status < kFirstStatus + 32u && (statuses & bit(status)) != 0;
  }

  uint32_t statuses = bit(301) | bit(302) | bit(303) | bit(307) | bit(308);
  uint32_t max = 1;                     // for each request
  bool other_hosts = false;             // also where the host is another one
  bool other_schemes = false;           // or the scheme
  std::vector<std::string> routes;      // by name, that may be led to; empty: any
  uint32_t max_body_bytes = 64 * 1024;  // requests with more go nowhere else
};

// A second attempt beside one that is slow to answer.
struct HedgePolicy {
  double quantile = 0.95;  // of the time to the head of an answer, from when on it is slow
  std::chrono::milliseconds min_delay{1};
  std::chrono::milliseconds max_delay{0};  // zero: none
  // While fewer than `min_samples` have been measured; zero: no second attempt then.
  std::chrono::milliseconds initial_delay{0};
  uint32_t min_samples = 100;
  double budget = 0.05;  // second attempts for each request, in the long run
  bool any_method = false;
  uint32_t max_body_bytes = 64 * 1024;  // requests with more have no second attempt
};

// Each route has one of its own, if any: what is measured goes by it. Immutable.
struct Resilience {
  std::vector<MirrorPolicy> mirrors;
  std::optional<InternalRedirectPolicy> redirects;
  std::optional<HedgePolicy> hedge;
};

}  // namespace weir::router
