#include "source/config/resilience_compiler.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/weir/config/v1/route.pb.h"
#include "extensions/stickiness/source_ip/config.h"
#include "source/base/concat.h"
#include "source/base/registry.h"
#include "source/config/snapshot.h"
#include "source/config/text_parser.h"
#include "source/stats/stats.h"
#include "test/config/fake_extensions.h"

namespace weir::config {
namespace {

using router::InternalRedirectPolicy;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A route's action, in a file without clusters.
struct Read {
  explicit Read(std::string_view text, std::string_view virtual_host = "",
                milliseconds timeout = seconds(15)) {
    v1::VirtualHost host;
    EXPECT_TRUE(parseText(virtual_host, registry, host_file, host)) << virtual_host;
    EXPECT_TRUE(parseText(text, registry, file, message)) << text;
    action.timeout = timeout;
    const auto retry_default = compileRetryDefault(host, host_file.rootCursor());
    compileResilience(message, retry_default, compiler, file.rootCursor(), action);
  }
  std::string findings() const {
    const std::string text = diagnostics.toString();
    return text.empty() ? text : text.substr(text.find(':') + 1);
  }
  bool finds(std::string_view text) const { return findings().find(text) != std::string::npos; }

  base::Registry registry;
  stats::Store store;
  Compiler::Usages usages;
  DictionaryCompiler::Known dictionaries;
  Compiler compiler{registry, store, usages, dictionaries};
  Diagnostics diagnostics;
  ParsedFile file{"w", diagnostics};
  ParsedFile host_file{"h", diagnostics};
  v1::RouteAction message;
  router::ClusterAction action;
};

TEST(ResilienceCompilerTest, NothingIsTheDefault) {
  const Read read("");
  EXPECT_EQ(read.findings(), "");
  EXPECT_FALSE(read.action.retry);
  EXPECT_EQ(read.action.resilience, nullptr);
}

TEST(ResilienceCompilerTest, RetriesHaveDefaults) {
  const Read read("retry { statuses: 429 }");
  ASSERT_TRUE(read.action.retry) << read.findings();
  EXPECT_EQ(read.action.retry->max_retry_after, seconds(5));
  EXPECT_TRUE(read.action.retry->reset_fields.empty());
  EXPECT_FALSE(read.action.retry->attempt_field);
}

TEST(ResilienceCompilerTest, RetriesTakeWhatIsGiven) {
  const Read read(R"(retry { statuses: 429 max_retry_after { seconds: 20 } attempt_field: true
      reset_fields { name: "X-RateLimit-Reset" unix_time: true } reset_fields { name: "r" } })");
  ASSERT_TRUE(read.action.retry);
  EXPECT_EQ(read.findings(), "");
  EXPECT_EQ(read.action.retry->max_retry_after, seconds(20));
  ASSERT_EQ(read.action.retry->reset_fields.size(), 2u);
  EXPECT_TRUE(read.action.retry->reset_fields[0].unix_time);
  EXPECT_EQ(read.action.retry->reset_fields[1].name, "r");
  EXPECT_TRUE(read.action.retry->attempt_field);
}

TEST(ResilienceCompilerTest, RetriesThatCannotBe) {
  EXPECT_TRUE(Read("retry { statuses: 429 reset_fields {} }").finds("reset_fields[0].name"));
  EXPECT_TRUE(Read("retry { statuses: 429 reset_fields { name: 'a b' } }").finds("not the name"));
  EXPECT_TRUE(Read("retry { statuses: 429 max_retry_after { seconds: 301 } }").finds("5 min"));
  EXPECT_TRUE(Read("retry { statuses: 429 max_retry_after {} reset_fields { name: 'r' } }")
                  .finds("not looked at"));
  EXPECT_TRUE(Read("retry { statuses: 429 } no_retry: true").finds("contradicts"));
}

TEST(ResilienceCompilerTest, TheVirtualHostMaySayWhenToRetry) {
  constexpr std::string_view kHost =
      "retry { retry_on: GATEWAY_ERROR max_retries: 3 per_try_timeout { seconds: 2 } }";
  EXPECT_EQ(Read("", kHost).action.retry->max_retries, 3u);
  EXPECT_EQ(Read("retry { statuses: 429 }", kHost).action.retry->max_retries, 1u);
  EXPECT_FALSE(Read("no_retry: true", kHost).action.retry);
  EXPECT_TRUE(Read("timeout { seconds: 2 }", kHost, seconds(2)).finds("per_try_timeout, 2 s"));
  EXPECT_EQ(Read("", kHost, seconds(0)).findings(), "");
  EXPECT_TRUE(Read("", "retry { max_retries: 2 }").finds("does not say when"));
}

TEST(ResilienceCompilerTest, Mirrors) {
  const Read read(
      "mirrors { cluster: 'm' percentage { percent: 5 } keep_host: true "
      "max_body_bytes: 0 max_active: 7 timeout { seconds: 3 } } mirrors {}");
  ASSERT_NE(read.action.resilience, nullptr);
  const auto& mirrors = read.action.resilience->mirrors;
  ASSERT_EQ(mirrors.size(), 2u);
  EXPECT_EQ(mirrors[0].cluster, "m");
  EXPECT_EQ(mirrors[0].fraction.millionths, 50'000u);
  EXPECT_TRUE(mirrors[0].keep_host);
  EXPECT_EQ(mirrors[0].max_body_bytes, 0u);
  EXPECT_EQ(mirrors[0].max_active, 7u);
  EXPECT_EQ(mirrors[0].timeout, seconds(3));
  EXPECT_EQ(mirrors[1].fraction.millionths, http::Fraction::kAll);
  EXPECT_EQ(mirrors[1].max_body_bytes, 64u * 1024);
  EXPECT_EQ(mirrors[1].max_active, 100u);
  EXPECT_TRUE(read.finds("mirrors[0].cluster")) << "there is no such cluster";
  EXPECT_TRUE(read.finds("mirrors[1].cluster")) << "required";
  EXPECT_TRUE(Read("mirrors { cluster: 'm' max_body_bytes: 2000000 }").finds("max_body_bytes"));
}

TEST(ResilienceCompilerTest, InternalRedirects) {
  const Read plain("internal_redirects {}");
  EXPECT_EQ(plain.findings(), "");
  const InternalRedirectPolicy& defaults = *plain.action.resilience->redirects;
  for (const uint16_t status : {301, 302, 303, 307, 308}) EXPECT_TRUE(defaults.follows(status));
  for (const uint16_t status : {200, 299, 300, 304, 305, 331, 332, 400}) {
    EXPECT_FALSE(defaults.follows(status)) << status;
  }
  EXPECT_EQ(defaults.max, 1u);
  EXPECT_FALSE(defaults.other_hosts || defaults.other_schemes);
  const Read read(
      "internal_redirects { statuses: 307 max: 4 other_hosts: true "
      "other_schemes: true routes: 'a' max_body_bytes: 9 }");
  EXPECT_EQ(read.findings(), "");
  const InternalRedirectPolicy& policy = *read.action.resilience->redirects;
  EXPECT_TRUE(policy.follows(307));
  EXPECT_FALSE(policy.follows(302));
  EXPECT_EQ(policy.max, 4u);
  EXPECT_TRUE(policy.other_hosts && policy.other_schemes);
  EXPECT_EQ(policy.routes, std::vector<std::string>{"a"});
  EXPECT_EQ(policy.max_body_bytes, 9u);
  EXPECT_TRUE(Read("internal_redirects { statuses: 304 }").finds("statuses[0]"));
  EXPECT_TRUE(Read("internal_redirects { max: 11 }").finds("max"));
  EXPECT_TRUE(Read("internal_redirects { routes: '' }").finds("routes[0]"));
}

TEST(ResilienceCompilerTest, Hedges) {
  const Read plain("hedge {}");
  EXPECT_EQ(plain.findings(), "");
  const router::HedgePolicy& defaults = *plain.action.resilience->hedge;
  EXPECT_DOUBLE_EQ(defaults.quantile, 0.95);
  EXPECT_DOUBLE_EQ(defaults.budget, 0.05);
  EXPECT_EQ(defaults.min_samples, 100u);
  EXPECT_EQ(defaults.initial_delay, milliseconds(0));
  const Read read(
      "hedge { percentile: 99 min_delay { nanos: 5000000 } max_delay { seconds: 1 } "
      "initial_delay { nanos: 20000000 } min_samples: 50 budget_percent: 2.5 "
      "any_method: true max_body_bytes: 0 }");
  EXPECT_EQ(read.findings(), "");
  const router::HedgePolicy& policy = *read.action.resilience->hedge;
  EXPECT_DOUBLE_EQ(policy.quantile, 0.99);
  EXPECT_EQ(policy.min_delay, milliseconds(5));
  EXPECT_EQ(policy.max_delay, seconds(1));
  EXPECT_EQ(policy.initial_delay, milliseconds(20));
  EXPECT_EQ(policy.min_samples, 50u);
  EXPECT_DOUBLE_EQ(policy.budget, 0.025);
  EXPECT_TRUE(policy.any_method);
  EXPECT_EQ(policy.max_body_bytes, 0u);
}

TEST(ResilienceCompilerTest, HedgesThatCannotBe) {
  for (const char* text :
       {"percentile: 49", "percentile: 100", "percentile: -1", "percentile: nan",
        "budget_percent: 101", "budget_percent: 0.01", "min_samples: 9",
        "min_delay { seconds: 61 }", "initial_delay {}",
        "min_delay { seconds: 2 } max_delay { seconds: 1 }", "min_delay { seconds: 15 }"}) {
    EXPECT_NE(Read("hedge { " + std::string(text) + " }").findings(), "") << text;
  }
}

// What is wrong with a route, in a file with clusters "bound" and "tied", which have stickiness,
// and "free", which has none; one finding a line.
std::string findingsOfRoute(std::string_view route) {
  const auto registry = fakeRegistry();
  using SourceIp = extensions::stickiness::source_ip::SourceIpExtension;
  EXPECT_TRUE(registry->add(std::make_unique<SourceIp>()).ok());
  stats::Store store;
  Diagnostics diagnostics;
  const auto snapshot = Loader(*registry, store)
                            .loadText(base::concat(R"(
listeners {
  name: "edge" address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { route {
)",
                                                   route, R"(
    } } }
  } } } }
}
clusters { name: "bound" endpoints { address: "10.0.0.1:80" } stickiness { config { [stickiness/source_ip] {} } } }
clusters { name: "tied" endpoints { address: "10.0.0.1:80" } stickiness { config { [stickiness/source_ip] {} } } }
clusters { name: "free" endpoints { address: "10.0.0.1:80" } }
)"),
                                      "w", 1, diagnostics);
  return diagnostics.toString();
}

