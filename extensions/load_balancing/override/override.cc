#include "extensions/load_balancing/override/override.h"

#include "source/base/concat.h"
#include "source/http/message.h"
#include "source/http/stream_info.h"

namespace weir::extensions::load_balancing::override {

using upstream::Pick;

OverrideStats OverrideStats::create(stats::Store& store, std::string_view cluster) {
  const stats::Labels labels{{"cluster", std::string(cluster)}};
  return {
      .followed = store.counter("cluster_override_followed_total",
                                "Picks of the endpoint that was named", labels),
      .missed =
          store.counter("cluster_override_missed_total",
                        "Picks for which the endpoint that was named could not be had", labels),
  };
}

// --- Main thread ---

OverrideTable::OverrideTable(const upstream::HostSet& hosts,
                             const upstream::EligibilityPolicy& policy,
                             const upstream::LoadBalancerFactory& nested) {
  by_name_.reserve(2 * hosts.hosts.size());
  for (uint32_t i = 0; i < hosts.hosts.size(); ++i) {
    by_name_.try_emplace(hosts.hosts[i].endpoint->id, i);
  }
  for (uint32_t i = 0; i < hosts.hosts.size(); ++i) {
    by_name_.try_emplace(hosts.hosts[i].endpoint->address.toString(), i);
  }
  auto inner = std::make_shared<upstream::HostSet>(hosts);
  nested.prepare(*inner, policy);
  nested_ = std::move(inner);
}

std::optional<uint32_t> OverrideTable::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

void OverrideFactory::prepare(upstream::HostSet& hosts,
                              const upstream::EligibilityPolicy& policy) const {
  hosts.table = std::make_shared<OverrideTable>(hosts, policy, *nested_);
}

std::unique_ptr<upstream::LoadBalancer> OverrideFactory::create(
    const upstream::BalancerContext& context) const {
  return std::make_unique<OverrideBalancer>(*this, context);
}

// --- Worker ---

OverrideBalancer::OverrideBalancer(const OverrideFactory& factory,
                                   const upstream::BalancerContext& context)
    : factory_(factory), nested_(factory.nested().create(context)) {
  if (!factory.stats() || context.services == nullptr) return;
  auto& block = context.services->get<stats::Block>();
  followed_ = &block.counter(factory.stats()->followed);
  missed_ = &block.counter(factory.stats()->missed);
}

void OverrideBalancer::onHostSet(const upstream::HostSet& hosts, const upstream::HostLoads& loads) {
  hosts_ = &hosts;
  loads_ = &loads;
  table_ = static_cast<const OverrideTable*>(hosts.table.get());
  nested_->onHostSet(table_->nested(), loads);
}

std::optional<std::string_view> OverrideBalancer::wanted(
    const upstream::PickContext& context) const {
  if (context.info != nullptr && !context.info->override_host.empty()) {
    return context.info->override_host;
  }
  const std::string& header = factory_.config().header;
  if (header.empty() || context.request == nullptr) return std::nullopt;
  const http::HeaderMap& headers = context.request->headers;
  if (!headers.has(header)) return std::nullopt;
  // Two could be read in two ways; no endpoint has an empty name.
  return headers.count(header) == 1 ? headers.get(header) : std::string_view();
}

Pick OverrideBalancer::pick(const upstream::PickContext& context) {
  const auto name = wanted(context);
  if (!name) return nested_->pick(context);
  const Pick pick = pickNamed(*name, context);
  if (pick.kind == Pick::Kind::kEndpoint) return followed_->add(), pick;
  missed_->add();
  return factory_.config().strict ? pick : nested_->pick(context);
}

void OverrideBalancer::forecast(const upstream::PickContext& context,
                                upstream::PickForecast& out) const {
  const auto name = wanted(context);
  if (!name) return nested_->forecast(context, out);
  const Pick pick = pickNamed(*name, context);
  if (pick.kind == Pick::Kind::kEndpoint) {
    out.rule = "the endpoint that the request names";
    out.host = pick.host;
    return;
  }
  const std::string why =
      base::concat("the endpoint that the request names cannot be had (", pick.reason, ")");
  if (factory_.config().strict) {
    const bool waits = pick.kind == Pick::Kind::kWait;
    out.rule = base::concat(why, waits ? ", and it waits: strict" : ", and no other may: strict");
    return;
  }
  nested_->forecast(context, out);
  out.rule = out.rule.empty() ? why : base::concat(why, ": ", out.rule);
}

Pick OverrideBalancer::pickNamed(std::string_view name,
                                 const upstream::PickContext& context) const {
  const auto host = table_->find(name);
  if (!host) return Pick::failure("override_host_unknown");
  const upstream::Health health = hosts_->hosts[*host].health;
  if ((factory_.config().allowed & OverrideConfig::bit(health)) == 0) {
    return Pick::failure("override_host_not_allowed");
  }
  if (isTried(context, *host)) return Pick::failure("override_host_failed");
  if (loads_->full(*host)) return Pick::wait("override_host_full");
  return Pick::endpoint(*host);
}

void OverrideBalancer::onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                                  event::MonotonicTime now) {
  nested_->onResponse(host, took, success, now);
}

}  // namespace weir::extensions::load_balancing::override
