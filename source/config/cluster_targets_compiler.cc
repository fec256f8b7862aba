#include "source/config/cluster_targets_compiler.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "api/weir/config/v1/route.pb.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/http/semantics.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMostClusters = 256;
constexpr uint32_t kMostWeight = 1'000'000;
constexpr size_t kMostNameBytes = 256;
constexpr size_t kMostPathBytes = 1024;

void checkToken(const std::string& name, std::string_view kind, const Cursor& at) {
  if (!require(name, at)) return;
  if (http::isToken(name) && name.size() <= kMostNameBytes) return;
  at.error(base::concat("\"", name, "\" cannot be the name of a ", kind),
           "names are made of letters, digits and !#$%&'*+-.^_`|~, at most 256");
}

bool isCookiePath(std::string_view text) {
  return text.starts_with('/') && text.size() <= kMostPathBytes &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != ';' && c != '"'; });
}

router::StickyWeights compileCookie(const v1::WeightedCookie& from, const Cursor& at) {
  router::StickyWeights sticky{.kind = router::StickyWeights::Kind::kOwnCookie,
                               .name = from.name()};
  checkToken(from.name(), "cookie", at.field("name"));
  const std::string path = from.path().empty() ? "/" : from.path();
  if (!isCookiePath(path)) {
    at.field("path").error("is not a path that a cookie can have",
                           "begin with \"/\", without spaces, semicolons and quotes");
  }
  sticky.attributes = base::concat("; Path=", path);
  if (from.has_ttl()) {
    const milliseconds ttl = readDuration(
        &from.ttl(), seconds(1), {seconds(1), std::chrono::hours(24 * 400)}, at.field("ttl"));
    if (ttl % seconds(1) != milliseconds(0)) {
      at.field("ttl").error("is not in whole seconds, which is what browsers take", "use 1 s");
    }
    sticky.attributes +=
        base::concat("; Max-Age=", std::chrono::duration_cast<seconds>(ttl).count());
  }
  sticky.attributes += "; HttpOnly; SameSite=";
  const bool none = from.same_site() == v1::WeightedCookie::NONE;
  sticky.attributes += none                                             ? "None"
                       : from.same_site() == v1::WeightedCookie::STRICT ? "Strict"
                                                                        : "Lax";
  if (from.has_secure()) sticky.secure = from.secure();
  if (none && !from.secure()) {
    at.field("same_site").error("browsers take NONE only with Secure", "add secure: true");
  }
  return sticky;
}

std::optional<router::StickyWeights> compileSticky(const v1::WeightedSticky& from,
                                                   const Cursor& at) {
  using Kind = router::StickyWeights::Kind;
  switch (from.by_case()) {
    case v1::WeightedSticky::kCookie:
      return compileCookie(from.cookie(), at.field("cookie"));
    case v1::WeightedSticky::kHeader:
      checkToken(from.header(), "header", at.field("header"));
      return router::StickyWeights{.kind = Kind::kHeader, .name = base::lowered(from.header())};
    case v1::WeightedSticky::kClientCookie:
      checkToken(from.client_cookie(), "cookie", at.field("client_cookie"));
      return router::StickyWeights{.kind = Kind::kCookie, .name = from.client_cookie()};
    case v1::WeightedSticky::kSourceAddress:
      if (!from.source_address()) {
        at.field("source_address").error("says nothing when false", "write true, or remove it");
      }
      return router::StickyWeights{.kind = Kind::kSourceAddress};
    case v1::WeightedSticky::BY_NOT_SET:
      break;
  }
  at.error("does not say what clients are known by",
           "give one of cookie, header, client_cookie and source_address");
  return std::nullopt;
}

// The cluster's own values go before those of the route.
std::vector<std::pair<std::string, std::string>> combined(const v1::RouteAction& route,
                                                          const v1::WeightedCluster& from) {
  std::map<std::string, std::string> all(from.metadata_match().begin(),
                                         from.metadata_match().end());
  all.insert(route.metadata_match().begin(), route.metadata_match().end());
  return {all.begin(), all.end()};
}

void compileWeighted(const v1::RouteAction& route, const Cursor& at, const Compiler& compiler,
                     router::ClusterTargets& to) {
  const v1::WeightedClusters& from = route.weighted_clusters();
  if (from.clusters_size() > kMostClusters) {
    at.field("clusters").error("has more than 256 clusters", "use cluster_header");
  }
  std::map<std::string, int> names;
  uint64_t total = 0;
  for (int i = 0; i < from.clusters_size(); ++i) {
    const v1::WeightedCluster& one = from.clusters(i);
    const Cursor here = at.at("clusters", i);
    compiler.checkCluster(one.name(), here.field("name"));
    checkUnique(one.name(), i, names, "cluster", here.field("name"));
    router::ClusterTargets::Weighted& weighted = to.weighted.emplace_back();
    weighted.cluster = one.name();
    weighted.weight =
        static_cast<uint32_t>(readNumber(one.weight(), {0, kMostWeight}, here.field("weight")));
    weighted.metadata_match = combined(route, one);
    if (!weighted.metadata_match.empty() && !compiler.mayMatchMetadata(one.name())) {
      here.field("metadata_match")
          .error(base::concat("load balancing of cluster \"", one.name(),
                              "\" does not look at metadata"),
                 "give it load_balancing/subset, or remove metadata_match");
    }
    total += one.weight();
  }
  if (from.clusters().empty()) {
    at.field("clusters").error("is required", "add clusters { name: \"…\" weight: 1 }");
  } else if (total == 0) {
    at.field("clusters")
        .error("no cluster has a weight: there would be nowhere to go",
               "give at least one a weight above 0");
  }
  if (from.has_sticky()) to.sticky = compileSticky(from.sticky(), at.field("sticky"));
}

void compileHeader(const v1::ClusterHeader& from, const Cursor& at, router::ClusterTargets& to) {
  checkToken(from.name(), "header", at.field("name"));
  to.header = base::lowered(from.name());
  to.remove_header = from.remove();
  to.not_found_status = static_cast<uint16_t>(
      readNumberOr(from.not_found_status(), 503, {400, 599}, at.field("not_found_status")));
}

}  // namespace

std::shared_ptr<const router::ClusterTargets> compileClusterTargets(const v1::RouteAction& from,
                                                                    const Cursor& at,
                                                                    const Compiler& compiler) {
  const int given = (from.cluster().empty() ? 0 : 1) + (from.has_weighted_clusters() ? 1 : 0) +
                    (from.has_cluster_header() ? 1 : 0);
  if (given > 1) {
    at.error("says in several ways where to send requests",
             "give only one of cluster, weighted_clusters and cluster_header");
    return nullptr;
  }
  auto targets = std::make_shared<router::ClusterTargets>();
  if (from.has_weighted_clusters()) {
    compileWeighted(from, at.field("weighted_clusters"), compiler, *targets);
    if (targets->weighted.empty()) return nullptr;  // which has been said
  } else if (from.has_cluster_header()) {
    compileHeader(from.cluster_header(), at.field("cluster_header"), *targets);
  } else {
    compiler.checkCluster(from.cluster(), at.field("cluster"));
    return nullptr;
  }
  return targets;
}

std::vector<std::string> clustersOf(const v1::RouteAction& from) {
  std::vector<std::string> names;
  if (!from.cluster().empty()) names.push_back(from.cluster());
  for (const v1::WeightedCluster& one : from.weighted_clusters().clusters()) {
    names.push_back(one.name());
  }
  return names;
}

}  // namespace weir::config
