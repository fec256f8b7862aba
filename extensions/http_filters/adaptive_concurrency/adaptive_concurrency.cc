#include "extensions/http_filters/adaptive_concurrency/adaptive_concurrency.h"

#include <algorithm>
#include <array>
#include <optional>

namespace weir::extensions::http_filters::adaptive_concurrency {
namespace {

// Worker-confined.
class AdaptiveConcurrencyFilter final : public http::HttpFilter {
 public:
  AdaptiveConcurrencyFilter(std::shared_ptr<const ConfiguredLimit> usual,
                            event::Dispatcher& dispatcher, stats::Block& block)
      : limit_(std::move(usual)), dispatcher_(dispatcher), block_(block) {}
  ~AdaptiveConcurrencyFilter() override { leave(); }

  http::Verdict onRequestHead(http::RequestHead&, bool) override {
    if (handle().info().health_check) return http::Verdict::kContinue;
    const auto* const route = static_cast<const AdaptiveConcurrencyRoute*>(handle().routeConfig());
    if (route != nullptr) limit_ = route->limit;
    inside_ = limit_->limit->enter();
    if (!inside_) {
      refuse();
      return http::Verdict::kPause;
    }
    started_ = dispatcher_.preciseNow();
    block_.counter(limit_->stats.passed).add();
    block_.gauge(limit_->stats.in_flight).add();
    return http::Verdict::kContinue;
  }

  http::Verdict onResponseHead(http::ResponseHead& head, bool) override {
    if (!inside_) return http::Verdict::kContinue;
    if (tells(head)) sample();
    // A tunnel lasts as long as its client likes.
    if (head.status == 101 || head.framing == http::BodyFraming::kTunnel) leave();
    return http::Verdict::kContinue;
  }

  void onStreamEnd() override { leave(); }

 private:
  void refuse() {
    block_.counter(limit_->stats.refused).add();
    const std::array<http::ReplyField, 1> fields = {{{"retry-after", limit_->retry_after}}};
    handle().localReply({.status = 503,
                         .body = "too many requests at a time\n",
                         .flag = http::ResponseFlag::kDropOverload,
                         .detail = "adaptive_concurrency_limit",
                         .fields = fields});
  }

  // Answers that fail do so at once, or after somebody's time limit; those of Weir itself say
  // nothing of the endpoints.
  bool tells(const http::ResponseHead& head) {
    const http::StreamInfo& info = handle().info();
    return head.status < 500 && info.upstream_address != nullptr && info.detail.empty();
  }

  // Until the answer begins, from when the endpoint had the whole request: how fast clients send
  // and receive does not count.
  void sample() {
    const event::MonotonicTime now = dispatcher_.preciseNow();
    const event::MonotonicTime from = std::max(started_, handle().info().request_complete);
    const auto took = std::chrono::duration_cast<microseconds>(now - std::min(from, now));
    limit_->limit->sample(started_, took, now);
    block_.counter(limit_->stats.samples).add();
    show();
  }

  // Gauges are sums over workers: whoever sees a change adds it.
  void show() {
    const GradientLimit::State state = limit_->limit->state();
    const auto change = [&](stats::GaugeId id, std::atomic<int64_t>& shown, int64_t value) {
      if (shown.load(std::memory_order_relaxed) == value) return;
      const int64_t before = shown.exchange(value, std::memory_order_relaxed);
      block_.gauge(id).add(static_cast<uint64_t>(value - before));
    };
    const LimitStats& stats = limit_->stats;
    change(stats.limit, limit_->shown->limit, state.limit);
    change(stats.min_rtt_us, limit_->shown->min_rtt_us, state.min_rtt.count());
    change(stats.measuring, limit_->shown->measuring, state.measuring ? 1 : 0);
  }

  void leave() {
    if (!std::exchange(inside_, false)) return;
    limit_->limit->leave();
    block_.gauge(limit_->stats.in_flight).sub();
  }

  std::shared_ptr<const ConfiguredLimit> limit_;
  event::Dispatcher& dispatcher_;
  stats::Block& block_;
  event::MonotonicTime started_;
  bool inside_ = false;
};

// Worker-confined.
class WorkerAdaptiveConcurrencyFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerAdaptiveConcurrencyFactory(std::shared_ptr<const ConfiguredLimit> limit,
                                   base::ServiceMap& services)
      : limit_(std::move(limit)),
        dispatcher_(services.get<event::Dispatcher>()),
        block_(services.get<stats::Block>()) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<AdaptiveConcurrencyFilter>(limit_, dispatcher_, block_);
  }

 private:
  const std::shared_ptr<const ConfiguredLimit> limit_;
  event::Dispatcher& dispatcher_;
  stats::Block& block_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> AdaptiveConcurrencyFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerAdaptiveConcurrencyFactory>(limit_, services);
}

}  // namespace weir::extensions::http_filters::adaptive_concurrency
