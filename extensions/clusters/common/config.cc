#include "extensions/clusters/common/config.h"

#include <string_view>
#include <utility>

#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::extensions::clusters {
namespace {

using common::v1::Dns;
using std::chrono::milliseconds;

constexpr int kMostServers = 8;
constexpr config::DurationRange kTtlRange{milliseconds(100), std::chrono::hours(24)};
constexpr config::DurationRange kRetryRange{milliseconds(100), std::chrono::hours(1)};

std::vector<network::Address> readServers(const Dns& from, const config::Cursor& at) {
  std::vector<network::Address> servers;
  if (from.servers_size() > kMostServers) {
    at.field("servers").error(base::concat(from.servers_size(), " name servers"),
                              base::concat("at most ", kMostServers, " are asked"));
  }
  for (int i = 0; i < from.servers_size(); ++i) {
    const std::string& text = from.servers(i);
    // With a port, or without.
    auto address = network::Address::parse(text);
    if (!address.ok()) {
      const auto bare = network::Address::parse(text.find(':') == text.npos || text.starts_with('[')
                                                    ? base::concat(text, ":53")
                                                    : base::concat("[", text, "]:53"));
      if (bare.ok()) address = bare;
    }
    if (!address.ok() || !address->isIp() || address->isWildcard()) {
      at.at("servers", i)
          .error(base::concat("\"", text, "\" is no address of a name server"),
                 "write an IP address, with a port or without: \"10.0.0.53\", \"[fd00::53]:5353\"");
      continue;
    }
    servers.push_back(address->port() == 0 ? address->withPort(53) : *address);
  }
  return servers;
}

DnsFamilies readFamilies(Dns::Families from, DnsFamilies fallback) {
  switch (from) {
    case Dns::FAMILIES_IPV4_ONLY:
      return DnsFamilies::kIpv4Only;
    case Dns::FAMILIES_IPV6_ONLY:
      return DnsFamilies::kIpv6Only;
    case Dns::FAMILIES_IPV4_PREFERRED:
      return DnsFamilies::kIpv4Preferred;
    case Dns::FAMILIES_IPV6_PREFERRED:
      return DnsFamilies::kIpv6Preferred;
    case Dns::FAMILIES_ALL:
      return DnsFamilies::kAll;
    default:
      return fallback;
  }
}

void checkOrder(milliseconds least, milliseconds most, std::string_view least_name,
                const config::Cursor& most_at) {
  if (least <= most) return;
  most_at.error(base::concat(config::durationText(most), " is less than ", least_name,
                             ", which is ", config::durationText(least)),
                base::concat("make it at least ", least_name));
}

}  // namespace

DnsSettings readDnsSettings(const Dns& from, DnsFamilies default_families,
                            const config::Cursor& at) {
  DnsSettings made;
  made.resolver.servers = readServers(from, at);
  made.resolver.timeout =
      config::readDuration(from.has_timeout() ? &from.timeout() : nullptr, made.resolver.timeout,
                           {milliseconds(10), std::chrono::seconds(30)}, at.field("timeout"));
  made.resolver.tries = static_cast<uint32_t>(
      config::readNumberOr(from.tries(), made.resolver.tries, {1, 5}, at.field("tries")));
  made.families = readFamilies(from.families(), default_families);
  made.min_ttl = config::readDuration(from.has_min_ttl() ? &from.min_ttl() : nullptr, made.min_ttl,
                                      kTtlRange, at.field("min_ttl"));
  made.max_ttl = config::readDuration(from.has_max_ttl() ? &from.max_ttl() : nullptr, made.max_ttl,
                                      kTtlRange, at.field("max_ttl"));
  checkOrder(made.min_ttl, made.max_ttl, "min_ttl", at.field("max_ttl"));
  made.retry = config::readDuration(from.has_retry() ? &from.retry() : nullptr, made.retry,
                                    kRetryRange, at.field("retry"));
  made.max_retry = config::readDuration(from.has_max_retry() ? &from.max_retry() : nullptr,
                                        made.max_retry, kRetryRange, at.field("max_retry"));
  checkOrder(made.retry, made.max_retry, "retry", at.field("max_retry"));
  made.keep_when_gone = from.when_gone() != Dns::WHEN_GONE_EMPTY;
  return made;
}

DnsCluster makeDnsCluster(DnsSettings settings, const google::protobuf::Message& config,
                          config::CompileContext& context) {
  const std::string name(context.cluster_name);
  std::string identity = base::concat(config.GetTypeName(), "\n", config.SerializeAsString());
  for (const upstream::EndpointEntry& entry : context.endpoints) {
    const upstream::Endpoint& endpoint = entry.endpoint;
    identity +=
        base::concat("\n", entry.host, " ", entry.port, " ", endpoint.id, " ",
                     endpoint.address.toString(), " ", endpoint.weight, " ", endpoint.priority, " ",
                     endpoint.max_connections, " ", endpoint.max_requests, " ", endpoint.locality);
    for (const auto& [key, value] : endpoint.metadata) {
      identity += base::concat("\n ", key, "=", value);
    }
  }
  return {.name = name,
          .identity = std::move(identity),
          .settings = std::move(settings),
          .stats = DnsStats::create(context.stats, name)};
}

}  // namespace weir::extensions::clusters
