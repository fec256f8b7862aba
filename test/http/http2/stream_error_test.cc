// Streams that end otherwise than they should, and connections.
#include <string>

#include "gtest/gtest.h"

#include "test/http/http2/raw_peer.h"

namespace weir::http::http2 {
namespace {

using raw::ErrorCode;

TEST(ServerErrorsTest, MalformedRequestIsToldAndReset) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1, true, {{"Upper", "x"}}) + peer.request(3));
  ASSERT_EQ(peer.server.streams.size(), 2u);
  ASSERT_TRUE(peer.server.at(0).seen.reset);
  EXPECT_EQ(peer.server.at(0).seen.reset->reason, ErrorReason::kProtocol);
  EXPECT_EQ(peer.server.at(0).seen.reset->origin, ErrorOrigin::kDownstream);
  EXPECT_EQ(peer.server.at(0).seen.head, "");
  EXPECT_TRUE(peer.reset(1, ErrorCode::kProtocolError));
  EXPECT_TRUE(peer.server.at(1).seen.ended);
  EXPECT_EQ(peer.error.detail(), "");
}

TEST(ServerErrorsTest, BodyMustBeAsLongAsAnnounced) {
  const raw::Fields length{{"content-length", "4"}};
  const std::pair<std::string, bool> bodies[] = {
      {raw::data(1, "four", raw::kEndStream), true},
      {raw::data(1, "fo") + raw::data(1, "ur", raw::kEndStream), true},
      {raw::data(1, "fours"), false},
      {raw::data(1, "for", raw::kEndStream), false},
      {raw::data(1, "for") +
           raw::headers(1, raw::hpack::block({{"t", "1"}}), raw::kEndHeaders | raw::kEndStream),
       false},
  };
  for (const auto& [bytes, good] : bodies) {
    RawClient peer;
    peer.start();
    peer.send(peer.request(1, false, length));
    peer.send(bytes);
    ServerSideStream& stream = peer.server.last();
    EXPECT_EQ(stream.seen.ended, good);
    EXPECT_EQ(stream.seen.reset.has_value(), !good);
    EXPECT_EQ(peer.reset(1, ErrorCode::kProtocolError), !good);
    EXPECT_EQ(peer.error.detail(), "");
    EXPECT_EQ(stream.seen.misuse, "");
  }
}

TEST(ServerErrorsTest, ClientGivesUp) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1));
  peer.server.last().sendHead(200);
  peer.server.last().sendBody("some");
  peer.receive();
  peer.send(raw::rstStream(1, ErrorCode::kCancel));
  ASSERT_TRUE(peer.server.last().seen.reset);
  EXPECT_EQ(peer.server.last().seen.reset->reason, ErrorReason::kStreamReset);
  EXPECT_EQ(peer.server.last().seen.reset->origin, ErrorOrigin::kDownstream);
  EXPECT_TRUE(peer.server.codec->idle());
}

TEST(ServerErrorsTest, ServerGivesUp) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1, false));
  peer.server.last().encoder->reset({ErrorOrigin::kUpstream, ErrorReason::kConnectionReset});
  peer.receive();
  EXPECT_TRUE(peer.reset(1, ErrorCode::kInternalError));
  EXPECT_FALSE(peer.server.last().seen.reset);
  EXPECT_TRUE(peer.server.codec->idle());
  peer.send(raw::data(1, "on its way"));
  EXPECT_EQ(peer.error.detail(), "");
}

TEST(ServerErrorsTest, ResetsFromWithinCallbacks) {
  RawClient peer;
  peer.start();
  peer.server.on_head = [&](ServerSideStream&) {
    for (ServerSideStream& each : peer.server.streams) {
      if (each.encoder == nullptr) continue;
      each.encoder->reset({ErrorOrigin::kLocal, ErrorReason::kFilter});
      each.encoder = nullptr;
    }
  };
  peer.send(peer.request(1) + peer.request(3) + peer.request(5, false) + raw::data(5, "x"));
  EXPECT_EQ(peer.server.streams.size(), 3u);
  for (ServerSideStream& each : peer.server.streams) EXPECT_FALSE(each.seen.reset);
  EXPECT_TRUE(peer.server.codec->idle());
  EXPECT_TRUE(peer.reset(1, ErrorCode::kInternalError));
  EXPECT_TRUE(peer.reset(5, ErrorCode::kInternalError));
}

TEST(ServerErrorsTest, ShortAnswerIsReset) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1));
  peer.server.last().sendHead(200, BodyFraming::kContentLength, 10);
  peer.server.last().sendBody("short", true);
  peer.receive();
  EXPECT_TRUE(peer.reset(1, ErrorCode::kInternalError));
  ASSERT_TRUE(peer.server.last().seen.reset);
  EXPECT_EQ(peer.server.last().seen.reset->origin, ErrorOrigin::kLocal);
}

