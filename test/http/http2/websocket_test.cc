// Extended CONNECT (RFC 8441) in the form of HTTP/1.
#include "source/http/websocket.h"

#include <string>

#include "gtest/gtest.h"

#include "test/http/http2/raw_peer.h"

namespace weir::http::http2 {
namespace {

constexpr std::string_view kClientKey = "dGhlIHNhbXBsZSBub25jZQ==";

// What an HTTP/1 origin answers to `request`.
void switchProtocols(ServerSideStream& stream, std::string_view key) {
  ResponseHead head;
  head.status = 101;
  head.framing = BodyFraming::kTunnel;
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Upgrade", "websocket");
  const auto accept = webSocketAccept(key);
  head.headers.add("Sec-WebSocket-Accept", {accept.data(), accept.size()});
  head.headers.add("Sec-WebSocket-Protocol", "chat");
  stream.encoder->encodeHead(head, false);
}

class WebSocketTest : public ::testing::Test {
 protected:
  WebSocketTest() { pair_.server.side.options.extended_connect = true; }
  CodecPair pair_;
};

TEST_F(WebSocketTest, FromHandshakeToClose) {
  pair_.start();
  ASSERT_TRUE(pair_.client.codec->extendedConnect());
  pair_.server.on_head = [](ServerSideStream& stream) {
    EXPECT_FALSE(stream.seen.ended);
    switchProtocols(stream, stream.head.headers.get("sec-websocket-key"));
  };
  ClientSideStream& socket = pair_.client.webSocket("/chat");
  pair_.run();
  ServerSideStream& far = pair_.server.last();
  EXPECT_EQ(far.head.method, "GET");
  EXPECT_EQ(far.head.upgrade, "websocket");
  EXPECT_EQ(far.head.path, "/chat");
  EXPECT_EQ(far.head.headers.get(HeaderId::kUpgrade), "websocket");
  EXPECT_EQ(far.head.headers.get("sec-websocket-key").size(), 24u);
  EXPECT_NE(far.head.headers.get("sec-websocket-key"), kClientKey);
  EXPECT_EQ(socket.head.status, 101);
  EXPECT_EQ(socket.head.framing, BodyFraming::kTunnel);
  const auto accept = webSocketAccept(kClientKey);
  EXPECT_EQ(socket.head.headers.get("sec-websocket-accept"),
            std::string_view(accept.data(), accept.size()));
  EXPECT_EQ(socket.head.headers.get("sec-websocket-protocol"), "chat");
  ASSERT_TRUE(socket.sendBody("up"));
  far.sendBody("down");
  pair_.run();
  EXPECT_EQ(far.seen.body, "up");
  EXPECT_EQ(socket.seen.body, "down");
  far.sendBody("", true);
  ASSERT_TRUE(socket.sendBody("", true));
  pair_.run();
  EXPECT_TRUE(socket.seen.ended);
  EXPECT_TRUE(far.seen.ended);
  EXPECT_TRUE(far.complete);
  EXPECT_EQ(pair_.client.ended, 1u);
}

TEST_F(WebSocketTest, DeclinedLikeAnyRequest) {
  pair_.start();
  pair_.server.on_head = [](ServerSideStream& stream) { stream.respond(403, "no"); };
  ClientSideStream& socket = pair_.client.webSocket("/");
  pair_.run();
  EXPECT_EQ(socket.head.status, 403);
  EXPECT_EQ(socket.seen.body, "no");
  EXPECT_TRUE(socket.seen.ended);
  EXPECT_TRUE(pair_.server.last().complete);
  EXPECT_EQ(pair_.client.ended, 1u);
}

TEST_F(WebSocketTest, AnAcceptThatDoesNotFitTheKeyIsABadGateway) {
  pair_.start();
  pair_.server.on_head = [](ServerSideStream& stream) { switchProtocols(stream, kClientKey); };
  ClientSideStream& socket = pair_.client.webSocket("/");
  pair_.run();
  EXPECT_EQ(socket.head.status, 502);
  EXPECT_TRUE(pair_.server.last().complete);
}

TEST_F(WebSocketTest, SuccessWithoutASwitchMakesNoTunnel) {
  pair_.start();
  pair_.server.on_head = [](ServerSideStream& stream) { stream.respond(200, "a page"); };
  ClientSideStream& socket = pair_.client.webSocket("/");
  pair_.run();
  EXPECT_EQ(socket.head.status, 501);
  EXPECT_TRUE(pair_.server.last().complete);
}

TEST_F(WebSocketTest, APeerThatDoesNotTakeIt) {
  pair_.server.side.options.extended_connect = false;
  pair_.start();
  EXPECT_FALSE(pair_.client.codec->extendedConnect());
  ClientSideStream& socket = pair_.client.webSocket("/");
  EXPECT_EQ(socket.encoder, nullptr);
  pair_.run();
  EXPECT_EQ(pair_.server.streams.size(), 0u);
  EXPECT_EQ(pair_.client.ended, 1u);
}

TEST_F(WebSocketTest, BytesBeforeTheAnswerWait) {
  RawClient peer;
  peer.server.side.options.extended_connect = true;
  peer.start();
  const raw::Fields fields{{":method", "CONNECT"}, {":protocol", "websocket"},
                           {":scheme", "https"},   {":authority", "host"},
                           {":path", "/chat"},     {"sec-websocket-version", "13"}};
  peer.send(raw::headers(1, raw::hpack::block(fields)) + raw::data(1, "early"));
  ASSERT_EQ(peer.server.streams.size(), 1u);
  EXPECT_EQ(peer.server.last().seen.body, "");
  switchProtocols(peer.server.last(), peer.server.last().head.headers.get("sec-websocket-key"));
  peer.receive();
  EXPECT_EQ(peer.server.last().seen.body, "early");
  EXPECT_EQ(peer.server.last().seen.misuse, "");
}

}  // namespace
}  // namespace weir::http::http2
