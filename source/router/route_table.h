#pragma once

#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "source/http/grpc_semantics.h"
#include "source/http/route.h"

namespace weir::upstream {
class HashPolicy;
}

namespace weir::router {

// How a route matches a path (without its query). Case-sensitive.
struct PathMatch {
  enum class Kind : uint8_t { kExact, kPrefix, kSegmentPrefix, kRegex };
  Kind kind = Kind::kPrefix;
  // kPrefix "/api" matches "/apix"; kSegmentPrefix "/api" matches "/api" and "/api/x" only (one
  // that ends with "/" is a plain prefix); kRegex: RE2, whole path.
  std::string text = "/";
};

// What becomes of grpc-timeout, the time that a client gives its call.
struct GrpcTimeoutPolicy {
  bool respected = true;             // else the route's timeout, as without the field
  std::chrono::milliseconds max{0};  // no call has more; zero: none
};

// When a request is sent again that an endpoint has failed. Whoever adds a condition adds it here
// and to Retries.
struct RetryPolicy {
  enum class Condition : uint8_t {
    kConnectFailure,
    kRefusedStream,
    kResetBeforeAnswer,
    kGatewayError,
    kServerError,
  };
  static constexpr uint16_t kFirstStatus = 400;

  uint32_t max_retries = 1;
  uint32_t conditions = 0;                       // a bit for each Condition
  uint32_t grpc_statuses = 0;                    // a bit for each GrpcStatus
  std::bitset<200> statuses = {};                // of answers, from kFirstStatus on
  std::chrono::milliseconds per_try_timeout{0};  // until an answer begins; zero: none
  bool any_method = false;                       // also what is not idempotent
  // Before the n-th retry: anything up to base * 2^(n-1), at most max.
  std::chrono::milliseconds base_interval{25};
  std::chrono::milliseconds max_interval{250};
  uint32_t max_body_bytes = kDefaultMaxBodyBytes;  // what is longer is not sent again

  static constexpr uint32_t kDefaultMaxBodyBytes = 64 * 1024;
  static constexpr uint32_t bit(http::GrpcStatus status) {
    return uint32_t{1} << static_cast<unsigned>(status);
  }
  static constexpr uint32_t bit(Condition condition) {
    return uint32_t{1} << static_cast<unsigned>(condition);
  }
  bool retries(http::GrpcStatus status) const { return (grpc_statuses & bit(status)) != 0; }
  bool retries(Condition condition) const { return (conditions & bit(condition)) != 0; }
  bool retriesAnswer(uint16_t status) const {
    const size_t index = status - size_t{kFirstStatus};
    return index < statuses.size() && statuses[index];
  }
};

struct ClusterAction {
  static constexpr uint32_t kByName = ~uint32_t{0};

  std::string cluster;
  uint32_t cluster_index = kByName;  // into RouteTable::clusters(); kByName: in no table
  std::chrono::milliseconds timeout{
      15'000};  // whole exchange from request complete to response complete; zero: none
  std::chrono::milliseconds idle_timeout{0};  // zero: the connection manager's
  GrpcTimeoutPolicy grpc_timeout = {};
  std::optional<RetryPolicy> retry = {};
  // Of those who wait for room in a cluster with QueueOrder::kPriority, the highest goes first.
  uint8_t priority = 0;
  std::shared_ptr<const upstream::HashPolicy> hash_policy = {};  // null: the cluster's
  std::optional<uint64_t> hash = {};  // what algorithms that hash go by, instead of any policy
  bool sticky = true;                 // false: past the cluster's stickiness
  std::vector<std::pair<std::string, std::string>> metadata_match = {};  // sorted by key
};

struct RedirectAction {
  uint16_t status = 301;  // 301, 302, 303, 307, 308
  std::optional<std::string> scheme = {};
  std::optional<std::string> host = {};  // host or host:port
  std::optional<std::string> path = {};  // replaces the path; the query stays unless strip_query
  bool strip_query = false;
};

struct DirectResponseAction {
  uint16_t status = 200;
  std::string body;
  std::string content_type = "text/plain";
};

// One route. Immutable.
struct RouteEntry final : public http::Route {
  enum class Kind : uint8_t { kCluster, kRedirect, kDirectResponse };
  std::string route_name;
  std::string virtual_host;
  PathMatch match;
  Kind kind = Kind::kCluster;
  ClusterAction cluster;
  RedirectAction redirect;
  DirectResponseAction direct;
  std::vector<http::RouteFilter> filters = {};  // its own and its virtual host's
  std::shared_ptr<const http::Metadata> own_metadata = {};
  std::shared_ptr<const http::Metadata> host_metadata = {};

  std::string_view name() const override { return route_name; }
  std::string_view virtualHostName() const override { return virtual_host; }
  std::string_view clusterName() const override {
    return kind == Kind::kCluster ? std::string_view(cluster.cluster) : std::string_view();
  }
  const http::RouteFilter* filter(uint32_t position) const override;
  const http::Metadata* metadata() const override { return own_metadata.get(); }
  const http::Metadata* virtualHostMetadata() const override { return host_metadata.get(); }
};

struct VirtualHost {
  std::string name;
  std::vector<std::string> domains;  // "shop.example", "*.shop.example", "shop.*", "*"; a port in
                                     // Host is ignored unless the domain has one
  std::vector<RouteEntry> routes;    // the first that matches wins
};

// The compiled routes of one connection manager. Cost of a lookup depends on the length of host and
// path, not on how many hosts and routes there are: exact hosts by hash, "*.suffix" by longest
// suffix, "prefix.*" by longest prefix, "*"; then paths through a compiled trie that keeps
// first-match order, regular expressions through one RE2::Set per virtual host. Immutable.
class RouteTable final : public http::RouteResolver {
 public:
  // Errors: bad regular expression, duplicate domain, bad domain, path that does not start with
  // "/". The caller checks with positions before; these are the last line.
  static absl::StatusOr<std::shared_ptr<const RouteTable>> compile(std::vector<VirtualHost> hosts);
  ~RouteTable() override;

  const http::Route* resolve(const http::RequestHead& head,
                             const http::StreamInfo& info) const override;
  const RouteEntry* match(std::string_view authority, std::string_view path) const;
  // Some route has RouteEntry::filters.
  bool setsFilters() const;
  // Names of all clusters routes point at; ClusterAction::cluster_index points in here.
  const std::vector<std::string>& clusters() const;

 private:
  RouteTable();
  struct State;
  std::unique_ptr<const State> state_;
};

}  // namespace weir::router
