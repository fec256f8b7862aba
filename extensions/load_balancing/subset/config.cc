#include "extensions/load_balancing/subset/config.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "api/weir/extensions/load_balancing/subset/v1/subset.pb.h"
#include "extensions/load_balancing/subset/subset.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"

namespace weir::extensions::load_balancing::subset {
namespace {

constexpr int kMostSelectors = 16;
constexpr uint64_t kMostSubsets = 10'000;

Fallback readFallback(v1::Subset::Fallback from, Fallback otherwise) {
  switch (from) {
    case v1::Subset::FALLBACK_ANY:
      return Fallback::kAny;
    case v1::Subset::FALLBACK_DEFAULT:
      return Fallback::kDefault;
    case v1::Subset::FALLBACK_FAIL:
      return Fallback::kFail;
    default:
      return otherwise;
  }
}

std::vector<std::string> readKeys(const v1::Subset::Selector& from, const config::Cursor& at) {
  if (from.keys_size() == 0) {
    at.field("keys").error("a selector needs a key", "add keys: \"version\"");
  }
  std::set<std::string> keys;
  for (int i = 0; i < from.keys_size(); ++i) {
    config::require(from.keys(i), at.at("keys", i), "name a key of the endpoints' metadata");
    if (!keys.insert(from.keys(i)).second) {
      at.at("keys", i).error(base::concat("\"", from.keys(i), "\" is there twice"),
                             "remove one of them");
    }
  }
  return {keys.begin(), keys.end()};
}

void readSelectors(const v1::Subset& from, const config::Cursor& at, SubsetConfig& to) {
  if (from.subsets_size() == 0) {
    at.field("subsets").error("nothing says how the endpoints are parted",
                              "add subsets { keys: \"version\" }");
  }
  if (from.subsets_size() > kMostSelectors) {
    at.at("subsets", kMostSelectors)
        .error(base::concat("there are ", from.subsets_size(), " selectors"),
               base::concat("at most ", kMostSelectors, " are allowed"));
  }
  for (int i = 0; i < from.subsets_size(); ++i) {
    const config::Cursor here = at.at("subsets", i);
    SubsetConfig::Selector selector{
        .keys = readKeys(from.subsets(i), here),
        .fallback = readFallback(from.subsets(i).fallback(), to.fallback)};
    const bool twice = std::any_of(to.selectors.begin(), to.selectors.end(),
                                   [&](const auto& other) { return other.keys == selector.keys; });
    if (twice && !selector.keys.empty()) {
      here.error("another selector has the same keys", "remove one of them");
    }
    to.selectors.push_back(std::move(selector));
  }
}

void readDefaultSubset(const v1::Subset& from, const config::Cursor& at, SubsetConfig& to) {
  // Sorted, as the requests' own.
  for (const auto& [key, value] : std::map<std::string, std::string>(from.default_subset().begin(),
                                                                     from.default_subset().end())) {
    to.default_subset.emplace_back(key, value);
  }
  const bool used = to.fallback == Fallback::kDefault ||
                    std::any_of(to.selectors.begin(), to.selectors.end(), [](const auto& selector) {
                      return selector.fallback == Fallback::kDefault;
                    });
  if (used && to.default_subset.empty()) {
    at.field("default_subset")
        .error("FALLBACK_DEFAULT needs to know which endpoints that are",
               "add default_subset { key: \"stage\" value: \"production\" }");
  }
  if (!used && !to.default_subset.empty()) {
    at.field("default_subset")
        .error("no fallback uses it", "set fallback: FALLBACK_DEFAULT, or remove default_subset");
  }
}

}  // namespace

std::shared_ptr<const upstream::LoadBalancerFactory> SubsetExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Subset&>(config);
  SubsetConfig made;
  made.fallback = readFallback(from.fallback(), Fallback::kAny);
  readSelectors(from, at, made);
  readDefaultSubset(from, at, made);
  made.max_subsets = config::readNumberOr(from.max_subsets(), made.max_subsets, {1, kMostSubsets},
                                          at.field("max_subsets"));
  if (from.has_panic_percent()) {
    made.panic_percent = static_cast<uint32_t>(
        config::readNumber(from.panic_percent(), {0, 100}, at.field("panic_percent")));
  }
  auto nested =
      context.compiler.loadBalancing(from.has_load_balancing() ? &from.load_balancing() : nullptr,
                                     at.field("load_balancing"), context);
  if (nested == nullptr) return nullptr;
  std::optional<SubsetStats> stats;
  if (at.diagnostics().ok()) stats = SubsetStats::create(context.stats, context.cluster_name);
  return std::make_shared<SubsetFactory>(std::move(made), std::move(nested), stats);
}

}  // namespace weir::extensions::load_balancing::subset
