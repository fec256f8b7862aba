#include "extensions/clusters/aggregate/config.h"

#include <map>
#include <string>

#include "api/weir/extensions/clusters/aggregate/v1/aggregate.pb.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"

namespace weir::extensions::clusters::aggregate {
namespace {

constexpr int kMostClusters = 16;

}  // namespace

upstream::Discovery AggregateExtension::compile(const google::protobuf::Message& config,
                                                const config::Cursor& at,
                                                config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Aggregate&>(config);
  if (from.clusters_size() == 0) {
    at.field("clusters").error("an aggregate needs a cluster", "add clusters: \"primary\"");
  }
  if (from.clusters_size() > kMostClusters) {
    at.at("clusters", kMostClusters)
        .error(base::concat("there are ", from.clusters_size(), " clusters"),
               base::concat("at most ", kMostClusters, " are allowed"));
  }
  upstream::Discovery made;
  std::map<std::string, int> names;
  for (int i = 0; i < from.clusters_size(); ++i) {
    const config::Cursor here = at.at("clusters", i);
    context.compiler.checkCluster(from.clusters(i), here);
    config::checkUnique(from.clusters(i), i, names, "cluster", here);
    made.clusters.push_back(from.clusters(i));
  }
  return made;
}

}  // namespace weir::extensions::clusters::aggregate
