// Copies of requests to another cluster: what they are, and that whatever becomes of them the
// request itself goes as if there were none.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "test/fakes/fake_http_calls.h"
#include "test/router/router_fixture.h"

namespace weir::router {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

class RouterMirrorTest : public RouterTest {
 protected:
  RouterMirrorTest() {
    apply();
    services.put<HttpCalls>(calls);
  }
  // Requests of "/m" have these mirrors.
  void mirrors(std::vector<MirrorPolicy> policies) {
    VirtualHost host{.name = "shop", .domains = {"shop.example"}, .routes = {}};
    RouteEntry& route = host.routes.emplace_back();
    route.match = {PathMatch::Kind::kPrefix, "/"};
    route.cluster = {.cluster = "c", .timeout = milliseconds(1000)};
    route.cluster.resilience =
        std::make_shared<Resilience>(Resilience{std::move(policies), {}, {}});
    table = *RouteTable::compile({host});
    factory = createRouterFactory(table)->bind(services);
  }
  std::unique_ptr<Stream> put(uint64_t bytes) {
    auto s = stream("PUT", "/m?x=1");
    s->request.framing = http::BodyFraming::kContentLength;
    s->request.content_length = bytes;
    s->sendHead();
    return s;
  }
  void expectServed(Stream& s, std::string_view end = "\r\n\r\n") {
    received(0, end);
    origin.send(0, kOk);
    ASSERT_TRUE(ended(s));
    EXPECT_EQ(s.sink.status, 200);
    EXPECT_EQ(s.sink.body, "ok");
  }
  int64_t refused(const std::string& reason) {
    return process.store.valueOf("mirrored_requests_refused_total", {{"reason", reason}});
  }
  int64_t mirrored() { return process.store.valueOf("mirrored_requests_total"); }

