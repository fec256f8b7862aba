#include "extensions/load_balancing/subset/subset.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "source/base/concat.h"

namespace weir::extensions::load_balancing::subset {

using upstream::Pick;

SubsetStats SubsetStats::create(stats::Store& store, std::string_view cluster) {
  const stats::Labels labels{{"cluster", std::string(cluster)}};
  return {
      .selected = store.counter("cluster_subset_selected_total",
                                "Picks from the subset that was asked for", labels),
      .fallback = store.counter("cluster_subset_fallback_total",
                                "Picks that the fallback of subsets had to serve", labels),
      .left_out = store.counter("cluster_subset_left_out_total",
                                "Picks from a subset that is one too many to be made", labels),
  };
}

// --- Main thread ---

void SubsetFactory::prepare(upstream::HostSet& hosts,
                            const upstream::EligibilityPolicy& policy) const {
  upstream::EligibilityPolicy own = policy;
  if (config_.panic_percent) own.panic_percent = *config_.panic_percent;
  hosts.table = std::make_shared<SubsetTable>(hosts, config_, own, *nested_);
}

std::unique_ptr<upstream::LoadBalancer> SubsetFactory::create(
    const upstream::BalancerContext& context) const {
  return std::make_unique<SubsetBalancer>(*this, context);
}

// --- Worker ---

SubsetBalancer::SubsetBalancer(const SubsetFactory& factory,
                               const upstream::BalancerContext& context)
    : factory_(factory), context_(context) {
  if (!factory.stats() || context.services == nullptr) return;
  auto& block = context.services->get<stats::Block>();
  selected_ = &block.counter(factory.stats()->selected);
  fell_back_ = &block.counter(factory.stats()->fallback);
  left_out_ = &block.counter(factory.stats()->left_out);
}

void SubsetBalancer::onHostSet(const upstream::HostSet& hosts, const upstream::HostLoads& loads) {
  const auto* next = static_cast<const SubsetTable*>(hosts.table.get());
  std::vector<std::unique_ptr<Part>> before = std::exchange(parts_, {});
  parts_.resize(next->subsets().size());
  // A part that was there goes on with its algorithm's state.
  next->forEachMatch([&](const upstream::MetadataMatch& match, uint32_t at) {
    const uint32_t old = table_ != nullptr ? table_->find(match) : SubsetTable::kNone;
    parts_[at] = old != SubsetTable::kNone ? std::move(before[old]) : std::make_unique<Part>();
    Part& part = *parts_[at];
    if (part.balancer == nullptr) part.balancer = factory_.nested().create(context_);
    part.subset = &next->subsets()[at];
    part.loads = &loads;
    part.balancer->onHostSet(*part.subset->hosts, part);
  });
  table_ = next;
}

Pick SubsetBalancer::pick(const upstream::PickContext& context) {
  const SubsetConfig& config = factory_.config();
  if (context.metadata == nullptr || context.metadata->empty()) {
    return fallBack(config.fallback, context);
  }
  const uint32_t at = table_->find(*context.metadata);
  const SubsetConfig::Selector* selector = nullptr;
  if (at != SubsetTable::kNone) {
    const Pick pick = pickIn(at, context);
    if (pick.kind != Pick::Kind::kFailure) return selected_->add(), pick;
    selector = config.selectorOf(*context.metadata);
    if (selector != nullptr && selector->fallback == Fallback::kFail) return pick;
  } else {
    selector = config.selectorOf(*context.metadata);
    if (selector != nullptr && table_->leftSomeOut()) {
      left_out_->add();
      return Pick::failure("too_many_subsets");
    }
  }
  return fallBack(selector != nullptr ? selector->fallback : config.fallback, context);
}

Pick SubsetBalancer::fallBack(Fallback fallback, const upstream::PickContext& context) {
  if (fallback == Fallback::kFail) return Pick::failure("subset_not_found");
  fell_back_->add();
  return pickIn(fallback == Fallback::kAny ? table_->any() : table_->defaults(), context);
}

// Hosts that were tried are named as the part knows them.
Pick SubsetBalancer::pickIn(uint32_t at, const upstream::PickContext& context) {
  Part& part = *parts_[at];
  const std::vector<uint32_t>& whole = part.subset->whole;
  std::array<uint32_t, 16> tried;
  size_t count = 0;
  for (const uint32_t host : context.tried) {
    const auto found = std::lower_bound(whole.begin(), whole.end(), host);
    if (found == whole.end() || *found != host || count == tried.size()) continue;
    tried[count++] = static_cast<uint32_t>(found - whole.begin());
  }
  upstream::PickContext here = context;
  here.tried = std::span<const uint32_t>(tried.data(), count);
  Pick pick = part.balancer->pick(here);
  if (pick.kind == Pick::Kind::kEndpoint) pick.host = whole[pick.host];
  return pick;
}

void SubsetBalancer::forecast(const upstream::PickContext& context,
                              upstream::PickForecast& out) const {
  const SubsetConfig& config = factory_.config();
  const bool asks = context.metadata != nullptr && !context.metadata->empty();
  const uint32_t at = asks ? table_->find(*context.metadata) : SubsetTable::kNone;
  const bool there = at != SubsetTable::kNone;
  if (there && mayGive(at)) return forecastIn(at, "in the subset that is asked for", context, out);
  const SubsetConfig::Selector* const selector =
      asks ? config.selectorOf(*context.metadata) : nullptr;
  if (selector != nullptr && !there && table_->leftSomeOut()) {
    out.rule = "none: the subset that is asked for is one too many to be made";
    return;
  }
  const std::string_view why = !asks   ? "no subset is asked for"
                               : there ? "the subset that is asked for has nobody"
                               : selector != nullptr
                                   ? "there is no such subset"
                                   : "no selector has the keys that are asked for";
  switch (selector != nullptr ? selector->fallback : config.fallback) {
    case Fallback::kFail:
      out.rule = base::concat("none: ", why, ", and the fallback is to fail");
      return;
    case Fallback::kAny:
      return forecastIn(table_->any(), base::concat(why, ", so any endpoint"), context, out);
    case Fallback::kDefault:
      return forecastIn(table_->defaults(), base::concat(why, ", so the default subset"), context,
                        out);
  }
}

void SubsetBalancer::forecastIn(uint32_t at, std::string rule, const upstream::PickContext& context,
                                upstream::PickForecast& out) const {
  const Part& part = *parts_[at];
  const std::vector<uint32_t>& whole = part.subset->whole;
  upstream::PickForecast own;
  own.scores.resize(whole.size());
  part.balancer->forecast(context, own);
  for (size_t i = 0; i < whole.size(); ++i) out.scores[whole[i]] = own.scores[i];
  out.rule = own.rule.empty() ? std::move(rule) : base::concat(rule, ": ", own.rule);
  out.score = std::move(own.score);
  if (own.host) out.host = whole[*own.host];
}

void SubsetBalancer::onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                                event::MonotonicTime now) {
  for (const SubsetTable::Place& place : table_->placesOf(host)) {
    parts_[place.subset]->balancer->onResponse(place.host, took, success, now);
  }
}

}  // namespace weir::extensions::load_balancing::subset
