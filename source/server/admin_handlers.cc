#include "source/server/admin_handlers.h"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <fstream>
#include <optional>

#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/server/admin_clusters.h"
#include "source/server/admin_endpoints.h"
#include "source/server/admin_events.h"
#include "source/server/admin_explain.h"
#include "source/server/admin_json.h"
#include "source/server/admin_requests.h"
#include "source/server/dictionary_metrics.h"
#include "source/server/endpoint_metrics.h"
#include "source/server/server.h"
#include "source/server/sticky_metrics.h"
#include "source/server/version.h"

namespace weir::server {
namespace {

using Json = nlohmann::json;

Json stateOf(const Server& server) {
  const auto up = server.dispatcher().preciseNow() - server.started();
  return {{"state", phaseName(server.phase())},
          {"version", kVersion},
          {"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(up).count()},
          {"snapshot_version", server.snapshot().version},
          {"workers", server.workerCount()},
          {"open_connections", server.openConnections()}};
}

AdminReply ready(Server& server, const AdminRequest&) {
  return adminJson(stateOf(server), server.phase() == Phase::kServing ? 200 : 503);
}

AdminReply live(Server& server, const AdminRequest&) {
  return adminJson(stateOf(server));
}

uint64_t residentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Brings the gauges that are read rather than counted up to date.
void refreshProcessGauges(Server& server) {
  stats::Store& store = server.stats();
  const auto set = [&store](std::string_view name, std::string_view help, uint64_t value) {
    stats::Cell& cell = store.block(0).gauge(store.gauge(name, help));
    cell.add(value - cell.value());
  };
  const auto up = server.dispatcher().preciseNow() - server.started();
  set("uptime_seconds", "Seconds since the process began to serve.",
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(up).count()));
  set("resident_bytes", "Resident memory of the process.", residentBytes());
  set("open_connections", "Client connections open now, over all listeners.",
      server.openConnections());
  set("access_log_dropped_lines", "Access log lines that the disk could not keep up with.",
      server.files().dropped());
  set("draining", "1 while the process drains.", server.phase() == Phase::kDraining ? 1 : 0);
}

AdminReply stats(Server& server, const AdminRequest& request) {
  refreshProcessGauges(server);
  return {.body = server.stats().json(queryValue(request, "filter")) + "\n"};
}

AdminReply metrics(Server& server, const AdminRequest& request) {
  refreshProcessGauges(server);
  const std::string_view filter = queryValue(request, "filter");
  return {.body = server.stats().prometheus(filter) + endpointMetrics(server, filter) +
                  stickyMetrics(server, filter) + dictionaryMetrics(server, filter),
          .content_type = "text/plain; version=0.0.4; charset=utf-8"};
}

AdminReply listeners(Server& server, const AdminRequest&) {
  Json all = Json::array();
  for (const auto& [name, bound] : server.listenSockets().bound()) {
    Json chains = Json::array();
    for (const auto& chain : bound.config->filter_chains) chains.push_back(chain->name);
    all.push_back({{"name", name},
                   {"address", bound.sockets->address().toString()},
                   {"open_connections", bound.budget->open()},
                   {"max_connections", bound.config->max_connections},
                   {"filter_chains", std::move(chains)}});
  }
  return adminJson({{"listeners", std::move(all)}});
}

AdminReply config(Server& server, const AdminRequest& request) {
  if (queryValue(request, "format") == "text") {
    return {.body = server.snapshot().text, .content_type = "text/plain; charset=utf-8"};
  }
  return {.body = server.snapshot().json + "\n"};
}

AdminReply loggingState() {
  Json areas = Json::object();
  for (const auto& [area, level] : base::log::levels()) {
    areas[area.empty() ? "default" : area] = base::log::levelName(level);
  }
  return adminJson({{"levels", std::move(areas)}});
}

AdminReply logging(Server&, const AdminRequest&) {
  return loggingState();
}

AdminReply setLogging(Server&, const AdminRequest& request) {
  const std::string_view name = queryValue(request, "level");
  const std::optional<base::log::Level> level = base::log::parseLevel(name);
  if (!level.has_value()) {
    return adminError(
        400, base::concat("level \"", name,
                          "\" is not known; use trace, debug, info, warning, error or off"));
  }
  const std::string_view area = queryValue(request, "area");
  base::log::setLevel(area == "default" ? std::string_view() : area, *level);
  return loggingState();
}

AdminReply drain(Server& server, const AdminRequest&) {
  server.drain();
  return adminJson(stateOf(server));
}

AdminReply quit(Server& server, const AdminRequest&) {
  // After this answer has gone out.
  server.post([&server] { server.shutdown(); });
  return adminJson(stateOf(server));
}

AdminReply index(Server& server, const AdminRequest&) {
  Json all = Json::array();
  const auto add = [&all](std::string_view path, std::string_view method, std::string_view help) {
    all.push_back({{"path", path}, {"method", method}, {"help", help}});
  };
  for (const AdminEndpoint& endpoint : adminEndpoints()) {
    add(endpoint.path, endpoint.method, endpoint.help);
  }
  for (const auto& path : server.extensionPaths().list()) add(path->path, path->method, path->help);
  return adminJson({{"endpoints", std::move(all)}});
}

// Nothing: no extension has this path. `allow` gets the methods that it takes.
std::optional<AdminReply> askExtension(Server& server, const AdminRequest& request,
                                       std::string_view method, std::string& allow) {
  const ExtensionPaths& paths = server.extensionPaths();
  if (const auto found = paths.find(request.path, method)) {
    config::AdminPathReply reply =
        found->handle({.method = method, .path = request.path, .query = request.query});
    return AdminReply{.status = reply.status,
                      .body = std::move(reply.body),
                      .content_type = std::move(reply.content_type)};
  }
  for (const auto& path : paths.list()) {
    if (path->path == request.path) allow += (allow.empty() ? "" : ", ") + path->method;
  }
  return std::nullopt;
}

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hexValue(text[i + 1]) >= 0 &&
                        hexValue(text[i + 2]) >= 0;
    if (escape) {
      out.push_back(static_cast<char>(hexValue(text[i + 1]) * 16 + hexValue(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

}  // namespace

AdminReply adminJson(const nlohmann::json& value, uint16_t status) {
  return {.status = status,
          .body = value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"};
}

AdminReply adminError(uint16_t status, std::string what) {
  return adminJson({{"error", std::move(what)}}, status);
}

std::string_view queryValue(const AdminRequest& request, std::string_view name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<uint64_t> queryNumber(const AdminRequest& request, std::string_view name) {
  const std::string_view text = queryValue(request, name);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::map<std::string, std::string, std::less<>> parseQuery(std::string_view query) {
  std::map<std::string, std::string, std::less<>> values;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const size_t equals = pair.find('=');
    if (!pair.empty()) {
      values[decoded(pair.substr(0, equals))] =
          equals == std::string_view::npos ? std::string() : decoded(pair.substr(equals + 1));
    }
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return values;
}

const std::vector<AdminEndpoint>& adminEndpoints() {
  static const std::vector<AdminEndpoint> endpoints = {
      {"/", "GET", "This list.", index},
      {"/clusters", "GET", "Clusters: which endpoints get what share, and what they do.",
       showClusters},
      {"/config", "GET", "The running configuration; ?format=text for protobuf text.", config},
      {"/drain", "POST", "Stop accepting, finish what runs, stay up.", drain},
      {"/endpoints/disable", "POST",
       "?cluster=NAME&endpoint=ID[&revision=N] takes an endpoint out; what runs may finish.",
       disableEndpoint},
      {"/endpoints/drain", "POST",
       "?cluster=NAME&endpoint=ID[&revision=N] the same, but clients that belong to it stay.",
       drainEndpoint},
      {"/endpoints/enable", "POST",
       "?cluster=NAME&endpoint=ID[&revision=N] brings an endpoint back, as its health allows.",
       enableEndpoint},
      {"/events", "GET",
       "What has happened to endpoints; ?since=SEQUENCE&cluster=&endpoint=&kind=&limit=&wait=30s.",
       showEvents},
      {"/listeners", "GET", "Listeners, their addresses and open connections.", listeners},
      {"/live", "GET", "200 while the process lives.", live},
      {"/logging", "GET", "Levels of the operational log.", logging},
      {"/logging", "POST", "?level=LEVEL[&area=AREA] sets a level.", setLogging},
      {"/explain", "POST",
       "What would become of a request, or why one became what it did: JSON with url, or "
       "request_id; ?format=text.",
       explainRequest},
      {"/metrics", "GET", "Statistics in Prometheus text format; ?filter=TEXT.", metrics},
      {"/quit", "POST", "Graceful shutdown.", quit},
      {"/ready", "GET", "200 while serving, 503 while starting or draining.", ready},
      {"/requests", "GET", "The last exchanges, newest first; ?id=&status=&limit=.", showRequests},
      {"/stats", "GET", "Statistics as JSON; ?filter=TEXT.", stats},
  };
  return endpoints;
}

AdminReply handleAdmin(Server& server, const AdminRequest& request) {
  std::string allow;
  const std::string_view method = request.method == "HEAD" ? "GET" : request.method;
  for (const AdminEndpoint& endpoint : adminEndpoints()) {
    if (endpoint.path != request.path) continue;
    if (endpoint.method == method) return endpoint.handle(server, request);
    allow += (allow.empty() ? "" : ", ") + std::string(endpoint.method);
  }
  if (auto reply = askExtension(server, request, method, allow)) return *std::move(reply);
  if (allow.empty()) {
    return adminError(404,
                      base::concat("no such path: ", request.path, "; GET / lists what there is"));
  }
  AdminReply reply = adminError(405, base::concat(request.path, " takes ", allow));
  reply.allow = allow;
  return reply;
}

}  // namespace weir::server
