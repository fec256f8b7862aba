#include "test/fakes/fake_health_checker.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace weir::upstream {

// Answers as the endpoint's manner was when the probe began.
class FakeProbe final : public HealthProbe {
 public:
  // `of_checker` counts the probes of its checker.
  FakeProbe(FakeEndpoints& endpoints, ProbeTarget target, ProbeListener& listener, int& of_checker)
      : endpoints_(endpoints),
        target_(std::move(target)),
        listener_(listener),
        of_checker_(of_checker) {
    ++endpoints.probes;
    ++of_checker_;
  }
  ~FakeProbe() override {
    end();
    --endpoints_.probes;
    --of_checker_;
    if (endpoints_.on_probe_gone) endpoints_.on_probe_gone(target_.endpoint->id);
  }

  void start() override {
    assert(ticket_ == nullptr && "a probe is under way");
    endpoints_.asked.push_back(
        {target_.endpoint->id, target_.address, endpoints_.dispatcher().now()});
    ticket_ = std::make_shared<int>();
    ++endpoints_.in_flight;
    endpoints_.most_in_flight = std::max(endpoints_.most_in_flight, endpoints_.in_flight);
    const auto manner = endpoints_.of(target_.endpoint->id);
    queued_ = manner == FakeEndpoints::Manner::kQueued;
    if (queued_) {
      endpoints_.queued_.push_back(this);
    } else {
      answer(manner);
    }
  }
  bool begun() const override { return !queued_; }
  void cancel() override {
    if (ticket_ != nullptr) ++endpoints_.cancelled;
    end();
  }
  void begin() {
    queued_ = false;
    answer(FakeEndpoints::Manner::kPass);
    listener_.onProbeBegun();
  }

 private:
  void end() {
    if (ticket_ == nullptr) return;
    ticket_.reset();
    timer_.reset();
    --endpoints_.in_flight;
    std::erase(endpoints_.queued_, this);
  }
  void answer(FakeEndpoints::Manner manner) {
    if (manner == FakeEndpoints::Manner::kSilent) return;
    if (endpoints_.latency.count() > 0) {
      timer_ = endpoints_.dispatcher().createTimer([this, manner] { done(manner); });
      timer_->start(endpoints_.latency);
      return;
    }
    endpoints_.dispatcher().post([this, manner, ticket = std::weak_ptr<int>(ticket_)] {
      if (!ticket.expired()) done(manner);
    });
  }
  void done(FakeEndpoints::Manner manner) {
    end();
    ProbeResult result;
    switch (manner) {
      case FakeEndpoints::Manner::kDegraded:
        result.verdict = ProbeResult::Verdict::kDegraded;
        break;
      case FakeEndpoints::Manner::kFail:
        result = {ProbeResult::Verdict::kUnhealthy, endpoints_.reason};
        break;
      case FakeEndpoints::Manner::kSkip:
        result = {ProbeResult::Verdict::kSkipped, "no descriptors"};
        break;
      case FakeEndpoints::Manner::kPass:
      case FakeEndpoints::Manner::kSilent:
      case FakeEndpoints::Manner::kQueued:
        result.verdict = ProbeResult::Verdict::kHealthy;
        break;
    }
    listener_.onProbeDone(result);
  }

  FakeEndpoints& endpoints_;
  const ProbeTarget target_;
  ProbeListener& listener_;
  int& of_checker_;
  bool queued_ = false;
  std::shared_ptr<int> ticket_;  // null: none is under way
  std::unique_ptr<event::Timer> timer_;
};

namespace {

class FakeChecker final : public HealthChecker {
 public:
  explicit FakeChecker(FakeEndpoints& endpoints) : endpoints_(endpoints) {
    ++endpoints.checkers;
    ++endpoints.checkers_made;
  }
  ~FakeChecker() override {
    assert(probes_ == 0 && "a probe outlives its checker");
    --endpoints_.checkers;
  }
  std::unique_ptr<HealthProbe> createProbe(const ProbeTarget& target,
                                           ProbeListener& listener) override {
    return std::make_unique<FakeProbe>(endpoints_, target, listener, probes_);
  }

 private:
  FakeEndpoints& endpoints_;
  int probes_ = 0;
};

}  // namespace

std::vector<int64_t> FakeEndpoints::times(std::string_view endpoint,
                                          event::MonotonicTime since) const {
  std::vector<int64_t> times;
  for (const Asked& one : asked) {
    if (one.endpoint != endpoint) continue;
    times.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(one.at - since).count());
  }
  return times;
}

void FakeEndpoints::letBegin() {
  for (FakeProbe* const probe : std::exchange(queued_, {})) probe->begin();
}

std::unique_ptr<HealthChecker> FakeCheckerFactory::create(base::ServiceMap& /*services*/,
                                                          const ClusterConfig& /*cluster*/,
                                                          const CheckSettings& /*settings*/) const {
  return std::make_unique<FakeChecker>(endpoints_);
}

}  // namespace weir::upstream
