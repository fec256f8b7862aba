#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "source/base/local_ref.h"
#include "source/http/access_log.h"
#include "source/http/client_certificate.h"
#include "source/http/codec.h"
#include "source/http/filter_chain.h"
#include "source/http/forwarded_headers.h"
#include "source/http/http2/options.h"
#include "source/http/http2/stats.h"
#include "source/http/route.h"
#include "source/http/route_statistics.h"
#include "source/http/semantics.h"
#include "source/network/network_filter.h"
#include "source/stats/stats.h"

namespace weir::http {

class HeaderRules;

// Makes the terminal of each stream on one worker. Worker-confined. What it returns lives in
// `arena`; nobody runs its destructor.
class WorkerTerminalFactory {
 public:
  virtual ~WorkerTerminalFactory() = default;
  virtual Terminal& create(base::Arena& arena, FilterChain& chain) = 0;
};
// Immutable; the router is the only one now.
class TerminalFactory {
 public:
  virtual ~TerminalFactory() = default;
  virtual std::unique_ptr<WorkerTerminalFactory> bind(base::ServiceMap& services) const = 0;
};

struct RequestIdPolicy {
  bool generate = true;  // X-Request-Id for requests that bring none (or whose peer is not trusted)
  bool add_to_response = false;
};

struct HttpTimeouts {  // zero: none
  std::chrono::milliseconds request_head{10'000};
  std::chrono::milliseconds idle{60'000};  // connection without a stream
  std::chrono::milliseconds stream_idle{
      300'000};  // stream without a byte in either direction: 408 / 504 or reset
  std::chrono::milliseconds request{0};  // from first byte until the request is complete: 408
  std::chrono::milliseconds max_stream_duration{0};
};

// The connection manager as configured. Immutable.
struct ConnectionManagerConfig {
  std::string stat_prefix;
  std::string server_name =
      "weir";  // Server: on local replies, and on responses that bring none; empty: not added
  CodecLimits limits;
  bool allow_http2 = true;
  http2::Options http2;
  uint64_t max_request_body_bytes = 0;       // 0: none; else 413
  uint32_t max_requests_per_connection = 0;  // 0: none
  HttpTimeouts timeouts;
  ForwardedHeaders forwarded;
  ClientCertificateHeader client_certificate;
  RequestIdPolicy request_id;
  PathNormalisation path;
  std::vector<std::string>
      upgrades;  // lower-case protocols that may tunnel ("websocket"); default: websocket
  std::shared_ptr<const RouteResolver> routes;
  std::shared_ptr<const RouteProviderFactory> route_provider;  // null: `routes` alone decide
  bool routes_set_filters = false;  // some route says something of a filter (RouteFilter)
  std::vector<RouteStatistics> route_statistics = {};  // as Route::statistics() counts them
  bool reason_header = false;      // x-weir-reason on local replies, and on nothing else
  bool routes_set_limits = false;  // some route has ExchangeRules::limited()
  std::shared_ptr<const HeaderRules> response_headers;  // null: none
  struct Filter {
    std::string name;
    std::shared_ptr<const HttpFilterFactory> factory;
    std::string extension = {};  // of the category http_filters
  };
  std::vector<Filter> filters;
  std::vector<std::shared_ptr<const AccessLoggerFactory>> access_loggers;
  std::shared_ptr<const TerminalFactory> terminal;
};

// Metric ids; registered once per stat_prefix on the main thread.
struct ConnectionManagerStats {
  static ConnectionManagerStats create(stats::Store& store, const std::string& prefix);
  stats::CounterId requests, responses_by_class[5], grpc_responses[kGrpcStatuses], resets,
      protocol_errors, head_timeouts, idle_timeouts, upgrades;
  stats::GaugeId active_connections, active_streams;
  stats::HistogramId duration_us;
  http2::Stats http2;
};

// The network filter factory that the http_connection_manager extension hands out. Immutable.
class ConnectionManagerFactory final : public network::NetworkFilterFactory {
 public:
  ConnectionManagerFactory(std::shared_ptr<const ConnectionManagerConfig> config,
                           stats::Store& store);
  std::unique_ptr<network::WorkerNetworkFilterFactory> bind(
      base::ServiceMap& services) const override;
  std::vector<std::string> applicationProtocols() const override;
  const std::shared_ptr<const ConnectionManagerConfig>& config() const { return config_; }

 private:
  std::shared_ptr<const ConnectionManagerConfig> config_;
  ConnectionManagerStats stats_;
};

}  // namespace weir::http
