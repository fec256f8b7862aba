#include "extensions/network_filters/http_connection_manager/config.h"

#include <gtest/gtest.h>

#include "extensions/all_extensions.h"
#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "source/router/route_table.h"

namespace weir::extensions::network_filters::http_connection_manager {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kHost =
    "virtual_hosts { name: \"v\" domains: \"*\" routes { route { cluster: \"web\" } } }";

// The findings for a connection manager whose fields stand from line 2 on; each without the file
// and the path to the connection manager.
std::string findings(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registerAllExtensions(registry).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("listeners { name: \"edge\" address: \"127.0.0.1:80\" filter_chains { filters { "
                   "config { [network_filters/http_connection_manager] {\n",
                   fields, "\n", kHost,
                   "\n} } } } }\n"
                   "clusters { name: \"web\" endpoints { address: \"10.0.0.1:80\" } }"),
      "w", 1, diagnostics);
  EXPECT_EQ(snapshot != nullptr, diagnostics.ok());
  if (snapshot != nullptr) {
    EXPECT_NE(snapshot->listeners.at(0)->filter_chains.at(0)->filters.at(0).factory, nullptr);
  }
  std::string text = diagnostics.toString();
  constexpr std::string_view kWhere = "listeners[0].filter_chains[0].filters[0].config.";
  for (size_t at = text.find(kWhere); at != std::string::npos; at = text.find(kWhere)) {
    text.erase(at, kWhere.size());
  }
  return text;
}

// Keeps what the connection manager is compiled to. Main-thread only.
class Probe final : public config::NetworkFilterExtension {
 public:
  using Config = std::shared_ptr<const http::ConnectionManagerConfig>;
  explicit Probe(Config& out) : out_(out) {}
  std::string_view name() const override { return real_.name(); }
  std::string_view configType() const override { return real_.configType(); }
  bool terminal() const override { return true; }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override {
    out_ = compileConfig(config, at, context);
    return nullptr;
  }

 private:
  const HttpConnectionManagerExtension real_;
  Config& out_;
};

Probe::Config compiled(std::string_view fields) {
  Probe::Config result;
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<Probe>(result)).ok());
  EXPECT_TRUE(
      registry.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  loader.loadText(
      base::concat(
          "listeners { name: \"edge\" address: \"127.0.0.1:80\" filter_chains { filters { "
          "config { [network_filters/http_connection_manager] {\n",
          fields,
          "\nvirtual_hosts { name: \"v\" domains: \"*\" routes { direct_response { status: "
          "200 } } } } } } } }\n"
          "clusters { name: \"web\" endpoints { address: \"10.0.0.1:80\" } }"),
      "w", 1, diagnostics);
  EXPECT_TRUE(diagnostics.ok()) << diagnostics.toString();
  return result;
}

