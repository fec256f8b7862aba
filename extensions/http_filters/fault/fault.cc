#include "extensions/http_filters/fault/fault.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "extensions/http_filters/common/pacing/pacer.h"
#include "extensions/http_filters/fault/asked.h"

namespace weir::extensions::http_filters::fault {
namespace {

using common::pacing::ByteBucket;
using common::pacing::Pacer;
using http::BodyMode;
using http::Verdict;
using std::chrono::milliseconds;

// What the streams of one worker share. Worker-confined.
struct Worker {
  Worker(const FaultConfig& c, stats::Block& block)
      : config(c),
        delays(block.counter(c.stats.delays)),
        aborts(block.counter(c.stats.aborts)),
        response_rates(block.counter(c.stats.response_rates)),
        overflows(block.counter(c.stats.overflows)),
        active(block.gauge(c.stats.active)) {}
  const FaultConfig& config;
  base::Random random;
  stats::Cell& delays;
  stats::Cell& aborts;
  stats::Cell& response_rates;
  stats::Cell& overflows;
  stats::Cell& active;
};

// What one request gets. Value.
struct Faults {
  std::optional<milliseconds> delay;
  std::optional<http::LocalReply> abort;
  uint64_t bytes_per_second = 0;
  bool any() const { return delay || abort || bytes_per_second > 0; }
};

// Of one stream. Worker-confined.
class FaultFilter final : public http::HttpFilter {
 public:
  explicit FaultFilter(Worker& worker) : worker_(worker) {}
  ~FaultFilter() override { giveBack(); }

  Verdict onRequestHead(http::RequestHead& head, bool end_stream) override;
  Verdict onResponseHead(http::ResponseHead& head, bool end_stream) override;
  Verdict onResponseBody(buffer::Buffer& data, bool end_stream) override;
  void onStreamEnd() override;

 private:
  Faults draw(const FaultPolicy& policy, const http::RequestHead& head);
  bool takes(const http::Fraction& share) { return share.takes(worker_.random); }
  bool mayBegin();
  void giveBack();
  Verdict abort();
  void onDelayOver();

