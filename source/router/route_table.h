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
#include "source/router/resilience.h"

namespace weir::upstream {
class HashPolicy;
}

namespace weir::http {
class Format;
class PathTemplate;
}  // namespace weir::http

namespace weir::router {

struct ClusterTargets;
struct PathRewrite;
struct RouteActions;
struct RouteConditions;
struct RouteExplanation;

// How a route matches a path (without its query).
struct PathMatch {
  enum class Kind : uint8_t { kExact, kPrefix, kSegmentPrefix, kRegex, kTemplate };
  Kind kind = Kind::kPrefix;
  // kPrefix "/api" matches "/apix"; kSegmentPrefix "/api" matches "/api" and "/api/x" only (one
  // that ends with "/" is a plain prefix); kRegex: RE2, whole path; kTemplate: http::PathTemplate.
  std::string text = "/";
  bool ignore_case = false;  // of ASCII letters
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
  // Fields of an answer that say when to come again. An answer that wants to wait longer is not
  // retried; zero: they are not looked at.
  struct ResetField {
    std::string name;        // beside Retry-After
    bool unix_time = false;  // else seconds from now
  };
  std::chrono::milliseconds max_retry_after{5'000};
  std::vector<ResetField> reset_fields = {};
  bool attempt_field = false;  // requests say in x-weir-attempt which attempt they are

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
  std::shared_ptr<const Resilience> resilience = {};  // null: nothing of it
  // Of those who wait for room in a cluster with QueueOrder::kPriority, the highest goes first.
  uint8_t priority = 0;
  std::shared_ptr<const upstream::HashPolicy> hash_policy = {};  // null: the cluster's
  std::optional<uint64_t> hash = {};  // what algorithms that hash go by, instead of any policy
  bool sticky = true;                 // false: past the cluster's stickiness
  std::vector<std::pair<std::string, std::string>> metadata_match = {};  // sorted by key
  std::optional<RetryPolicy> retry = {};
};

struct RedirectAction {
  uint16_t status = 301;  // 301, 302, 303, 307, 308
  std::optional<std::string> scheme = {};
  std::optional<std::string> host = {};  // host or host:port
  std::optional<std::string> path = {};  // replaces the path; the query stays unless strip_query
  bool strip_query = false;
  std::shared_ptr<const PathRewrite> rewrite = {};  // of the path; null: none
  uint16_t port = 0;                                // 0: that of `host`
  std::optional<std::string> query = {};            // without "?"
};

struct DirectResponseAction {
  uint16_t status = 200;
  std::string body;
  std::string content_type = "text/plain";
  std::shared_ptr<const http::Format> format = {};  // of the body; null: `body`
};

// One route. Immutable.
struct RouteEntry final : public http::Route {
  enum class Kind : uint8_t { kCluster, kRedirect, kDirectResponse };
  // What each request asks for comes first and close together: a table may be larger than caches.
  Kind kind = Kind::kCluster;
  uint32_t statistics_index = kNoStatistics;
  std::shared_ptr<const RouteConditions> conditions = {};  // null: none beside the path
  // What chooses a cluster for each request; `cluster` says all else then. Null: `cluster` does.
  std::shared_ptr<const ClusterTargets> targets = {};
  std::shared_ptr<const RouteActions> actions = {};  // null: nothing of it
  std::vector<http::RouteFilter> filters = {};       // its own and its virtual host's
  std::shared_ptr<const http::Metadata> own_metadata = {};
  ClusterAction cluster;
  std::shared_ptr<const http::Metadata> host_metadata = {};
  std::shared_ptr<const http::PathTemplate> path_template = {};  // compile() makes it of `match`
  std::string route_name;
  std::string virtual_host;
  PathMatch match;
  RedirectAction redirect;
  DirectResponseAction direct;

  std::string_view name() const override { return route_name; }
  std::string_view virtualHostName() const override { return virtual_host; }
  std::string_view clusterName() const override {
    return kind == Kind::kCluster ? std::string_view(cluster.cluster) : std::string_view();
  }
  const http::RouteFilter* filter(uint32_t position) const override;
  const http::Metadata* metadata() const override { return own_metadata.get(); }
  const http::Metadata* virtualHostMetadata() const override { return host_metadata.get(); }
  const http::PathTemplate* pathTemplate() const override { return path_template.get(); }
  uint32_t statistics() const override { return statistics_index; }
  const http::ExchangeRules* exchangeRules() const override;
};

struct VirtualHost {
  std::string name;
  std::vector<std::string> domains;  // "shop.example", "*.shop.example", "shop.*", "*"; a port in
                                     // Host is ignored unless the domain has one
  std::vector<RouteEntry> routes;    // the first that matches wins
};

// The compiled routes of one connection manager. What a lookup costs depends on the length of host
// and path and on the size of the head, not on how many hosts and routes there are: exact hosts by
// hash, the longest suffix ("*.a.b"), the longest prefix ("a.*"), "*"; then paths by PathIndex, and
// among routes of one path ConditionIndex, which says what remains linear and how much of that is
// let in. The first route in configured order for which all holds wins. Immutable.
class RouteTable final : public http::RouteResolver {
 public:
  // Errors: bad regular expression or template, duplicate domain, bad domain, path that does not
  // start with "/", too many routes of one path that only a linear search tells apart. The caller
  // checks with positions before, but for the last one; these are the last line.
  static absl::StatusOr<std::shared_ptr<const RouteTable>> compile(std::vector<VirtualHost> hosts);
  ~RouteTable() override;

  const http::Route* resolve(const http::RequestHead& head,
                             const http::StreamInfo& info) const override;
  // By authority and path alone: routes with conditions are passed by.
  const RouteEntry* match(std::string_view authority, std::string_view path) const;
  // What resolve() answers and why, in words. Linear.
  RouteExplanation explain(const http::RequestHead& head, const http::StreamInfo& info) const;
  // Some route has RouteEntry::filters.
  bool setsFilters() const;
  // Some route has limits of its own (ExchangeRules).
  bool setsLimits() const;
  // Names of all clusters routes point at; ClusterAction::cluster_index points in here.
  const std::vector<std::string>& clusters() const;

 private:
  RouteTable();
  struct State;
  std::unique_ptr<const State> state_;
};

}  // namespace weir::router
