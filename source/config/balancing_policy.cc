#include "source/config/balancing_policy.h"

#include <algorithm>
#include <map>
#include <vector>

#include "api/weir/config/v1/cluster.pb.h"
#include "source/base/concat.h"
#include "source/config/extension_types.h"
#include "source/config/fields.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;
using upstream::EligibilityPolicy;
using upstream::LocalityMode;

constexpr uint64_t kMaxPriority = 127;
constexpr uint64_t kMaxLocalityWeight = 1'000'000;
constexpr int kMaxMetadata = 64;
constexpr size_t kMaxMetadataKey = 256;
constexpr size_t kMaxMetadataValue = 4096;

void readWeights(const v1::LocalityBalancing& from, const Cursor& at, EligibilityPolicy& to) {
  std::map<std::string, int> seen;
  for (int i = 0; i < from.weights_size(); ++i) {
    const v1::LocalityWeight& weight = from.weights(i);
    const Cursor here = at.at("weights", i);
    checkLocality(weight.locality(), here.field("locality"));
    checkUnique(weight.locality(), i, seen, "weight for the locality", here.field("locality"));
    to.locality_weights[weight.locality()] = static_cast<uint32_t>(
        readNumber(weight.weight(), {0, kMaxLocalityWeight}, here.field("weight")));
  }
}

void readLocality(const v1::LocalityBalancing& from, std::string_view own, const Cursor& at,
                  EligibilityPolicy& to) {
  switch (from.mode()) {
    case v1::LocalityBalancing::MODE_WEIGHTED:
      to.locality_mode = LocalityMode::kWeighted;
      break;
    case v1::LocalityBalancing::MODE_PREFER_OWN:
      to.locality_mode = LocalityMode::kPreferOwn;
      break;
    default:
      at.field("mode").error("is required", "write mode: MODE_WEIGHTED or MODE_PREFER_OWN");
      return;
  }
  const bool weighted = to.locality_mode == LocalityMode::kWeighted;
  if (weighted) {
    readWeights(from, at, to);
  } else if (from.weights_size() > 0) {
    at.at("weights", 0)
        .error("weights have no meaning with MODE_PREFER_OWN", "use MODE_WEIGHTED or remove them");
  }
  if (weighted && from.least_endpoints() > 0) {
    at.field("least_endpoints")
        .error("is for MODE_PREFER_OWN", "use MODE_PREFER_OWN or remove least_endpoints");
  }
  if (weighted) return;
  to.prefer_own_from = static_cast<uint32_t>(readNumberOr(
      from.least_endpoints(), to.prefer_own_from, {1, 1'000'000}, at.field("least_endpoints")));
  to.own_locality = own;
  if (own.empty()) {
    at.field("mode").error("nobody knows where this node is",
                           "add node { locality: \"...\" } to the file");
  }
}

}  // namespace

EligibilityPolicy readEligibilityPolicy(const v1::Cluster& from, std::string_view own_locality,
                                        const Cursor& at) {
  EligibilityPolicy policy;
  if (from.has_overprovisioning_percent()) {
    policy.overprovisioning_percent = static_cast<uint32_t>(readNumber(
        from.overprovisioning_percent(), {100, 1000}, at.field("overprovisioning_percent")));
  }
  if (from.has_panic_percent()) {
    policy.panic_percent = static_cast<uint32_t>(
        readNumber(from.panic_percent(), {0, 100}, at.field("panic_percent")));
  }
  if (from.has_locality()) {
    readLocality(from.locality(), own_locality, at.field("locality"), policy);
  }
  return policy;
}

upstream::SlowStart readSlowStart(const v1::Cluster& from, const Cursor& at) {
  upstream::SlowStart slow_start;
  if (!from.has_slow_start()) return slow_start;
  const v1::SlowStart& given = from.slow_start();
  if (!given.has_window()) {
    at.field("window").error("is required", "write window { seconds: 30 }");
  }
  slow_start.window = readDuration(given.has_window() ? &given.window() : nullptr, milliseconds(0),
                                   {milliseconds(1), std::chrono::hours(1)}, at.field("window"));
  if (given.has_aggression_percent()) {
    slow_start.aggression = static_cast<double>(readNumber(given.aggression_percent(), {10, 1000},
                                                           at.field("aggression_percent"))) /
                            100;
  }
  if (given.has_min_share_percent()) {
    slow_start.min_share = static_cast<double>(readNumber(given.min_share_percent(), {1, 100},
                                                          at.field("min_share_percent"))) /
                           100;
  }
  return slow_start;
}

void readPlace(const v1::Endpoint& from, const Cursor& at, upstream::Endpoint& to) {
  to.priority =
      static_cast<uint32_t>(readNumber(from.priority(), {0, kMaxPriority}, at.field("priority")));
  to.locality = from.locality();
  checkLocality(from.locality(), at.field("locality"));
  const Cursor metadata = at.field("metadata");
  if (from.metadata_size() > kMaxMetadata) {
    metadata.error(base::concat("has ", from.metadata_size(), " keys"),
                   base::concat("at most ", kMaxMetadata, " are allowed"));
    return;
  }
  for (const auto& [key, value] : from.metadata()) {
    if (key.empty() || key.size() > kMaxMetadataKey) {
      metadata.error(base::concat("a key has ", key.size(), " bytes"),
                     base::concat("it must have 1 to ", kMaxMetadataKey));
    }
    if (value.size() > kMaxMetadataValue) {
      metadata.error(base::concat("the value of \"", key, "\" has ", value.size(), " bytes"),
                     base::concat("it may have ", kMaxMetadataValue));
    }
    to.metadata.emplace(key, value);
  }
}

void checkLocalities(const v1::Cluster& from, const EligibilityPolicy& policy, const Cursor& at) {
  if (from.endpoints_size() == 0) return;
  const auto weight = [&policy](const std::string& locality) {
    const auto found = policy.locality_weights.find(locality);
    return found == policy.locality_weights.end() ? 1 : found->second;
  };
  std::set<std::string> known;
  bool some = false;
  for (const v1::Endpoint& endpoint : from.endpoints()) {
    known.insert(endpoint.locality());
    some = some || weight(endpoint.locality()) > 0;
  }
  const Cursor here = at.field("locality");
  if (!some) {
    here.field("weights").error("every endpoint is in a locality of weight 0",
                                "give at least one a weight of 1 or more");
  }
  for (int i = 0; i < from.locality().weights_size(); ++i) {
    const std::string& locality = from.locality().weights(i).locality();
    if (known.count(locality) > 0) continue;
    here.at("weights", i)
        .field("locality")
        .error(base::concat("no endpoint is in the locality \"", locality, "\""),
               suggestion(locality, {known.begin(), known.end()}));
  }
}

void checkLocality(std::string_view locality, const Cursor& at) {
  if (locality.size() <= kMaxLocality) return;
  at.error(base::concat("a locality of ", locality.size(), " bytes is too long"),
           base::concat("it may have ", kMaxLocality));
}

}  // namespace weir::config
