#include "extensions/routing/lua/lua.h"

#include <pthread.h>

#include <string>

#include "gtest/gtest.h"

#include "extensions/routing/lua/bindings.h"
#include "source/base/concat.h"
#include "source/network/address.h"
#include "source/router/route_table.h"
#include "source/stats/stats.h"
#include "test/support/allocation_counter.h"
#include "test/upstream/test_cluster.h"

namespace weir::extensions::routing::lua {
namespace {

using http::ProvidedRoute;
using router::RouteEntry;
using std::chrono::milliseconds;

class LuaRouteTest : public testing::Test {
 protected:
  LuaRouteTest() {
    worker_.services.put(worker_.clusters);
    setClusters(true);
    router::VirtualHost host{.name = "all", .domains = {"*"}, .routes = {}};
    RouteEntry route;
    route.route_name = "of the table";
    route.match.text = "/t";
    route.cluster.cluster = "c";
    host.routes.push_back(route);
    table_ = *router::RouteTable::compile({host});
    config_.name = "router";
    config_.entry_points = {"route"};
    config_.modules = {routingModule()};
    head_.method = "GET";
    head_.path = "/t/x?q=1";
    head_.authority = "shop";
    head_.scheme = "http";
  }
  ~LuaRouteTest() override {
    provided_ = {};
    provider_.reset();
    setClusters(false);
  }
  // With cluster "c", or without.
  void setClusters(bool there) {
    worker_.dispatcher.post([this, there] {
      if (there) worker_.clusters.apply({process_.config({})});
      if (!there) worker_.clusters.apply({});
    });
    worker_.run();
  }

  // A script whose route(request, routes) is `body`.
  void use(std::string_view body, size_t max_routes = 100) {
    provided_ = {};
    config_.text = base::concat("function route(request, routes)\n", body, "\nend");
    auto script = weir::lua::Script::load(config_, process_.store);
    ASSERT_TRUE(script.ok()) << script.status().message();
    factory_ = std::make_unique<LuaRouteFactory>(*std::move(script), max_routes);
    provider_ = factory_->bind(worker_.services);
  }
  const RouteEntry* resolve() {
    provided_ = provider_->resolve(head_, info_, *table_);
    return static_cast<const RouteEntry*>(provided_.route);
  }
  // What comes of a script that returns `result`.
  const RouteEntry* routeOf(std::string_view result) {
    use(base::concat("return ", result));
    return resolve();
  }
  int64_t errors() { return process_.store.valueOf("lua_errors_total", {{"script", "router"}}); }

