#include "extensions/network_filters/connection_limit/connection_limit.h"

#include <optional>

#include "source/base/hash.h"
#include "source/event/timer.h"
#include "source/network/filter_chain.h"

namespace weir::extensions::network_filters::connection_limit {
namespace {

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const ConnectionLimitConfig> configuration, base::ServiceMap& services)
      : config(std::move(configuration)),
        wheel(services.get<event::Dispatcher>().wheel()),
        refused(services.get<stats::Block>().counter(config->stats.refused)),
        refused_source(services.get<stats::Block>().counter(config->stats.refused_source)),
        active(services.get<stats::Block>().gauge(config->stats.active)) {}
  const std::shared_ptr<const ConnectionLimitConfig> config;
  event::TimerWheel& wheel;
  stats::Cell& refused;
  stats::Cell& refused_source;
  stats::Cell& active;
  uint32_t delayed = 0;
};

// Worker-confined.
class ConnectionLimitFilter final : public network::NetworkFilter {
 public:
  explicit ConnectionLimitFilter(Shared& shared) : shared_(shared) {}

  // Before any handshake, so that what is refused at once costs little.
  void onNewConnection(network::NetworkFilterChain& chain) override {
    NetworkFilter::onNewConnection(chain);
    if (take()) {
      shared_.active.add();
      return;
    }
    const bool keep =
        shared_.config->delay.count() > 0 && shared_.delayed < ConnectionLimitFactory::kMostDelayed;
    if (!keep) return chain.connection().close(network::CloseMode::kNow);
    ++shared_.delayed;
    delay_.emplace(shared_.wheel, event::wheelCallback<&ConnectionLimitFilter::refuse>, this);
    delay_->arm(shared_.config->delay);
  }
  network::Verdict onConnected() override {
    return delay_ ? network::Verdict::kPause : network::Verdict::kContinue;
  }
  network::Verdict onData(buffer::Buffer&, bool) override { return network::Verdict::kContinue; }
  bool wantsReads() const override { return false; }
  void onClose(network::CloseReason) override {
    if (delay_) --shared_.delayed;
    delay_.reset();
    if (!counted_) return;
    shared_.active.sub();
    shared_.config->counts->give();
    if (source_) shared_.config->counts->give(*source_);
  }

 private:
  bool take() {
    ConnectionCounts& counts = *shared_.config->counts;
    if (!counts.tryTake(shared_.config->max_connections)) {
      shared_.refused.add();
      return false;
    }
    source_ = sourceKey(chain().connection().remoteAddress());
    counted_ = !source_ || counts.tryTake(*source_, shared_.config->max_per_source);
    if (counted_) return true;
    counts.give();
    shared_.refused_source.add();
    return false;
  }
  void refuse() { chain().connection().close(network::CloseMode::kNow); }

  Shared& shared_;
  std::optional<SourceKey> source_;
  std::optional<event::WheelTimer> delay_;
  bool counted_ = false;
};

// Worker-confined.
class WorkerConnectionLimitFactory final : public network::WorkerNetworkFilterFactory {
 public:
  WorkerConnectionLimitFactory(std::shared_ptr<const ConnectionLimitConfig> config,
                               base::ServiceMap& services)
      : shared_(std::move(config), services) {}
  std::unique_ptr<network::NetworkFilter> create() override {
    return std::make_unique<ConnectionLimitFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

// Exact: nobody sees a count above the limit, not even for a moment.
bool ConnectionCounts::tryTake(uint32_t limit) {
  uint32_t open = open_.load(std::memory_order_relaxed);
  do {
    if (limit != 0 && open >= limit) return false;
  } while (!open_.compare_exchange_weak(open, open + 1, std::memory_order_relaxed));
  return true;
}

ConnectionCounts::Shard& ConnectionCounts::shard(const SourceKey& source) {
  return shards_[base::mix64(source[0] ^ base::mix64(source[1])) % kShards];
}

bool ConnectionCounts::tryTake(const SourceKey& source, uint32_t limit) {
  Shard& shard = this->shard(source);
  const std::lock_guard lock(shard.mutex);
  const auto entry = shard.open.try_emplace(source, 0).first;
  if (limit != 0 && entry->second >= limit) return false;
  ++entry->second;
  return true;
}

void ConnectionCounts::give(const SourceKey& source) {
  Shard& shard = this->shard(source);
  const std::lock_guard lock(shard.mutex);
  const auto entry = shard.open.find(source);
  if (--entry->second == 0) shard.open.erase(entry);
}

size_t ConnectionCounts::sources() const {
  size_t count = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    count += shard.open.size();
  }
  return count;
}

std::unique_ptr<network::WorkerNetworkFilterFactory> ConnectionLimitFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerConnectionLimitFactory>(config_, services);
}

}  // namespace weir::extensions::network_filters::connection_limit
