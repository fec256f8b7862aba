#include "extensions/network_filters/sni_cluster/sni_cluster.h"

#include "source/base/ascii.h"
#include "source/network/filter_chain.h"

namespace weir::extensions::network_filters::sni_cluster {
namespace {

// What the filters of one worker share. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<const SniClusterConfig> configuration, base::ServiceMap& services)
      : config(std::move(configuration)),
        clusters(services.get<upstream::ClusterSet>()),
        chosen(services.get<stats::Block>().counter(config->stats.chosen)),
        without(services.get<stats::Block>().counter(config->stats.without)) {}
  const std::shared_ptr<const SniClusterConfig> config;
  upstream::ClusterSet& clusters;
  stats::Cell& chosen;
  stats::Cell& without;
  std::string room;  // kept, so that its memory is
};

// Worker-confined.
class SniClusterFilter final : public network::NetworkFilter {
 public:
  explicit SniClusterFilter(Shared& shared) : shared_(shared) {}

  network::Verdict onConnected() override {
    const std::string_view name = chain().serverName();
    const std::string_view cluster =
        name.empty() ? std::string_view() : shared_.config->clusterFor(name, shared_.room);
    if (!cluster.empty() && shared_.clusters.find(cluster)) {
      shared_.chosen.add();
      chain().mutableInfo().cluster = cluster;
      return network::Verdict::kContinue;
    }
    shared_.without.add();
    if (shared_.config->close_without)
      chain().connection().close(network::CloseMode::kFlushNoLinger);
    return network::Verdict::kContinue;
  }
  network::Verdict onData(buffer::Buffer&, bool) override { return network::Verdict::kContinue; }
  bool wantsReads() const override { return false; }
  void onClose(network::CloseReason) override {}

 private:
  Shared& shared_;
};

// Worker-confined.
class WorkerSniClusterFactory final : public network::WorkerNetworkFilterFactory {
 public:
  WorkerSniClusterFactory(std::shared_ptr<const SniClusterConfig> config,
                          base::ServiceMap& services)
      : shared_(std::move(config), services) {}
  std::unique_ptr<network::NetworkFilter> create() override {
    return std::make_unique<SniClusterFilter>(shared_);
  }

 private:
  Shared shared_;
};

}  // namespace

std::string_view SniClusterConfig::clusterFor(std::string_view name, std::string& room) const {
  const auto listed = exact.find(name);
  if (listed != exact.end()) return listed->second;
  for (size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
    const auto below = suffixes.find(name.substr(dot));
    if (dot > 0 && below != suffixes.end()) return below->second;
  }
  if (listed_only) return {};
  room.assign(prefix);
  room.append(name);
  room.append(suffix);
  return room;
}

std::unique_ptr<network::WorkerNetworkFilterFactory> SniClusterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerSniClusterFactory>(config_, services);
}

}  // namespace weir::extensions::network_filters::sni_cluster
