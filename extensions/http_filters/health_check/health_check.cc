#include "extensions/http_filters/health_check/health_check.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "source/base/drain_state.h"
#include "source/upstream/cluster_set.h"

namespace weir::extensions::http_filters::health_check {
namespace {

// What those of Envoy's kind look at: no more requests, whatever their own checks say.
constexpr std::string_view kFailName = "x-envoy-immediate-health-check-fail";

int64_t millisecondsOf(event::MonotonicTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(const HealthCheckSettings& filter, base::ServiceMap& services)
      : settings(filter),
        dispatcher(services.get<event::Dispatcher>()),
        block(services.get<stats::Block>()),
        clusters(services.find<upstream::ClusterSet>()),
        drain(services.find<base::DrainState>()) {}

  bool isWell(const HealthCheckSettings::Cluster& wanted) const {
    const auto cluster = clusters == nullptr ? base::LocalRef<upstream::WorkerCluster>()
                                             : clusters->find(wanted.name);
    if (!cluster) return false;
    size_t all = 0;
    size_t well = 0;
    for (const upstream::HostSet::Host& host : cluster->hosts().hosts) {
      using enum upstream::Health;
      if (host.health == kDraining || host.health == kDisabled) continue;
      ++all;
      well += host.health == kHealthy || host.health == kDegraded ? 1 : 0;
    }
    if (all == 0) return wanted.min_healthy <= 0;
    return static_cast<double>(well) >= wanted.min_healthy * static_cast<double>(all);
  }

  const HealthCheckSettings& settings;
  event::Dispatcher& dispatcher;
  stats::Block& block;
  upstream::ClusterSet* const clusters;  // null: there are none
  const base::DrainState* const drain;   // null: nobody says
};

// Worker-confined.
class HealthCheckFilter final : public http::HttpFilter {
 public:
  explicit HealthCheckFilter(Shared& shared) : shared_(shared), settings_(&shared.settings) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool) override {
    const auto* const route = static_cast<const HealthCheckRoute*>(handle().routeConfig());
    if (route != nullptr) settings_ = &route->settings;
    if (!isCheck(head)) return http::Verdict::kContinue;
    handle().info().health_check = true;
    if (leaving()) return answer(503, "health_check_leaving");
    if (!clustersAreWell()) return answer(503, "health_check_clusters");
    if (!settings_->pass_through) return answer(200, "health_check_ok");
    const uint16_t kept = settings_->kept->find(shared_.dispatcher.now());
    if (kept != 0) {
      count(settings_->stats.kept);
      return answer(kept, "health_check_kept");
    }
    count(settings_->stats.passed);
    asks_ = true;
    return http::Verdict::kContinue;
  }

  http::Verdict onResponseHead(http::ResponseHead& head, bool) override {
    if (leaving()) head.headers.set(kFailName, "true");
    if (asks_ && settings_->cache_time.count() > 0) {
      settings_->kept->keep(head.status, shared_.dispatcher.now() + settings_->cache_time);
    }
    return http::Verdict::kContinue;
  }

 private:
  bool isCheck(const http::RequestHead& head) const {
    if (!settings_->path.empty() && head.pathWithoutQuery() != settings_->path) return false;
    return std::all_of(settings_->headers.begin(), settings_->headers.end(),
                       [&](const http::HeaderMatcher& matcher) { return matcher.matches(head); });
  }
  bool leaving() const {
    if (settings_->word->failing.load(std::memory_order_relaxed)) return true;
    return shared_.drain != nullptr && shared_.drain->draining;
  }
  bool clustersAreWell() const {
    return std::all_of(settings_->clusters.begin(), settings_->clusters.end(),
                       [this](const auto& cluster) { return shared_.isWell(cluster); });
  }
  void count(stats::CounterId id) { shared_.block.counter(id).add(); }

  http::Verdict answer(uint16_t status, std::string_view detail) {
    const bool well = status < 500;
    count(well ? settings_->stats.well : settings_->stats.failing);
    const std::array<http::ReplyField, 2> fields = {
        {{"cache-control", "no-store"}, {kFailName, "true"}}};
    handle().localReply(
        {.status = status,
         .body = well ? "ok\n" : "failing\n",
         .flag = well ? http::ResponseFlag::kNone : http::ResponseFlag::kFailedLocalHealthCheck,
         .detail = detail,
         .fields = std::span(fields).first(leaving() ? 2 : 1)});
    return http::Verdict::kPause;
  }

  Shared& shared_;
  const HealthCheckSettings* settings_;
  bool asks_ = false;  // an endpoint
};

// Worker-confined.
class WorkerHealthCheckFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerHealthCheckFactory(const HealthCheckSettings& settings, base::ServiceMap& services)
      : shared_(settings, services) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<HealthCheckFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

uint16_t KeptStatus::find(event::MonotonicTime now) const {
  const uint64_t packed = packed_.load(std::memory_order_relaxed);
  const auto until = static_cast<int64_t>(packed >> 16);
  return millisecondsOf(now) < until ? static_cast<uint16_t>(packed & 0xffff) : 0;
}

void KeptStatus::keep(uint16_t status, event::MonotonicTime until) {
  packed_.store(static_cast<uint64_t>(millisecondsOf(until)) << 16 | status,
                std::memory_order_relaxed);
}

std::unique_ptr<http::WorkerHttpFilterFactory> HealthCheckFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerHealthCheckFactory>(settings_, services);
}

}  // namespace weir::extensions::http_filters::health_check
