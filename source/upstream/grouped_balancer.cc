#include "source/upstream/grouped_balancer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "source/base/hash.h"
#include "source/upstream/cluster.h"
#include "source/upstream/hash_policy.h"
#include "source/upstream/slow_start.h"

namespace weir::upstream {
namespace {

constexpr uint64_t kSalt = 0x9e3779b97f4a7c15;
constexpr int kWholeBits = 20;
static_assert(HostSet::kWhole == 1 << kWholeBits);
// So often an algorithm is asked for another endpoint before all that are of no use are looked up.
constexpr int kAsks = 4;

// Uniform in (0, 1].
double unitOf(uint64_t bits) {
  return static_cast<double>((bits >> 11) + 1) * 0x1.0p-53;
}

// One algorithm for each group. As HostLoads, what algorithms see during slow start.
// Worker-confined.
class GroupedBalancer final : public LoadBalancer, private HostLoads {
 public:
  GroupedBalancer(const AlgorithmFactory& factory, const BalancerContext& context)
      : factory_(factory),
        context_(context),
        uses_hash_(factory.usesHash()),
        points_(context.random.next()) {}

  void onHostSet(const HostSet& hosts, const HostLoads& loads) override;
  Pick pick(const PickContext& context) override;
  void forecast(const PickContext& context, PickForecast& out) const override;
  void onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                  event::MonotonicTime now) override;

 private:
  struct Part {
    uint64_t key;
    uint64_t end;  // of its share, in those of all before it and its own
    std::unique_ptr<Algorithm> algorithm;
  };
  struct Rank {
    double score;
    uint32_t group;
  };
  // One pick under way.
  struct Asking {
    const PickContext& context;
    double luck = 0;  // passes over those whose part of the whole share is smaller
  };

  uint32_t inFlight(uint32_t host) const override;
  bool full(uint32_t host) const override { return loads_->full(host); }

  std::optional<uint64_t> keyOf(const PickContext& context) const;
  uint64_t hashOf(const PickContext& context) const;
  Pick pickFor(const PickContext& context);
  uint32_t chooseGroup(const PickContext& context);
  uint32_t groupOf(uint64_t hash) const;
  double scoreOf(uint32_t group, uint64_t hash) const;
  bool tooYoung(uint32_t host, const Asking& asking) const {
    return slow_ && slow_start_.of(host) < asking.luck;
  }
  bool good(const Pick& pick, const Asking& asking) const;
  Pick pickAround(const Asking& asking, uint32_t group, const Pick& answer);
  Pick askAll(const Asking& asking, uint32_t first, const Pick* answer);
  Pick askGroup(const Asking& asking, uint32_t group, const Pick* answer);
  Pick askForTheRest(const Asking& asking, uint32_t group);

