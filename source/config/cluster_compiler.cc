// The part of Compiler that deals with clusters.

#include <google/protobuf/message.h>

#include <charconv>
#include <optional>
#include <utility>

#include "api/weir/config/v1/cluster.pb.h"
#include "source/base/concat.h"
#include "source/config/aggregates.h"
#include "source/config/balancing_policy.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"
#include "source/config/hash_keys.h"
#include "source/config/health_options.h"
#include "source/config/http2_options.h"
#include "source/config/pool_options.h"
#include "source/network/dns_resolver.h"
#include "source/upstream/endpoint_health.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kMaxWeight = 65535;
constexpr uint64_t kMostStreams = 0x7fff'ffff;

// What both an endpoint's address and its id have to be: once per cluster.
void checkEndpointUnique(const upstream::EndpointEntry& entry, int index,
                         std::map<std::string, int>& addresses, std::map<std::string, int>& ids,
                         const v1::Endpoint& from, const Cursor& at) {
  const network::Address& address = entry.endpoint.address;
  const bool name = !entry.host.empty();
  if (!name && address.family() == network::Address::Family::kNone) return;  // reported
  const std::string text = name ? from.address() : address.toString();
  const bool twice = addresses.count(text) > 0;
  checkUnique(text, index, addresses, "endpoint with the address", at.field("address"));
  if (!from.id().empty()) {
    checkUnique(from.id(), index, ids, "endpoint", at.field("id"));
  } else if (!twice) {
    checkUnique(entry.endpoint.id, index, ids, "endpoint", at.field("address"));
  }
}

// "name:port" as host and port; nothing when it is an address, or neither.
std::optional<std::pair<std::string, uint16_t>> splitName(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.starts_with("unix:") || text.starts_with('[')) {
    return std::nullopt;
  }
  const std::string_view host = text.substr(0, colon);
  const bool name = host.find_first_not_of("0123456789.") != std::string_view::npos &&
                    host.find(':') == std::string_view::npos;
  uint32_t port = 0;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!name || !whole || port == 0 || port > 65535) return std::nullopt;
  return std::pair(std::string(host), static_cast<uint16_t>(port));
}

// `names`: hosts may be names.
void checkName(const std::string& host, bool names, const Cursor& at) {
  if (const absl::Status status = network::checkHostName(host); !status.ok()) {
    report(status, at);
  } else if (!names) {
    at.error(base::concat("\"", host, "\" is a name, and an address is needed here"),
             "write an IP address, or have names resolved: discovery { config { "
             "[clusters/strict_dns] {} } }");
  }
}

upstream::EndpointEntry readEntry(const v1::Endpoint& from, bool names, const Cursor& at) {
  upstream::EndpointEntry entry;
  upstream::Endpoint& endpoint = entry.endpoint;
  const auto name = splitName(from.address());
  if (name) {
    checkName(name->first, names, at.field("address"));
    entry.host = name->first;
    entry.port = name->second;
  } else {
    endpoint.address = readAddress(from.address(), /*allow_port_zero=*/false, at.field("address"));
  }
  if (from.has_weight()) {
    endpoint.weight =
        static_cast<uint32_t>(readNumber(from.weight(), {0, kMaxWeight}, at.field("weight")));
  }
  endpoint.state = readEndpointState(from);
  endpoint.id = from.id().empty() ? from.address() : from.id();
  readPlace(from, at, endpoint);
  readEndpointLimits(from, at, endpoint);
  return entry;
}

upstream::HttpProtocol readProtocol(v1::Cluster::HttpProtocol from) {
  switch (from) {
    case v1::Cluster::HTTP_PROTOCOL_HTTP2:
      return upstream::HttpProtocol::kHttp2;
    case v1::Cluster::HTTP_PROTOCOL_AUTO:
      return upstream::HttpProtocol::kAuto;
    default:
      return upstream::HttpProtocol::kHttp1;
  }
}

// What is offered by ALPN; empty: whatever the transport says.
std::vector<std::string> offeredProtocols(v1::Cluster::HttpProtocol from) {
  switch (from) {
    case v1::Cluster::HTTP_PROTOCOL_HTTP1:
      return {"http/1.1"};
    case v1::Cluster::HTTP_PROTOCOL_HTTP2:
      return {"h2"};
    case v1::Cluster::HTTP_PROTOCOL_AUTO:
      return {"h2", "http/1.1"};
    default:
      return {};
  }
}

void refuseWithHttp1(bool given, std::string_view field, const Cursor& at) {
  if (!given) return;
  at.field(field).error("is for HTTP/2, but the cluster speaks HTTP/1",
                        "set http_protocol: HTTP_PROTOCOL_HTTP2 or HTTP_PROTOCOL_AUTO as well");
}