  upstream::TestProcess process_;
  upstream::TestWorker worker_{process_};
  std::shared_ptr<const router::RouteTable> table_;
  weir::lua::ScriptConfig config_;
  std::unique_ptr<LuaRouteFactory> factory_;
  std::unique_ptr<http::WorkerRouteProvider> provider_;
  http::RequestHead head_;
  http::StreamInfo info_;
  ProvidedRoute provided_;
};

TEST_F(LuaRouteTest, ANameIsACluster) {
  const RouteEntry* const route = routeOf("'c'");
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(route->clusterName(), "c");
  EXPECT_EQ(route->cluster.timeout, milliseconds(15'000));
  EXPECT_EQ(route->cluster.cluster_index, router::ClusterAction::kByName);
  EXPECT_NE(provided_.owned, nullptr);
  EXPECT_EQ(errors(), 0);
}

TEST_F(LuaRouteTest, NilAsksTheTable) {
  EXPECT_EQ(routeOf("nil")->name(), "of the table");
  EXPECT_EQ(routeOf("routes:lookup()")->name(), "of the table");
  head_.path = "/other";
  EXPECT_EQ(routeOf("nil"), nullptr);
  EXPECT_EQ(routeOf("routes:lookup()"), nullptr);
  EXPECT_EQ(routeOf("routes:lookup() or 'c'")->clusterName(), "c");
  head_.path = "/t";
  EXPECT_EQ(routeOf("false"), nullptr);
  EXPECT_EQ(errors(), 0);
}

TEST_F(LuaRouteTest, TheTablesRouteTellsOfItself) {
  use("local found = routes:lookup() "
      "return {cluster = found.cluster, name = found.name .. found.virtual_host}");
  EXPECT_EQ(resolve()->name(), "of the tableall");
}

TEST_F(LuaRouteTest, OptionsOfACluster) {
  const RouteEntry* const route = routeOf(R"({
      cluster = 'c', name = 'n', timeout = 1.5, idle_timeout = 60, priority = 3, sticky = false,
      metadata_match = {zone = 'a', stage = 'b'}, hash = 'user-7',
      retry = {max_retries = 2, on = {'connect_failure', 'server_error'}, statuses = {429},
               grpc_statuses = {14}, per_try_timeout = 0.5, any_method = true,
               base_interval = 0.1, max_body_bytes = 0}})");
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(errors(), 0);
  EXPECT_EQ(route->kind, RouteEntry::Kind::kCluster);
  EXPECT_EQ(route->name(), "n");
  const router::ClusterAction& action = route->cluster;
  EXPECT_EQ(action.timeout, milliseconds(1500));
  EXPECT_EQ(action.idle_timeout, milliseconds(60'000));
  EXPECT_EQ(action.priority, 3);
  EXPECT_FALSE(action.sticky);
  EXPECT_TRUE(action.hash.has_value());
  EXPECT_EQ(action.metadata_match,
            (std::vector<std::pair<std::string, std::string>>{{"stage", "b"}, {"zone", "a"}}));
  ASSERT_TRUE(action.retry.has_value());
  EXPECT_EQ(action.retry->max_retries, 2u);
  EXPECT_TRUE(action.retry->retries(router::RetryPolicy::Condition::kServerError));
  EXPECT_FALSE(action.retry->retries(router::RetryPolicy::Condition::kRefusedStream));
  EXPECT_TRUE(action.retry->retriesAnswer(429));
  EXPECT_EQ(action.retry->per_try_timeout, milliseconds(500));
  EXPECT_EQ(action.retry->base_interval, milliseconds(100));
  EXPECT_EQ(action.retry->max_interval, milliseconds(1000));
  EXPECT_EQ(action.retry->max_body_bytes, 0u);
}

TEST_F(LuaRouteTest, RedirectsAndDirectResponses) {
  const RouteEntry* route = routeOf(
      "{redirect = {status = 308, scheme = 'https', host = 'a.example', path = '/b', "
      "strip_query = true}}");
  ASSERT_EQ(route->kind, RouteEntry::Kind::kRedirect);
  EXPECT_EQ(route->redirect.status, 308);
  EXPECT_EQ(route->redirect.path, "/b");
  route = routeOf("{direct_response = {status = 503, body = 'soon', content_type = 'text/html'}}");
  ASSERT_EQ(route->kind, RouteEntry::Kind::kDirectResponse);
  EXPECT_EQ(route->direct.status, 503);
  EXPECT_EQ(route->direct.body, "soon");
  EXPECT_EQ(errors(), 0);
}

TEST_F(LuaRouteTest, WrongResultsAreErrors) {
  int count = 0;
  for (const char* result : {
           "7",
           "true",
           "''",
           "'unknown'",
           "{}",
           "request",
           "routes",
           "function() end",
           "{cluster = 'unknown'}",
           "{cluster = 7}",
           "{'c'}",
           "{cluster = 'c', tiemout = 3}",
           "{cluster = 'c', timeout = -1}",
           "{cluster = 'c', timeout = '5'}",
           "{cluster = 'c', timeout = 1/0}",
           "{cluster = 'c', timeout = 0/0}",
           "{cluster = 'c', idle_timeout = 0}",
           "{cluster = 'c', priority = 256}",
           "{cluster = 'c', priority = 1.5}",
           "{cluster = 'c', hash = {}}",
           "{cluster = 'c', sticky = 1}",
           "{cluster = 'c', name = 1}",
           "{cluster = 'c', metadata_match = 'zone'}",
           "{cluster = 'c', metadata_match = {zone = 1}}",
           "{cluster = 'c', metadata_match = {'a'}}",
           "{cluster = 'c', retry = {}}",
           "{cluster = 'c', retry = {on = 'x'}}",
           "{cluster = 'c', retry = {on = {'x'}}}",
           "{cluster = 'c', retry = {on = {'server_error'}, max_retries = 11}}",
           "{cluster = 'c', retry = {statuses = {200}}}",
           "{cluster = 'c', retry = {grpc_statuses = {17}}}",
           "{cluster = 'c', timeout = 1, retry = {per_try_timeout = 1}}",
           "{cluster = 'c', retry = {statuses = {503}, base_interval = 2, max_interval = 1}}",
           "{cluster = 'c', redirect = {path = '/'}}",
           "{redirect = {}}",
           "{redirect = {status = 305, path = '/'}}",
           "{redirect = {status = 200, path = '/'}}",
           "{redirect = {scheme = 'ftp'}}",
           "{redirect = {path = 'x'}}",
           "{redirect = {host = 'a b'}}",
           "{redirect = {path = '/\\r\\nx: y'}}",
           "{redirect = {path = '/'}, timeout = 3}",
           "{direct_response = {status = 199}}",
           "{direct_response = {status = 204, body = 'x'}}",
           "{direct_response = {body = ('x'):rep(65537)}}",
           "{direct_response = {body = 'x', content_type = 'a\\nb'}}",
           "{direct_response = {status = 200}, redirect = {path = '/'}}",
           "request.nothing",
           "request:header()",
           "routes.lookup(request)",
           "error('x')",
           "coroutine.yield()",
       }) {
    const RouteEntry* const route = routeOf(result);
    EXPECT_EQ(errors(), ++count) << result;
    ASSERT_NE(route, nullptr) << result;
    EXPECT_EQ(route->kind, RouteEntry::Kind::kDirectResponse) << result;
    EXPECT_EQ(route->direct.status, 500) << result;
  }
}

TEST_F(LuaRouteTest, OrTheTableDecides) {
  config_.on_error = weir::lua::OnError::kContinue;
  EXPECT_EQ(routeOf("'unknown'")->name(), "of the table");
  EXPECT_EQ(routeOf("error('x')")->name(), "of the table");
  EXPECT_EQ(errors(), 2);
}

TEST_F(LuaRouteTest, EqualResultsAreOneRoute) {
  use("return request:header('x') and 'c' or {cluster = 'c', timeout = #request.path}");
  const RouteEntry* const first = resolve();
  EXPECT_EQ(resolve(), first);
  head_.path = "/t/longer";
  const RouteEntry* const longer = resolve();
  EXPECT_NE(longer, first);
  EXPECT_EQ(longer->cluster.timeout, milliseconds(9000));
  EXPECT_EQ(resolve(), longer);
  head_.headers.add("x", "1");
  EXPECT_NE(resolve(), longer);
}

TEST_F(LuaRouteTest, HashesAreEachRequestsOwn) {
  use("return {cluster = 'c', hash = request.path}");
  const auto first = resolve()->cluster.hash;
  head_.path = "/other";
  const auto other = resolve()->cluster.hash;
  EXPECT_NE(first, other);
  head_.path = "/t/x";
  EXPECT_EQ(resolve()->cluster.hash, first);
}

TEST_F(LuaRouteTest, FewRoutesAreKept) {
  use("n = (n or 0) + 1 return {cluster = 'c', timeout = n % 7 + 1}", 3);
  for (int i = 1; i < 50; ++i) {
    EXPECT_EQ(resolve()->cluster.timeout, milliseconds((i % 7 + 1) * 1000));
  }
}

TEST_F(LuaRouteTest, AClusterThatHasGoneIsUnknown) {
  use("return routes:hasCluster('c') and 'c' or {direct_response = {status = 404}}");
  EXPECT_EQ(resolve()->clusterName(), "c");
  setClusters(false);
  EXPECT_EQ(resolve()->direct.status, 404);
  use("return 'c'");
  EXPECT_EQ(resolve()->direct.status, 500);
  setClusters(true);
  EXPECT_EQ(resolve()->clusterName(), "c");
}

TEST_F(LuaRouteTest, KnowsTheRequest) {
  const network::Address remote = *network::Address::parse("192.0.2.1:4711");
  info_.downstream_remote = &remote;
  info_.requested_server_name = "sni.example";
  head_.headers.add("Cookie", "a=1; group=blue");
  head_.headers.add("X-Two", "first");
  use(R"lua(
    assert(request.method == 'GET' and request.host == 'shop' and request.scheme == 'http')
    assert(request.path == '/t/x' and request.query == 'q=1' and request.target == '/t/x?q=1')
    assert(request.protocol == 'HTTP/1.1' and request.remote_ip == '192.0.2.1')
    assert(request.server_name == 'sni.example' and request.tls_version == nil)
    assert(request:cookie('group') == 'blue' and request:cookie('b') == nil)
    assert(request:header('x-two') == 'first' and request:header('x') == nil)
    local names = {}
    for name, value in request:headers() do names[#names + 1] = name .. '=' .. value end
    assert(table.concat(names, '|') == 'Cookie=a=1; group=blue|X-Two=first')
    assert(request:metadata('a', 'b') == nil and request:proxyTlv(1) == nil)
    return 'c')lua");
  EXPECT_EQ(resolve()->clusterName(), "c");
  EXPECT_EQ(errors(), 0);
}

TEST_F(LuaRouteTest, HandlesDoNotOutliveTheirRequest) {
  use("if next_header then return next_header() end "
      "next_header = request:headers() return 'c'");
  head_.headers.add("a", "b");
  EXPECT_EQ(resolve()->clusterName(), "c");
  head_.headers.clear();
  EXPECT_EQ(resolve()->name(), "of the table");  // no header any more, and no crash
  EXPECT_EQ(errors(), 0);
}

TEST_F(LuaRouteTest, ARunawayIsEndedAndThenLeftOut) {
  config_.cpu_time = milliseconds(5);
  config_.bypass_failures = 2;
  use("while true do end");
  EXPECT_EQ(resolve()->direct.status, 500);
  EXPECT_EQ(resolve()->direct.status, 500);
  EXPECT_EQ(resolve()->name(), "of the table");
}

TEST_F(LuaRouteTest, ANameThatWasSeenCostsNoAllocation) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  use("return request.path == '/t/x' and 'c' or nil");
  // Until it is compiled, too.
  for (int i = 0; i < 1000; ++i) resolve();
  ::pthread_setname_np(::pthread_self(), "routing");
  test::AllocationCounter allocations("routing");
  for (int i = 0; i < 100; ++i) resolve();
  EXPECT_EQ(allocations.count(), 0u);
}

}  // namespace
}  // namespace weir::extensions::routing::lua
