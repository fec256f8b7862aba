#include "extensions/network_filters/sni_cluster/config.h"

#include "api/weir/extensions/network_filters/sni_cluster/v1/sni_cluster.pb.h"
#include "extensions/network_filters/sni_cluster/sni_cluster.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"

namespace weir::extensions::network_filters::sni_cluster {
namespace {

void readClusters(const v1::SniCluster& from, const config::Cursor& at,
                  const config::Compiler& compiler, SniClusterConfig& to) {
  for (const auto& [text, cluster] : from.clusters()) {
    compiler.checkSessionCluster(cluster, at);
    const std::string name = base::lowered(text);
    const bool wildcard = name.starts_with("*.");
    const std::string_view host = std::string_view(name).substr(wildcard ? 2 : 0);
    if (host.empty() || host.front() == '.' || host.find('*') != std::string_view::npos) {
      at.error(base::concat("\"", text, "\" is not a server name"),
               "write a host name such as \"shop.example\" or \"*.shop.example\"");
      continue;
    }
    auto& table = wildcard ? to.suffixes : to.exact;
    if (!table.emplace(wildcard ? name.substr(1) : name, cluster).second) {
      at.error(base::concat("\"", name, "\" is listed twice"), "remove one");
    }
  }
}

}  // namespace

std::shared_ptr<const network::NetworkFilterFactory> SniClusterExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::SniCluster&>(config);
  const size_t problems = at.diagnostics().list().size();
  auto to = std::make_shared<SniClusterConfig>();
  to->prefix = from.prefix();
  to->suffix = from.suffix();
  readClusters(from, at.field("clusters"), context.compiler, *to);
  to->listed_only = from.listed_only();
  if (from.listed_only() && (!from.prefix().empty() || !from.suffix().empty())) {
    at.field("listed_only")
        .error("prefix and suffix would never be used", "remove them, or listed_only");
  }
  if (from.listed_only() && from.clusters().empty()) {
    at.field("listed_only").error("nothing is listed", "fill clusters, or remove listed_only");
  }
  to->close_without = from.fallback() == v1::FALLBACK_CLOSE;
  if (at.diagnostics().list().size() > problems) return nullptr;
  const stats::Labels labels{{"filter", from.stat_prefix().empty()
                                            ? std::string(context.listener_name)
                                            : from.stat_prefix()}};
  to->stats.chosen = context.stats.counter(
      "sni_cluster_chosen_total", "Connections whose server name chose their cluster.", labels);
  to->stats.without = context.stats.counter(
      "sni_cluster_without_total", "Connections without a server name that has a cluster.", labels);
  return std::make_shared<SniClusterFactory>(std::move(to));
}

}  // namespace weir::extensions::network_filters::sni_cluster
