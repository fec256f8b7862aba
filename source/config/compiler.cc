#include "source/config/compiler.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"

#include "api/weir/config/v1/config.pb.h"
#include "source/base/concat.h"
#include "source/config/address_conflicts.h"
#include "source/config/aggregates.h"
#include "source/config/balancing_policy.h"
#include "source/config/extension_types.h"
#include "source/config/fields.h"
#include "source/config/health_options.h"
#include "source/config/own_message.h"

namespace weir::config {
namespace {

constexpr uint64_t kMaxWorkers = 1024;
constexpr uint32_t kMaxUnawaitedCalls = 1'000'000;
constexpr uint32_t kMaxRecentRequests = 1 << 20;

std::string_view levelName(v1::Log::Level level) {
  switch (level) {
    case v1::Log::LEVEL_TRACE:
      return "trace";
    case v1::Log::LEVEL_DEBUG:
      return "debug";
    case v1::Log::LEVEL_WARNING:
      return "warning";
    case v1::Log::LEVEL_ERROR:
      return "error";
    case v1::Log::LEVEL_OFF:
      return "off";
    default:
      return "info";
  }
}

std::unique_ptr<google::protobuf::Message> newMessage(const base::Extension& extension) {
  const auto* const prototype = prototypeOf(extension);
  return std::unique_ptr<google::protobuf::Message>(prototype == nullptr ? nullptr
                                                                         : prototype->New());
}

}  // namespace

void Compiler::compile(const v1::Config& config, const Cursor& at, Snapshot& snapshot) {
  if (config.listeners_size() == 0 && !config.has_admin()) {
    at.field("listeners").error("there is nothing to serve", "add a listener, or at least admin");
  }
  node_locality_ = config.node().locality();
  checkLocality(node_locality_, at.field("node").field("locality"));
  snapshot.health = readHealth(config.health(), at.field("health"));
  exec_programs_ = snapshot.health.exec_programs;
  dictionaries_.read(config, at);
  snapshot.shared_dictionaries = dictionaries_.list();
  collectClusterNames(config, at);
  for (int i = 0; i < config.clusters_size(); ++i) {
    snapshot.clusters.push_back(compileCluster(config.clusters(i), at.at("clusters", i)));
  }
  checkAggregates(snapshot.clusters, at);
  std::map<std::string, int> names;
  for (int i = 0; i < config.listeners_size(); ++i) {
    const v1::Listener& listener = config.listeners(i);
    const Cursor here = at.at("listeners", i);
    checkUnique(listener.name(), i, names, "listener", here.field("name"));
    snapshot.listeners.push_back(compileListener(listener, here));
  }
  compileAdmin(config, at.field("admin"), snapshot);
  compileRuntime(config.runtime(), at.field("runtime"), snapshot.runtime);
  checkAddresses(config, at, snapshot);
  snapshot.main_parts = std::move(main_parts_);
}

void Compiler::collectClusterNames(const v1::Config& config, const Cursor& at) {
  std::map<std::string, int> names;
  for (int i = 0; i < config.clusters_size(); ++i) {
    const std::string& name = config.clusters(i).name();
    const Cursor here = at.at("clusters", i).field("name");
    if (!require(name, here, "routes refer to it")) cluster_names_complete_ = false;
    checkUnique(name, i, names, "cluster", here);
  }
  for (const auto& [name, index] : names) cluster_names_.push_back(name);
}

void Compiler::checkCluster(std::string_view name, const Cursor& at) const {
  if (!require(name, at, "name a cluster of this file") || !cluster_names_complete_) return;
  if (std::binary_search(cluster_names_.begin(), cluster_names_.end(), name)) return;
  at.error(base::concat("there is no cluster \"", name, "\""),
           cluster_names_.empty() ? "the file defines none" : suggestion(name, cluster_names_));
}

void Compiler::checkSessionCluster(std::string_view name, const Cursor& at) const {
  checkCluster(name, at);
  const auto found = http_stickiness_.find(name);
  if (found == http_stickiness_.end()) return;
  at.error(base::concat("the clients of \"", name, "\" are known by stickiness/", found->second,
                        ", which needs HTTP, and here are connections"),
           "use stickiness/source_ip, or a cluster of its own without stickiness");
}

base::SharedDictionaries::List Compiler::sharedDictionaries() const {
  base::SharedDictionaries::List all;
  for (const SharedDictionaryConfig& entry : dictionaries_.list()) all.push_back(entry.dictionary);
  return all;
}

void Compiler::compileAdmin(const v1::Config& config, const Cursor& at, Snapshot& snapshot) {
  if (!config.has_admin()) return;
  const network::Address address =
      readAddress(config.admin().address(), /*allow_port_zero=*/true, at.field("address"));
  if (address.isIp() && !address.isLoopback() && !config.admin().allow_remote()) {
    at.field("address").error(
        base::concat(address.toString(), " can be reached from other hosts, and admin asks nobody ",
                     "who they are"),
        "use 127.0.0.1 or a unix address, or set allow_remote: true");
  }
  snapshot.admin_address = address;
}

void Compiler::compileRuntime(const v1::Runtime& from, const Cursor& at, RuntimeConfig& runtime) {
  runtime.workers =
      static_cast<uint32_t>(readNumber(from.workers(), {0, kMaxWorkers}, at.field("workers")));
  runtime.drain_timeout = readDuration(from.has_drain_timeout() ? &from.drain_timeout() : nullptr,
                                       runtime.drain_timeout, {std::chrono::milliseconds(0)},
                                       at.field("drain_timeout"));
  runtime.max_connections = static_cast<uint32_t>(
      readNumber(from.max_connections(), {0, kMaxConnections}, at.field("max_connections")));
  if (from.has_max_unawaited_calls()) {
    runtime.max_unawaited_calls = static_cast<uint32_t>(readNumber(
        from.max_unawaited_calls(), {0, kMaxUnawaitedCalls}, at.field("max_unawaited_calls")));
  }
  if (from.has_recent_requests()) {
    runtime.recent_requests = static_cast<uint32_t>(
        readNumber(from.recent_requests(), {0, kMaxRecentRequests}, at.field("recent_requests")));
  }
  runtime.log_level = levelName(from.log().level());
  if (from.log().path().empty()) return;
  const Cursor path = at.field("log").field("path");
  runtime.log_path = path.resolvePath(from.log().path());
  checkFolderExists(runtime.log_path, path);
}

void Compiler::checkAddresses(const v1::Config& config, const Cursor& at,
                              const Snapshot& snapshot) {
  AddressConflicts connections;
  AddressConflicts datagrams;  // ports of their own
  for (size_t i = 0; i < snapshot.listeners.size(); ++i) {
    const bool udp = config.listeners(static_cast<int>(i)).has_udp_filter();
    AddressConflicts& seen = udp ? datagrams : connections;
    seen.add(snapshot.listeners[i]->address,
             base::concat("listener \"", snapshot.listeners[i]->name, "\""),
             at.at("listeners", static_cast<int>(i)).field("address"));
  }
  if (config.has_admin()) {
    connections.add(*snapshot.admin_address, "admin", at.field("admin").field("address"));
  }
}

Compiler::Any Compiler::resolveAny(std::string_view category, const v1::Extension& from,
                                   const Cursor& at) {
  std::string_view type = from.config().type_url();
  if (type.starts_with(kTypeUrlPrefix)) type.remove_prefix(kTypeUrlPrefix.size());
  if (type.empty()) {
    at.field("config").error("is required",
                             base::concat("write config { [", category, "/NAME] { … } }"));
    return {};
  }
  Any found;
  found.extension = registry_.findByConfigType(category, type);
  if (found.extension == nullptr) {
    const std::vector<std::string> elsewhere = extensionsOfType(registry_, type);
    std::vector<std::string> known;
    for (const base::Extension* extension : registry_.entries()) {
      if (extension->category() == category) known.emplace_back(extension->name());
    }
    at.field("config").error(
        base::concat(absl::StrJoin(elsewhere, ", "), " cannot stand here"),
        known.empty()
            ? base::concat("this is a place for ", category, ", of which there are none")
            : base::concat("this is a place for ", category, ": ", absl::StrJoin(known, ", ")));
    return {};
  }
  found.config = newMessage(*found.extension);
  found.config->ParseFromString(from.config().value());
  found.name = from.name().empty() ? std::string(found.extension->name()) : from.name();
  return found;
}

Compiler::Any Compiler::defaultOf(std::string_view category, std::string_view name,
                                  const Cursor& at) {
  const auto extension = registry_.require(category, name);
  if (!extension.ok()) {
    report(extension.status(), at);
    return {};
  }
  auto message = newMessage(**extension);
  if (message == nullptr) {
    at.error(base::concat("the message of ", category, "/", name, " is not in this program"));
    return {};
  }
  return {*extension, std::move(message), std::string(name)};
}

Compiler::HttpFilter Compiler::httpFilter(const v1::Extension& from, const Cursor& at,
                                          CompileContext& context) {
  auto found = resolve<HttpFilterExtension>(from, at);
  if (!found) return {};
  auto factory = found.extension->compile(*found.config, at.field("config"), context);
  return {std::move(found.name), found.extension, std::move(factory),
          found.extension->order(*found.config)};
}

std::shared_ptr<const http::RouteProviderFactory> Compiler::routeProvider(const v1::Extension& from,
                                                                          const Cursor& at,
                                                                          CompileContext& context) {
  const auto found = resolve<RoutingExtension>(from, at);
  if (!found) return nullptr;
  return found.extension->compile(*found.config, at.field("config"), context);
}

std::shared_ptr<const http::AccessLoggerFactory> Compiler::accessLogger(const v1::Extension& from,
                                                                        const Cursor& at,
                                                                        CompileContext& context) {
  const auto found = resolve<AccessLoggerExtension>(from, at);
  if (!found) return nullptr;
  return found.extension->compile(*found.config, at.field("config"), context);
}

std::shared_ptr<const network::TransportSocketFactory> Compiler::compileTransport(
    const v1::Extension* from, bool downstream, const Cursor& at, CompileContext& context) {
  const Any found = from != nullptr ? resolveAny(TransportSocketExtension::kCategory, *from, at)
                                    : defaultOf(TransportSocketExtension::kCategory, "plain", at);
  if (found.extension == nullptr) return nullptr;
  return static_cast<const TransportSocketExtension*>(found.extension)
      ->compile(*found.config, downstream, at.field("config"), context);
}

}  // namespace weir::config
