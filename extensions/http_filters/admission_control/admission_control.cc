#include "extensions/http_filters/admission_control/admission_control.h"

#include "absl/container/flat_hash_map.h"

#include "source/base/random.h"
#include "source/base/worker_place.h"

namespace weir::extensions::http_filters::admission_control {
namespace {

// The requests that are judged together, on one worker. Worker-confined.
struct Admission {
  Admission(const AdmissionSettings& of, const base::WorkerPlace& place, stats::Block& block)
      : settings(of),
        law(of.law),
        window(of.law.window),
        passed(block.counter(of.stats.passed)),
        refused(block.counter(of.stats.refused)),
        shadowed(block.counter(of.stats.shadowed)),
        succeeded(block.counter(of.stats.succeeded)),
        failed(block.counter(of.stats.failed)) {
    law.rps_threshold /= place.count;
  }
  const AdmissionSettings& settings;
  AdmissionLaw law;
  SuccessWindow window;
  stats::Cell& passed;
  stats::Cell& refused;
  stats::Cell& shadowed;
  stats::Cell& succeeded;
  stats::Cell& failed;
};

// Worker-confined.
class Worker final : public http::WorkerHttpFilterFactory {
 public:
  Worker(const AdmissionSettings& settings, base::ServiceMap& services)
      : dispatcher_(services.get<event::Dispatcher>()),
        block_(services.get<stats::Block>()),
        place_(placeIn(services)),
        usual_(settings, place_, block_) {}
  http::HttpFilter* create(base::Arena& arena) override;

  // Lives as long as the worker's factory.
  Admission& admission(const AdmissionControlRoute* route) {
    if (route == nullptr) return usual_;
    std::unique_ptr<Admission>& own = of_routes_[route];
    if (own == nullptr) own = std::make_unique<Admission>(route->settings, place_, block_);
    return *own;
  }
  event::MonotonicTime now() const { return dispatcher_.now(); }
  base::Random& random() { return random_; }

 private:
  static base::WorkerPlace placeIn(const base::ServiceMap& services) {
    const auto* const place = services.find<base::WorkerPlace>();
    return place == nullptr ? base::WorkerPlace() : *place;
  }

  event::Dispatcher& dispatcher_;
  stats::Block& block_;
  const base::WorkerPlace place_;
  base::Random random_;
  Admission usual_;
  absl::flat_hash_map<const AdmissionControlRoute*, std::unique_ptr<Admission>> of_routes_;
};

// Worker-confined.
class AdmissionControlFilter final : public http::HttpFilter {
 public:
  explicit AdmissionControlFilter(Worker& worker) : worker_(worker) {}

  http::Verdict onRequestHead(http::RequestHead&, bool) override {
    if (handle().info().health_check) return http::Verdict::kContinue;
    const auto* const route = static_cast<const AdmissionControlRoute*>(handle().routeConfig());
    Admission& admission = worker_.admission(route);
    if (unlucky(admission)) {
      if (!admission.settings.shadow) {
        admission.refused.add();
        handle().localReply({.status = 503,
                             .body = "too many requests have failed\n",
                             .flag = http::ResponseFlag::kDropOverload,
                             .detail = "admission_control_refused"});
        return http::Verdict::kPause;
      }
      admission.shadowed.add();
    }
    admission.passed.add();
    admission_ = &admission;
    return http::Verdict::kContinue;
  }

  http::Verdict onResponseHead(http::ResponseHead& head, bool) override {
    status_ = head.status;
    return http::Verdict::kContinue;
  }

  void onStreamEnd() override {
    if (admission_ == nullptr) return;
    Admission& admission = *std::exchange(admission_, nullptr);
    const bool broken = brokenOff();
    // The client went before there was an answer, so nobody knows.
    if (status_ == 0 && !broken) return;
    const bool success = !broken && succeeded(admission.settings.success);
    admission.window.add(success, worker_.now());
    (success ? admission.succeeded : admission.failed).add();
  }

 private:
  bool unlucky(Admission& admission) {
    const SuccessWindow::Totals totals = admission.window.totals(worker_.now());
    const double rejection = admission.law.rejection(totals.requests, totals.successes);
    return rejection > 0 && worker_.random().unit() < rejection;
  }
  bool brokenOff() {
    using http::ResponseFlag;
    const http::StreamInfo& info = handle().info();
    for (const ResponseFlag flag :
         {ResponseFlag::kUpstreamConnectionTermination, ResponseFlag::kUpstreamRemoteReset,
          ResponseFlag::kUpstreamProtocolError, ResponseFlag::kUpstreamRequestTimeout}) {
      if (info.hasFlag(flag)) return true;
    }
    return false;
  }
  bool succeeded(const SuccessCriteria& criteria) {
    const http::StreamInfo& info = handle().info();
    if (info.grpc_status) return criteria.grpc[static_cast<size_t>(*info.grpc_status)];
    return status_ < SuccessCriteria::kStatuses && criteria.http[status_];
  }

  Worker& worker_;
  Admission* admission_ = nullptr;  // where the request counts
  uint16_t status_ = 0;
};

http::HttpFilter* Worker::create(base::Arena& arena) {
  return arena.create<AdmissionControlFilter>(*this);
}

}  // namespace

SuccessCriteria::SuccessCriteria() {
  for (size_t status = 100; status < 500; ++status) http.set(status);
  grpc.set();
  using enum http::GrpcStatus;
  for (const http::GrpcStatus failure :
       {kAborted, kDataLoss, kDeadlineExceeded, kInternal, kResourceExhausted, kUnavailable}) {
    grpc.reset(static_cast<size_t>(failure));
  }
}

std::unique_ptr<http::WorkerHttpFilterFactory> AdmissionControlFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<Worker>(settings_, services);
}

}  // namespace weir::extensions::http_filters::admission_control
