#include "extensions/network_filters/local_rate_limit/local_rate_limit.h"

#include <algorithm>
#include <optional>

#include "source/base/hash.h"
#include "source/network/filter_chain.h"

namespace weir::extensions::network_filters::local_rate_limit {
namespace {

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const LocalRateLimitConfig> configuration, base::ServiceMap& services)
      : config(std::move(configuration)),
        dispatcher(services.get<event::Dispatcher>()),
        passed(services.get<stats::Block>().counter(config->stats.passed)),
        refused(services.get<stats::Block>().counter(config->stats.refused)),
        refused_source(services.get<stats::Block>().counter(config->stats.refused_source)),
        no_place(services.get<stats::Block>().counter(config->stats.no_place)) {}
  const std::shared_ptr<const LocalRateLimitConfig> config;
  event::Dispatcher& dispatcher;
  stats::Cell& passed;
  stats::Cell& refused;
  stats::Cell& refused_source;
  stats::Cell& no_place;
};

// Worker-confined.
class LocalRateLimitFilter final : public network::NetworkFilter {
 public:
  explicit LocalRateLimitFilter(Shared& shared) : shared_(shared) {}

  // Before any handshake, so that what is refused costs little.
  void onNewConnection(network::NetworkFilterChain& chain) override {
    NetworkFilter::onNewConnection(chain);
    stats::Cell& outcome = decide();
    outcome.add();
    if (&outcome != &shared_.passed) chain.connection().close(network::CloseMode::kNow);
  }
  network::Verdict onData(buffer::Buffer&, bool) override { return network::Verdict::kContinue; }
  bool wantsReads() const override { return false; }
  void onClose(network::CloseReason) override {}

 private:
  // The source's bucket first: one that is too fast shall not empty the others' bucket.
  stats::Cell& decide() {
    const LocalRateLimitConfig& config = *shared_.config;
    const Nanoseconds now = shared_.dispatcher.now().time_since_epoch().count();
    if (config.rate_per_source.limits()) {
      const auto source = sourceKey(chain().connection().remoteAddress());
      const auto answer = source
                              ? config.buckets->sources.take(*source, config.rate_per_source, now)
                              : SourceBuckets::Answer::kTaken;
      if (answer == SourceBuckets::Answer::kEmpty) return shared_.refused_source;
      if (answer == SourceBuckets::Answer::kNoPlace) shared_.no_place.add();
    }
    const bool pass = !config.rate.limits() || config.buckets->all.take(config.rate, now);
    return pass ? shared_.passed : shared_.refused;
  }

  Shared& shared_;
};

// Worker-confined.
class WorkerLocalRateLimitFactory final : public network::WorkerNetworkFilterFactory {
 public:
  WorkerLocalRateLimitFactory(std::shared_ptr<const LocalRateLimitConfig> config,
                              base::ServiceMap& services)
      : shared_(std::move(config), services) {}
  std::unique_ptr<network::NetworkFilter> create() override {
    return std::make_unique<LocalRateLimitFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

bool Bucket::take(const Rate& rate, Nanoseconds now) {
  const Nanoseconds room = rate.interval * (Nanoseconds{rate.burst} - 1);
  Nanoseconds full_at = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    // Another rate may have left more than this one can: then it counts as empty, not as more.
    const Nanoseconds start = std::clamp(full_at, now, now + room + rate.interval);
    if (start - now > room) return false;
    if (full_at_.compare_exchange_weak(full_at, start + rate.interval, std::memory_order_relaxed)) {
      return true;
    }
  }
}

SourceBuckets::SourceBuckets(size_t places, uint64_t seed) : places_(places), seed_(seed) {}

SourceBuckets::Answer SourceBuckets::take(const SourceKey& source, const Rate& rate,
                                          Nanoseconds now) {
  const uint64_t hash = base::mix64(base::mix64(source[0] ^ seed_) + source[1]) | 1;
  Place* const ways = &places_[(hash >> 1) % (places_.size() / kWays) * kWays];
  for (size_t i = 0; i < kWays; ++i) {
    if (ways[i].source.load(std::memory_order_acquire) != hash) continue;
    return ways[i].bucket.take(rate, now) ? Answer::kTaken : Answer::kEmpty;
  }
  for (size_t i = 0; i < kWays; ++i) {
    uint64_t before = ways[i].source.load(std::memory_order_acquire);
    if (before != 0 && !ways[i].bucket.full(now)) continue;
    if (!ways[i].source.compare_exchange_strong(before, hash, std::memory_order_acq_rel)) continue;
    ways[i].bucket.fill();
    return ways[i].bucket.take(rate, now) ? Answer::kTaken : Answer::kEmpty;
  }
  return Answer::kNoPlace;
}

std::unique_ptr<network::WorkerNetworkFilterFactory> LocalRateLimitFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerLocalRateLimitFactory>(config_, services);
}

}  // namespace weir::extensions::network_filters::local_rate_limit