  Worker& worker_;
  Faults faults_;
  bool counted_ = false;  // among those with a fault
  std::optional<event::WheelTimer> timer_;
  std::optional<ByteBucket> bucket_;
  std::optional<Pacer> pacer_;
};

http::LocalReply replyOf(uint16_t status, std::optional<http::GrpcStatus> grpc_status,
                         std::string_view body) {
  return {.status = status,
          .body = body,
          .flag = http::ResponseFlag::kFaultInjected,
          .detail = "fault_injected",
          .grpc_status = grpc_status};
}

Faults FaultFilter::draw(const FaultPolicy& policy, const http::RequestHead& head) {
  Faults faults;
  AskedFaults asked;
  if (policy.allow_request_headers) asked = readAskedFaults(head.headers);
  const bool delay_asked = asked.delay && takes(asked.delay->share);
  if (delay_asked) {
    faults.delay = asked.delay->mean;
  } else if (policy.delay && takes(policy.delay->share)) {
    faults.delay = policy.delay->draw(worker_.random);
  }
  const bool abort_asked =
      (asked.abort_status || asked.abort_grpc_status) && takes(asked.abort_share);
  if (abort_asked) {
    faults.abort =
        replyOf(asked.abort_status.value_or(503), asked.abort_grpc_status, "fault injected\n");
  } else if (policy.abort && takes(policy.abort->share)) {
    const Abort& abort = *policy.abort;
    faults.abort = replyOf(abort.status, abort.grpc_status, abort.body);
  }
  if (asked.response_rate && takes(asked.response_rate->share)) {
    faults.bytes_per_second = asked.response_rate->bytes_per_second;
  } else if (policy.response_rate && takes(policy.response_rate->share)) {
    faults.bytes_per_second = policy.response_rate->bytes_per_second;
  }
  return faults;
}

bool FaultFilter::mayBegin() {
  std::atomic<uint32_t>& active = *worker_.config.active;
  if (active.fetch_add(1, std::memory_order_relaxed) >= worker_.config.max_active) {
    active.fetch_sub(1, std::memory_order_relaxed);
    worker_.overflows.add();
    return false;
  }
  worker_.active.add();
  return counted_ = true;
}

void FaultFilter::giveBack() {
  if (!counted_) return;
  counted_ = false;
  worker_.active.sub();
  worker_.config.active->fetch_sub(1, std::memory_order_relaxed);
}

Verdict FaultFilter::onRequestHead(http::RequestHead& head, bool) {
  const auto* policy = static_cast<const FaultPolicy*>(handle().routeConfig());
  if (policy == nullptr) policy = &worker_.config.policy;
  const bool meant =
      std::all_of(policy->headers.begin(), policy->headers.end(),
                  [&](const http::HeaderMatcher& matcher) { return matcher.matches(head); });
  if (!meant) return Verdict::kContinue;
  faults_ = draw(*policy, head);
  if (!faults_.any()) return Verdict::kContinue;
  if (!mayBegin()) {
    faults_ = {};
    return Verdict::kContinue;
  }
  if (!faults_.delay) return faults_.abort ? abort() : Verdict::kContinue;
  worker_.delays.add();
  handle().info().addFlag(http::ResponseFlag::kDelayInjected);
  timer_.emplace(handle().dispatcher().wheel(), event::wheelCallback<&FaultFilter::onDelayOver>,
                 this);
  timer_->arm(*faults_.delay);
  return Verdict::kPause;
}

void FaultFilter::onDelayOver() {
  if (faults_.abort) {
    abort();
    return;
  }
  if (faults_.bytes_per_second == 0) giveBack();
  handle().resumeRequest();
}

Verdict FaultFilter::abort() {
  worker_.aborts.add();
  handle().localReply(*faults_.abort);
  return Verdict::kPause;
}

Verdict FaultFilter::onResponseHead(http::ResponseHead& head, bool end_stream) {
  const bool slow =
      faults_.bytes_per_second > 0 && !end_stream && head.framing != http::BodyFraming::kTunnel;
  if (!slow) return Verdict::kContinue;
  worker_.response_rates.add();
  handle().info().addFlag(http::ResponseFlag::kFaultInjected);
  handle().setBodyNeeds({.response = BodyMode::kStream});
  bucket_.emplace(faults_.bytes_per_second);
  pacer_.emplace(handle(), Pacer::Direction::kResponse, *bucket_);
  return Verdict::kContinue;
}

Verdict FaultFilter::onResponseBody(buffer::Buffer& data, bool) {
  return pacer_ ? pacer_->onBody(data) : Verdict::kContinue;
}

void FaultFilter::onStreamEnd() {
  if (timer_) timer_->cancel();
  if (pacer_) pacer_->stop();
  giveBack();
}

// Makes the filters of one worker. Worker-confined.
class WorkerFaultFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerFaultFilterFactory(const FaultConfig& config, stats::Block& block)
      : worker_(config, block) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<FaultFilter>(worker_);
  }

 private:
  Worker worker_;
};

}  // namespace

milliseconds Delay::draw(base::Random& random) const {
  switch (kind) {
    case Kind::kFixed:
      return mean;
    case Kind::kUniform:
      return least + milliseconds(static_cast<int64_t>(
                         random.uniform(static_cast<uint64_t>((most - least).count()) + 1)));
    case Kind::kExponential:
      break;
  }
  const double drawn = -std::log1p(-random.unit()) * static_cast<double>(mean.count());
  return std::min(
      most,
      milliseconds(std::llround(std::min(drawn, static_cast<double>(kLongestDelay.count())))));
}

std::unique_ptr<http::WorkerHttpFilterFactory> FaultFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerFaultFilterFactory>(config_, services.get<stats::Block>());
}

}  // namespace weir::extensions::http_filters::fault
