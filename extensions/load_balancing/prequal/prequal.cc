#include "extensions/load_balancing/prequal/prequal.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace weir::extensions::load_balancing::prequal {
namespace {

using upstream::Pick;
using upstream::PickContext;

constexpr size_t kMinPool = 2;  // with fewer answers chance decides
constexpr double kMaxReuse = 10'000;
constexpr double kMaxProbesDue = 64;
constexpr double kLatestWeight = 0.2;  // of the latest observation of a latency
constexpr float kMaxLatencyUs = 60e6F;
constexpr uint32_t kSupplyWindow = 256;  // picks
constexpr double kMinSupply = 0.001;
constexpr uint8_t kFailuresToMute = 5;
constexpr std::chrono::milliseconds kFirstBackOff{1'000};
constexpr std::chrono::milliseconds kLongestBackOff{60'000};

stats::Block* blockOf(const upstream::BalancerContext& context) {
  return context.services != nullptr ? context.services->find<stats::Block>() : nullptr;
}

}  // namespace

double reuseBudget(const PrequalOptions& options, size_t hosts) {
  const double pooled =
      std::min(1.0, static_cast<double>(options.pool_size) / static_cast<double>(hosts));
  const double gained = (1 - pooled) * options.probes_per_pick - options.removals_per_pick;
  if (gained <= 0) return kMaxReuse;
  return std::clamp((1 + options.accumulation) / gained, 1.0, kMaxReuse);
}

Prequal::Prequal(const upstream::BalancerContext& context, const PrequalOptions& options,
                 const PrequalStats* stats, const ProberFactory* probers)
    : random_(context.random),
      options_(options),
      cells_(stats, blockOf(context)),
      pool_(options.pool_size),
      loads_told_(options.hot_quantile) {
  cells_.mode(mode_).add();
  if (probers != nullptr) prober_ = probers->create(context, *this);
}

Prequal::~Prequal() {
  cells_.mode(mode_).sub();
}

// --- Hosts ---

void Prequal::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                      const upstream::HostLoads& loads) {
  loads_ = &loads;
  absl::flat_hash_map<uint64_t, uint32_t> known;
  known.reserve(hosts_.size());
  for (uint32_t i = 0; i < hosts_.size(); ++i) known.emplace(hosts_[i].uid, i);
  const std::vector<Host> before = std::exchange(hosts_, {});
  std::vector<uint32_t> moved(before.size(), kNone);
  positions_.assign(hosts.hosts.size(), kNone);
  answering_ = mute_ = 0;
  for (const uint32_t index : group.hosts) {
    const auto position = static_cast<uint32_t>(hosts_.size());
    const uint64_t uid = hosts.hosts[index].uid;
    const auto found = known.find(uid);
    Host host;
    if (found != known.end()) {
      host = before[found->second];
      moved[found->second] = position;
    }
    host.uid = uid;
    host.index = index;
    answering_ += host.standing == Standing::kAnswers;
    mute_ += host.standing == Standing::kMute;
    positions_[index] = position;
    hosts_.push_back(host);
  }
  setSteps(hosts);
  // Backwards, so that what is dropped is not looked at again.
  for (size_t i = pool_.size(); i-- > 0;) {
    Probe& probe = pool_.probes()[i];
    const uint32_t position = moved[probe.host];
    if (position == kNone || hosts_[position].step != probe.step) {
      pool_.remove(i);
    } else {
      probe.host = position;
    }
  }
  if (!hosts_.empty()) reuse_ = reuseBudget(options_, hosts_.size());
  settleMode();
}

// Between weights loads are compared in sixteenths of a request of the heaviest.
void Prequal::setSteps(const upstream::HostSet& hosts) {
  if (hosts_.empty()) return;
  std::vector<uint32_t> weights;
  for (const Host& host : hosts_) weights.push_back(hosts.hosts[host.index].endpoint->weight);
  draw_.set(weights);
  const auto [lightest, heaviest] = std::minmax_element(weights.begin(), weights.end());
  const bool equal = *lightest == *heaviest;
  bool changed = false;
  for (size_t i = 0; i < hosts_.size(); ++i) {
    const uint32_t step = equal ? 1 : (16 * *heaviest + weights[i] / 2) / weights[i];
    changed |= std::exchange(hosts_[i].step, step) != step;
  }
  if (changed) loads_told_.clear();
}

// --- Picking ---

Pick Prequal::pick(const PickContext& context) {
  if (hosts_.empty()) return Pick::failure("no_eligible_endpoint");
  if (mode_ == Mode::kObserved) observe(context.now);
  pool_.expire(context.now - options_.max_probe_age);
  const uint32_t chosen = choose(context);
  remove();
  if (prober_ != nullptr) wantProbes(context);
  return Pick::endpoint(hosts_[chosen].index);
}

// The score is what decides between those of the pool; the others have none.
void Prequal::forecast(const PickContext& context, upstream::PickForecast& out) const {
  ProbePool pool = pool_;
  if (mode_ == Mode::kObserved) refresh(pool);
  pool.expire(context.now - options_.max_probe_age);
  const uint32_t threshold = loads_told_.threshold();
  const bool any_cold =
      std::any_of(pool.probes().begin(), pool.probes().end(),
                  [&](const Probe& probe) { return !ProbePool::hot(probe, threshold); });
  out.rule =
      mode_ == Mode::kProbed
          ? "of those that answered a probe lately, the fastest that is not hot"
          : "few answer probes: of those that this worker looked at lately and one drawn now, "
            "the fastest that is not hot";
  out.score = "microseconds a request takes there, where it is not hot; load, when all are hot";
  for (const Probe& probe : pool.probes()) {
    if (any_cold && ProbePool::hot(probe, threshold)) continue;
    out.scores[hosts_[probe.host].index] =
        any_cold ? static_cast<double>(probe.latency_us) : static_cast<double>(probe.load);
  }
  // With those that do not answer, or with fewer answers, chance has a part in it.
  if (mode_ != Mode::kProbed || mute_ > 0 || pool.size() < kMinPool) return;
  const size_t best = pool.best(threshold, [](uint32_t) { return false; });
  out.host = hosts_[pool.probes()[best].host].index;
}

// What is in flight there is known at any time.
void Prequal::refresh(ProbePool& pool) const {
  for (Probe& probe : pool.probes()) {
    probe.load = uint64_t{loads_->inFlight(hosts_[probe.host].index)} * probe.step;
  }
}

// Looks at one endpoint more as if it had answered just now, and again at those in the pool.
void Prequal::observe(event::MonotonicTime now) {
  refresh(pool_);
  const uint32_t position = draw_.draw(random_);
  const Host& host = hosts_[position];
  put(position, loads_->inFlight(host.index), observedLatency(host, now), now);
}

// It fades, so that an endpoint that was slow is tried again.
uint32_t Prequal::observedLatency(const Host& host, event::MonotonicTime now) const {
  const auto age = std::chrono::duration<float>(now - host.latency_at);
  const float left = 1.0F - age / std::chrono::duration<float>(options_.observation_window);
  return left > 0 ? static_cast<uint32_t>(host.latency_us * left) : 0;
}

uint32_t Prequal::choose(const PickContext& context) {
  if (mode_ == Mode::kProbed && mute_ > 0) {
    const uint32_t drawn = draw_.draw(random_);
    if (hosts_[drawn].standing == Standing::kMute && !isTried(context, hosts_[drawn].index)) {
      cells_.picks(Rule::kShare).add();
      return drawn;
    }
  }
  if (pool_.size() >= kMinPool) {
    const uint32_t threshold = loads_told_.threshold();
    const size_t best = pool_.best(
        threshold, [&](uint32_t position) { return isTried(context, hosts_[position].index); });
    if (best != ProbePool::kNone) {
      const Probe& probe = pool_.probes()[best];
      const uint32_t position = probe.host;
      cells_.picks(ProbePool::hot(probe, threshold) ? Rule::kHot : Rule::kCold).add();
      pool_.use(best);
      return position;
    }
  }
  cells_.picks(Rule::kRandom).add();
  return drawUntried(context);
}

uint32_t Prequal::drawUntried(const PickContext& context) {
  const uint32_t drawn = draw_.draw(random_);
  const auto count = static_cast<uint32_t>(hosts_.size());
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t position = (drawn + i) % count;
    if (!isTried(context, hosts_[position].index)) return position;
  }
  return drawn;
}