  FakeHttpCalls calls;
};

TEST_F(RouterMirrorTest, ACopyGoesToTheMirror) {
  mirrors({{.cluster = "m", .timeout = milliseconds(700)}});
  auto s = stream("GET", "/m?x=1");
  s->request.headers.add("X-Some", "thing");
  s->send();
  ASSERT_EQ(calls.calls.size(), 1u);
  const auto& call = calls.last();
  EXPECT_TRUE(call.forgotten);
  EXPECT_EQ(call.cluster, "m");
  EXPECT_EQ(call.method, "GET");
  EXPECT_EQ(call.authority, "shop.example-shadow");
  EXPECT_EQ(call.path, "/m?x=1");
  EXPECT_EQ(call.timeout, milliseconds(700));
  EXPECT_FALSE(call.send_xff);
  const Fields expected = {{"Host", "shop.example"}, {"X-Some", "thing"}};
  EXPECT_EQ(call.fields.size(), expected.size());
  EXPECT_EQ(call.fields.back(), expected.back());
  expectServed(*s);
  EXPECT_EQ(mirrored(), 1);
}

TEST_F(RouterMirrorTest, ItsHostMayBeTheSame) {
  mirrors({{.cluster = "m", .keep_host = true}, {.cluster = "n"}});
  struct Case {
    std::string_view host, shadow;
  };
  for (const Case& c : {Case{"shop.example:8080", "shop.example-shadow:8080"},
                        Case{"10.1.2.3:80", "10.1.2.3:80"}, Case{"[::1]:80", "[::1]:80"}}) {
    calls.calls.clear();
    auto s = stream("GET", "/m");
    s->request.authority = c.host;
    s->send();
    ASSERT_EQ(calls.calls.size(), 2u);
    EXPECT_EQ(calls.calls[0]->authority, c.host);
    EXPECT_EQ(calls.calls[1]->authority, c.shadow);
    expectServed(*s);
    s.reset();
    worker.run();
  }
}

TEST_F(RouterMirrorTest, TheBodyGoesToAllWhenItIsComplete) {
  mirrors({{.cluster = "m"}, {.cluster = "n"}});
  auto s = put(4);
  s->sendBody("bo", false);
  EXPECT_EQ(calls.calls.size(), 0u);
  s->sendBody("dy", true);
  ASSERT_EQ(calls.calls.size(), 2u);
  EXPECT_EQ(calls.calls[0]->body, "body");
  EXPECT_EQ(calls.calls[1]->body, "body");
  expectServed(*s, "body");
}

TEST_F(RouterMirrorTest, ALongBodyIsNotCopied) {
  mirrors({{.cluster = "m", .max_body_bytes = 3}, {.cluster = "n", .max_body_bytes = 4}});
  auto s = put(4);
  s->sendBody("body", true);
  ASSERT_EQ(calls.calls.size(), 1u);
  EXPECT_EQ(calls.last().cluster, "n");
  EXPECT_EQ(refused("body"), 1);
  expectServed(*s, "body");
}

// Nothing of a body is kept that nobody gets.
TEST_F(RouterMirrorTest, AnEndlessBodyIsNotKept) {
  mirrors({{.cluster = "m"}});
  const size_t before = worker.io.blocks().bytesInUse();
  auto s = put(10'000'000);
  const std::string piece(10'000, 'x');
  size_t most = 0;
  for (int i = 0; i < 999; ++i) {
    s->sendBody(piece, false);
    worker.run();
    origin.read(0);
    most = std::max(most, worker.io.blocks().bytesInUse() - before);
  }
  EXPECT_LT(most, 4u * 1024 * 1024);
  s->sendBody(piece, true);
  EXPECT_EQ(calls.calls.size(), 0u);
  EXPECT_EQ(refused("body"), 1);
  origin.read(0);
  origin.send(0, kOk);
  ASSERT_TRUE(ended(*s));
}

TEST_F(RouterMirrorTest, TrailersGoAsWell) {
  mirrors({{.cluster = "m"}});
  auto s = stream("PUT", "/m");
  s->request.framing = http::BodyFraming::kChunked;
  s->request_trailers.add("x-sum", "1");
  s->sendHead();
  s->sendBody("body", false);
  EXPECT_EQ(calls.calls.size(), 0u);
  s->sendTrailers();
  ASSERT_EQ(calls.calls.size(), 1u);
  EXPECT_EQ(calls.last().trailers, (Fields{{"x-sum", "1"}}));
  expectServed(*s, "x-sum: 1\r\n\r\n");
}

TEST_F(RouterMirrorTest, OnlyAPartOfTheRequests) {
  mirrors({{.cluster = "m", .fraction = {0}}, {.cluster = "n", .fraction = {500'000}}});
  for (int i = 0; i < 200; ++i) {
    auto s = stream("GET", "/m");
    s->send();
    s->end();
    s.reset();
    worker.run();
  }
  EXPECT_GT(calls.calls.size(), 50u);
  EXPECT_LT(calls.calls.size(), 150u);
  for (const auto& call : calls.calls) EXPECT_EQ(call->cluster, "n");
}

TEST_F(RouterMirrorTest, TooManyAreRefused) {
  mirrors({{.cluster = "m"}});
  calls.refuses_forgotten = true;
  auto s = stream("GET", "/m");
  s->send();
  EXPECT_EQ(refused("limit"), 1);
  EXPECT_EQ(mirrored(), 0);
  expectServed(*s);
}

TEST_F(RouterMirrorTest, TunnelsAreNotCopied) {
  mirrors({{.cluster = "m"}});
  auto s = stream("GET", "/m");
  s->request.upgrade = "websocket";
  s->request.headers.add("Upgrade", "websocket");
  s->sendHead();
  EXPECT_EQ(calls.calls.size(), 0u);
  s->end();
}

TEST_F(RouterMirrorTest, AClientThatLeavesBeforeTheEndIsNotCopied) {
  mirrors({{.cluster = "m"}});
  auto s = put(4);
  s->sendBody("bo", false);
  s->end();
  EXPECT_EQ(calls.calls.size(), 0u);
}

}  // namespace
}  // namespace weir::router
