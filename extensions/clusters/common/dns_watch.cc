#include "extensions/clusters/common/dns_watch.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "extensions/clusters/common/dns_resolvers.h"
#include "source/base/concat.h"
#include "source/base/log.h"

namespace weir::extensions::clusters {

using network::DnsAddresses;
using network::DnsFailure;
using network::DnsFamily;
using network::DnsService;
using network::DnsServices;

DnsWatchContext::DnsWatchContext(base::ServiceMap& services, const DnsCluster& cluster)
    : dispatcher_(services.get<event::Dispatcher>()),
      cluster_(cluster),
      resolver_(DnsResolvers::of(services).get(cluster.settings.resolver)),
      cells_(cluster.stats, services.get<stats::Block>()) {}

DnsSchedule::DnsSchedule(DnsWatchContext& context, std::string name, absl::AnyInvocable<void()> ask)
    : context_(context),
      name_(std::move(name)),
      timer_(context.dispatcher().createTimer(std::move(ask))) {}

void DnsSchedule::ended(DnsFailure failure, std::chrono::seconds ttl, std::string_view has) {
  failures_in_row_ = failure == DnsFailure::kNone ? 0 : failures_in_row_ + 1;
  timer_->start(untilNext(failure, ttl));
  if (outcome_ != failure) log(failure, has);
  outcome_ = failure;
}

std::chrono::milliseconds DnsSchedule::untilNext(DnsFailure failure, std::chrono::seconds ttl) {
  const DnsSettings& settings = context_.settings();
  const auto scaled = [](std::chrono::milliseconds time, double factor) {
    return std::chrono::milliseconds(
        static_cast<int64_t>(static_cast<double>(time.count()) * factor));
  };
  if (failure == DnsFailure::kNone) {
    const auto time =
        std::clamp(std::chrono::milliseconds(ttl), settings.min_ttl, settings.max_ttl);
    return scaled(time, 1.0 + 0.1 * context_.random().unit());
  }
  std::chrono::milliseconds pause = settings.retry;
  for (uint32_t i = 1; i < failures_in_row_ && pause < settings.max_retry; ++i) pause *= 2;
  return scaled(std::min(pause, settings.max_retry), 0.75 + 0.5 * context_.random().unit());
}

void DnsSchedule::log(DnsFailure failure, std::string_view has) const {
  const std::string subject =
      base::concat("cluster \"", context_.cluster().name, "\": \"", name_, "\" ");
  if (failure == DnsFailure::kNone) {
    base::log::info("dns", subject, "has ", has);
    return;
  }
  base::log::warning("dns", subject, "is not resolved (", toString(failure), "), ",
                     has.empty() ? std::string("there is nothing to use")
                                 : base::concat("what was known is used: ", has));
}

HostWatch::HostWatch(DnsWatchContext& context, const std::string& name,
                     absl::AnyInvocable<void()> changed)
    : context_(context), changed_(std::move(changed)), schedule_(context, name, [this] { ask(); }) {
  ask();
}

bool HostWatch::wants(DnsFamily family) const {
  const DnsFamilies families = context_.settings().families;
  return families != (family == DnsFamily::kIpv4 ? DnsFamilies::kIpv6Only : DnsFamilies::kIpv4Only);
}

void HostWatch::ask() {
  if (wants(DnsFamily::kIpv4)) ask(ipv4_, DnsFamily::kIpv4);
  if (wants(DnsFamily::kIpv6)) ask(ipv6_, DnsFamily::kIpv6);
}

void HostWatch::ask(Half& half, DnsFamily family) {
  half.answer.reset();
  half.query = context_.resolver().resolveAddresses(name(), family, [&](DnsAddresses answer) {
    context_.cells().count(answer.failure);
    half.answer = std::move(answer);
    half.query.reset();
    if (ipv4_.query == nullptr && ipv6_.query == nullptr) conclude();
  });
}

void HostWatch::conclude() {
  const auto outcome_before = outcome();
  const auto before = addresses();
  adopt();
  const auto now = addresses();
  schedule_.ended(failureOfBoth(), ttlOfBoth(),
                  now.empty() ? std::string() : base::concat(now.size(), " address(es)"));
  if (now != before || (now.empty() && outcome() != outcome_before)) changed_();
}

// A family that nobody has answered about keeps its addresses.
void HostWatch::adopt() {
  const auto next = [](const Half& half) {
    return half.answer && isDefinite(half.answer->failure) ? half.answer->addresses : half.good;
  };
  auto ipv4 = next(ipv4_);
  auto ipv6 = next(ipv6_);
  if (ipv4.empty() && ipv6.empty() && context_.settings().keep_when_gone) return;
  ipv4_.good = std::move(ipv4);
  ipv6_.good = std::move(ipv6);
}

DnsFailure HostWatch::failureOfBoth() const {
  const auto of = [](const Half& half) {
    return half.answer ? half.answer->failure : DnsFailure::kNoData;
  };
  const DnsFailure ipv4 = of(ipv4_);
  const DnsFailure ipv6 = of(ipv6_);
  const DnsFamilies families = context_.settings().families;
  // With a preferred family at hand the other one does not matter.
  if (families == DnsFamilies::kIpv4Preferred && ipv4 == DnsFailure::kNone) return ipv4;
  if (families == DnsFamilies::kIpv6Preferred && ipv6 == DnsFailure::kNone) return ipv6;
  if (!isDefinite(ipv4)) return ipv4;
  if (!isDefinite(ipv6)) return ipv6;
  if (ipv4 == DnsFailure::kNone || ipv6 == DnsFailure::kNone) return DnsFailure::kNone;
  return ipv4 == DnsFailure::kNoSuchName ? ipv4 : ipv6;
}

std::chrono::seconds HostWatch::ttlOfBoth() const {
  auto least = std::chrono::seconds::max();
  for (const Half* half : {&ipv4_, &ipv6_}) {
    if (half->answer && half->answer->failure == DnsFailure::kNone) {
      least = std::min(least, half->answer->ttl);
    }
  }
  return least == std::chrono::seconds::max() ? std::chrono::seconds(0) : least;
}

std::vector<network::Address> HostWatch::addresses() const {
  const DnsFamilies families = context_.settings().families;
  if (families == DnsFamilies::kIpv4Preferred && !ipv4_.good.empty()) return ipv4_.good;
  if (families == DnsFamilies::kIpv6Preferred && !ipv6_.good.empty()) return ipv6_.good;
  auto all = ipv6_.good;
  all.insert(all.end(), ipv4_.good.begin(), ipv4_.good.end());
  return all;
}

ServiceWatch::ServiceWatch(DnsWatchContext& context, const std::string& name,
                           absl::AnyInvocable<void()> changed)
    : context_(context), changed_(std::move(changed)), schedule_(context, name, [this] { ask(); }) {
  ask();
}

void ServiceWatch::ask() {
  query_ = context_.resolver().resolveService(
      schedule_.name(), [this](DnsServices answer) { onAnswer(std::move(answer)); });
}

void ServiceWatch::onAnswer(DnsServices answer) {
  query_.reset();
  context_.cells().count(answer.failure);
  const auto outcome_before = outcome();
  const bool gone = answer.services.empty();
  const bool keeps = gone && (!isDefinite(answer.failure) || context_.settings().keep_when_gone);
  bool changed = false;
  if (!keeps) {
    const auto key = [](const DnsService& each) {
      return std::tie(each.priority, each.target, each.port, each.weight);
    };
    std::sort(answer.services.begin(), answer.services.end(),
              [&](const DnsService& a, const DnsService& b) { return key(a) < key(b); });
    changed = answer.services != good_;
    good_ = std::move(answer.services);
  }
  schedule_.ended(answer.failure, answer.ttl,
                  good_.empty() ? std::string() : base::concat(good_.size(), " service(s)"));
  if (changed || (good_.empty() && outcome() != outcome_before)) changed_();
}

}  // namespace weir::extensions::clusters