// Old and bad answers go in turns: the old ones say little, and without the bad ones' going the
// pool would in time hold nothing else. Observations are neither used up nor out of date.
void Prequal::remove() {
  if (mode_ == Mode::kObserved) return;
  removals_due_ += options_.removals_per_pick * supply_;
  for (; removals_due_ >= 1; removals_due_ -= 1) {
    if (pool_.size() <= kMinPool) continue;
    remove_oldest_ = !remove_oldest_;
    if (remove_oldest_) {
      pool_.remove(0);
    } else {
      pool_.removeWorst(loads_told_.threshold());
    }
  }
}

void Prequal::put(uint32_t position, uint64_t in_flight, uint32_t latency_us,
                  event::MonotonicTime now) {
  const Host& host = hosts_[position];
  const double reuse = mode_ == Mode::kProbed ? reuse_ / supply_ : kMaxReuse;
  const uint64_t load = in_flight * host.step;
  loads_told_.add(load);
  pool_.put({.host = position,
             .step = host.step,
             .load = load,
             .latency_us = latency_us,
             .uses = static_cast<uint32_t>(reuse + random_.unit()),
             .at = now});
}

void Prequal::onResponse(uint32_t index, std::chrono::microseconds took, bool success,
                         event::MonotonicTime now) {
  const uint32_t position = positionOf(index);
  if (position == kNone) return;
  Host& host = hosts_[position];
  const auto before = static_cast<float>(observedLatency(host, now));
  auto sample = std::clamp(static_cast<float>(took.count()), 1.0F, kMaxLatencyUs);
  if (success) {
    sample = before > 0 ? before + (sample - before) * static_cast<float>(kLatestWeight) : sample;
  } else {
    // Failing fast must not make it look fast.
    sample = std::min(kMaxLatencyUs, std::max(sample, 2 * before));
    pool_.drop(position);
  }
  host.latency_us = sample;
  host.latency_at = now;
}