std::shared_ptr<const upstream::HostSet> initialHosts(
    std::vector<std::shared_ptr<const upstream::Endpoint>> members,
    const upstream::ClusterConfig& cluster) {
  std::vector<upstream::HostSet::Host> hosts;
  for (std::shared_ptr<const upstream::Endpoint>& member : members) {
    const upstream::Health health =
        upstream::combinedHealth(member->state, upstream::uncheckedHealth(cluster), false);
    hosts.push_back({.endpoint = std::move(member), .health = health});
  }
  std::shared_ptr<upstream::HostSet> made =
      upstream::eligible(/*version=*/1, std::move(hosts), cluster.policy);
  if (cluster.load_balancer == nullptr) return made;  // which has been reported
  cluster.load_balancer->prepare(*made, cluster.policy);
  if (cluster.stickiness != nullptr) made->sticky = cluster.stickiness->prepare(*made);
  return made;
}

// The metrics are left to the caller.
void readHttp(const v1::Cluster& from, const Cursor& at, upstream::ClusterConfig& to) {
  to.http_protocol = readProtocol(from.http_protocol());
  if (to.http_protocol == upstream::HttpProtocol::kHttp1) {
    refuseWithHttp1(from.has_http2(), "http2", at);
    refuseWithHttp1(from.streams_per_connection() > 0, "streams_per_connection", at);
    return;
  }
  to.http2 = readHttp2Options(from.http2(), at.field("http2"));
  to.streams_per_connection =
      static_cast<uint32_t>(readNumberOr(from.streams_per_connection(), to.streams_per_connection,
                                         {1, kMostStreams}, at.field("streams_per_connection")));
}

}  // namespace

std::shared_ptr<const upstream::ClusterConfig> Compiler::compileCluster(const v1::Cluster& from,
                                                                        const Cursor& at) {
  auto cluster = std::make_shared<upstream::ClusterConfig>();
  cluster->name = from.name();
  cluster->policy = readEligibilityPolicy(from, node_locality_, at);
  checkLocalities(from, cluster->policy, at);
  cluster->slow_start = readSlowStart(from, at.field("slow_start"));
  upstream::Discovery found = compileDiscovery(from, at);
  cluster->endpoint_source = std::move(found.endpoint_source);
  cluster->membership = std::move(found.membership);
  cluster->clusters = std::move(found.clusters);
  if (!cluster->clusters.empty()) refuseSettingsOfItsOwn(from, at);
  CompileContext balancing = context();
  balancing.cluster_name = cluster->name;
  cluster->load_balancer =
      loadBalancing(from.has_load_balancing() ? &from.load_balancing() : nullptr,
                    at.field("load_balancing"), balancing);
  cluster->load_balancer_identity =
      base::concat("load balancing ", from.load_balancing().config().SerializeAsString());
  cluster->hash_policy = compileHashKeys(from.hash_keys(), at);
  noteHashing(*cluster, at);
  // Of one that only stands for others, nobody knows here.
  const bool matches = cluster->load_balancer == nullptr || cluster->load_balancer->usesMetadata();
  if (!matches && cluster->clusters.empty()) not_matching_.insert(cluster->name);
  cluster->original_source = from.original_source();
  CompileContext here = context();
  here.cluster_name = cluster->name;
  readHttp(from, at, *cluster);
  here.application_protocols = offeredProtocols(from.http_protocol());
  const size_t findings = at.diagnostics().list().size();
  cluster->transport =
      compileTransport(from.has_transport_socket() ? &from.transport_socket() : nullptr,
                       /*downstream=*/false, at.field("transport_socket"), here);
  cluster->transport_identity =
      base::concat("transport ", from.transport_socket().config().SerializeAsString());
  const bool secure = cluster->transport != nullptr && cluster->transport->secure();
  if (cluster->http_protocol == upstream::HttpProtocol::kAuto && !secure &&
      at.diagnostics().list().size() == findings) {
    at.field("http_protocol")
        .error("endpoints choose the protocol by ALPN, which only TLS has",
               "add transport_socket { config { [transport_sockets/upstream_tls] { } } }, or say "
               "HTTP_PROTOCOL_HTTP1 or HTTP_PROTOCOL_HTTP2");
  }
  readPoolOptions(from, at, *cluster);
  compileHealth(from, at, *cluster);
  compileStickiness(from, at, *cluster);
  cluster->hosts = initialHosts(std::move(found.members), *cluster);
  // What is refused leaves no trace in the metrics.
  if (at.diagnostics().ok()) {
    cluster->stats = upstream::ClusterStats::create(stats_, cluster->name);
    if (cluster->stickiness != nullptr) {
      cluster->sticky_stats = upstream::StickyStats::create(stats_, cluster->name);
    }
    if (cluster->http_protocol != upstream::HttpProtocol::kHttp1) {
      cluster->http2_stats = http::http2::Stats::create(stats_, {{"cluster", cluster->name}});
    }
  }
  cluster->usage = usageOf(cluster->name);
  return cluster;
}

