// What the router does with a request and its answer.

#include "test/router/router_fixture.h"

namespace weir::router {
namespace {

TEST_F(RouterTest, NoRouteIs404) {
  auto s = stream("GET", "/x");
  s->send();
  EXPECT_EQ(s->sink.status, 404);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kNoRouteFound));
  EXPECT_EQ(s->info.detail, "route_not_found");
}

TEST_F(RouterTest, Redirects) {
  auto s = stream("GET", "/old?q=1");
  s->send();
  EXPECT_EQ(s->sink.status, 308);
  EXPECT_EQ(s->sink.location, "https://shop.example/new?q=1");
  EXPECT_TRUE(s->sink.ended);
}

TEST_F(RouterTest, AnswersDirectly) {
  auto s = stream("GET", "/hello");
  s->send();
  EXPECT_EQ(s->sink.status, 201);
  EXPECT_EQ(s->sink.body, "hi");
  EXPECT_TRUE(s->sink.ended);
  auto head = stream("HEAD", "/hello");
  head->send();
  EXPECT_EQ(head->sink.status, 201);
  EXPECT_EQ(head->sink.body, "");
  EXPECT_TRUE(head->sink.ended);
}

TEST_F(RouterTest, AnUnknownClusterIs503) {
  auto s = stream("GET", "/nowhere");
  s->send();
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kNoClusterFound));
}

TEST_F(RouterTest, ForwardsAndFillsTheStreamInfo) {
  apply();
  auto s = stream();
  s->send();
  EXPECT_EQ(worker.cluster().host(0).in_flight, 1u);
  EXPECT_EQ(process.gauge("cluster_active_requests"), 1);
  EXPECT_TRUE(received(0).starts_with("GET /c HTTP/1.1\r\n"));
  origin.send(0, "HTTP/1.1 103 Early Hints\r\n\r\n");
  origin.send(
      0,
      "HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nok\r\n0\r\nX-T: 1\r\n\r\n");
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.informational, 103);
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->sink.body, "ok");
  EXPECT_EQ(s->sink.trailers, 1u);
  EXPECT_EQ(s->info.cluster, "c");
  EXPECT_EQ(s->info.attempts, 1u);
  ASSERT_NE(s->info.upstream_address, nullptr);
  EXPECT_EQ(*s->info.upstream_address, origin.address());
  EXPECT_EQ(process.gauge("cluster_requests_total"), 1);
  EXPECT_EQ(process.store.valueOf("cluster_responses_total", {{"cluster", "c"}, {"class", "2xx"}}),
            1);
  EXPECT_EQ(worker.cluster().host(0).in_flight, 0u);
}

TEST_F(RouterTest, ABodyThatComesBeforeTheConnectionIsKeptAndTheClientSlowed) {
  apply();
  auto s = stream("POST");
  s->request.framing = http::BodyFraming::kChunked;
  s->sendHead();
  s->sendBody(std::string(80 * 1024, 'x'), false);
  EXPECT_FALSE(s->sink.reading);
  s->sendBody("tail", false);
  s->request_trailers.add("x-t", "1");
  s->sendTrailers();
  const std::string text = received(0, "0\r\nx-t: 1\r\n\r\n");
  EXPECT_NE(text.find("tail"), std::string::npos);
  EXPECT_TRUE(s->sink.reading);
  origin.send(0, kOk);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(worker.pool().idleConnections(), 1u);
}

TEST_F(RouterTest, ASlowEndpointSlowsTheClient) {
  apply();
  auto s = stream("POST");
  s->request.framing = http::BodyFraming::kContentLength;
  s->request.content_length = 64 << 20;
  s->sendHead();
  ASSERT_TRUE(worker.until(
      [&] { return worker.pool().openConnections() == 1 && !origin.read(0).empty(); }));
  for (int i = 0; i < 640 && s->sink.reading; ++i) {
    worker.dispatcher.post([&] { s->sendBody(std::string(100 * 1024, 'x'), false); });
    worker.run();
  }
  EXPECT_FALSE(s->sink.reading);
  EXPECT_TRUE(worker.until([&] {
    origin.read(0);
    return s->sink.reading;
  }));
  s->end();
  worker.run();
}

TEST_F(RouterTest, AnEarlyAnswerEndsTheUpstreamConnection) {
  apply();
  auto s = stream("POST");
  s->request.framing = http::BodyFraming::kChunked;
  s->sendHead();
  s->sendBody("part", false);
  received(0, "part\r\n");
  origin.send(0, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 413);
  s->sendBody("rest", true);
  worker.run();
  EXPECT_EQ(worker.pool().openConnections(), 0u);
}

}  // namespace
}  // namespace weir::router
