#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"

#include "extensions/network_filters/common/source_key.h"
#include "source/network/network_filter.h"
#include "source/stats/stats.h"

namespace weir::extensions::network_filters::connection_limit {

// Connections open now, in all and by source. Thread-safe; touched when one opens or closes.
class ConnectionCounts {
 public:
  // 0: no limit. Nothing is counted when false.
  bool tryTake(uint32_t limit);
  void give() { open_.fetch_sub(1, std::memory_order_relaxed); }
  uint32_t open() const { return open_.load(std::memory_order_relaxed); }
  // Counted for sources also when there is no limit for them: a later configuration may have one.
  bool tryTake(const SourceKey& source, uint32_t limit);
  void give(const SourceKey& source);
  // Sources with open connections: no others take memory.
  size_t sources() const;

 private:
  static constexpr size_t kShards = 16;
  struct Shard {
    mutable std::mutex mutex;
    absl::flat_hash_map<SourceKey, uint32_t> open;  // guarded by mutex
  };
  Shard& shard(const SourceKey& source);

  std::atomic<uint32_t> open_{0};
  std::array<Shard, kShards> shards_;
};

// The configuration, validated. Immutable.
struct ConnectionLimitConfig {
  uint32_t max_connections = 0;
  uint32_t max_per_source = 0;
  std::chrono::milliseconds delay{0};
  std::shared_ptr<ConnectionCounts> counts;
  struct {
    stats::CounterId refused, refused_source;
    stats::GaugeId active;
  } stats;
};

// Immutable.
class ConnectionLimitFactory final : public network::NetworkFilterFactory {
 public:
  static constexpr uint32_t kMostDelayed = 1000;  // by one worker

  explicit ConnectionLimitFactory(std::shared_ptr<const ConnectionLimitConfig> config)
      : config_(std::move(config)) {}
  std::unique_ptr<network::WorkerNetworkFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const ConnectionLimitConfig> config_;
};

}  // namespace weir::extensions::network_filters::connection_limit