TEST(ServerErrorsTest, ConnectionErrorsAreToldToAll) {
  const std::pair<std::string, ErrorCode> errors[] = {
      {raw::frame(raw::FrameType::kPing, 0, 0, "short"), ErrorCode::kFrameSizeError},
      {raw::data(99, "idle"), ErrorCode::kProtocolError},
      {raw::headers(3, "\xff\xff\xff\xff\xff\xff"), ErrorCode::kCompressionError},
      {raw::windowUpdate(0, raw::kMaxWindow), ErrorCode::kFlowControlError},
      {raw::windowUpdate(1, raw::kMaxWindow), ErrorCode::kFlowControlError},
      {raw::settings({{raw::Setting::kInitialWindowSize, 0x80000000}}),
       ErrorCode::kFlowControlError},
      {raw::headers(3, "", raw::kNoFlags) + raw::ping("12345678"), ErrorCode::kProtocolError},
      {raw::pushPromise(1, 2, ""), ErrorCode::kProtocolError},
      {raw::priority(0, 3, 16), ErrorCode::kProtocolError},
      {raw::headers(3, "", raw::kNoFlags) +
           raw::continuation(3, std::string(16'385, 'a'), raw::kNoFlags),
       ErrorCode::kFrameSizeError},
  };
  for (const auto& [bytes, code] : errors) {
    RawClient peer;
    peer.start();
    peer.send(peer.request(1, false));
    peer.send(bytes);
    EXPECT_TRUE(peer.ended(code)) << peer.error.detail() << " " << raw::nameOf(code);
    EXPECT_EQ(peer.error.reason, ErrorReason::kProtocol);
    ASSERT_TRUE(peer.server.at(0).seen.reset) << raw::nameOf(code);
    EXPECT_EQ(peer.server.at(0).seen.reset->reason, ErrorReason::kProtocol);
    EXPECT_EQ(peer.server.feed("anything").reason, ErrorReason::kNone);
    EXPECT_TRUE(peer.server.input.empty());
  }
}

TEST(ServerErrorsTest, NumbersThatWerePassedOver) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1) + peer.request(7));
  EXPECT_EQ(peer.error.detail(), "");
  peer.send(peer.request(5));
  EXPECT_TRUE(peer.ended(ErrorCode::kProtocolError));
}

TEST(ServerErrorsTest, NoPreface) {
  RawClient peer;
  peer.server.start();
  peer.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(peer.error.reason, ErrorReason::kProtocol);
  EXPECT_TRUE(peer.ended(ErrorCode::kProtocolError));
  ASSERT_FALSE(peer.frames.empty());
  EXPECT_EQ(peer.frames.front().type, raw::FrameType::kSettings);
}

TEST(ServerErrorsTest, EndOfTheConnection) {
  RawClient peer;
  peer.start();
  EXPECT_EQ(peer.server.feed("", true).reason, ErrorReason::kNone);
  peer.send(peer.request(1));
  EXPECT_EQ(peer.server.feed("", true).reason, ErrorReason::kConnectionClosed);
  EXPECT_FALSE(peer.server.last().seen.reset);  // the owner tells
}

// ---- client ---------------------------------------------------------------------------------

TEST(ClientErrorsTest, StreamsAboveGoawayMayBeRetried) {
  RawServer peer;
  peer.start();
  ClientSideStream& first = peer.client.request("/1");
  ClientSideStream& second = peer.client.request("/2");
  peer.receive();
  peer.send(raw::goaway(1, ErrorCode::kNoError));
  EXPECT_TRUE(peer.client.codec->goingAway());
  EXPECT_EQ(peer.client.codec->freeStreams(), 0u);
  EXPECT_EQ(peer.client.capacity_changes, 2u);  // SETTINGS, GOAWAY
  EXPECT_EQ(peer.client.taken_before_goaway, 1u);
  ASSERT_TRUE(second.seen.reset);
  EXPECT_TRUE(second.seen.reset->retry_safe);
  EXPECT_TRUE(second.seen.reset->unanswered);
  EXPECT_FALSE(first.seen.reset);
  peer.send(RawServer::response(1, "200", true));
  EXPECT_TRUE(first.seen.ended);
  EXPECT_EQ(peer.client.codec->openStreams(), 0u);
  EXPECT_EQ(peer.client.ended, 2u);
}

TEST(ClientErrorsTest, AGoawayThatLeavesOutNothingIsToldAsSuch) {
  for (const uint32_t last : {3u, 0x7fffffffu}) {
    RawServer peer;
    peer.start();
    peer.client.request("/1");
    peer.client.request("/2");
    peer.receive();
    peer.send(raw::goaway(last, ErrorCode::kNoError));
    EXPECT_TRUE(peer.client.codec->goingAway());
    EXPECT_EQ(peer.client.taken_before_goaway, std::nullopt);
  }
}

