#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/config/diagnostics.h"
#include "source/config/extensions.h"
#include "source/config/shared_dictionaries.h"
#include "source/config/snapshot.h"

namespace weir::config::v1 {
class Cluster;
class Config;
class Extension;
class FilterChain;
class FilterChainMatch;
class HealthCheck;
class Listener;
class RouteFilter;
class Runtime;
}  // namespace weir::config::v1

namespace weir::config {

// Turns one parsed file into a snapshot, and serves the extensions in it while they compile.
// Reports everything that is wrong; the snapshot is only of use when nothing was. Main-thread only;
// for one file.
class Compiler {
 public:
  // Live counts of clusters by name, which outlast one configuration.
  using Usages = std::map<std::string, std::weak_ptr<upstream::ClusterUsage>, std::less<>>;

  Compiler(const base::Registry& registry, stats::Store& stats, Usages& usages,
           DictionaryCompiler::Known& dictionaries)
      : registry_(registry), stats_(stats), usages_(usages), dictionaries_(dictionaries) {}

  void compile(const v1::Config& config, const Cursor& at, Snapshot& snapshot);

  // For extensions -------------------------------------------------------------------------------

  // One of `T`'s category with its configuration, as `at` (an Extension field) names it; an empty
  // one after reporting what is wrong.
  template <class T>
  struct Resolved {
    const T* extension = nullptr;
    std::unique_ptr<google::protobuf::Message> config;
    std::string name;  // the user's label or the extension's name

    explicit operator bool() const { return extension != nullptr; }
  };
  template <class T>
  Resolved<T> resolve(const v1::Extension& from, const Cursor& at) {
    Any any = resolveAny(T::kCategory, from, at);
    return {static_cast<const T*>(any.extension), std::move(any.config), std::move(any.name)};
  }
  // An HTTP filter as compiled; without factory after an error, without extension when it is none
  // at all.
  struct HttpFilter {
    std::string name;
    const HttpFilterExtension* extension = nullptr;
    std::shared_ptr<const http::HttpFilterFactory> factory;
    FilterOrder order = {};
  };
  // `context` is the caller's own, here and below.
  HttpFilter httpFilter(const v1::Extension& from, const Cursor& at, CompileContext& context);
  // What a route or virtual host says of one of `filters`; nothing after an error.
  std::optional<http::RouteFilter> routeFilter(const v1::RouteFilter& from,
                                               std::span<const HttpFilter> filters,
                                               const Cursor& at, CompileContext& context);
  // Null after an error, as with those that follow.
  std::shared_ptr<const http::RouteProviderFactory> routeProvider(const v1::Extension& from,
                                                                  const Cursor& at,
                                                                  CompileContext& context);
  std::shared_ptr<const http::AccessLoggerFactory> accessLogger(const v1::Extension& from,
                                                                const Cursor& at,
                                                                CompileContext& context);
  // `from` null: plain.
  std::shared_ptr<const network::TransportSocketFactory> compileTransport(const v1::Extension* from,
                                                                          bool downstream,
                                                                          const Cursor& at,
                                                                          CompileContext& context);
  // An algorithm, for whoever nests another one. `from` null: round_robin.
  std::shared_ptr<const upstream::LoadBalancerFactory> loadBalancing(const v1::Extension* from,
                                                                     const Cursor& at,
                                                                     CompileContext& context);
  // Reports a reference to a cluster that the file does not define.
  void checkCluster(std::string_view name, const Cursor& at) const;
  // The same for one that gets L4 sessions; also reports a stickiness that knows clients of HTTP
  // alone.
  void checkSessionCluster(std::string_view name, const Cursor& at) const;
  // The dictionary of this name; null after reporting that the file does not define it.
  std::shared_ptr<base::SharedDictionary> sharedDictionary(std::string_view name,
                                                           const Cursor& at) const {
    return dictionaries_.find(name, at);
  }
  // All that the file defines: for scripts, which name them only when they run.
  base::SharedDictionaries::List sharedDictionaries() const;
  // False: that cluster's load balancing has no use for hash keys.
  bool mayHash(std::string_view cluster) const {
    return not_hashing_.find(cluster) == not_hashing_.end();
  }
  // False: that cluster's load balancing does not look at what routes ask of metadata.
  bool mayMatchMetadata(std::string_view cluster) const {
    return not_matching_.find(cluster) == not_matching_.end();
  }
  // That cluster binds clients to endpoints.
  bool hasStickiness(std::string_view cluster) const {
    return sticky_.find(cluster) != sticky_.end();
  }

