#include "source/explain/offline.h"

#include <algorithm>
#include <set>
#include <vector>

#include "source/base/file_writer.h"
#include "source/base/service_map.h"
#include "source/base/shared_dictionary.h"
#include "source/base/task_pool.h"
#include "source/base/worker_place.h"
#include "source/event/uv_dispatcher.h"
#include "source/network/io_context.h"
#include "source/router/worker_http_calls.h"
#include "source/upstream/cluster_set.h"
#include "source/upstream/trouble.h"

namespace weir::explain {
namespace {

class NoTroubles final : public upstream::TroubleSink {
 public:
  void report(std::string_view, std::string_view, upstream::Trouble) override {}
};

using Clusters = std::vector<std::shared_ptr<const upstream::ClusterConfig>>;

// Those, and those that they stand for.
Clusters reached(const std::vector<std::string>& names, const config::Snapshot& snapshot) {
  std::set<std::string> wanted(names.begin(), names.end());
  for (size_t before = 0; before != wanted.size();) {
    before = wanted.size();
    for (const auto& cluster : snapshot.clusters) {
      if (!wanted.contains(cluster->name)) continue;
      wanted.insert(cluster->clusters.begin(), cluster->clusters.end());
    }
  }
  Clusters found;
  std::copy_if(snapshot.clusters.begin(), snapshot.clusters.end(), std::back_inserter(found),
               [&](const auto& cluster) { return wanted.contains(cluster->name); });
  return found;
}

}  // namespace

absl::Status askOffline(Inquiry& inquiry, const config::Snapshot& snapshot, stats::Store& stats) {
  const std::vector<std::string> names = inquiry.clusters();
  if (names.empty()) return absl::OkStatus();
  auto dispatcher = event::UvDispatcher::create();
  if (!dispatcher.ok()) return dispatcher.status();
  {
    network::IoContext io(**dispatcher, 0);
    base::FileWriter files;
    base::TaskPool tasks;
    NoTroubles troubles;
    base::SharedDictionaries dictionaries;
    base::WorkerPlace place{0, 1};
    base::ServiceMap services;
    services.put<event::Dispatcher>(**dispatcher);
    services.put(io);
    services.put(stats);
    services.put(stats.block(1));
    services.put(files);
    services.put(tasks);
    services.put<upstream::TroubleSink>(troubles);
    services.put(dictionaries);
    services.put(place);
    upstream::ClusterSet clusters(services);
    services.put(clusters);
    router::WorkerHttpCalls calls(services);
    services.put<router::HttpCalls>(calls);
    clusters.apply(reached(names, snapshot));
    inquiry.askClusters(clusters);
    calls.endAll();
    clusters.apply({});
    (*dispatcher)->stop();
    (*dispatcher)->run();  // what is destroyed a little later needs what is here
  }
  return absl::OkStatus();
}

}  // namespace weir::explain
