#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/registry.h"
#include "source/config/diagnostics.h"
#include "source/config/filter_order.h"
#include "source/config/main_part.h"
#include "source/http/access_log.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/network/listener_filter.h"
#include "source/network/network_filter.h"
#include "source/network/transport_socket.h"
#include "source/network/udp_filter.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster.h"
#include "source/upstream/discovery.h"
#include "source/upstream/health_checker.h"
#include "source/upstream/load_balancer.h"
#include "source/upstream/stickiness.h"

namespace google::protobuf {
class Message;
}

namespace weir::config {

class Compiler;

// What an extension may use while it turns its configuration into a factory. Main-thread only;
// valid during the call.
struct CompileContext {
  const base::Registry& registry;
  stats::Store& stats;
  // Compiles nested extensions (HTTP filters, access loggers), resolves cluster names with "did you
  // mean".
  Compiler& compiler;
  std::string_view listener_name;  // empty outside of a listener
  // Parts on the main thread that the running configuration needs are added here.
  std::vector<std::shared_ptr<MainPart>>& main_parts;
  // For a transport, what to offer or take by ALPN unless it says so itself. Downstream: what the
  // chain's terminal filter speaks. Upstream: what the cluster speaks, which must not be
  // contradicted; empty: the cluster does not say.
  std::vector<std::string> application_protocols = {};
  std::string_view cluster_name = {};  // empty outside of a cluster
  // For a clusters extension, what the cluster lists.
  std::span<const upstream::EndpointEntry> endpoints = {};
  // For an access logger: it logs connections, not exchanges, so there are no heads.
  bool logs_connections = false;
  // So many programs health checks may run at a time (Health.allow_exec); 0: none.
  uint32_t exec_programs = 0;
};

// The categories of extensions and what each makes of its configuration message. compile() reports
// every problem at the cursor of the field it is in and then returns null; it has no side effects
// beyond registering metrics. `config` is of the type that configType() names. An extension's
// config.cc derives from one of these and all_extensions.cc registers it.

// Immutable.
class ListenerFilterExtension : public base::Extension {
 public:
  static constexpr std::string_view kCategory = "listener_filters";
  std::string_view category() const final { return kCategory; }
  virtual std::shared_ptr<const network::ListenerFilterFactory> compile(
      const google::protobuf::Message& config, const Cursor& at, CompileContext& context) const = 0;
};

// Immutable.
class NetworkFilterExtension : public base::Extension {
 public:
  static constexpr std::string_view kCategory = "network_filters";
  std::string_view category() const final { return kCategory; }
  virtual bool terminal() const { return false; }
  virtual std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const Cursor& at, CompileContext& context) const = 0;
};

// Immutable.
class UdpFilterExtension : public base::Extension {
 public:
  static constexpr std::string_view kCategory = "udp_filters";
  std::string_view category() const final { return kCategory; }
  virtual std::shared_ptr<const network::UdpFilterFactory> compile(
      const google::protobuf::Message& config, const Cursor& at, CompileContext& context) const = 0;
};

// Immutable.
class HttpFilterExtension : public base::Extension {
 public:
  static constexpr std::string_view kCategory = "http_filters";
  std::string_view category() const final { return kCategory; }
  virtual std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const Cursor& at, CompileContext& context) const = 0;
  // The settings that a route or virtual host has for the filter, for FilterHandle::routeConfig().
  // `filter`: what compile() has made of the filter's own. Unless it is overridden, there are none.
  virtual std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const Cursor& at, CompileContext& context) const;
  // What must hold of the place of a filter with this configuration. Unless it is overridden:
  // nothing.
  virtual FilterOrder order(const google::protobuf::Message& /*config*/) const { return {}; }
};

// Finds routes where the table of virtual hosts does not do. Immutable.
class RoutingExtension : public base::Extension {
 public:
  static constexpr std::string_view kCategory = "routing";
  std::string_view category() const final { return kCategory; }
  virtual std::shared_ptr<const http::RouteProviderFactory> compile(
      const google::protobuf::Message& config, const Cursor& at, CompileContext& context) const = 0;
};

// How a cluster finds its endpoints. Immutable.
class ClusterExtension : public base::Extension {
 public:
  static constexpr std::string_view kCategory = "clusters";
  std::string_view category() const final { return kCategory; }
  // What CompileContext::endpoints may have, when it is asked to compile.
  enum class Entries : uint8_t { kNone, kAddresses, kNamesAndAddresses };
  virtual Entries entries() const { return Entries::kNone; }
  // False: it names the one endpoint that is meant, there is nothing to choose.
  virtual bool balances() const { return false; }
  virtual upstream::Discovery compile(const google::protobuf::Message& config, const Cursor& at,
                                      CompileContext& context) const = 0;
};

// Immutable.
class LoadBalancingExtension : public base::Extension {
 public:
  static constexpr std::string_view kCategory = "load_balancing";
  std::string_view category() const final { return kCategory; }
  virtual std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const Cursor& at, CompileContext& context) const = 0;
};

// How an endpoint is asked for its health. Immutable.
class HealthCheckerExtension : public base::Extension {
 public:
  static constexpr std::string_view kCategory = "health_checkers";
  std::string_view category() const final { return kCategory; }
  // False: it makes no connection of its own, to which settings of the check could apply.
  virtual bool connects() const { return true; }
  // What checks offer by ALPN when they go over TLS; empty: as the cluster does.
  virtual std::vector<std::string> applicationProtocols(
      const google::protobuf::Message& /*config*/) const {
    return {};
  }
  virtual std::shared_ptr<const upstream::HealthCheckerFactory> compile(
      const google::protobuf::Message& config, const Cursor& at, CompileContext& context) const = 0;
};

// How clients stay with their endpoint. Immutable.
class StickinessExtension : public base::Extension {
 public:
  static constexpr std::string_view kCategory = "stickiness";
  std::string_view category() const final { return kCategory; }
  virtual std::shared_ptr<const upstream::StickinessFactory> compile(
      const google::protobuf::Message& config, const Cursor& at, CompileContext& context) const = 0;
};

// Immutable.
class TransportSocketExtension : public base::Extension {
 public:
  static constexpr std::string_view kCategory = "transport_sockets";
  std::string_view category() const final { return kCategory; }
  // For a listener's filter chain (downstream) or a cluster (upstream).
  virtual std::shared_ptr<const network::TransportSocketFactory> compile(
      const google::protobuf::Message& config, bool downstream, const Cursor& at,
      CompileContext& context) const = 0;
};

// Immutable.
class AccessLoggerExtension : public base::Extension {
 public:
  static constexpr std::string_view kCategory = "access_loggers";
  std::string_view category() const final { return kCategory; }
  virtual std::shared_ptr<const http::AccessLoggerFactory> compile(
      const google::protobuf::Message& config, const Cursor& at, CompileContext& context) const = 0;
};

}  // namespace weir::config
