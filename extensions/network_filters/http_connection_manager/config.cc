#include "extensions/network_filters/http_connection_manager/config.h"

#include <algorithm>
#include <functional>
#include <set>
#include <span>
#include <utility>

#include "api/weir/extensions/network_filters/http_connection_manager/v1/http_connection_manager.pb.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/extension_types.h"
#include "source/config/fields.h"
#include "source/config/filter_order_check.h"
#include "source/config/header_rules_compiler.h"
#include "source/config/http2_options.h"
#include "source/config/log_conditions.h"
#include "source/config/route_compiler.h"
#include "source/config/route_statistics.h"
#include "source/http/metered_filter.h"
#include "source/http/semantics.h"
#include "source/router/route_table.h"
#include "source/router/router.h"

namespace weir::extensions::network_filters::http_connection_manager {
namespace {

using config::Cursor;
using std::chrono::milliseconds;

constexpr std::string_view kNone = "-";
constexpr std::string_view kAll = "*";
constexpr uint64_t kMaxHeadBytes = 1024 * 1024;
constexpr uint64_t kMaxTrustedHops = 32;

// The timeout `name` of `at`; 0 s turns it off.
milliseconds timeout(bool given, const google::protobuf::Duration& value, milliseconds fallback,
                     const Cursor& at, std::string_view name) {
  return config::readDuration(given ? &value : nullptr, fallback, {milliseconds(0)},
                              at.field(name));
}

http::HttpTimeouts readTimeouts(const v1::Timeouts& from, const Cursor& at) {
  http::HttpTimeouts to;
  to.request_head =
      timeout(from.has_request_head(), from.request_head(), to.request_head, at, "request_head");
  to.idle = timeout(from.has_idle(), from.idle(), to.idle, at, "idle");
  to.stream_idle =
      timeout(from.has_stream_idle(), from.stream_idle(), to.stream_idle, at, "stream_idle");
  to.request = timeout(from.has_request(), from.request(), to.request, at, "request");
  to.max_stream_duration = timeout(from.has_max_stream_duration(), from.max_stream_duration(),
                                   to.max_stream_duration, at, "max_stream_duration");
  return to;
}

http::CodecLimits readLimits(const v1::Limits& from, const Cursor& at) {
  http::CodecLimits to;
  to.max_request_line_bytes = static_cast<uint32_t>(
      config::readNumberOr(from.max_request_line_bytes(), to.max_request_line_bytes,
                           {64, kMaxHeadBytes}, at.field("max_request_line_bytes")));
  to.max_head_bytes = static_cast<uint32_t>(config::readNumberOr(
      from.max_head_bytes(), to.max_head_bytes, {256, kMaxHeadBytes}, at.field("max_head_bytes")));
  to.max_header_fields = static_cast<uint32_t>(config::readNumberOr(
      from.max_header_fields(), to.max_header_fields, {1, 10'000}, at.field("max_header_fields")));
  if (to.max_request_line_bytes > to.max_head_bytes) {
    const bool line = from.max_request_line_bytes() != 0;
    at.field(line ? "max_request_line_bytes" : "max_head_bytes")
        .error(base::concat("the request line may have ", to.max_request_line_bytes,
                            " bytes, but the whole head only ", to.max_head_bytes),
               line ? "raise max_head_bytes as well" : "lower max_request_line_bytes as well");
  }
  return to;
}

http::ForwardedHeaders readForwarded(const v1::Forwarded& from, const Cursor& at) {
  http::ForwardedHeaders to;
  to.trusted_hops = static_cast<uint32_t>(
      config::readNumber(from.trusted_hops(), {0, kMaxTrustedHops}, at.field("trusted_hops")));
  if (from.has_add_forwarded_for()) to.add_forwarded_for = from.add_forwarded_for();
  if (from.has_add_forwarded_proto()) to.add_forwarded_proto = from.add_forwarded_proto();
  if (from.has_add_forwarded_host()) to.add_forwarded_host = from.add_forwarded_host();
  to.via = from.via();
  if (!to.via.empty() && !http::isToken(to.via) && !http::isAuthority(to.via)) {
    at.field("via").error(base::concat("\"", to.via, "\" is not a name for Via"),
                          "write a word such as \"weir\" or \"host:port\"");
  }
  return to;
}

http::ClientCertificateHeader readClientCertificate(const v1::ClientCertificateHeader& from) {
  using Mode = http::ClientCertificateHeader::Mode;
  http::ClientCertificateHeader to;
  switch (from.mode()) {
    case v1::ClientCertificateHeader::MODE_FORWARD_ONLY:
      to.mode = Mode::kForwardOnly;
      break;
    case v1::ClientCertificateHeader::MODE_APPEND_FORWARD:
      to.mode = Mode::kAppendForward;
      break;
    case v1::ClientCertificateHeader::MODE_SANITIZE_SET:
      to.mode = Mode::kSanitizeSet;
      break;
    case v1::ClientCertificateHeader::MODE_ALWAYS_FORWARD_ONLY:
      to.mode = Mode::kAlwaysForwardOnly;
      break;
    default:
      to.mode = Mode::kSanitize;
  }
  to.subject = from.subject();
  if (from.has_uri()) to.uri = from.uri();
  to.dns = from.dns();
  to.certificate = from.certificate();
  return to;
}

http::PathNormalisation::Escaped readEscaped(v1::PathNormalisation::EscapedSlashes from) {
  using Escaped = http::PathNormalisation::Escaped;
  switch (from) {
    case v1::PathNormalisation::ESCAPED_SLASHES_KEEP:
      return Escaped::kKeep;
    case v1::PathNormalisation::ESCAPED_SLASHES_DECODE:
      return Escaped::kDecode;
    default:
      return Escaped::kReject;
  }
}

http::PathNormalisation readPathNormalisation(const v1::PathNormalisation& from) {
  http::PathNormalisation to;
  if (from.has_enabled()) to.enabled = from.enabled();
  if (from.has_merge_slashes()) to.merge_slashes = from.merge_slashes();
  to.escaped_slashes = readEscaped(from.escaped_slashes());
  if (from.has_reject_backslash()) to.reject_backslash = from.reject_backslash();
  return to;
}

http::RequestIdPolicy readRequestId(const v1::RequestId& from) {
  http::RequestIdPolicy to;
  if (from.has_generate()) to.generate = from.generate();
  to.add_to_response = from.add_to_response();
  return to;
}

std::string readServerName(const std::string& from, std::string fallback, const Cursor& at) {
  if (from.empty()) return fallback;
  if (from == kNone) return {};
  if (!http::isFieldValue(from)) at.error("has control characters", "write plain text");
  return from;
}

std::vector<std::string> readUpgrades(const v1::HttpConnectionManager& from, const Cursor& at) {
  if (from.upgrades().empty()) return {"websocket"};
  if (from.upgrades_size() == 1 && from.upgrades(0) == kNone) return {};
  std::set<std::string> protocols;
  for (int i = 0; i < from.upgrades_size(); ++i) {
    const Cursor here = at.at("upgrades", i);
    if (from.upgrades(i) == kNone) {
      here.error("\"-\" allows none and stands alone", "remove it or the others");
    } else if (!http::isToken(from.upgrades(i))) {
      here.error(base::concat("\"", from.upgrades(i), "\" is not a protocol"),
                 "write a word such as \"websocket\"");
    } else if (!protocols.insert(base::lowered(from.upgrades(i))).second) {
      here.error(base::concat("\"", from.upgrades(i), "\" is listed twice"), "remove one");
    }
  }
  return {protocols.begin(), protocols.end()};
}

// Counts what filter_statistics names: in its place stands one that counts.
void meterFilters(const v1::HttpConnectionManager& from, const Cursor& at, stats::Store& store,
                  http::ConnectionManagerConfig& to) {
  std::set<std::string, std::less<>> wanted;
  for (int i = 0; i < from.filter_statistics_size(); ++i) {
    const std::string& name = from.filter_statistics(i);
    const Cursor here = at.at("filter_statistics", i);
    std::vector<std::string> known;
    for (const auto& filter : to.filters) known.push_back(filter.name);
    if (!wanted.insert(name).second) {
      here.error(base::concat("\"", name, "\" is listed twice"), "remove one");
    } else if (name != kAll && std::find(known.begin(), known.end(), name) == known.end()) {
      here.error(
          base::concat("there is no \"", name, "\" among the http_filters"),
          known.empty() ? "the connection manager has none" : config::suggestion(name, known));
    }
  }
  if (!at.diagnostics().ok()) return;
  for (auto& filter : to.filters) {
    if (!wanted.contains(kAll) && !wanted.contains(filter.name)) continue;
    filter.factory = std::make_shared<http::MeteredFilterFactory>(
        std::move(filter.factory),
        http::FilterStatistics::create(store, to.stat_prefix, filter.name));
  }
}

// Positions of filters that do not meet every request in the same way.
std::set<uint32_t> routedFilters(std::span<const router::VirtualHost> hosts) {
  std::set<uint32_t> positions;
  for (const router::VirtualHost& host : hosts) {
    for (const router::RouteEntry& route : host.routes) {
      for (const http::RouteFilter& filter : route.filters) positions.insert(filter.position);
    }
  }
  return positions;
}

void compileRoutes(const v1::HttpConnectionManager& from, const Cursor& at,
                   std::span<const config::Compiler::HttpFilter> filters,
                   config::CompileContext& context, http::ConnectionManagerConfig& to) {
  if (from.has_route_provider()) {
    to.route_provider =
        context.compiler.routeProvider(from.route_provider(), at.field("route_provider"), context);
  }
  auto hosts = config::compileVirtualHosts(
      from.virtual_hosts(), at,
      {.context = context, .filters = filters, .required = !from.has_route_provider()});
  config::checkFilterOrder(filters, routedFilters(hosts), at);
  to.route_statistics = config::compileRouteStatistics(from.virtual_hosts(), at, to.stat_prefix,
                                                       context.stats, hosts);
  if (!at.diagnostics().ok()) return;
  auto table = router::RouteTable::compile(std::move(hosts));
  if (!table.ok()) {
    config::report(table.status(), at.field("virtual_hosts"));
    return;
  }
  to.terminal =
      router::createRouterFactory({.table = *table,
                                   .request_headers = config::compileHeaderRules(
                                       from.request_headers(), at.field("request_headers"))});
  to.response_headers =
      config::compileHeaderRules(from.response_headers(), at.field("response_headers"));
  to.routes_set_filters = (*table)->setsFilters();
  to.routes_set_limits = (*table)->setsLimits();
  to.routes = *std::move(table);
}

}  // namespace

std::shared_ptr<const http::ConnectionManagerConfig> compileConfig(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) {
  const auto& from = static_cast<const v1::HttpConnectionManager&>(config);
  auto to = std::make_shared<http::ConnectionManagerConfig>();
  to->stat_prefix = from.stat_prefix().empty() ? std::string(context.listener_name)  //
                                               : from.stat_prefix();
  to->server_name = readServerName(from.server_name(), to->server_name, at.field("server_name"));
  to->limits = readLimits(from.limits(), at.field("limits"));
  to->limits.allow_connect = from.allow_connect();
  to->max_request_body_bytes = from.limits().max_request_body_bytes();
  to->max_requests_per_connection = from.max_requests_per_connection();
  to->timeouts = readTimeouts(from.timeouts(), at.field("timeouts"));
  to->forwarded = readForwarded(from.forwarded(), at.field("forwarded"));
  to->client_certificate = readClientCertificate(from.client_certificate_header());
  to->request_id = readRequestId(from.request_id());
  to->path = readPathNormalisation(from.path_normalisation());
  to->upgrades = readUpgrades(from, at);
  if (from.has_allow_http2()) to->allow_http2 = from.allow_http2();
  to->http2 = config::readHttp2Options(from.http2(), at.field("http2"));
  to->http2.extended_connect = !to->upgrades.empty();
  if (from.has_http2() && !to->allow_http2) {
    at.field("http2").error("has no use, for allow_http2 is false", "remove one of the two");
  }
  std::vector<config::Compiler::HttpFilter> filters;
  for (int i = 0; i < from.http_filters_size(); ++i) {
    filters.push_back(
        context.compiler.httpFilter(from.http_filters(i), at.at("http_filters", i), context));
    const auto* const extension = filters.back().extension;
    to->filters.push_back({filters.back().name, filters.back().factory,
                           extension == nullptr ? "" : std::string(extension->name())});
  }
  to->reason_header = from.reason_header();
  compileRoutes(from, at, filters, context, *to);
  meterFilters(from, at, context.stats, *to);
  for (int i = 0; i < from.access_logs_size(); ++i) {
    to->access_loggers.push_back(
        context.compiler.accessLogger(from.access_logs(i), at.at("access_logs", i), context));
  }
  config::compileConditionalLogs(from.conditional_access_logs(), at, context, to->access_loggers);
  if (!at.diagnostics().ok()) return nullptr;
  return to;
}

std::shared_ptr<const network::NetworkFilterFactory> HttpConnectionManagerExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  auto compiled = compileConfig(config, at, context);
  if (compiled == nullptr) return nullptr;
  return std::make_shared<http::ConnectionManagerFactory>(std::move(compiled), context.stats);
}

}  // namespace weir::extensions::network_filters::http_connection_manager
