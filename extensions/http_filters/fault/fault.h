#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "source/base/random.h"
#include "source/http/filter.h"
#include "source/http/matchers.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::fault {

inline constexpr std::chrono::milliseconds kLongestDelay = std::chrono::hours(1);
inline constexpr uint64_t kMostBytesPerSecond = uint64_t{1} << 40;

// How long requests wait. Value.
struct Delay {
  enum class Kind : uint8_t { kFixed, kExponential, kUniform };
  Kind kind = Kind::kFixed;
  std::chrono::milliseconds least{0};  // kUniform
  std::chrono::milliseconds mean{0};   // kFixed, kExponential
  std::chrono::milliseconds most{0};   // kExponential, kUniform
  http::Fraction share = {};

  std::chrono::milliseconds draw(base::Random& random) const;
};

// How requests are answered instead. Value.
struct Abort {
  uint16_t status = 503;
  std::optional<http::GrpcStatus> grpc_status = {};
  http::Fraction share = {};
  std::string body = "fault injected\n";
};

// How slowly responses come. Value.
struct ResponseRate {
  uint64_t bytes_per_second = 0;
  http::Fraction share = {};
};

// What may differ by route. Immutable.
struct FaultPolicy final : http::RouteFilterConfig {
  std::optional<Delay> delay;
  std::optional<Abort> abort;
  std::optional<ResponseRate> response_rate;
  std::vector<http::HeaderMatcher> headers;
  bool allow_request_headers = false;
};

// What the filter counts. Immutable.
struct FaultStats {
  stats::CounterId delays;
  stats::CounterId aborts;
  stats::CounterId response_rates;
  stats::CounterId overflows;  // had none because of max_active
  stats::GaugeId active;
};

// The filter as configured. Immutable but for `active`, which is Thread-safe.
struct FaultConfig {
  FaultPolicy policy;
  uint32_t max_active = 10'000;
  FaultStats stats{};
  std::shared_ptr<std::atomic<uint32_t>> active = std::make_shared<std::atomic<uint32_t>>(0);
};

// Injects faults. Immutable.
class FaultFilterFactory final : public http::HttpFilterFactory {
 public:
  explicit FaultFilterFactory(FaultConfig config) : config_(std::move(config)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const FaultConfig config_;
};

}  // namespace weir::extensions::http_filters::fault
