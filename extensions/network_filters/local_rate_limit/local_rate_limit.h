#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "extensions/network_filters/common/source_key.h"
#include "source/network/network_filter.h"
#include "source/stats/stats.h"

namespace weir::extensions::network_filters::local_rate_limit {

// Times are nanoseconds of the monotonic clock, never 0.
using Nanoseconds = int64_t;

// What comes into a bucket, and how much it holds. Value.
struct Rate {
  Nanoseconds interval = 0;  // between two tokens; 0: no limit
  uint32_t burst = 1;        // tokens at most
  bool limits() const { return interval > 0; }
};

// A token bucket in one word: the time at which it will be full again (generic cell rate algorithm,
// ITU-T I.371). A new one is full. Thread-safe, without locks.
class Bucket {
 public:
  // Takes a token, or says that there is none.
  bool take(const Rate& rate, Nanoseconds now);
  bool full(Nanoseconds now) const { return full_at_.load(std::memory_order_relaxed) <= now; }
  void fill() { full_at_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<Nanoseconds> full_at_{0};
};

// Buckets of sources in a table of fixed size: a source's is in one of kWays places. A full bucket
// says nothing, so its place is free for another source. Thread-safe, without locks: two workers
// that meet in one place may count a token too many or too few.
class SourceBuckets {
 public:
  // `places`: a power of two.
  SourceBuckets(size_t places, uint64_t seed);
  enum class Answer : uint8_t { kTaken, kEmpty, kNoPlace };
  Answer take(const SourceKey& source, const Rate& rate, Nanoseconds now);
  size_t places() const { return places_.size(); }

 private:
  static constexpr size_t kWays = 4;
  struct Place {
    std::atomic<uint64_t> source{0};  // hash; 0: nobody's
    Bucket bucket;
  };
  std::vector<Place> places_;
  const uint64_t seed_;
};

// The buckets of one name. Thread-safe.
struct RateBuckets {
  RateBuckets(size_t places, uint64_t seed) : sources(places, seed) {}
  Bucket all;
  SourceBuckets sources;
};

// The configuration, validated. Immutable.
struct LocalRateLimitConfig {
  Rate rate;
  Rate rate_per_source;
  std::shared_ptr<RateBuckets> buckets;
  struct {
    stats::CounterId passed, refused, refused_source, no_place;
  } stats;
};

// Immutable.
class LocalRateLimitFactory final : public network::NetworkFilterFactory {
 public:
  explicit LocalRateLimitFactory(std::shared_ptr<const LocalRateLimitConfig> config)
      : config_(std::move(config)) {}
  std::unique_ptr<network::WorkerNetworkFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const LocalRateLimitConfig> config_;
};

}  // namespace weir::extensions::network_filters::local_rate_limit
