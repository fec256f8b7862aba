#include "source/plugin/kinds/health_checker.h"

#include <cstddef>
#include <string>
#include <utility>

#include "source/config/extensions.h"
#include "source/plugin/kinds/all.h"
#include "source/plugin/kinds/probe.h"
#include "source/upstream/cluster_config.h"

namespace weir::plugin {
namespace {

// Main-thread only.
class PluginChecker final : public upstream::HealthChecker {
 public:
  PluginChecker(const Kind& kind, std::shared_ptr<const PluginConfig> config,
                base::ServiceMap& services, const upstream::ClusterConfig& cluster,
                const upstream::CheckSettings& settings)
      : functions_(readKind<weir_health_checker>(kind.raw())),
        cluster_(cluster.name),
        loop_(kind, std::move(config), services),
        connections_(services, cluster, settings) {}

  std::unique_ptr<upstream::HealthProbe> createProbe(const upstream::ProbeTarget& target,
                                                     upstream::ProbeListener& listener) override {
    const ProbeContext context{loop_, functions_, connections_, cluster_};
    return std::unique_ptr<upstream::HealthProbe>(new (functions_.state_size)
                                                      PluginProbe(context, target, listener));
  }

 private:
  const weir_health_checker functions_;
  const std::string cluster_;
  Loop loop_;
  upstream::ProbeConnections connections_;
};

// Immutable.
class PluginCheckerExtension final : public PluginExtension<config::HealthCheckerExtension> {
 public:
  using PluginExtension::PluginExtension;
  std::shared_ptr<const upstream::HealthCheckerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext&) const override {
    auto compiled = compilePluginConfig(kind(), config, at);
    if (compiled == nullptr) return nullptr;
    return std::make_shared<PluginCheckerFactory>(kind(), std::move(compiled));
  }
};

std::string check(const void* raw) {
  const auto functions = readKind<weir_health_checker>(raw);
  if (functions.start == nullptr) return "start is missing";
  return problemOfState(functions.state_size, functions.state_align);
}

}  // namespace

std::unique_ptr<upstream::HealthChecker> PluginCheckerFactory::create(
    base::ServiceMap& services, const upstream::ClusterConfig& cluster,
    const upstream::CheckSettings& settings) const {
  return std::make_unique<PluginChecker>(kind_, config_, services, cluster, settings);
}

constinit const KindType kHealthCheckerType{
    .type = WEIR_HEALTH_CHECKER,
    .category = config::HealthCheckerExtension::kCategory,
    .least_size = offsetof(weir_health_checker, on_closed) + sizeof(weir_health_checker::on_closed),
    .check = check,
    .make = [](const Kind& kind) -> std::unique_ptr<base::Extension> {
      return std::make_unique<PluginCheckerExtension>(kind);
    },
};

}  // namespace weir::plugin
