// Routes that choose their cluster: through the router, with an origin on loopback.

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/router/cluster_targets.h"
#include "test/router/router_fixture.h"

namespace weir::router {
namespace {

class RouterTargetsTest : public RouterTest {
 protected:
  RouterTargetsTest() {
    ClusterTargets weighted;
    weighted.weighted = {{.cluster = "c", .weight = 7}, {.cluster = "gone", .weight = 0}};
    weighted.sticky = StickyWeights{.kind = StickyWeights::Kind::kOwnCookie,
                                    .name = "canary",
                                    .attributes = "; Path=/; HttpOnly"};
    ClusterTargets named;
    named.header = "x-cluster";
    named.remove_header = true;
    named.not_found_status = 404;
    VirtualHost host{.name = "shop", .domains = {"*"}, .routes = {}};
    const auto add = [&host](std::string path, const ClusterTargets& targets) {
      RouteEntry& route = host.routes.emplace_back();
      route.match = {PathMatch::Kind::kExact, std::move(path)};
      route.cluster.timeout = milliseconds(1000);
      route.targets = std::make_shared<ClusterTargets>(targets);
    };
    add("/weighted", weighted);
    add("/named", named);
    table = *RouteTable::compile({host});
    factory = createRouterFactory(table)->bind(services);
    apply();
  }
};

TEST_F(RouterTargetsTest, WeightedRoutesForwardAndSetTheirCookie) {
  auto first = stream("GET", "/weighted");
  first->send();
  received(0);
  EXPECT_EQ(first->info.cluster, "c");
  origin.send(0, kOk);
  ASSERT_TRUE(ended(*first));
  EXPECT_EQ(first->sink.status, 200);
  EXPECT_THAT(first->sink.set_cookie,
              testing::MatchesRegex("canary=[0-9a-f]{16}; Path=/; HttpOnly"));
  const std::string pair = first->sink.set_cookie.substr(0, first->sink.set_cookie.find(';'));
  first.reset();

  auto second = stream("GET", "/weighted");
  second->request.headers.add("cookie", pair);
  second->send();
  received(0);
  origin.send(0, kOk);
  ASSERT_TRUE(ended(*second));
  EXPECT_EQ(second->sink.set_cookie, "") << "it is known";
}

TEST_F(RouterTargetsTest, ARequestNamesItsCluster) {
  auto first = stream("GET", "/named");
  first->request.headers.add("X-Cluster", "c");
  first->send();
  EXPECT_THAT(received(0), testing::Not(testing::HasSubstr("X-Cluster")));
  EXPECT_EQ(first->info.cluster, "c");
  origin.send(0, kOk);
  ASSERT_TRUE(ended(*first));
  EXPECT_EQ(first->sink.status, 200);
}

TEST_F(RouterTargetsTest, ARequestThatNamesNoneGetsTheConfiguredStatus) {
  auto absent = stream("GET", "/named");
  absent->send();
  EXPECT_EQ(absent->sink.status, 404);
  EXPECT_EQ(absent->info.detail, "cluster_not_found");
  auto unknown = stream("GET", "/named");
  unknown->request.headers.add("x-cluster", "unknown");
  unknown->send();
  EXPECT_EQ(unknown->sink.status, 404);
  auto repeated = stream("GET", "/named");
  repeated->request.headers.add("x-cluster", "c");
  repeated->request.headers.add("x-cluster", "c");
  repeated->send();
  EXPECT_EQ(repeated->sink.status, 404);
}

}  // namespace
}  // namespace weir::router
