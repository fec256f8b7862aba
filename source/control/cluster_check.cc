#include "source/control/cluster_check.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::control {
namespace {

using std::chrono::milliseconds;
using upstream::CheckTimes;
using upstream::Endpoint;
using upstream::Health;
using upstream::HealthCheckConfig;
using upstream::ProbeResult;

constexpr milliseconds kVoidAgain{1'000};  // what is void is made again within it
constexpr int kFlapIntervals = 10;
constexpr size_t kLongestReason = 300;

CheckResult resultOf(ProbeResult::Verdict verdict) {
  switch (verdict) {
    case ProbeResult::Verdict::kHealthy:
      return CheckResult::kPass;
    case ProbeResult::Verdict::kDegraded:
      return CheckResult::kDegraded;
    case ProbeResult::Verdict::kUnhealthy:
      return CheckResult::kFail;
    case ProbeResult::Verdict::kSkipped:
      return CheckResult::kSkipped;
  }
  return CheckResult::kSkipped;
}

bool failed(CheckResult result) {
  return result == CheckResult::kFail || result == CheckResult::kTimeout;
}

// Trouble in traffic is news: it is not down as far as the check knows, nor has the check begun to
// think so, in which case it asks soon enough.
bool heedsTrouble(const CheckLaw& law) {
  return law.health() != Health::kUnhealthy && !law.failing();
}

}  // namespace

// --- CheckedEndpoint ---

CheckedEndpoint::~CheckedEndpoint() {
  check_.forget(*this);
}

void CheckedEndpoint::onProbeDone(const ProbeResult& result) {
  // The probe may go with its reason before that is told.
  const std::string reason = result.reason.substr(0, kLongestReason);
  check_.finish(*this, resultOf(result.verdict), reason);
}

void CheckedEndpoint::onProbeBegun() {
  if (phase_ == Phase::kQueued) check_.beginAsking(*this);
}

// --- Configuration and endpoints ---

ClusterCheck::ClusterCheck(base::ServiceMap& services, CheckSink& sink,
                           const upstream::ClusterConfig& cluster, Config config)
    : services_(services),
      dispatcher_(services.get<event::Dispatcher>()),
      stats_(services.get<stats::Store>()),
      pace_(ProbePace::of(services)),
      sink_(sink),
      timer_(dispatcher_.createTimer([this] { run(); })) {
  adopt(cluster, std::move(config));
}

ClusterCheck::~ClusterCheck() {
  assert(due_.empty() && asking_.empty() && "an endpoint outlives its check");
}

void ClusterCheck::adopt(const upstream::ClusterConfig& cluster, Config config) {
  config_ = std::move(config);
  old_checker_ =
      std::exchange(checker_, config_->factory->create(services_, cluster, config_->settings));
  const stats::Labels labels{{"cluster", cluster.name}, {"check", config_->name}};
  stats::Block& block = stats_.block(0);
  for (size_t i = 0; i < kCheckResults; ++i) {
    stats::Labels of_result = labels;
    of_result.emplace_back("result", checkResultName(static_cast<CheckResult>(i)));
    results_[i] = &block.counter(stats_.counter("cluster_health_checks_total",
                                                "Probes of health checks by result", of_result));
  }
  flaps_ = &block.counter(stats_.counter(
      "cluster_health_flaps_total",
      "Times that an endpoint was found down within ten intervals of its recovery", labels));
  traffic_.usage = cluster.usage;
  traffic_.requests = cluster.stats.requests;
  traffic_.connections = cluster.stats.connections_total;
}

void ClusterCheck::follow(const upstream::ClusterConfig& cluster, Config config) {
  adopt(cluster, std::move(config));
}

void ClusterCheck::follow(CheckedEndpoint& endpoint, std::shared_ptr<const Endpoint> now) {
  const bool moved = !(endpoint.endpoint_->address == now->address);
  const bool interrupted = endpoint.phase_ != CheckedEndpoint::Phase::kResting;
  stopAsking(endpoint);
  endpoint.probe_.reset();
  endpoint.endpoint_ = std::move(now);
  if (moved || interrupted) {
    due_.remove(endpoint);
    fresh_.push_back(&endpoint);
  } else if (endpoint.waiting() && !endpoint.slow_) {
    // The times may be shorter than they were.
    const Clock latest = endpoint.started_ + jitter(endpoint.law_.pause(config_->times, false));
    const Clock spread = dispatcher_.now() + randomPart(config_->times.interval);
    due_.put(endpoint, std::min(endpoint.due, std::max(latest, spread)));
  }
}

std::unique_ptr<CheckedEndpoint> ClusterCheck::add(std::shared_ptr<const Endpoint> endpoint,
                                                   Health health) {
  std::unique_ptr<CheckedEndpoint> made(new CheckedEndpoint(*this, std::move(endpoint), health));
  fresh_.push_back(made.get());
  return made;
}

void ClusterCheck::settle() {
  catchUp();
  old_checker_.reset();
  const bool many = fresh_.size() > kAtOnce;
  const Clock::duration apart =
      many ? std::min<Clock::duration>(milliseconds(1),
                                       Clock::duration(config_->times.interval) / fresh_.size())
           : Clock::duration(0);
  Clock due = dispatcher_.now();
  for (CheckedEndpoint* const endpoint : fresh_) {
    endpoint->scattered_ = many;
    due_.put(*endpoint, due);
    due += apart;
  }
  fresh_.clear();
  fresh_.shrink_to_fit();
  if (!slowsDown()) wakeSlow();
  arm();
}

void ClusterCheck::forget(CheckedEndpoint& endpoint) {
  stopAsking(endpoint);
  due_.remove(endpoint);
  if (std::exchange(endpoint.slow_, false)) --traffic_.slow;
  if (!fresh_.empty()) std::erase(fresh_, &endpoint);
}

upstream::ProbeTarget ClusterCheck::targetOf(const CheckedEndpoint& endpoint) const {
  const network::Address& address = endpoint.endpoint_->address;
  const bool own = config_->port == 0 || !address.isIp();
  return {.endpoint = endpoint.endpoint_,
          .address = own ? address : address.withPort(config_->port)};
}

// --- Results ---

void ClusterCheck::finish(CheckedEndpoint& endpoint, CheckResult result, std::string_view reason) {
  catchUp();
  if (failed(result) && pace_.stoodStill() - endpoint.stood_still_ >= config_->times.timeout / 2) {
    result = CheckResult::kVoid;
    pace_.noteStarved();
  }
  results_[static_cast<size_t>(result)]->add();
  stopAsking(endpoint);
  const bool first = !endpoint.law_.decided();
  const uint32_t run = first ? 1 : endpoint.law_.run() + 1;
  const Health before = endpoint.health();
  const bool changed = endpoint.law_.take(result, config_->times);
  if (changed && !first) countFlap(endpoint, before);
  plan(endpoint, result);
  arm();
  if (changed) sink_.onVerdict(*this, endpoint, causeOf(result, reason, run));
}

void ClusterCheck::plan(CheckedEndpoint& endpoint, CheckResult result) {
  const CheckTimes& times = config_->times;
  const Clock now = dispatcher_.now();
  if (result == CheckResult::kVoid) {
    due_.put(endpoint, now + randomPart(std::min(times.confirm_interval, kVoidAgain)));
    return;
  }
  milliseconds pause = jitter(endpoint.law_.pause(times, /*idle=*/false));
  if (endpoint.scattered_ && endpoint.law_.settled()) {
    endpoint.scattered_ = false;
    pause = std::max(times.confirm_interval, randomPart(times.interval));
  }
  Clock due = std::max(now, endpoint.started_ + pause);
  if (std::exchange(endpoint.again_, false) && heedsTrouble(endpoint.law_)) {
    endpoint.hastened_ = true;
    due = std::min(due, soonest(endpoint));
  }
  due_.put(endpoint, due);
}

void ClusterCheck::countFlap(CheckedEndpoint& endpoint, Health before) {
  const Clock now = dispatcher_.now();
  if (before == Health::kUnhealthy) {
    endpoint.recovered_ = now;
  } else if (endpoint.health() == Health::kUnhealthy && endpoint.recovered_ != Clock() &&
             now - endpoint.recovered_ < kFlapIntervals * config_->times.interval) {
    flaps_->add();
  }
}

std::string ClusterCheck::causeOf(CheckResult result, std::string_view reason, uint32_t run) const {
  std::string cause(reason);
  if (cause.empty()) {
    switch (result) {
      case CheckResult::kPass:
        cause = "passed";
        break;
      case CheckResult::kDegraded:
        cause = "asks for less traffic";
        break;
      case CheckResult::kTimeout:
        cause = base::concat("no answer within ", config::durationText(config_->times.timeout));
        break;
      case CheckResult::kFail:
      case CheckResult::kSkipped:
      case CheckResult::kVoid:
        cause = "failed";
        break;
    }
  }
  return run > 1 ? base::concat(cause, " (", run, " in a row)") : cause;
}

// --- Trouble in traffic ---

void ClusterCheck::onTrouble(CheckedEndpoint& endpoint) {
  catchUp();
  if (!heedsTrouble(endpoint.law_)) return;
  switch (endpoint.phase_) {
    case CheckedEndpoint::Phase::kQueued:
      return;  // it will see for itself
    case CheckedEndpoint::Phase::kAsking:
      endpoint.again_ = true;
      return;
    case CheckedEndpoint::Phase::kResting:
      break;
  }
  const Clock due = soonest(endpoint);
  if (!endpoint.waiting() || due >= endpoint.due) return;
  endpoint.hastened_ = true;
  due_.put(endpoint, due);
  arm();
}

ClusterCheck::Clock ClusterCheck::soonest(const CheckedEndpoint& endpoint) const {
  const milliseconds apart = endpoint.troubled_ ? kSoonAgain : kSoonest;
  return std::max(dispatcher_.now(), endpoint.started_ + apart);
}

milliseconds ClusterCheck::jitter(milliseconds pause) {
  return jittered(pause, config_->times.jitter_percent, pace_.random().unit());
}

milliseconds ClusterCheck::randomPart(milliseconds of) {
  return milliseconds(pace_.random().uniform(static_cast<uint64_t>(of.count()) + 1));
}

}  // namespace weir::control
