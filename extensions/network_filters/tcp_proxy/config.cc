#include "extensions/network_filters/tcp_proxy/config.h"

#include <map>
#include <string>
#include <utility>

#include "api/weir/extensions/network_filters/tcp_proxy/v1/tcp_proxy.pb.h"
#include "extensions/network_filters/tcp_proxy/tcp_proxy.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"
#include "source/config/log_conditions.h"

namespace weir::extensions::network_filters::tcp_proxy {
namespace {

using config::Cursor;
using std::chrono::milliseconds;

constexpr uint64_t kMaxWeight = 1'000'000;
constexpr uint64_t kMaxAttempts = 16;

void readWeighted(const v1::WeightedClusters& from, const Cursor& at,
                  const config::Compiler& compiler, TcpProxyConfig& to) {
  std::map<std::string, int> names;
  for (int i = 0; i < from.clusters_size(); ++i) {
    const v1::WeightedCluster& cluster = from.clusters(i);
    const Cursor here = at.at("clusters", i);
    compiler.checkSessionCluster(cluster.cluster(), here.field("cluster"));
    config::checkUnique(cluster.cluster(), i, names, "cluster", here.field("cluster"));
    const uint64_t weight = cluster.has_weight() ? cluster.weight() : 1;
    to.targets.push_back({cluster.cluster(), static_cast<uint32_t>(config::readNumber(
                                                 weight, {0, kMaxWeight}, here.field("weight")))});
    to.total_weight += to.targets.back().weight;
  }
  if (to.targets.empty()) {
    at.field("clusters").error("is empty", "name at least one");
  } else if (to.total_weight == 0) {
    at.field("clusters").error("no cluster has a weight", "give one of them more than 0");
  }
}

void readDestination(const v1::TcpProxy& from, const Cursor& at, const config::Compiler& compiler,
                     TcpProxyConfig& to) {
  switch (from.destination_case()) {
    case v1::TcpProxy::kCluster:
      compiler.checkSessionCluster(from.cluster(), at.field("cluster"));
      to.targets.push_back({from.cluster(), 1});
      return;
    case v1::TcpProxy::kWeightedClusters:
      return readWeighted(from.weighted_clusters(), at.field("weighted_clusters"), compiler, to);
    case v1::TcpProxy::DESTINATION_NOT_SET:
      return;
  }
}

milliseconds timeout(const google::protobuf::Duration* value, milliseconds fallback,
                     const Cursor& at) {
  return config::readDuration(value, fallback, {milliseconds(0)}, at);
}

}  // namespace

std::shared_ptr<const network::NetworkFilterFactory> TcpProxyExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::TcpProxy&>(config);
  const size_t problems = at.diagnostics().list().size();
  auto to = std::make_shared<TcpProxyConfig>();
  readDestination(from, at, context.compiler, *to);
  to->hash_source_ip = from.hash_policy() == v1::HASH_POLICY_SOURCE_IP;
  to->max_connect_attempts = static_cast<uint32_t>(
      config::readNumberOr(from.max_connect_attempts(), to->max_connect_attempts, {1, kMaxAttempts},
                           at.field("max_connect_attempts")));
  to->idle_timeout = timeout(from.has_idle_timeout() ? &from.idle_timeout() : nullptr,
                             to->idle_timeout, at.field("idle_timeout"));
  to->max_duration =
      timeout(from.has_max_connection_duration() ? &from.max_connection_duration() : nullptr,
              to->max_duration, at.field("max_connection_duration"));
  config::CompileContext logging = context;
  logging.logs_connections = true;
  for (int i = 0; i < from.access_logs_size(); ++i) {
    to->access_loggers.push_back(
        context.compiler.accessLogger(from.access_logs(i), at.at("access_logs", i), logging));
  }
  config::compileConditionalLogs(from.conditional_access_logs(), at, logging, to->access_loggers);
  to->log_at_connect = from.log_at_connect();
  if (to->log_at_connect && to->access_loggers.empty()) {
    at.field("log_at_connect").error("there is nowhere to log", "add access_logs, or remove it");
  }
  if (at.diagnostics().list().size() > problems) return nullptr;
  to->stats = TcpProxyStats::create(context.stats, from.stat_prefix().empty()
                                                       ? std::string(context.listener_name)
                                                       : from.stat_prefix());
  return std::make_shared<TcpProxyFactory>(std::move(to));
}

}  // namespace weir::extensions::network_filters::tcp_proxy