TEST(HttpConnectionManagerConfig, FillsEveryDefault) {
  const auto config = compiled("");
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->stat_prefix, "edge");
  EXPECT_EQ(config->server_name, "weir");
  EXPECT_EQ(config->limits.max_request_line_bytes, 8192u);
  EXPECT_EQ(config->limits.max_head_bytes, 65536u);
  EXPECT_EQ(config->limits.max_header_fields, 100u);
  EXPECT_FALSE(config->limits.allow_connect);
  EXPECT_EQ(config->max_request_body_bytes, 0u);
  EXPECT_EQ(config->max_requests_per_connection, 0u);
  EXPECT_EQ(config->timeouts.request_head, milliseconds(10'000));
  EXPECT_EQ(config->timeouts.idle, milliseconds(60'000));
  EXPECT_EQ(config->timeouts.stream_idle, milliseconds(300'000));
  EXPECT_EQ(config->timeouts.request, milliseconds(0));
  EXPECT_EQ(config->timeouts.max_stream_duration, milliseconds(0));
  EXPECT_EQ(config->forwarded.trusted_hops, 0u);
  EXPECT_TRUE(config->forwarded.add_forwarded_for);
  EXPECT_TRUE(config->forwarded.add_forwarded_proto);
  EXPECT_TRUE(config->forwarded.add_forwarded_host);
  EXPECT_EQ(config->forwarded.via, "");
  EXPECT_TRUE(config->request_id.generate);
  EXPECT_FALSE(config->request_id.add_to_response);
  EXPECT_TRUE(config->path.enabled);
  EXPECT_TRUE(config->path.merge_slashes);
  EXPECT_TRUE(config->path.reject_backslash);
  EXPECT_EQ(config->path.escaped_slashes, http::PathNormalisation::Escaped::kReject);
  EXPECT_EQ(config->upgrades, std::vector<std::string>{"websocket"});
  EXPECT_NE(config->routes, nullptr);
  EXPECT_NE(config->terminal, nullptr);
}

TEST(HttpConnectionManagerConfig, TakesWhatIsGiven) {
  const auto config = compiled(R"(
    stat_prefix: "x"
    timeouts { request_head { seconds: 1 } idle { seconds: 2 } stream_idle { seconds: 3 }
               request { seconds: 4 } max_stream_duration {} }
    limits { max_request_line_bytes: 64 max_head_bytes: 256 max_header_fields: 1
             max_request_body_bytes: 7 }
    forwarded { trusted_hops: 2 add_forwarded_for: false add_forwarded_proto: false
                add_forwarded_host: false via: "w" }
    path_normalisation { enabled: false merge_slashes: false reject_backslash: false
                         escaped_slashes: ESCAPED_SLASHES_KEEP }
    request_id { generate: false add_to_response: true }
    server_name: "-" upgrades: "H2C" upgrades: "a" allow_connect: true
    max_requests_per_connection: 9)");
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->stat_prefix, "x");
  EXPECT_EQ(config->server_name, "");
  EXPECT_EQ(config->limits.max_request_line_bytes, 64u);
  EXPECT_EQ(config->limits.max_head_bytes, 256u);
  EXPECT_EQ(config->limits.max_header_fields, 1u);
  EXPECT_TRUE(config->limits.allow_connect);
  EXPECT_EQ(config->max_request_body_bytes, 7u);
  EXPECT_EQ(config->max_requests_per_connection, 9u);
  EXPECT_EQ(config->timeouts.request_head, milliseconds(1'000));
  EXPECT_EQ(config->timeouts.idle, milliseconds(2'000));
  EXPECT_EQ(config->timeouts.stream_idle, milliseconds(3'000));
  EXPECT_EQ(config->timeouts.request, milliseconds(4'000));
  EXPECT_EQ(config->timeouts.max_stream_duration, milliseconds(0));
  EXPECT_EQ(config->forwarded.trusted_hops, 2u);
  EXPECT_FALSE(config->forwarded.add_forwarded_for);
  EXPECT_FALSE(config->forwarded.add_forwarded_proto);
  EXPECT_FALSE(config->forwarded.add_forwarded_host);
  EXPECT_EQ(config->forwarded.via, "w");
  EXPECT_FALSE(config->request_id.generate);
  EXPECT_TRUE(config->request_id.add_to_response);
  EXPECT_FALSE(config->path.enabled);
  EXPECT_FALSE(config->path.merge_slashes);
  EXPECT_FALSE(config->path.reject_backslash);
  EXPECT_EQ(config->path.escaped_slashes, http::PathNormalisation::Escaped::kKeep);
  EXPECT_EQ(config->upgrades, (std::vector<std::string>{"a", "h2c"}));
}

TEST(HttpConnectionManagerConfig, RoutesAreWhatTheFileSays) {
  const auto config = compiled(R"(virtual_hosts {
    name: "r"
    domains: "R.example"
    routes {
      name: "old"
      match { path: "/old" }
      redirect { status: 308 scheme: "https" host: "new.example:8443" path: "/new" strip_query: true }
    }
    routes { match { segment_prefix: "/here" } redirect { path: "/there" } }
    routes {
      match { regex: "/t[ea]xt" }
      direct_response { status: 418 body: "short" content_type: "text/html" }
    }
    routes { match { prefix: "/p" } direct_response { status: 204 } }
  })");
  ASSERT_NE(config, nullptr);
  const auto& table = dynamic_cast<const router::RouteTable&>(*config->routes);
  const router::RouteEntry* old = table.match("r.example", "/old");
  ASSERT_NE(old, nullptr);
  EXPECT_EQ(old->name(), "old");
  EXPECT_EQ(old->virtualHostName(), "r");
  EXPECT_EQ(old->redirect.status, 308);
  EXPECT_EQ(old->redirect.scheme, "https");
  EXPECT_EQ(old->redirect.host, "new.example:8443");
  EXPECT_EQ(old->redirect.path, "/new");
  EXPECT_TRUE(old->redirect.strip_query);

  const router::RouteEntry* here = table.match("r.example:80", "/here/x");
  ASSERT_NE(here, nullptr);
  EXPECT_EQ(here->redirect.status, 301);
  EXPECT_FALSE(here->redirect.scheme || here->redirect.host || here->redirect.strip_query);

  const router::RouteEntry* text = table.match("r.example", "/taxt");
  ASSERT_NE(text, nullptr);
  EXPECT_EQ(text->direct.status, 418);
  EXPECT_EQ(text->direct.body, "short");
  EXPECT_EQ(text->direct.content_type, "text/html");

  const router::RouteEntry* plain = table.match("r.example", "/px");
  ASSERT_NE(plain, nullptr);
  EXPECT_EQ(plain->direct.status, 204);
  EXPECT_EQ(plain->direct.content_type, "text/plain");
  EXPECT_EQ(table.match("r.example", "/herex"), nullptr);
}

TEST(HttpConnectionManagerConfig, ClusterRoutesHaveTheirTimeouts) {
  const auto config = compiled(R"(virtual_hosts {
    name: "r"
    domains: "r"
    routes { match { path: "/a" } route { cluster: "web" } }
    routes { route { cluster: "web" timeout {} idle_timeout { seconds: 3 } } }
  })");
  ASSERT_NE(config, nullptr);
  const auto& table = dynamic_cast<const router::RouteTable&>(*config->routes);
  const router::RouteEntry* first = table.match("r", "/a");
  const router::RouteEntry* second = table.match("r", "/b");
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_EQ(first->clusterName(), "web");
  EXPECT_EQ(first->cluster.timeout, milliseconds(15'000));
  EXPECT_EQ(first->cluster.idle_timeout, milliseconds(0));
  EXPECT_EQ(second->cluster.timeout, milliseconds(0));
  EXPECT_EQ(second->cluster.idle_timeout, milliseconds(3'000));
}

TEST(HttpConnectionManagerConfig, RoutesOfGrpcCalls) {
  const auto config = compiled(R"(virtual_hosts {
    name: "r"
    domains: "r"
    routes { match { path: "/a" } route { cluster: "web" } }
    routes { match { path: "/b" } route {
      cluster: "web"
      grpc_timeout { max { seconds: 30 } }
      retry { grpc_statuses: UNAVAILABLE }
    } }
    routes { route {
      cluster: "web"
      grpc_timeout { ignore_header: true }
      retry {
        grpc_statuses: CANCELLED
        grpc_statuses: UNAUTHENTICATED
        max_retries: 10
        base_interval { nanos: 100000000 }
        max_interval { nanos: 100000000 }
        max_body_bytes: 0
      }
    } }
  })");
  ASSERT_NE(config, nullptr);
  using http::GrpcStatus;
  using router::RetryPolicy;
  const auto& table = dynamic_cast<const router::RouteTable&>(*config->routes);
  const router::ClusterAction& plain = table.match("r", "/a")->cluster;
  EXPECT_TRUE(plain.grpc_timeout.respected);
  EXPECT_EQ(plain.grpc_timeout.max, milliseconds(0));
  EXPECT_FALSE(plain.retry);
  const router::ClusterAction& capped = table.match("r", "/b")->cluster;
  EXPECT_TRUE(capped.grpc_timeout.respected);
  EXPECT_EQ(capped.grpc_timeout.max, milliseconds(30'000));
  ASSERT_TRUE(capped.retry);
  EXPECT_EQ(capped.retry->grpc_statuses, RetryPolicy::bit(GrpcStatus::kUnavailable));
  EXPECT_EQ(capped.retry->max_retries, 1u);
  EXPECT_EQ(capped.retry->base_interval, milliseconds(25));
  EXPECT_EQ(capped.retry->max_interval, milliseconds(250));
  EXPECT_EQ(capped.retry->max_body_bytes, 65536u);
  const router::ClusterAction& own = table.match("r", "/c")->cluster;
  EXPECT_FALSE(own.grpc_timeout.respected);
  ASSERT_TRUE(own.retry);
  EXPECT_EQ(own.retry->grpc_statuses, RetryPolicy::bit(GrpcStatus::kCancelled) |
                                          RetryPolicy::bit(GrpcStatus::kUnauthenticated));
  EXPECT_EQ(own.retry->max_retries, 10u);
  EXPECT_EQ(own.retry->base_interval, milliseconds(100));
  EXPECT_EQ(own.retry->max_interval, milliseconds(100));
  EXPECT_EQ(own.retry->max_body_bytes, 0u);
}

TEST(HttpConnectionManagerConfig, WhenRequestsAreSentAgain) {
  const auto config = compiled(R"(virtual_hosts {
    name: "r"
    domains: "r"
    routes { route {
      cluster: "web"
      retry {
        retry_on: CONNECT_FAILURE
        retry_on: REFUSED_STREAM
        retry_on: RESET_BEFORE_ANSWER
        retry_on: GATEWAY_ERROR
        retry_on: SERVER_ERROR
        statuses: 400
        statuses: 599
        per_try_timeout { seconds: 2 }
        any_method: true
      }
    } }
  })");
  ASSERT_NE(config, nullptr);
  const auto& table = dynamic_cast<const router::RouteTable&>(*config->routes);
  const router::RetryPolicy& retry = *table.match("r", "/")->cluster.retry;
  EXPECT_EQ(retry.conditions, 0b11111u);
  EXPECT_EQ(retry.grpc_statuses, 0u);
  EXPECT_TRUE(retry.retriesAnswer(400));
  EXPECT_TRUE(retry.retriesAnswer(599));
  for (const uint16_t status : {200, 399, 401, 503, 600}) EXPECT_FALSE(retry.retriesAnswer(status));
  EXPECT_EQ(retry.per_try_timeout, milliseconds(2'000));
  EXPECT_TRUE(retry.any_method);
}

TEST(HttpConnectionManagerConfig, MistakesInRetries) {
  const auto route = [](std::string_view fields) {
    return findings(base::concat("virtual_hosts { name: \"x\" domains: \"x\" routes { route {\n",
                                 fields, " cluster: \"web\" } } }"));
  };
  const std::string at = "virtual_hosts[0].routes[0].route.";
  EXPECT_EQ(route("retry {}"),
            base::concat("w:3:1: ", at,
                         "retry: does not say when; write retry_on: CONNECT_FAILURE, statuses: "
                         "503, grpc_statuses: UNAVAILABLE or per_try_timeout { seconds: 1 }\n"));
  EXPECT_EQ(route("retry { statuses: 503 statuses: 399 }"),
            base::concat("w:3:33: ", at,
                         "retry.statuses[1]: 399 is out of range; it must be 400 to 599\n"));
  EXPECT_EQ(route("retry { per_try_timeout { seconds: 15 } }"),
            base::concat("w:3:9: ", at,
                         "retry.per_try_timeout: is not shorter than the route's timeout, 15 s, "
                         "and would never end an attempt; shorten it, or give the route a longer "
                         "timeout\n"));
  EXPECT_EQ(route("timeout {} retry { per_try_timeout { seconds: 15 } }"), "");
  EXPECT_EQ(route("retry { per_try_timeout {} }"),
            base::concat("w:3:9: ", at,
                         "retry.per_try_timeout: 0 s is out of range; it must be 1 ms to 24 h\n"));
  EXPECT_EQ(route("retry { retry_on: CONDITION_UNSPECIFIED }"),
            base::concat("w:3:19: ", at,
                         "retry.retry_on[0]: is no condition; use CONNECT_FAILURE, REFUSED_STREAM, "
                         "RESET_BEFORE_ANSWER, GATEWAY_ERROR or SERVER_ERROR\n"));
  EXPECT_NE(route("retry { retry_on: CONNECT_FAILUER }"), "");
  EXPECT_NE(route("retry { retry_on: 99 }"), "");
}

TEST(HttpConnectionManagerConfig, MistakesInRoutesOfGrpcCalls) {
  const auto route = [](std::string_view fields) {
    return findings(base::concat("virtual_hosts { name: \"x\" domains: \"x\" routes { route {\n",
                                 fields, " cluster: \"web\" } } }"));
  };
  const std::string at = "virtual_hosts[0].routes[0].route.";
  EXPECT_EQ(
      route("retry { grpc_statuses: OK grpc_statuses: INTERNAL }"),
      base::concat("w:3:24: ", at, "retry.grpc_statuses[0]: OK is no failure; leave it out\n"));
  EXPECT_EQ(
      route("retry { grpc_statuses: INTERNAL max_retries: 11 }"),
      base::concat("w:3:46: ", at, "retry.max_retries: 11 is out of range; it must be 1 to 10\n"));
  EXPECT_EQ(route("retry { grpc_statuses: INTERNAL max_body_bytes: 1048577 }"),
            base::concat("w:3:49: ", at,
                         "retry.max_body_bytes: 1048577 is out of range; it must be 0 to "
                         "1048576\n"));
  EXPECT_EQ(route("retry { grpc_statuses: INTERNAL base_interval { seconds: 2 } "
                  "max_interval { seconds: 1 } }"),
            base::concat("w:3:62: ", at,
                         "retry.max_interval: 1 s is out of range; it must be 2 s to 10 min\n"));
  EXPECT_EQ(route("grpc_timeout { ignore_header: true max { seconds: 1 } }"),
            base::concat("w:3:36: ", at,
                         "grpc_timeout.max: has no effect beside ignore_header; give only one of "
                         "them\n"));
  EXPECT_NE(route("retry { grpc_statuses: UNAVAILABEL }"), "");
  EXPECT_NE(route("retry { grpc_statuses: 99 }"), "");
}

TEST(HttpConnectionManagerConfig, DefaultsAreEnough) {
  EXPECT_EQ(findings(""), "");
}

TEST(HttpConnectionManagerConfig, TakesEverythingInRange) {
  EXPECT_EQ(findings(R"(
    stat_prefix: "x"
    timeouts { request_head {} idle { seconds: 86400 } stream_idle { nanos: 1000000 } request {} max_stream_duration {} }
    limits { max_request_line_bytes: 1048576 max_head_bytes: 1048576 max_header_fields: 10000 max_request_body_bytes: 18446744073709551615 }
    forwarded { trusted_hops: 32 add_forwarded_for: false add_forwarded_proto: false add_forwarded_host: false via: "weir" }
    path_normalisation { enabled: false merge_slashes: false escaped_slashes: ESCAPED_SLASHES_DECODE reject_backslash: false }
    request_id { generate: false add_to_response: true }
    server_name: "-" upgrades: "-" allow_connect: true max_requests_per_connection: 1)"),
            "");
}

TEST(HttpConnectionManagerConfig, Timeouts) {
  EXPECT_EQ(
      findings("timeouts { idle { seconds: 86401 } request_head { seconds: -1 } }"),
      "w:2:12: timeouts.idle: 86401 s is out of range; it must be 0 s to 24 h\n"
      "w:2:36: timeouts.request_head: a duration cannot be negative; it must be 0 s to 24 h\n");
}

TEST(HttpConnectionManagerConfig, Limits) {
  EXPECT_EQ(findings("limits {\nmax_request_line_bytes: 63\nmax_head_bytes: 1048577\n"
                     "max_header_fields: 10001 }"),
            "w:3:25: limits.max_request_line_bytes: 63 is out of range; it must be 64 to 1048576\n"
            "w:4:17: limits.max_head_bytes: 1048577 is out of range; it must be 256 to 1048576\n"
            "w:5:20: limits.max_header_fields: 10001 is out of range; it must be 1 to 10000\n");
  EXPECT_EQ(
      findings("limits { max_request_line_bytes: 100000 }"),
      "w:2:34: limits.max_request_line_bytes: the request line may have 100000 bytes, but the "
      "whole head only 65536; raise max_head_bytes as well\n");
  EXPECT_EQ(
      findings("limits { max_head_bytes: 1024 }"),
      "w:2:26: limits.max_head_bytes: the request line may have 8192 bytes, but the whole head "
      "only 1024; lower max_request_line_bytes as well\n");
}

TEST(HttpConnectionManagerConfig, Forwarded) {
  EXPECT_EQ(
      findings("forwarded { trusted_hops: 33 via: \"a b\" }"),
      "w:2:27: forwarded.trusted_hops: 33 is out of range; it must be 0 to 32\n"
      "w:2:35: forwarded.via: \"a b\" is not a name for Via; write a word such as \"weir\" or "
      "\"host:port\"\n");
}

TEST(HttpConnectionManagerConfig, Names) {
  EXPECT_EQ(findings("server_name: \"a\\r\\nb\""),
            "w:2:14: server_name: has control characters; write plain text\n");
  EXPECT_EQ(findings("upgrades: [\"websocket\", \"WebSocket\", \"-\", \"a b\"]"),
            "w:2:25: upgrades[1]: \"WebSocket\" is listed twice; remove one\n"
            "w:2:38: upgrades[2]: \"-\" allows none and stands alone; remove it or the others\n"
            "w:2:43: upgrades[3]: \"a b\" is not a protocol; write a word such as \"websocket\"\n");
}

TEST(HttpConnectionManagerConfig, NestedExtensions) {
  EXPECT_EQ(
      findings("access_logs { config { [access_loggers/stdot] {} } }"),
      "w:2:24: access_logs[0].config: there is no extension \"access_loggers/stdot\"; did you "
      "mean \"stdout\"? known: file, lua, stdout\n");
  EXPECT_EQ(
      findings("http_filters { config { [access_loggers/stdout] {} } }").substr(0, 88),
      "w:2:25: http_filters[0].config: access_loggers/stdout cannot stand here; this is a place");
}

TEST(HttpConnectionManagerConfig, RoutesAreChecked) {
  EXPECT_EQ(
      findings("virtual_hosts { name: \"x\" domains: \"x\" routes { route { cluster: \"wep\" } } "
               "}"),
      "w:2:66: virtual_hosts[0].routes[0].route.cluster: there is no cluster \"wep\"; did you "
      "mean \"web\"?\n");
}

}  // namespace
}  // namespace weir::extensions::network_filters::http_connection_manager