  const AlgorithmFactory& factory_;
  const BalancerContext context_;
  const bool uses_hash_;
  const HostSet* hosts_ = nullptr;
  const HostLoads* loads_ = nullptr;
  std::vector<Part> parts_;  // as HostSet::groups
  SlowStartShares slow_start_;
  bool slow_ = false;          // somebody has not got its whole share, at the current pick
  base::EvenSequence points_;  // which group is next
  // Here because a pick does not allocate.
  std::vector<uint32_t> asked_;
  std::vector<uint64_t> avoided_;  // bits by host
  std::vector<Rank> ranks_;
};

void GroupedBalancer::onHostSet(const HostSet& hosts, const HostLoads& loads) {
  hosts_ = &hosts;
  loads_ = &loads;
  slow_start_.onHostSet(hosts, context_.slow_start ? *context_.slow_start : SlowStart{});
  const bool shows_slow_start = slow_start_.any() && !uses_hash_;
  const HostLoads& seen = shows_slow_start ? static_cast<const HostLoads&>(*this) : loads;
  std::vector<Part> before = std::exchange(parts_, {});
  uint64_t end = 0;
  for (const HostGroup& group : hosts.groups) {
    const auto found = std::find_if(before.begin(), before.end(), [&](const Part& part) {
      return part.key == group.key && part.algorithm != nullptr;
    });
    end += group.share;
    parts_.push_back(
        {group.key, end,
         found != before.end() ? std::move(found->algorithm) : factory_.createAlgorithm(context_)});
    parts_.back().algorithm->onGroup(hosts, group, seen);
  }
  avoided_.resize((hosts.hosts.size() + 63) / 64);
  ranks_.reserve(parts_.size());
}

// What an endpoint in slow start has weighs more. Not for algorithms that hash, which give it the
// keys that it is to have.
uint32_t GroupedBalancer::inFlight(uint32_t host) const {
  const uint32_t count = loads_->inFlight(host);
  if (!slow_ || count == 0) return count;
  return static_cast<uint32_t>(std::min(static_cast<float>(count) / slow_start_.of(host), 4e9F));
}

Pick GroupedBalancer::pick(const PickContext& context) {
  if (parts_.empty()) return Pick::failure(hosts_->none_reason);
  slow_ = slow_start_.update(context.now);
  if (!uses_hash_ || context.hash) return pickFor(context);
  PickContext complete = context;
  if (complete.hash_policy == nullptr && context_.cluster != nullptr) {
    complete.hash_policy = context_.cluster->config().hash_policy.get();
  }
  complete.hash = hashOf(complete);
  return pickFor(complete);
}

std::optional<uint64_t> GroupedBalancer::keyOf(const PickContext& context) const {
  std::optional<uint64_t> hash;
  if (context.hash_policy != nullptr) hash = context.hash_policy->hash(context);
  return hash ? hash : factory_.ownHash(context);
}

uint64_t GroupedBalancer::hashOf(const PickContext& context) const {
  const std::optional<uint64_t> hash = keyOf(context);
  return hash ? *hash : context_.random.next();
}

void GroupedBalancer::forecast(const PickContext& context, PickForecast& out) const {
  PickContext complete = context;
  if (uses_hash_ && !complete.hash) {
    if (complete.hash_policy == nullptr && context_.cluster != nullptr) {
      complete.hash_policy = context_.cluster->config().hash_policy.get();
    }
    complete.hash = keyOf(complete);
  }
  const bool by_chance = uses_hash_ ? !complete.hash : parts_.size() > 1;
  const uint32_t group = by_chance || parts_.empty() ? 0 : groupOf(complete.hash.value_or(0));
  std::optional<uint32_t> host;
  for (uint32_t i = 0; i < parts_.size(); ++i) {
    out.host.reset();
    parts_[i].algorithm->forecast(complete, out);
    if (i == group) host = out.host;
  }
  // What hashes nothing gives anybody anything.
  if (uses_hash_ && by_chance) out.rule = "nothing to hash came with the request: by chance";
  if (parts_.size() == 1 && hosts_->groups[0].hosts.size() == 1) {
    host = hosts_->groups[0].hosts.front();
  }
  const bool sure =
      (!by_chance || parts_.size() == 1) && host && !loads_->full(*host) && !slow_start_.any();
  out.host = sure ? host : std::nullopt;
}

Pick GroupedBalancer::pickFor(const PickContext& context) {
  Asking asking{context};
  if (slow_) {
    asking.luck = unitOf(uses_hash_ ? base::mix64(*context.hash + kSalt) : context_.random.next());
  }
  const uint32_t group = parts_.size() == 1 ? 0 : chooseGroup(context);
  const Pick answer = parts_[group].algorithm->pick(context);
  if (good(answer, asking)) [[likely]]
    return answer;
  return pickAround(asking, group, answer);
}

bool GroupedBalancer::good(const Pick& pick, const Asking& asking) const {
  return pick.kind == Pick::Kind::kEndpoint && !isTried(asking.context, pick.host) &&
         !tooYoung(pick.host, asking) && !loads_->full(pick.host);
}

uint32_t GroupedBalancer::chooseGroup(const PickContext& context) {
  if (uses_hash_) return groupOf(*context.hash);
  uint32_t best = 0;
  const uint64_t point = points_.next() >> (64 - kWholeBits);
  while (best + 1 < parts_.size() && point >= parts_[best].end) ++best;
  return best;
}

uint32_t GroupedBalancer::groupOf(uint64_t hash) const {
  if (parts_.size() == 1) return 0;
  uint32_t best = 0;
  double score = scoreOf(0, hash);
  for (uint32_t i = 1; i < parts_.size(); ++i) {
    const double other = scoreOf(i, hash);
    if (other < score) {
      best = i;
      score = other;
    }
  }
  return best;
}

// Weighted rendezvous: the group with the lowest score is chosen in proportion to its share, and a
// key leaves it only when its own share shrinks or that of another grows.
double GroupedBalancer::scoreOf(uint32_t group, uint64_t hash) const {
  const uint32_t share = hosts_->groups[group].share;
  if (share == 0) return std::numeric_limits<double>::infinity();
  return -std::log(unitOf(base::mix64(hash ^ base::mix64(parts_[group].key + kSalt)))) / share;
}

// `answer` of `group` was not good.
Pick GroupedBalancer::pickAround(const Asking& asking, uint32_t group, const Pick& answer) {
  const Pick pick = askAll(asking, group, &answer);
  if (pick.kind == Pick::Kind::kEndpoint || asking.context.tried.empty()) return pick;
  // All that have room have been tried: better one of them again than none.
  PickContext again = asking.context;
  again.tried = {};
  return askAll({again, asking.luck}, group, nullptr);
}

// `first` before the others, which are asked in the order in which they would be chosen.
Pick GroupedBalancer::askAll(const Asking& asking, uint32_t first, const Pick* answer) {
  Pick refusal = askGroup(asking, first, answer);
  if (refusal.kind == Pick::Kind::kEndpoint || parts_.size() == 1) return refusal;
  const uint64_t hash = uses_hash_ ? *asking.context.hash : context_.random.next();
  ranks_.clear();
  for (uint32_t i = 0; i < parts_.size(); ++i) ranks_.push_back({scoreOf(i, hash), i});
  std::sort(ranks_.begin(), ranks_.end(), [](const Rank& a, const Rank& b) {
    return a.score != b.score ? a.score < b.score : a.group < b.group;
  });
  for (const Rank& rank : ranks_) {
    if (rank.group == first) continue;
    const Pick pick = askGroup(asking, rank.group, nullptr);
    if (pick.kind == Pick::Kind::kEndpoint) return pick;
    if (refusal.kind == Pick::Kind::kFailure) refusal = pick;
  }
  return refusal;
}

// `answer`: what the group has said already; null: nothing yet. A failure or wait when it has none
// that is neither tried nor full.
Pick GroupedBalancer::askGroup(const Asking& asking, uint32_t group, const Pick* answer) {
  Algorithm& algorithm = *parts_[group].algorithm;
  PickContext next = asking.context;
  asked_.assign(asking.context.tried.begin(), asking.context.tried.end());
  for (int i = 0; i < kAsks; ++i) {
    next.tried = asked_;
    const Pick pick = i == 0 && answer != nullptr ? *answer : algorithm.pick(next);
    if (good(pick, asking)) return pick;
    // It has no other.
    if (pick.kind != Pick::Kind::kEndpoint || isTried(next, pick.host)) break;
    asked_.push_back(pick.host);
  }
  return askForTheRest(asking, group);
}

// Asks with all at once that are of no use; then with those in slow start, which are better than
// none.
Pick GroupedBalancer::askForTheRest(const Asking& asking, uint32_t group) {
  Algorithm& algorithm = *parts_[group].algorithm;
  const std::vector<uint32_t>& hosts = hosts_->groups[group].hosts;
  PickContext next = asking.context;
  next.tried = std::span(hosts).first(1);  // that there is something to avoid shows
  next.avoided = avoided_;
  Pick refusal = Pick::wait("endpoints_full");
  for (const bool young_too : {false, true}) {
    if (young_too && !slow_) break;
    bool any = false;
    for (const uint32_t host : hosts) {
      const bool use = !isTried(asking.context, host) && !loads_->full(host) &&
                       (young_too || !tooYoung(host, asking));
      const uint64_t bit = uint64_t{1} << (host % 64);
      avoided_[host / 64] = use ? avoided_[host / 64] & ~bit : avoided_[host / 64] | bit;
      any |= use;
    }
    if (!any) continue;
    const Pick pick = algorithm.pick(next);
    if (pick.kind != Pick::Kind::kEndpoint) {
      refusal = pick;
    } else if (!isTried(next, pick.host)) {
      return pick;
    }
  }
  return refusal;
}

void GroupedBalancer::onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                                 event::MonotonicTime now) {
  const uint32_t group = hosts_->group_of[host];
  if (group != HostSet::kNoGroup) parts_[group].algorithm->onResponse(host, took, success, now);
}

}  // namespace

void AlgorithmFactory::prepare(HostSet& hosts, const EligibilityPolicy&) const {
  for (HostGroup& group : hosts.groups) group.table = prepareGroup(hosts, group);
}

std::unique_ptr<LoadBalancer> AlgorithmFactory::create(const BalancerContext& context) const {
  return std::make_unique<GroupedBalancer>(*this, context);
}

}  // namespace weir::upstream