// --- Probing ---

void Prequal::wantProbes(const PickContext& context) {
  if (context.request == nullptr) return;  // nothing is known of who speaks HTTP there
  measureSupply();
  if (mode_ == Mode::kObserved) {
    prober_->want(static_cast<uint32_t>(std::ceil(options_.probes_per_pick)));
    return;
  }
  probes_due_ = std::min(probes_due_ + options_.probes_per_pick, kMaxProbesDue);
  const auto whole = static_cast<uint32_t>(probes_due_);
  if (whole == 0) return;
  probes_due_ -= whole;
  prober_->want(whole);
}

// The budget of uses and the removals follow what really comes in.
void Prequal::measureSupply() {
  if (++window_picks_ < kSupplyWindow) return;
  const double share = window_answers_ / (window_picks_ * options_.probes_per_pick);
  supply_ = std::clamp(share, kMinSupply, 1.0);
  window_picks_ = window_answers_ = 0;
}

uint32_t Prequal::nextTarget(event::MonotonicTime now) {
  if (hosts_.empty()) return kNobody;
  const double rate = options_.max_probes_per_second;
  const double elapsed = std::chrono::duration<double>(now - allowance_at_).count();
  allowance_ = std::min(allowance_ + elapsed * rate, std::max(1.0, rate / 10));
  allowance_at_ = now;
  if (allowance_ < 1) return kNobody;
  Host& host = hosts_[draw_.draw(random_)];
  if (host.asked || now < host.ask_after) return kNobody;
  allowance_ -= 1;
  host.asked = true;
  return host.index;
}

void Prequal::onProbe(uint32_t index, const ProbeAnswer& answer, event::MonotonicTime now) {
  cells_.probes(answer.result).add();
  const uint32_t position = positionOf(index);
  if (position == kNone) return;
  Host& host = hosts_[position];
  host.asked = false;
  if (answer.result != ProbeResult::kAnswered) return noteFailure(host, answer.result, now);
  ++window_answers_;
  host.failures = 0;
  setStanding(host, Standing::kAnswers);
  if (mode_ == Mode::kProbed) put(position, answer.requests_in_flight, answer.latency_us, now);
}

// It is left in peace for a while, longer each time. One that has answered before may be too busy
// to answer: it is not taken for one that cannot until it has failed several times.
void Prequal::noteFailure(Host& host, ProbeResult result, event::MonotonicTime now) {
  if (host.failures < 255) ++host.failures;
  const auto backed_off =
      std::min(kLongestBackOff, kFirstBackOff * (1 << std::min<int>(host.failures - 1, 10)));
  host.ask_after =
      now + std::chrono::milliseconds(
                backed_off.count() / 2 +
                static_cast<int64_t>(random_.uniform(static_cast<uint64_t>(backed_off.count()))));
  pool_.drop(static_cast<uint32_t>(&host - hosts_.data()));
  const bool foreign = result == ProbeResult::kRefused || result == ProbeResult::kMalformed;
  if (foreign || host.standing != Standing::kAnswers || host.failures >= kFailuresToMute) {
    setStanding(host, Standing::kMute);
  }
}

void Prequal::setStanding(Host& host, Standing standing) {
  answering_ += (standing == Standing::kAnswers) - (host.standing == Standing::kAnswers);
  mute_ += (standing == Standing::kMute) - (host.standing == Standing::kMute);
  host.standing = standing;
  settleMode();
}

// Answers and observations count different things: they are not compared.
void Prequal::settleMode() {
  const bool enough = answering_ > 0 && answering_ >= std::min(kMinPool, hosts_.size());
  const Mode mode = enough && answering_ > mute_ ? Mode::kProbed : Mode::kObserved;
  if (mode == mode_) return;
  cells_.mode(mode_).sub();
  cells_.mode(mode).add();
  mode_ = mode;
  pool_.clear();
  loads_told_.clear();
  probes_due_ = 0;
  window_picks_ = window_answers_ = 0;
  supply_ = 1;
}

std::unique_ptr<upstream::Algorithm> PrequalFactory::createAlgorithm(
    const upstream::BalancerContext& context) const {
  return std::make_unique<Prequal>(context, options_, stats_ ? &*stats_ : nullptr, probers_.get());
}

}  // namespace weir::extensions::load_balancing::prequal
