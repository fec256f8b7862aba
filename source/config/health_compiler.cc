// The part of Compiler that deals with the health of a cluster's endpoints and with stickiness.

#include <map>
#include <utility>

#include "api/weir/config/v1/cluster.pb.h"
#include "api/weir/config/v1/extension.pb.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"
#include "source/config/health_options.h"

namespace weir::config {
namespace {

constexpr int kMostChecks = 8;

// As messages that name an extension by themselves have it.
v1::Extension extensionOf(const google::protobuf::Any& config, const std::string& name = {}) {
  v1::Extension extension;
  extension.set_name(name);
  *extension.mutable_config() = config;
  return extension;
}

void refuseWithoutConnection(bool given, std::string_view field, std::string_view checker,
                             const Cursor& at) {
  if (!given) return;
  at.field(field).error(
      base::concat("is about connections, of which health_checkers/", checker, " makes none"),
      "remove it");
}

// What all but the times was made of.
std::string identityOf(const v1::HealthCheck& from, const upstream::ClusterConfig& cluster) {
  return base::concat(from.config().SerializeAsString(), "\n", from.port(), " ",
                      from.new_connections() ? "new " : "kept ",
                      from.plain() ? std::string("plain") : cluster.transport_identity);
}

void checkPort(const v1::HealthCheck& from, const v1::Cluster& cluster, const Cursor& at) {
  if (from.port() == 0) return;
  for (const v1::Endpoint& endpoint : cluster.endpoints()) {
    if (endpoint.address().rfind("unix:", 0) != 0) continue;
    at.field("port").error(
        base::concat("the endpoint \"", endpoint.address(), "\" is a unix socket and has no port"),
        "leave it out, or put unix sockets into a cluster of their own");
    return;
  }
}

}  // namespace

void Compiler::compileHealth(const v1::Cluster& from, const Cursor& at,
                             upstream::ClusterConfig& to) {
  to.drain = readDrainPolicy(from.drain(), at.field("drain"));
  const bool own_endpoints = to.endpoint_source == nullptr && to.clusters.empty();
  if (!own_endpoints) {
    if (from.health_checks_size() > 0) {
      at.at("health_checks", 0)
          .error("this cluster has no endpoints of its own that could be checked",
                 to.clusters.empty() ? "remove health_checks"
                                     : "put health_checks into the clusters that it stands for");
    }
    if (from.has_outlier_detection()) {
      at.field("outlier_detection")
          .error("this cluster has no endpoints of its own that could be taken out",
                 to.clusters.empty()
                     ? "remove outlier_detection"
                     : "put outlier_detection into the clusters that it stands for");
    }
    return;
  }
  if (from.has_outlier_detection()) {
    to.outliers = readOutlierPolicy(from.outlier_detection(), at.field("outlier_detection"));
  }
  if (from.health_checks_size() > kMostChecks) {
    at.at("health_checks", kMostChecks)
        .error(base::concat("a cluster has at most ", kMostChecks, " checks"), "leave some out");
  }
  std::map<std::string, int> names;
  for (int i = 0; i < from.health_checks_size(); ++i) {
    const Cursor here = at.at("health_checks", i);
    auto check = compileHealthCheck(from.health_checks(i), from, here, to);
    if (check == nullptr) continue;
    checkUnique(check->name, i, names, "check",
                here.field(from.health_checks(i).name().empty() ? "config" : "name"));
    if (check->times.first_check_waits) to.policy.unknown_waits = true;
    to.health_checks.push_back(std::move(check));
  }
}

std::shared_ptr<const upstream::HealthCheckConfig> Compiler::compileHealthCheck(
    const v1::HealthCheck& from, const v1::Cluster& cluster, const Cursor& at,
    const upstream::ClusterConfig& to) {
  auto check = std::make_shared<upstream::HealthCheckConfig>();
  check->times = readCheckTimes(from, at);
  check->port = static_cast<uint16_t>(readNumberOr(from.port(), 0, {1, 65535}, at.field("port")));
  checkPort(from, cluster, at);
  check->settings.reuse_connection = !from.new_connections();
  check->identity = identityOf(from, to);
  const auto found = resolve<HealthCheckerExtension>(extensionOf(from.config(), from.name()), at);
  if (!found) return nullptr;
  check->name = found.name;
  if (!found.extension->connects()) {
    const std::string_view checker = found.extension->name();
    refuseWithoutConnection(from.new_connections(), "new_connections", checker, at);
    refuseWithoutConnection(from.plain(), "plain", checker, at);
  }
  CompileContext here = context();
  here.cluster_name = cluster.name();
  if (!from.plain()) {
    check->settings.transport = to.transport;
    here.application_protocols = found.extension->applicationProtocols(*found.config);
    if (to.transport != nullptr && !here.application_protocols.empty()) {
      check->settings.transport =
          compileTransport(cluster.has_transport_socket() ? &cluster.transport_socket() : nullptr,
                           /*downstream=*/false, at.field("config"), here);
    }
  }
  check->factory = found.extension->compile(*found.config, at.field("config"), here);
  return check->factory != nullptr ? check : nullptr;
}

void Compiler::compileStickiness(const v1::Cluster& from, const Cursor& at,
                                 upstream::ClusterConfig& to) {
  if (!from.has_stickiness()) return;
  const Cursor here = at.field("stickiness");
  if (to.endpoint_source != nullptr || !to.clusters.empty()) {
    here.error("this cluster has no endpoints of its own that clients could stay with",
               to.clusters.empty() ? "remove stickiness"
                                   : "put stickiness into the clusters that it stands for");
    return;
  }
  to.sticky_policy.strict = from.stickiness().strict();
  to.sticky_policy.keep_draining = !from.stickiness().leave_draining();
  to.stickiness_identity =
      base::concat("stickiness ", from.stickiness().config().SerializeAsString());
  const auto found = resolve<StickinessExtension>(extensionOf(from.stickiness().config()), here);
  if (!found) return;
  CompileContext context = this->context();
  context.cluster_name = to.name;
  to.stickiness = found.extension->compile(*found.config, here.field("config"), context);
  if (to.stickiness == nullptr) return;
  sticky_.insert(to.name);
  to.stickiness_identity += to.stickiness->fingerprint();
  if (!to.stickiness->servesConnections()) {
    http_stickiness_.emplace(to.name, std::string(to.stickiness->name()));
  }
}

}  // namespace weir::config
