#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "extensions/http_filters/common/pacing/byte_bucket.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::bandwidth_limit {

enum class Scope : uint8_t { kStream, kWorker, kAll };

// The bandwidth of one direction. Immutable but for the bucket, which is Thread-safe.
struct Limit {
  uint64_t bytes_per_second = 0;  // 0: no limit
  Scope scope = Scope::kStream;
  std::shared_ptr<common::pacing::ByteBucket> shared = {};  // of kAll
};

// What may differ by route. Immutable.
struct BandwidthPolicy final : http::RouteFilterConfig {
  Limit request;
  Limit response;
  uint64_t id = 0;  // no other has it while the process lives
};

// What the filter counts in one direction. Immutable.
struct DirectionStats {
  stats::CounterId bytes;
  stats::CounterId delayed;
  stats::HistogramId delay_ms;
};

// The filter as configured. Immutable.
struct BandwidthConfig {
  BandwidthPolicy policy;
  DirectionStats request{};
  DirectionStats response{};
};

// Limits bandwidth. Immutable.
class BandwidthFilterFactory final : public http::HttpFilterFactory {
 public:
  explicit BandwidthFilterFactory(BandwidthConfig config) : config_(std::move(config)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const BandwidthConfig config_;
};

}  // namespace weir::extensions::http_filters::bandwidth_limit
