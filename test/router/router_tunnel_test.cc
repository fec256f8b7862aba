// Tunnels, streams that end early, and long bodies.

#include "test/router/router_fixture.h"

namespace weir::router {
namespace {

TEST_F(RouterTest, TheClientLeavesWhileWaitingOrReading) {
  apply();
  auto waiting = stream();
  waiting->send();
  waiting->end();
  auto reading = stream();
  reading->send();
  received(0);
  reading->end();
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
}

TEST_F(RouterTest, TunnelsAfterAnUpgradeWithoutTimeout) {
  apply();
  auto s = stream();
  s->request.upgrade = "websocket";
  s->sendHead();
  received(0);
  origin.send(
      0,
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "hello"; }));
  EXPECT_EQ(s->sink.status, 101);
  worker.dispatcher.advance(milliseconds(5000));
  s->sendBody("ping", false);
  EXPECT_EQ(received(0, "ping"), "ping");
  origin.close(0);
  EXPECT_TRUE(ended(*s));
}

TEST_F(RouterTest, AnUpgradeThatIsNotGrantedKeepsTheConnection) {
  apply();
  auto s = stream();
  s->request.upgrade = "websocket";
  s->sendHead();
  received(0);
  origin.send(0, kOk);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.body, "ok");
  EXPECT_TRUE(worker.until([&] { return worker.pool().idleConnections() == 1; }));
}

TEST_F(RouterTest, ARequestOutlivesItsClusterAndEndpoint) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  worker.clusters.apply({});
  worker.run();
  origin.send(0, kOk);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(*s->info.upstream_address, origin.address());
}

TEST_F(RouterTest, LongBodiesGoThroughTheChainWhenTheClientGivesNoRawConnection) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  const std::string body(300 * 1024, 'b');
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  std::string_view rest = body;
  EXPECT_TRUE(worker.until([&] {
    const std::string_view piece = rest.substr(0, 32 * 1024);
    origin.send(0, piece);
    rest.remove_prefix(piece.size());
    return s->sink.ended;
  }));
  EXPECT_EQ(s->sink.body.size(), body.size());
}

}  // namespace
}  // namespace weir::router
