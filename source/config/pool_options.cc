#include "source/config/pool_options.h"

#include <chrono>

#include "api/weir/config/v1/cluster.pb.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kDefaultHttp2Requests = 10'000;
constexpr uint64_t kMostPreconnected = 1000;
// What the kernel takes: 32767 s.
constexpr std::chrono::hours kLongestKeepAlive{9};

uint32_t number(uint64_t value, NumberRange range, const Cursor& at) {
  return static_cast<uint32_t>(readNumber(value, range, at));
}

void readLimits(const v1::Cluster& from, const Cursor& at, upstream::ClusterConfig& to) {
  if (from.has_max_connections()) {
    to.max_connections =
        number(from.max_connections(), {1, kMaxConnections}, at.field("max_connections"));
  }
  if (from.has_max_pending_requests()) {
    to.max_pending_requests =
        number(from.max_pending_requests(), {0, kMaxConnections}, at.field("max_pending_requests"));
  }
  const bool http1 = to.http_protocol == upstream::HttpProtocol::kHttp1;
  to.max_requests =
      static_cast<uint32_t>(readNumberOr(from.max_requests(), http1 ? 0 : kDefaultHttp2Requests,
                                         {1, kMaxConnections}, at.field("max_requests")));
  to.max_requests_per_connection = from.max_requests_per_connection();
}

void readQueue(const v1::Cluster& from, const Cursor& at, upstream::ClusterConfig& to) {
  to.queue_timeout = readDuration(from.queue().has_timeout() ? &from.queue().timeout() : nullptr,
                                  to.connect_timeout, {milliseconds(1), std::chrono::minutes(10)},
                                  at.field("timeout"));
  switch (from.queue().order()) {
    case v1::Queue::QUEUE_ORDER_LIFO:
      to.queue_order = upstream::QueueOrder::kLifo;
      return;
    case v1::Queue::QUEUE_ORDER_PRIORITY:
      to.queue_order = upstream::QueueOrder::kPriority;
      return;
    default:
      to.queue_order = upstream::QueueOrder::kFifo;
  }
}

void readRetryLimits(const v1::RetryLimits& from, const Cursor& at, upstream::RetryLimits& to) {
  to.most = number(from.max(), {0, kMaxConnections}, at.field("max"));
  if (from.has_budget_percent()) {
    to.budget_percent = number(from.budget_percent(), {0, 100}, at.field("budget_percent"));
  }
  if (from.has_min_concurrency()) {
    to.at_least = number(from.min_concurrency(), {0, kMaxConnections}, at.field("min_concurrency"));
  }
}

void readLifetime(const v1::Cluster& from, const Cursor& at, upstream::ConnectionPolicy& to) {
  to.max_lifetime =
      readDuration(from.has_max_connection_lifetime() ? &from.max_connection_lifetime() : nullptr,
                   to.max_lifetime, {milliseconds(0), std::chrono::hours(24 * 30)},
                   at.field("max_connection_lifetime"));
  if (!from.has_lifetime_jitter_percent()) return;
  const Cursor jitter = at.field("lifetime_jitter_percent");
  to.lifetime_jitter_percent = number(from.lifetime_jitter_percent(), {0, 100}, jitter);
  if (to.max_lifetime.count() == 0) {
    jitter.error("is about max_connection_lifetime, which is not set",
                 "set max_connection_lifetime as well");
  }
}

std::chrono::seconds readSeconds(const google::protobuf::Duration* value,
                                 std::chrono::seconds fallback, const Cursor& at) {
  const milliseconds read =
      readDuration(value, fallback, {std::chrono::seconds(1), kLongestKeepAlive}, at);
  const auto whole = std::chrono::floor<std::chrono::seconds>(read);
  if (read != whole) {
    at.error("the kernel counts in whole seconds", base::concat("write ", whole.count(), " s"));
  }
  return whole;
}

network::KeepAlive readKeepAlive(const v1::TcpKeepAlive& from, const Cursor& at) {
  network::KeepAlive to;
  to.enabled = true;
  to.idle = readSeconds(from.has_idle() ? &from.idle() : nullptr, to.idle, at.field("idle"));
  to.interval = readSeconds(from.has_interval() ? &from.interval() : nullptr, to.interval,
                            at.field("interval"));
  to.probes =
      static_cast<uint32_t>(readNumberOr(from.probes(), to.probes, {1, 100}, at.field("probes")));
  return to;
}

void readSources(const v1::Cluster& from, const Cursor& at, upstream::ConnectionPolicy& to) {
  using Family = network::Address::Family;
  if (from.source_addresses_size() > 0 && from.original_source()) {
    at.field("source_addresses")
        .error("connections come from the client's address already",
               "remove either source_addresses or original_source");
  }
  for (int i = 0; i < from.source_addresses_size(); ++i) {
    const Cursor here = at.at("source_addresses", i);
    const std::string& text = from.source_addresses(i);
    const bool v6 = text.find(':') != std::string::npos;
    const auto address =
        network::Address::parse(v6 ? base::concat("[", text, "]:0") : base::concat(text, ":0"));
    if (!address.ok() || !address->isIp()) {
      here.error(base::concat("\"", text, "\" is not an IP address"),
                 "write an address of this host without a port, such as \"10.0.0.5\" or "
                 "\"2001:db8::5\"");
      continue;
    }
    network::Address& slot = v6 ? to.source_ipv6 : to.source_ipv4;
    if (slot.family() != Family::kNone) {
      here.error(base::concat("there is an address of ", v6 ? "IPv6" : "IPv4", " already"),
                 "keep one of each family");
    }
    slot = *address;
  }
}

}  // namespace

void readPoolOptions(const v1::Cluster& from, const Cursor& at, upstream::ClusterConfig& to) {
  to.connect_timeout = readDuration(from.has_connect_timeout() ? &from.connect_timeout() : nullptr,
                                    to.connect_timeout, {milliseconds(1), std::chrono::minutes(10)},
                                    at.field("connect_timeout"));
  to.idle_timeout = readDuration(from.has_idle_timeout() ? &from.idle_timeout() : nullptr,
                                 to.idle_timeout, {milliseconds(0)}, at.field("idle_timeout"));
  readLimits(from, at, to);
  readQueue(from, at.field("queue"), to);
  readRetryLimits(from.retry_limits(), at.field("retry_limits"), to.retry_limits);
  to.connections.preconnect =
      number(from.preconnect(), {0, kMostPreconnected}, at.field("preconnect"));
  readLifetime(from, at, to.connections);
  if (from.has_tcp_keep_alive()) {
    to.connections.keep_alive = readKeepAlive(from.tcp_keep_alive(), at.field("tcp_keep_alive"));
  }
  readSources(from, at, to.connections);
}

void readEndpointLimits(const v1::Endpoint& from, const Cursor& at, upstream::Endpoint& to) {
  to.max_connections =
      number(from.max_connections(), {0, kMaxConnections}, at.field("max_connections"));
  to.max_requests = number(from.max_requests(), {0, kMaxConnections}, at.field("max_requests"));
}

}  // namespace weir::config