 private:
  struct Any {
    const base::Extension* extension = nullptr;
    std::unique_ptr<google::protobuf::Message> config;
    std::string name;
  };
  Any resolveAny(std::string_view category, const v1::Extension& from, const Cursor& at);
  // The default of a category, with an empty configuration.
  Any defaultOf(std::string_view category, std::string_view name, const Cursor& at);
  CompileContext context(std::string_view listener_name = {}) {
    return {.registry = registry_,
            .stats = stats_,
            .compiler = *this,
            .listener_name = listener_name,
            .main_parts = main_parts_,
            .exec_programs = exec_programs_};
  }

  void collectClusterNames(const v1::Config& config, const Cursor& at);
  void compileAdmin(const v1::Config& config, const Cursor& at, Snapshot& snapshot);
  void compileRuntime(const v1::Runtime& from, const Cursor& at, RuntimeConfig& runtime);
  void checkAddresses(const v1::Config& config, const Cursor& at, const Snapshot& snapshot);

  std::shared_ptr<const upstream::ClusterConfig> compileCluster(const v1::Cluster& from,
                                                                const Cursor& at);
  upstream::Discovery compileDiscovery(const v1::Cluster& from, const Cursor& at);
  // What Cluster.endpoints lists; `names`: hosts may be names.
  std::vector<upstream::EndpointEntry> readEntries(const v1::Cluster& from, bool names,
                                                   const Cursor& at);
  void compileHealth(const v1::Cluster& from, const Cursor& at, upstream::ClusterConfig& to);
  std::shared_ptr<const upstream::HealthCheckConfig> compileHealthCheck(
      const v1::HealthCheck& from, const v1::Cluster& cluster, const Cursor& at,
      const upstream::ClusterConfig& to);
  void compileStickiness(const v1::Cluster& from, const Cursor& at, upstream::ClusterConfig& to);
  void noteHashing(const upstream::ClusterConfig& cluster, const Cursor& at);
  std::shared_ptr<upstream::ClusterUsage> usageOf(const std::string& cluster);

  std::shared_ptr<const network::ListenerConfig> compileListener(const v1::Listener& from,
                                                                 const Cursor& at);
  std::shared_ptr<const network::FilterChainConfig> compileFilterChain(const v1::FilterChain& from,
                                                                       int position,
                                                                       const std::string& listener,
                                                                       const Cursor& at);
  void compileNetworkFilters(const v1::FilterChain& from, const Cursor& at, CompileContext& context,
                             network::FilterChainConfig& chain);
  // A listener that takes datagrams.
  void compileUdpListener(const v1::Listener& from, const Cursor& at,
                          network::ListenerConfig& listener);
  void compileListenerFilters(const v1::Listener& from, const Cursor& at,
                              network::ListenerConfig& listener);

  const base::Registry& registry_;
  stats::Store& stats_;
  Usages& usages_;
  DictionaryCompiler dictionaries_;
  std::vector<std::shared_ptr<MainPart>> main_parts_;
  std::string node_locality_;
  uint32_t exec_programs_ = 0;
  std::vector<std::string> cluster_names_;  // sorted
  bool cluster_names_complete_ = true;
  std::set<std::string, std::less<>> not_hashing_;   // clusters
  std::set<std::string, std::less<>> not_matching_;  // clusters
  std::set<std::string, std::less<>> sticky_;        // clusters
  // Clusters whose stickiness is for HTTP alone, and its name.
  std::map<std::string, std::string, std::less<>> http_stickiness_;
};

}  // namespace weir::config
