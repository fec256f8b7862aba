#include "extensions/load_balancing/lua/lua.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"

#include "source/base/concat.h"

namespace weir::extensions::load_balancing::lua {
namespace {

// What one response moves the average by.
constexpr double kStep = 0.1;

// The scripts of one worker, so that the groups of a cluster share one. Worker-confined.
class BalancerScripts {
 public:
  std::shared_ptr<BalancerScript> get(const std::shared_ptr<weir::lua::Script>& script,
                                      base::ServiceMap& services) {
    absl::erase_if(scripts_, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<BalancerScript>& known = scripts_[script.get()];
    std::shared_ptr<BalancerScript> bound = known.lock();
    if (bound == nullptr) {
      bound = std::make_shared<BalancerScript>(script, services);
      known = bound;
    }
    return bound;
  }

 private:
  absl::flat_hash_map<const weir::lua::Script*, std::weak_ptr<BalancerScript>> scripts_;
};

}  // namespace

LuaAlgorithm::LuaAlgorithm(const LuaBalancerConfig& config, std::shared_ptr<BalancerScript> script,
                           const upstream::BalancerContext& context)
    : script_(std::move(script)),
      fallback_(config.fallback->createAlgorithm(context)),
      chosen_(context.services->get<stats::Block>().counter(config.stats.chosen)),
      fell_back_(context.services->get<stats::Block>().counter(config.stats.fallback)) {}

void LuaAlgorithm::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                           const upstream::HostLoads& loads) {
  fallback_->onGroup(hosts, group, loads);
  loads_ = &loads;
  absl::flat_hash_map<uint64_t, Candidate> known;
  known.reserve(candidates_.size());
  for (size_t i = 0; i < candidates_.size(); ++i) known.emplace(uids_[i], candidates_[i]);
  candidates_.clear();
  uids_.clear();
  for (const uint32_t host : group.hosts) {
    const uint64_t uid = hosts.hosts[host].uid;
    const auto before = known.find(uid);
    Candidate& candidate =
        candidates_.emplace_back(before == known.end() ? Candidate() : before->second);
    candidate.host = host;
    candidate.facts = &hosts.hosts[host];
    uids_.push_back(uid);
  }
}

upstream::Pick LuaAlgorithm::pick(const upstream::PickContext& context) {
  if (!candidates_.empty()) {
    const auto index = script_->choose({candidates_, *loads_, context});
    if (index && !upstream::isTried(context, candidates_[*index].host)) {
      chosen_.add();
      return upstream::Pick::endpoint(candidates_[*index].host);
    }
    fell_back_.add();
  }
  return fallback_->pick(context);
}

// The script is not run: it may count, log, or use a dictionary.
void LuaAlgorithm::forecast(const upstream::PickContext& context,
                            upstream::PickForecast& out) const {
  upstream::PickForecast other;
  other.scores.resize(out.scores.size());
  fallback_->forecast(context, other);
  out.rule = "a script chooses, which is not run to explain";
  if (!other.rule.empty()) out.rule += base::concat("; where it names none: ", other.rule);
  if (candidates_.size() == 1) out.host = candidates_.front().host;
}

void LuaAlgorithm::onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                              event::MonotonicTime now) {
  fallback_->onResponse(host, took, success, now);
  const auto found = std::lower_bound(
      candidates_.begin(), candidates_.end(), host,
      [](const Candidate& candidate, uint32_t wanted) { return candidate.host < wanted; });
  if (found == candidates_.end() || found->host != host) return;
  ++(success ? found->successes : found->failures);
  const double seconds = std::chrono::duration<double>(took).count();
  if (seconds <= 0) return;
  found->latency_s =
      found->latency_s == 0 ? seconds : found->latency_s + kStep * (seconds - found->latency_s);
}

std::unique_ptr<upstream::Algorithm> LuaFactory::createAlgorithm(
    const upstream::BalancerContext& context) const {
  base::ServiceMap& services = *context.services;
  auto& scripts =
      services.shared<BalancerScripts>([] { return std::make_shared<BalancerScripts>(); });
  return std::make_unique<LuaAlgorithm>(config_, scripts.get(config_.script, services), context);
}

}  // namespace weir::extensions::load_balancing::lua
