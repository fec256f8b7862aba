#include "source/explain/inquiry.h"

#include <algorithm>

#include "source/base/concat.h"
#include "source/explain/action.h"
#include "source/explain/places.h"
#include "source/http/connection_manager.h"
#include "source/http/semantics.h"
#include "source/router/route_explanation.h"

namespace weir::explain {

using base::concat;

namespace {

const http::ConnectionManagerFactory* managerOf(const network::FilterChainConfig& chain) {
  if (chain.filters.empty()) return nullptr;
  return dynamic_cast<const http::ConnectionManagerFactory*>(chain.filters.back().factory.get());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Inquiry>> Inquiry::begin(
    std::shared_ptr<const config::Snapshot> snapshot, const Question& question) {
  auto request = Request::make(question);
  if (!request.ok()) return request.status();
  std::unique_ptr<Inquiry> inquiry(new Inquiry(std::move(snapshot), *std::move(request)));
  if (question.source.empty()) {
    inquiry->said_.notes.emplace_back("the client is taken to be 127.0.0.1");
  }
  inquiry->findListener(question);
  return inquiry;
}

void Inquiry::findListener(const Question& question) {
  const auto place = placeOf(*snapshot_, *request_, question.listener, said_);
  if (place == nullptr) return;
  request_->arriveAt(place->address);
  findFilterChain(*place);
}

void Inquiry::findFilterChain(const network::ListenerConfig& listener) {
  if (listener.udp_filter != nullptr) {
    said_.problem = concat("listener \"", listener.name, "\" takes datagrams, not HTTP");
    return;
  }
  const network::FilterChainConfig* const chain = chainOf(listener, *request_, said_);
  if (chain == nullptr) return;
  for (const auto& filter : chain->filters) said_.network_filters.push_back(filter.name);
  const http::ConnectionManagerFactory* const manager = managerOf(*chain);
  if (manager == nullptr) {
    said_.outcome = concat("the connection is not HTTP to Weir: it goes to network filter \"",
                           said_.network_filters.empty() ? "" : said_.network_filters.back(), "\"");
    return;
  }
  routeHttp(*manager->config());
}

void Inquiry::refuse(uint16_t status, std::string outcome) {
  said_.status = status;
  said_.outcome = std::move(outcome);
  said_.refused = true;
}

void Inquiry::routeHttp(const http::ConnectionManagerConfig& manager) {
  const http::StreamError refused = request_->prepare(manager);
  said_.method = request_->head.method;
  said_.scheme = request_->head.scheme;
  said_.authority = request_->head.authority;
  said_.path = request_->head.path;
  const network::Address& client = *request_->info.downstream_remote;
  said_.client = client.isIp() ? client.ip() : client.toString();
  if (refused.reason != http::ErrorReason::kNone) {
    const uint16_t status = http::statusFor(refused);
    return refuse(status,
                  concat("refused with ", status, " before it is routed: ", refused.detail()));
  }
  const auto* const table = dynamic_cast<const router::RouteTable*>(manager.routes.get());
  if (manager.route_provider != nullptr) {
    said_.notes.emplace_back(
        "route_provider decides about each request, and is not asked here: what follows is what "
        "the table of virtual_hosts says");
  }
  if (table == nullptr) {
    said_.problem = "there is no table of routes";
    return;
  }
  const router::RouteExplanation found = table->explain(request_->head, request_->info);
  if (found.host != nullptr) {
    said_.virtual_host = found.host->name;
    said_.domain = found.domain;
    said_.domain_why = found.why;
  }
  for (const auto& considered : found.routes) {
    said_.routes.push_back({considered.position, std::string(considered.route->name()),
                            describeMatch(*considered.route), considered.reason});
  }
  sayFilters(manager, found.found);
  if (found.found != nullptr) {
    request_->info.route = found.found;
    return sayAction(*found.found);
  }
  refuse(404, found.host == nullptr
                  ? concat("404: no virtual host has the domain of \"", said_.authority, "\"")
                  : concat("404: no route of virtual host \"", said_.virtual_host, "\" matches"));
}

void Inquiry::sayFilters(const http::ConnectionManagerConfig& manager,
                         const router::RouteEntry* route) {
  for (uint32_t i = 0; i < manager.filters.size(); ++i) {
    const auto& filter = manager.filters[i];
    const http::RouteFilter* const set = route == nullptr ? nullptr : route->filter(i);
    std::string state = "runs";
    if (set != nullptr && set->disabled) state = "disabled by the route or its virtual host";
    if (set != nullptr && set->config != nullptr) state = "runs with the route's settings";
    said_.filters.push_back({filter.name, filter.extension, std::move(state)});
  }
  const bool any = std::any_of(said_.filters.begin(), said_.filters.end(),
                               [](const auto& view) { return view.state.starts_with("runs"); });
  if (any) {
    said_.notes.emplace_back(
        "filters are not run here: one that runs may answer itself, or change the request and with "
        "it the route");
  }
}

void Inquiry::sayAction(const router::RouteEntry& route) {
  said_.route = !route.name().empty()
                    ? concat("\"", route.name(), "\"")
                    : concat("number ", said_.routes.empty() ? 0 : said_.routes.back().position);
  if (route.kind != router::RouteEntry::Kind::kCluster) {
    const OwnAnswer answer = ownAnswerOf(route, *request_);
    said_.action = answer.facts;
    said_.status = answer.status;
    said_.outcome = answer.outcome;
    return;
  }
  said_.action = forwardingOf(route, *request_);
  sayTargets(route);
}

void Inquiry::sayTargets(const router::RouteEntry& route) {
  for (Destination& target : destinationsOf(route, *request_)) {
    said_.targets.push_back({target.cluster, target.weight, target.percent});
    if (target.weight > 0) targets_.push_back({target.cluster, target.action});
  }
  if (targets_.empty()) {
    return refuse(503, "503: the request names no cluster in the header that chooses it");
  }
  said_.outcome = targets_.size() == 1
                      ? concat("forwarded to cluster \"", targets_.front().cluster, "\"")
                      : concat("forwarded to one of ", targets_.size(), " clusters");
}

std::vector<std::string> Inquiry::clusters() const {
  std::vector<std::string> names;
  for (const Target& target : targets_) names.push_back(target.cluster);
  return names;
}

}  // namespace weir::explain
