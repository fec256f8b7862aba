#include "extensions/clusters/common/dns_members.h"

#include <algorithm>
#include <utility>

#include "source/base/log.h"

namespace weir::extensions::clusters {

using upstream::Endpoint;

namespace {

// What discovery may change of an endpoint; the rest comes from the configuration.
bool same(const Endpoint& a, const Endpoint& b) {
  return a.id == b.id && a.address == b.address && a.more_addresses == b.more_addresses &&
         a.weight == b.weight && a.priority == b.priority;
}

}  // namespace

std::string_view reasonOf(network::DnsFailure failure) {
  switch (failure) {
    case network::DnsFailure::kNone:
      return "dns_not_resolved_yet";
    case network::DnsFailure::kNoSuchName:
      return "dns_no_such_name";
    case network::DnsFailure::kNoData:
      return "dns_no_data";
    case network::DnsFailure::kTimeout:
      return "dns_timeout";
    case network::DnsFailure::kServer:
      return "dns_server_failure";
    case network::DnsFailure::kMalformed:
      return "dns_malformed";
  }
  return "dns_malformed";
}

DnsMembers::DnsMembers(DnsWatchContext& context, upstream::MembershipSink& sink)
    : context_(context), sink_(sink) {
  sink_.onReason(reasonOf(network::DnsFailure::kNone));
}

DnsMembers::~DnsMembers() {
  context_.cells().members.sub(members_.size());
}

void DnsMembers::publish(std::vector<Endpoint> endpoints, network::DnsFailure failure) {
  std::stable_sort(endpoints.begin(), endpoints.end(),
                   [](const Endpoint& a, const Endpoint& b) { return a.id < b.id; });
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end(),
                              [](const Endpoint& a, const Endpoint& b) { return a.id == b.id; }),
                  endpoints.end());
  if (endpoints.size() > kMost) {
    base::log::warning("dns", "cluster \"", context_.cluster().name, "\": of ", endpoints.size(),
                       " endpoints the first ", kMost, " are used");
    endpoints.erase(endpoints.begin() + kMost, endpoints.end());
  }
  std::vector<std::shared_ptr<const Endpoint>> members;
  members.reserve(endpoints.size());
  auto old = members_.begin();
  for (Endpoint& endpoint : endpoints) {
    while (old != members_.end() && (*old)->id < endpoint.id) ++old;
    const bool stays = old != members_.end() && same(**old, endpoint);
    members.push_back(stays ? *old : std::make_shared<const Endpoint>(std::move(endpoint)));
  }
  if (members.empty()) sink_.onReason(reasonOf(failure));
  const bool given_up = members.empty() && failure != network::DnsFailure::kNone &&
                        isDefinite(failure) && !context_.settings().keep_when_gone;
  if (members == members_ && (told_ || !given_up)) return;
  told_ = true;
  context_.cells().members.add(members.size() - members_.size());
  members_ = members;
  sink_.onMembers(std::move(members));
}

DnsPatience::DnsPatience(event::Dispatcher& dispatcher, absl::AnyInvocable<void()> over)
    : timer_(dispatcher.createTimer(std::move(over))) {
  restart();
}

void DnsPatience::restart() {
  timer_->start(kTime);
}

}  // namespace weir::extensions::clusters
