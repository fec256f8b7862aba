#include "source/control/outliers.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/upstream/endpoint_health.h"

namespace weir::control {
namespace {

using std::chrono::milliseconds;
using upstream::Health;
using upstream::OutlierPolicy;
using upstream::Trouble;

constexpr std::string_view kObserver = "outlier";

bool sameEndpoint(const upstream::Endpoint& a, const upstream::Endpoint& b) {
  return a.address == b.address || (a.logical && b.logical);
}

}  // namespace

OutlierDetector::OutlierDetector(ObservationSink& sink, std::string_view cluster)
    : sink_(sink),
      dispatcher_(sink.services().get<event::Dispatcher>()),
      stats_(sink.services().get<stats::Store>()),
      metrics_([&] {
        Metrics metrics;
        const std::string name(cluster);
        for (size_t i = 0; i < kEjectionReasons; ++i) {
          const auto reason = static_cast<EjectionReason>(i);
          metrics.ejections[i] = stats_.counter(
              "cluster_ejections_total", "Endpoints taken out by outlier detection",
              {{"cluster", name}, {"reason", std::string(ejectionReasonName(reason))}});
        }
        metrics.not_allowed = stats_.counter(
            "cluster_ejections_not_allowed_total",
            "Endpoints not taken out because of max_ejection_percent", {{"cluster", name}});
        metrics.ejected = stats_.gauge(
            "cluster_ejected", "Endpoints that are out by outlier detection", {{"cluster", name}});
        return metrics;
      }()),
      interval_(dispatcher_.createTimer([this] { onInterval(); })),
      return_(dispatcher_.createTimer([this] { onReturnTimer(); })) {}

OutlierDetector::~OutlierDetector() {
  setOut(0);
  stats_.hide(metrics_.ejected);
}

// --- Members and configurations ---

void OutlierDetector::follow(const std::shared_ptr<const upstream::ClusterConfig>& config,
                             std::span<const ObservedMember> members) {
  if (!config->outliers) return end();
  const auto before = std::exchange(config_, config);
  const bool other_usage = before != nullptr && before->usage != config->usage;
  std::map<std::string, Watched, std::less<>> next;
  for (const ObservedMember& member : members) {
    Watched* const known = find(member.endpoint->id);
    if (known == nullptr || other_usage ||
        !sameEndpoint(*known->member.endpoint, *member.endpoint)) {
      Watched watched = watch(member);
      if (known != nullptr && other_usage) watched.ejections = known->ejections;
      next.emplace(member.endpoint->id, std::move(watched));
      continue;
    }
    known->member = member;
    next.emplace(member.endpoint->id, std::move(*known));
  }
  watched_ = std::move(next);
  setOut(static_cast<size_t>(std::count_if(watched_.begin(), watched_.end(), [](const auto& entry) {
    return entry.second.ejections.out();
  })));
  const bool same_interval =
      before != nullptr && before->outliers->interval == config->outliers->interval;
  if (!same_interval) interval_->start(config->outliers->interval);
}

// There is no outlier detection any more.
void OutlierDetector::end() {
  if (config_ == nullptr) return;
  interval_->cancel();
  return_->cancel();
  for (auto& [id, watched] : watched_) {
    if (watched.ejections.out()) takeBack(watched, "outlier_detection is not configured any more");
  }
  watched_.clear();
  config_.reset();
}

OutlierDetector::Watched OutlierDetector::watch(const ObservedMember& member) const {
  Watched watched{.member = member};
  begin(watched);
  // What was told before there was anybody to take it is told again.
  if (watched.usage != nullptr) watched.usage->troubles = 0;
  return watched;
}

OutlierDetector::Watched* OutlierDetector::find(std::string_view endpoint) {
  const auto found = watched_.find(endpoint);
  return found == watched_.end() ? nullptr : &found->second;
}

void OutlierDetector::findUsage(Watched& watched) const {
  if (watched.usage != nullptr) return;
  watched.usage = config_->usage->findEndpoint(watched.member.endpoint->id);
}

OutlierSample OutlierDetector::totals(Watched& watched) const {
  findUsage(watched);
  if (watched.usage == nullptr) return {};
  const upstream::EndpointUsage::Totals all = watched.usage->totals();
  return {.good = all.good, .bad = all.bad, .timed = all.timed, .waited_us = all.waited_us};
}

void OutlierDetector::begin(Watched& watched) const {
  watched.before = totals(watched);
  if (watched.usage != nullptr) watched.usage->runs.clear();
}

void OutlierDetector::onHealth(const ObservedMember& member, Health /*before*/) {
  if (Watched* const watched = find(member.endpoint->id)) watched->member = member;
}

void OutlierDetector::onChecked(const ObservedMember& member, Health before) {
  Watched* const watched = find(member.endpoint->id);
  if (watched == nullptr) return;
  watched->member = member;
  const bool up_again = before == Health::kUnhealthy && upstream::serves(member.checked);
  if (!up_again || !watched->ejections.out()) return;
  takeBack(*watched, "checks found it down, and up again");
}

// --- Out ---

OutlierDetector::Run OutlierDetector::runOf(Trouble trouble) const {
  const OutlierPolicy& policy = *config_->outliers;
  switch (trouble) {
    case Trouble::kRunOf5xx:
      return {EjectionReason::kConsecutive5xx, policy.consecutive_5xx};
    case Trouble::kRunOfGatewayErrors:
      return {EjectionReason::kConsecutiveGatewayErrors, policy.consecutive_gateway_errors};
    case Trouble::kRunOfConnectFailures:
      return {EjectionReason::kConsecutiveConnectFailures, policy.consecutive_connect_failures};
    case Trouble::kConnectFailure:
    case Trouble::kConnectTimeout:
      break;
  }
  return {EjectionReason::kConsecutive5xx, 0};
}

void OutlierDetector::onTrouble(std::string_view endpoint, Trouble trouble) {
  if (config_ == nullptr) return;
  const Run run = runOf(trouble);
  Watched* const watched = find(endpoint);
  if (run.threshold == 0 || watched == nullptr) return;
  eject(*watched, run.reason,
        base::concat(ejectionReasonName(run.reason), ": ", run.threshold, " in a row"));
}

void OutlierDetector::onInterval() {
  interval_->start(config_->outliers->interval);
  std::vector<Watched*> compared;
  std::vector<OutlierSample> samples;
  for (auto& [id, watched] : watched_) {
    const OutlierSample now = totals(watched);
    const OutlierSample passed = now.since(std::exchange(watched.before, now));
    watched.ejections.intervalOver();
    if (!upstream::serves(watched.member.health)) continue;
    compared.push_back(&watched);
    samples.push_back(passed);
  }
  for (const Outlier& outlier : findOutliers(samples, *config_->outliers)) {
    eject(*compared[outlier.index], outlier.reason, outlier.cause);
  }
}

void OutlierDetector::eject(Watched& watched, EjectionReason reason, const std::string& cause) {
  if (watched.ejections.out() || !upstream::serves(watched.member.health)) return;
  const OutlierPolicy& policy = *config_->outliers;
  stats::Block& block = stats_.block(0);
  if (out_ >= mostEjected(policy.max_ejection_percent, watched_.size())) {
    block.counter(metrics_.not_allowed).add();
    return;
  }
  watched.ejections.begin(policy, dispatcher_.now());
  begin(watched);
  const std::string all =
      base::concat(cause, "; out for ", config::durationText(watched.ejections.time()));
  if (!tell(watched, Health::kUnhealthy, HealthEvent::Kind::kEjected, all)) {
    watched.ejections.end();
    return;
  }
  block.counter(metrics_.ejections[static_cast<size_t>(reason)]).add();
  setOut(out_ + 1);
  armReturn(watched.ejections.until());
}

// --- Back ---

void OutlierDetector::onReturnTimer() {
  const event::MonotonicTime now = dispatcher_.now();
  for (auto& [id, watched] : watched_) {
    if (!watched.ejections.out()) continue;
    if (watched.ejections.until() > now) {
      armReturn(watched.ejections.until());
      continue;
    }
    takeBack(watched, base::concat("its ejection of ",
                                   config::durationText(watched.ejections.time()), " is over"));
  }
}

void OutlierDetector::takeBack(Watched& watched, const std::string& cause) {
  watched.ejections.end();
  begin(watched);
  setOut(out_ - 1);
  tell(watched, Health::kHealthy, HealthEvent::Kind::kReturned, cause);
}

// The timer runs for the one that returns first; when that has come back by other ways, it finds
// nobody.
void OutlierDetector::armReturn(event::MonotonicTime until) {
  if (return_->running() && return_due_ <= until) return;
  return_due_ = until;
  const auto left = std::chrono::ceil<milliseconds>(until - dispatcher_.now());
  return_->start(std::max(left, milliseconds(1)));
}

// --- Telling ---

// False: it is no member any more.
bool OutlierDetector::tell(Watched& watched, Health health, HealthEvent::Kind kind,
                           const std::string& cause) {
  const Health before = watched.member.health;
  const std::shared_ptr<const upstream::Endpoint> endpoint = watched.member.endpoint;
  const Taken taken = sink_.observe(endpoint->id, {.source = Observation::Source::kOutlier,
                                                   .health = health,
                                                   .revision = ++revision_,
                                                   .cause = cause,
                                                   .observer = std::string(kObserver)});
  if (taken != Taken::kTaken) return false;
  sink_.events().add({.kind = kind,
                      .cluster = config_->name,
                      .endpoint = endpoint->id,
                      .address = endpoint->address.toString(),
                      .from = before,
                      .to = watched.member.health,
                      .revision = watched.member.revision,
                      .source = std::string(kObserver),
                      .cause = cause});
  return true;
}

void OutlierDetector::setOut(size_t out) {
  out_ = out;
  stats::Cell& cell = stats_.block(0).gauge(metrics_.ejected);
  cell.add(out_ - cell.value());
}

}  // namespace weir::control
