#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"

#include "source/config/snapshot.h"
#include "source/explain/explanation.h"
#include "source/explain/request.h"
#include "source/router/route_table.h"
#include "source/upstream/cluster_set.h"

namespace weir::explain {

// One question about one configuration, answered in two steps: what the configuration alone
// decides, and what clusters would choose, which only those know who have them. Changes nothing
// that it looks at. Worker-confined: one thread has it at a time.
class Inquiry {
 public:
  // With the first step done. The error is about the question, not about what comes of it.
  static absl::StatusOr<std::unique_ptr<Inquiry>> begin(
      std::shared_ptr<const config::Snapshot> snapshot, const Question& question);

  // Names of the clusters that the second step is about; none: there is no second step.
  std::vector<std::string> clusters() const;
  // The second step. On the thread whose clusters they are.
  void askClusters(const upstream::ClusterSet& set);

  Explanation& explanation() { return said_; }
  const Explanation& explanation() const { return said_; }

 private:
  Inquiry(std::shared_ptr<const config::Snapshot> snapshot, std::unique_ptr<Request> request)
      : snapshot_(std::move(snapshot)), request_(std::move(request)) {}

  void findListener(const Question& question);
  void findFilterChain(const network::ListenerConfig& listener);
  void routeHttp(const http::ConnectionManagerConfig& manager);
  void sayFilters(const http::ConnectionManagerConfig& manager, const router::RouteEntry* route);
  void sayAction(const router::RouteEntry& route);
  void sayTargets(const router::RouteEntry& route);
  void askCluster(const upstream::ClusterSet& set, const std::string& name,
                  const router::ClusterAction& action);
  void refuse(uint16_t status, std::string outcome);

  const std::shared_ptr<const config::Snapshot> snapshot_;
  const std::unique_ptr<Request> request_;
  Explanation said_;
  struct Target {
    std::string cluster;
    const router::ClusterAction* action;
  };
  std::vector<Target> targets_;
};

}  // namespace weir::explain
