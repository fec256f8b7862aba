#include "test/conformance/client_fixture.h"

#include <chrono>
#include <utility>

#include "test/support/configs.h"

namespace weir::conformance {

namespace http2 = test::http2;

void ClientTest::start(Script script, std::string_view cluster, std::string_view manager) {
  script_ = std::move(script);
  first_ended_ = {};
  origin_ = std::make_unique<test::ScriptedOrigin>([this](RawConnection& connection, int number) {
    Http2Peer peer(connection);
    script_(peer, number);
    if (number == 0) first_ended_.set_value();
  });
  proxy_ = std::make_unique<test::InProcessProxy>(
      test::edgeListener(manager) +
      test::cluster("origin", {origin_->address()},
                    "http_protocol: HTTP_PROTOCOL_HTTP2 " + std::string(cluster)) +
      test::runtime(1));
}

void ClientTest::waitForScript() {
  EXPECT_EQ(first_ended_.get_future().wait_for(std::chrono::seconds(20)),
            std::future_status::ready);
}

void ClientTest::stop() {
  proxy_.reset();
  origin_.reset();
}

RawConnection ClientTest::client() {
  return RawConnection::connectTo(proxy_->port("edge"));
}

RawMessage ClientTest::exchange(std::string_view request) {
  RawConnection connection = client();
  connection.send(request);
  RawMessage response;
  do {
    response = connection.readMessage(request.starts_with("HEAD "));
  } while (response.status() / 100 == 1 && response.status() != 101);
  return response;
}

RawMessage ClientTest::ask(std::string_view path) {
  return exchange("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n");
}

Http2Peer ClientTest::http2Client() {
  Http2Peer peer = Http2Peer::connectTo(proxy_->port("edge"));
  EXPECT_TRUE(peer.start()) << peer.whatCame();
  return peer;
}

void ClientTest::serve(Http2Peer& peer) {
  if (!peer.start()) return;
  while (const auto stream = peer.nextRequest()) {
    peer.finish(*stream);
    if (!peer.respond(*stream, 200, "served")) return;
  }
}

void PrintTo(const AnswerRule& rule, std::ostream* out) {
  *out << rule.name;
}

TEST_P(ClientRule, Holds) {
  const AnswerRule& rule = GetParam();
  start([&rule](Http2Peer& peer, int number) {
    if (number > 0) return serve(peer);
    if (!peer.start() || !peer.nextRequest()) return;
    peer.send(rule.bytes);
    switch (rule.reaction) {
      case Reaction::kNone:
        EXPECT_TRUE(peer.roundTrip()) << peer.whatCame();
        EXPECT_FALSE(peer.message(1).reset) << peer.whatCame();
        break;
      case Reaction::kStreamError:
        EXPECT_TRUE(peer.streamError(1, rule.codes));
        break;
      case Reaction::kConnectionError:
        EXPECT_TRUE(peer.connectionError(rule.codes));
        break;
    }
    EXPECT_EQ(peer.violations(), "");
  });
  const RawMessage response = ask();
  waitForScript();
  if (rule.answer == Answer::kDelivered) {
    EXPECT_EQ(response.status(), 200);
    EXPECT_TRUE(response.complete);
  } else if (response.status() != 502) {
    EXPECT_FALSE(response.complete) << response.start_line << " " << response.body;
    // Nothing is sent again unless the origin surely did not work on it.
    EXPECT_NE(response.body, "served");
  }
}

}  // namespace weir::conformance