upstream::Discovery Compiler::compileDiscovery(const v1::Cluster& from, const Cursor& at) {
  if (!from.has_discovery()) {
    upstream::Discovery listed;
    for (upstream::EndpointEntry& entry : readEntries(from, /*names=*/false, at)) {
      listed.members.push_back(
          std::make_shared<const upstream::Endpoint>(std::move(entry.endpoint)));
    }
    return listed;
  }
  const auto found = resolve<ClusterExtension>(from.discovery(), at.field("discovery"));
  if (!found) return {};
  using Entries = ClusterExtension::Entries;
  const Entries entries = found.extension->entries();
  if (entries == Entries::kNone && from.endpoints_size() > 0) {
    at.field("endpoints")
        .error("discovery finds the endpoints, so that none may be listed",
               "remove either endpoints or discovery");
  }
  if (!found.extension->balances() && from.has_load_balancing()) {
    at.field("load_balancing")
        .error("discovery names the one endpoint that is meant: there is nothing to choose",
               "remove load_balancing");
  }
  std::vector<upstream::EndpointEntry> listed;
  if (entries != Entries::kNone) {
    listed = readEntries(from, entries == Entries::kNamesAndAddresses, at);
  }
  CompileContext here = context();
  here.cluster_name = from.name();
  here.endpoints = listed;
  return found.extension->compile(*found.config, at.field("discovery").field("config"), here);
}

std::vector<upstream::EndpointEntry> Compiler::readEntries(const v1::Cluster& from, bool names,
                                                           const Cursor& at) {
  if (from.endpoints_size() == 0) {
    at.field("endpoints")
        .error("a cluster needs an endpoint", "add endpoints { address: \"10.0.0.1:80\" }");
  }
  std::vector<upstream::EndpointEntry> entries;
  std::map<std::string, int> addresses;
  std::map<std::string, int> ids;
  uint64_t weights = 0;
  for (int i = 0; i < from.endpoints_size(); ++i) {
    const Cursor here = at.at("endpoints", i);
    entries.push_back(readEntry(from.endpoints(i), names, here));
    checkEndpointUnique(entries.back(), i, addresses, ids, from.endpoints(i), here);
    weights += entries.back().endpoint.weight;
  }
  if (!entries.empty() && weights == 0) {
    at.field("endpoints")
        .error("every endpoint has weight 0, none would get traffic",
               "give at least one a weight of 1 or more");
  }
  return entries;
}

std::shared_ptr<const upstream::LoadBalancerFactory> Compiler::loadBalancing(
    const v1::Extension* from, const Cursor& at, CompileContext& context) {
  const Any found = from != nullptr
                        ? resolveAny(LoadBalancingExtension::kCategory, *from, at)
                        : defaultOf(LoadBalancingExtension::kCategory, "round_robin", at);
  if (found.extension == nullptr) return nullptr;
  return static_cast<const LoadBalancingExtension*>(found.extension)
      ->compile(*found.config, at.field("config"), context);
}

void Compiler::noteHashing(const upstream::ClusterConfig& cluster, const Cursor& at) {
  if (cluster.load_balancer == nullptr) return;  // which has been reported
  const bool hashes = cluster.load_balancer->usesHash();
  if (cluster.hash_policy != nullptr && !hashes) {
    at.field("hash_keys")
        .error(base::concat("load balancing by ", cluster.load_balancer->name(), " hashes nothing"),
               "use load_balancing/ring_hash or load_balancing/maglev, or remove hash_keys");
  }
  // Of one that only stands for others, nobody knows here.
  if (!hashes && cluster.clusters.empty()) not_hashing_.insert(cluster.name);
}

std::shared_ptr<upstream::ClusterUsage> Compiler::usageOf(const std::string& cluster) {
  std::weak_ptr<upstream::ClusterUsage>& known = usages_[cluster];
  std::shared_ptr<upstream::ClusterUsage> usage = known.lock();
  if (usage == nullptr) {
    usage = std::make_shared<upstream::ClusterUsage>();
    known = usage;
  }
  return usage;
}

}  // namespace weir::config
