// Mirrors that are dead, hang or refuse, with real calls: the request itself does not notice.

#include <memory>
#include <string>

#include "source/router/worker_http_calls.h"
#include "test/router/router_fixture.h"

namespace weir::router {
namespace {

class MirrorFailureTest : public RouterTest {
 protected:
  MirrorFailureTest() : calls_(services) {
    services.put<HttpCalls>(calls_);
    VirtualHost host{.name = "shop", .domains = {"shop.example"}, .routes = {}};
    RouteEntry& route = host.routes.emplace_back();
    route.match = {PathMatch::Kind::kPrefix, "/"};
    route.cluster = {.cluster = "c", .timeout = milliseconds(1000)};
    route.cluster.resilience = std::make_shared<Resilience>(
        Resilience{{{.cluster = "m", .max_active = 3, .timeout = milliseconds(2000)}}, {}, {}});
    table = *RouteTable::compile({host});
    factory = createRouterFactory(table)->bind(services);
  }
  // The mirrors' process counts for itself.
  void applyWith(const network::Address& mirror) {
    auto real = process.config({origin.address()});
    auto copy = std::make_shared<upstream::ClusterConfig>(*mirrors_.config({mirror}));
    copy->name = "m";
    worker.clusters.apply({real, copy});
  }
  void expectServed() {
    auto s = stream("GET", "/x");
    s->send();
    received(0);
    origin.send(0, kOk);
    ASSERT_TRUE(ended(*s));
    EXPECT_EQ(s->sink.status, 200);
    EXPECT_EQ(s->info.attempts, 1u);
    s.reset();
    worker.run();
  }
  int64_t active() { return process.store.valueOf("http_calls_active"); }
  int64_t refused() {
    return process.store.valueOf("mirrored_requests_refused_total", {{"reason", "limit"}});
  }

  TestProcess mirrors_;
  WorkerHttpCalls calls_;
};

TEST_F(MirrorFailureTest, NoSuchCluster) {
  apply();
  for (int i = 0; i < 5; ++i) expectServed();
  EXPECT_EQ(active(), 0);
  EXPECT_EQ(process.store.valueOf("mirrored_requests_total"), 5);
}

TEST_F(MirrorFailureTest, NobodyListens) {
  TestOrigin dead;
  const network::Address address = dead.address();
  dead.kill();
  applyWith(address);
  for (int i = 0; i < 5; ++i) expectServed();
  EXPECT_TRUE(worker.until([&] { return active() == 0; }));
}

// More than max_active are not made, until those have had their time.
TEST_F(MirrorFailureTest, NobodyAnswers) {
  TestOrigin silent;
  applyWith(silent.address());
  for (int i = 0; i < 5; ++i) expectServed();
  EXPECT_EQ(active(), 3);
  EXPECT_EQ(refused(), 2);
  worker.dispatcher.advance(milliseconds(2100));
  EXPECT_EQ(active(), 0);
  expectServed();
  EXPECT_EQ(active(), 1);
  worker.dispatcher.advance(milliseconds(2100));
}

TEST_F(MirrorFailureTest, NoConnectionComesUp) {
  upstream::FullOrigin full;
  applyWith(full.address());
  for (int i = 0; i < 5; ++i) expectServed();
  EXPECT_EQ(active(), 3);
  worker.dispatcher.advance(milliseconds(2100));
  EXPECT_EQ(active(), 0);
}

// The routes may go while their copies are under way.
TEST_F(MirrorFailureTest, TheRoutesGo) {
  TestOrigin silent;
  applyWith(silent.address());
  expectServed();
  EXPECT_EQ(active(), 1);
  factory.reset();
  table.reset();
  worker.dispatcher.advance(milliseconds(2100));
  EXPECT_EQ(active(), 0);
}

TEST_F(MirrorFailureTest, AnAnswerIsDropped) {
  TestOrigin mirror;
  applyWith(mirror.address());
  expectServed();
  std::string asked;
  ASSERT_TRUE(worker.until([&] {
    if (mirror.accepted() > 0) asked += mirror.read(0);
    return asked.ends_with("\r\n\r\n");
  }));
  EXPECT_NE(asked.find("\r\nHost: shop.example-shadow\r\n"), std::string::npos) << asked;
  mirror.send(0, "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_TRUE(worker.until([&] { return active() == 0; }));
}

}  // namespace
}  // namespace weir::router
