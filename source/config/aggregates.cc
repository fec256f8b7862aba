#include "source/config/aggregates.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "api/weir/config/v1/cluster.pb.h"
#include "source/base/concat.h"

namespace weir::config {
namespace {

constexpr size_t kDeepest = 4;

// Who stands for whom. Main-thread only.
class Aggregates {
 public:
  explicit Aggregates(const std::vector<std::shared_ptr<const upstream::ClusterConfig>>& clusters) {
    for (const auto& cluster : clusters) others_[cluster->name] = &cluster->clusters;
  }

  // The way from `from` to `to`, both included; empty: there is none.
  std::vector<std::string> wayTo(const std::string& from, const std::string& to) const {
    std::set<std::string> seen;
    std::vector<std::string> way;
    search(from, to, seen, way);
    return way;
  }
  // Aggregates one in the other from `name` on; in no circle.
  size_t depthOf(const std::string& name) {
    if (const auto known = depths_.find(name); known != depths_.end()) return known->second;
    size_t depth = 0;
    for (const std::string& other : othersOf(name)) depth = std::max(depth, 1 + depthOf(other));
    return depths_[name] = depth;
  }

 private:
  const std::vector<std::string>& othersOf(const std::string& name) const {
    static const std::vector<std::string> none;
    const auto found = others_.find(name);
    return found == others_.end() ? none : *found->second;
  }
  // NOLINTNEXTLINE(misc-no-recursion): each name once
  bool search(const std::string& from, const std::string& to, std::set<std::string>& seen,
              std::vector<std::string>& way) const {
    if (!seen.insert(from).second) return false;
    way.push_back(from);
    if (from == to) return true;
    for (const std::string& other : othersOf(from)) {
      if (search(other, to, seen, way)) return true;
    }
    way.pop_back();
    return false;
  }

  std::map<std::string, const std::vector<std::string>*> others_;
  std::map<std::string, size_t> depths_;
};

}  // namespace

void checkAggregates(const std::vector<std::shared_ptr<const upstream::ClusterConfig>>& clusters,
                     const Cursor& at) {
  Aggregates aggregates(clusters);
  const auto nameAt = [&](size_t cluster, size_t index) {
    return at.at("clusters", static_cast<int>(cluster))
        .field("discovery")
        .field("config")
        .at("clusters", static_cast<int>(index));
  };
  bool circles = false;
  for (size_t i = 0; i < clusters.size(); ++i) {
    const upstream::ClusterConfig& cluster = *clusters[i];
    for (size_t k = 0; k < cluster.clusters.size(); ++k) {
      const std::vector<std::string> way = aggregates.wayTo(cluster.clusters[k], cluster.name);
      if (way.empty()) continue;
      circles = true;
      std::string text = base::concat("\"", cluster.name, "\"");
      for (const std::string& name : way) text += base::concat(" -> \"", name, "\"");
      nameAt(i, k).error(base::concat("the clusters stand for each other in a circle: ", text),
                         "remove one of these references");
    }
  }
  if (circles) return;
  for (size_t i = 0; i < clusters.size(); ++i) {
    for (size_t k = 0; k < clusters[i]->clusters.size(); ++k) {
      const size_t depth = 1 + aggregates.depthOf(clusters[i]->clusters[k]);
      if (depth <= kDeepest) continue;
      nameAt(i, k).error(base::concat("aggregates are nested ", depth, " deep"),
                         base::concat("at most ", kDeepest,
                                      " are allowed; name the clusters "
                                      "behind it instead"));
    }
  }
}

void refuseSettingsOfItsOwn(const v1::Cluster& aggregate, const Cursor& at) {
  std::vector<const google::protobuf::FieldDescriptor*> given;
  aggregate.GetReflection()->ListFields(aggregate, &given);
  for (const google::protobuf::FieldDescriptor* field : given) {
    const std::string& name = field->name();
    // Of endpoints and load_balancing others have told.
    if (name == "name" || name == "discovery" || name == "endpoints" || name == "load_balancing") {
      continue;
    }
    at.field(name).error("the clusters that it stands for have their own",
                         base::concat("set ", name, " there"));
  }
}

}  // namespace weir::config