TEST(ClientErrorsTest, RefusedStreamMayBeRetried) {
  RawServer peer;
  peer.start();
  ClientSideStream& refused = peer.client.request("/");
  ClientSideStream& failed = peer.client.request("/");
  peer.receive();
  peer.send(raw::rstStream(1, ErrorCode::kRefusedStream) +
            raw::rstStream(3, ErrorCode::kInternalError));
  ASSERT_TRUE(refused.seen.reset);
  EXPECT_TRUE(refused.seen.reset->retry_safe);
  ASSERT_TRUE(failed.seen.reset);
  EXPECT_FALSE(failed.seen.reset->retry_safe);
  EXPECT_TRUE(failed.seen.reset->unanswered);
  EXPECT_EQ(failed.seen.reset->reason, ErrorReason::kStreamReset);
}

TEST(ClientErrorsTest, ConnectionLost) {
  RawServer peer;
  peer.start();
  ClientSideStream& silent = peer.client.request("/");
  ClientSideStream& begun = peer.client.request("/");
  peer.receive();
  peer.send(RawServer::response(3, "200", false));
  EXPECT_EQ(peer.client.feed("", true).reason, ErrorReason::kConnectionClosed);
  peer.client.codec->connectionLost({ErrorOrigin::kUpstream, ErrorReason::kConnectionReset});
  ASSERT_TRUE(silent.seen.reset && begun.seen.reset);
  EXPECT_TRUE(silent.seen.reset->unanswered);
  EXPECT_FALSE(begun.seen.reset->unanswered);
  EXPECT_EQ(begun.seen.reset->reason, ErrorReason::kConnectionReset);
  EXPECT_EQ(peer.client.codec->openStreams(), 0u);
}

TEST(ClientErrorsTest, MalformedResponses) {
  const std::string bad[] = {
      RawServer::response(1, "20", true),
      RawServer::response(1, "200", true, {{"Upper", "x"}}),
      RawServer::response(1, "200", true, {{"connection", "close"}}),
      raw::data(1, "before the head"),
      RawServer::response(1, "103", true),
      RawServer::response(1, "101", true),
      RawServer::response(1, "200", false, {{"content-length", "3"}}) + raw::data(1, "four"),
      RawServer::response(1, "200", false, {{"content-length", "5"}}) +
          raw::data(1, "four", raw::kEndStream),
      RawServer::response(1, "204", false) + raw::data(1, "x", raw::kEndStream),
  };
  for (const std::string& bytes : bad) {
    RawServer peer;
    peer.start();
    ClientSideStream& asked = peer.client.request("/");
    peer.receive();
    peer.send(bytes);
    ASSERT_TRUE(asked.seen.reset) << raw::hpack::string(bytes);
    EXPECT_EQ(asked.seen.reset->reason, ErrorReason::kProtocol);
    EXPECT_EQ(asked.seen.reset->origin, ErrorOrigin::kUpstream);
    EXPECT_FALSE(asked.seen.ended);
    EXPECT_EQ(asked.seen.misuse, "");
    EXPECT_EQ(peer.client.codec->openStreams(), 0u);
  }
}

TEST(ClientErrorsTest, PushIsAConnectionError) {
  RawServer peer;
  peer.start();
  ClientSideStream& asked = peer.client.request("/");
  peer.receive();
  peer.send(raw::pushPromise(1, 2, raw::hpack::block({{":method", "GET"}})));
  EXPECT_TRUE(peer.ended(ErrorCode::kProtocolError));
  EXPECT_TRUE(asked.seen.reset);
}

TEST(ClientErrorsTest, ShortRequestIsGivenUp) {
  RawServer peer;
  peer.start();
  ClientSideStream& post = peer.client.post("/", BodyFraming::kContentLength, 10);
  EXPECT_FALSE(post.sendBody("short", true));
  const std::vector<raw::Frame> frames = peer.receive();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.back().type, raw::FrameType::kRstStream);
  EXPECT_FALSE(post.seen.reset);
  EXPECT_EQ(peer.client.ended, 1u);
}

TEST(ClientErrorsTest, FewerStreamsByThePeersWord) {
  RawServer peer;
  peer.client.start();
  EXPECT_EQ(peer.client.codec->freeStreams(), 100u);
  peer.dispatcher.runUntilIdle();
  peer.client.output.take();
  peer.send(raw::settings({{raw::Setting::kMaxConcurrentStreams, 2}}));
  EXPECT_TRUE(peer.client.codec->settled());
  EXPECT_EQ(peer.client.codec->freeStreams(), 2u);
  ClientSideStream& one = peer.client.request("/");
  peer.client.request("/");
  EXPECT_EQ(peer.client.codec->freeStreams(), 0u);
  one.encoder->reset();
  EXPECT_EQ(peer.client.codec->freeStreams(), 0u);  // the peer does not know yet
  peer.receive();
  EXPECT_EQ(peer.client.codec->freeStreams(), 1u);
}

}  // namespace
}  // namespace weir::http::http2