TEST(ResilienceCompilerTest, HedgesOfClientsThatAreBoundToOneEndpoint) {
  EXPECT_EQ(findingsOfRoute("cluster: 'free' hedge {}"), "");
  EXPECT_EQ(findingsOfRoute("cluster: 'bound'"), "");
  const std::string plain = findingsOfRoute("cluster: 'bound'\nhedge {}");
  EXPECT_TRUE(plain.starts_with("w:7:1: ")) << plain;
  EXPECT_NE(
      plain.find("routes[0].route.hedge: stickiness binds the clients of cluster \"bound\" to "
                 "one endpoint"),
      std::string::npos)
      << plain;
  EXPECT_NE(plain.find("remove hedge"), std::string::npos) << plain;
}

TEST(ResilienceCompilerTest, HedgesOfWeightedClustersWantOneWithoutStickiness) {
  constexpr std::string_view kHedge =
      "hedge {} weighted_clusters { clusters { name: 'bound' weight: 1 } ";
  EXPECT_EQ(findingsOfRoute(base::concat(kHedge, "clusters { name: 'free' weight: 1 } }")), "");
  const std::string both =
      findingsOfRoute(base::concat(kHedge, "clusters { name: 'tied' weight: 1 } }"));
  EXPECT_NE(both.find("route.hedge: stickiness binds"), std::string::npos) << both;
  EXPECT_EQ(findingsOfRoute("hedge {} cluster_header { name: 'x-to' }"), "");
}

}  // namespace
}  // namespace weir::config
