// A connection that speaks HTTP/2: how it is told from others, how its streams live and end.
#include <gmock/gmock.h>

#include "test/http/connection_manager_fixture.h"
#include "test/http/http2_client.h"

namespace weir::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ConnectionManagerHttp2Test : public ConnectionManagerTest {
 protected:
  // Carries bytes both ways until there are none.
  void exchange(Client& client, Http2Client& http2) {
    for (int i = 0; i < 8; ++i) {
      const std::string sent = http2.take();
      const std::string received = sent.empty() ? receive(client) : send(client, sent);
      if (!received.empty()) static_cast<void>(http2.receive(received));
      if (sent.empty() && received.empty()) return;
    }
  }
  void advance(Client& client, Http2Client& http2, milliseconds time) {
    const std::string received = ConnectionManagerTest::advance(client, time);
    if (!received.empty()) static_cast<void>(http2.receive(received));
    exchange(client, http2);
  }
  // Leaves the terminals of all requests to be answered, in `terminals`.
  void collectTerminals() {
    terminal.head = [this](FakeTerminal& t, RequestHead&, bool) { terminals.push_back(&t); };
  }
  std::vector<FakeTerminal*> terminals;
};

TEST_F(ConnectionManagerHttp2Test, PriorKnowledgeIsRecognised) {
  answerAll();
  Client client = connect();
  Http2Client http2(dispatcher);
  Http2Answer& answer = http2.request("GET", "/a");
  exchange(client, http2);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.head.headers.get(HeaderId::kServer), "weir");
  EXPECT_EQ(terminal.requests.at(0).line, "GET example.com /a");
  EXPECT_THAT(lines, ElementsAre("GET /a 200 - "));
}

TEST_F(ConnectionManagerHttp2Test, ThePrefaceMayComeByteForByte) {
  answerAll();
  Client client = connect();
  Http2Client http2(dispatcher);
  Http2Answer& answer = http2.request("GET", "/a");
  std::string received;
  for (const char byte : http2.take()) received += send(client, {&byte, 1});
  static_cast<void>(http2.receive(received));
  EXPECT_EQ(answer.status, 200);
}

TEST_F(ConnectionManagerHttp2Test, WhatOnlyBeginsLikeThePrefaceIsHttp1) {
  answerAll();
  Client client = connect();
  EXPECT_EQ(send(client, "PRI"), "");
  EXPECT_THAT(send(client, "NT / HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(terminal.requests.at(0).line, "PRINT h /");
}

TEST_F(ConnectionManagerHttp2Test, APrefaceThatDoesNotComeWholeIsGivenUp) {
  Client client = connect();
  send(client, "PRI * HTTP/2.0\r\n");
  EXPECT_EQ(ConnectionManagerTest::advance(client, seconds(11)), "");
  EXPECT_TRUE(client.ended || client.error != 0);
  EXPECT_EQ(gauge("http_head_timeouts_total"), 1);
}

TEST_F(ConnectionManagerHttp2Test, NotAllowedItIsRefused) {
  config->allow_http2 = false;
  Client client = connect();
  EXPECT_THAT(send(client, http2::kPreface), StartsWith("HTTP/1.1 "));
  EXPECT_TRUE(client.ended);
  EXPECT_THAT(ConnectionManagerFactory(config, store).applicationProtocols(),
              ElementsAre("http/1.1"));
}

TEST_F(ConnectionManagerHttp2Test, StreamsAreAnsweredInAnyOrder) {
  collectTerminals();
  Client client = connect();
  Http2Client http2(dispatcher);
  Http2Answer& first = http2.request("GET", "/1");
  Http2Answer& second = http2.request("GET", "/2");
  exchange(client, http2);
  ASSERT_EQ(terminals.size(), 2u);
  EXPECT_EQ(gauge("http_active_streams"), 2);
  terminals[1]->respond(200, "two");
  exchange(client, http2);
  EXPECT_EQ(second.body, "two");
  EXPECT_FALSE(first.ended);
  terminals[0]->respond(200, "one");
  exchange(client, http2);
  EXPECT_EQ(first.body, "one");
}

TEST_F(ConnectionManagerHttp2Test, AStreamTheClientGivesUpLeavesTheOthersAlone) {
  collectTerminals();
  Client client = connect();
  Http2Client http2(dispatcher);
  Http2Answer& first = http2.request("GET", "/1");
  Http2Answer& second = http2.request("GET", "/2");
  exchange(client, http2);
  first.encoder->reset();
  exchange(client, http2);
  EXPECT_TRUE(terminal.requests.at(0).ended);
  EXPECT_FALSE(terminal.requests.at(1).ended);
  EXPECT_THAT(lines, ElementsAre(StartsWith("GET /1 0 DC ")));
  terminals[1]->respond(200, "two");
  exchange(client, http2);
  EXPECT_EQ(second.body, "two");
}

TEST_F(ConnectionManagerHttp2Test, AResponseThatBreaksOffResetsOnlyItsStream) {
  collectTerminals();
  Client client = connect();
  Http2Client http2(dispatcher);
  Http2Answer& first = http2.request("GET", "/1");
  Http2Answer& second = http2.request("GET", "/2");
  exchange(client, http2);
  terminals[0]->begin(200, BodyFraming::kChunked);
  terminals[0]->chain().respondHead(false);
  terminals[0]->send("half", false);
  exchange(client, http2);
  terminals[0]->chain().reset(
      {ErrorOrigin::kUpstream, ErrorReason::kConnectionReset, false, "broken"});
  terminals[1]->respond(200, "two");
  exchange(client, http2);
  EXPECT_EQ(first.body, "half");
  EXPECT_NE(first.reset, "");
  EXPECT_EQ(second.body, "two");
  EXPECT_FALSE(client.ended);
}

TEST_F(ConnectionManagerHttp2Test, ALostConnectionEndsAllItsStreams) {
  collectTerminals();
  Client client = connect();
  Http2Client http2(dispatcher);
  http2.request("GET", "/1");
  http2.request("POST", "/2", false);
  exchange(client, http2);
  client.closeNow();
  settle();
  EXPECT_TRUE(terminal.requests.at(0).ended);
  EXPECT_TRUE(terminal.requests.at(1).ended);
  EXPECT_THAT(lines, ElementsAre(StartsWith("GET /1 0 DC "), StartsWith("POST /2 0 DC ")));
}

TEST_F(ConnectionManagerHttp2Test, ABodyOverTheLimitIsAnsweredAndOthersGoOn) {
  config->max_request_body_bytes = 10;
  collectTerminals();
  Client client = connect();
  Http2Client http2(dispatcher);
  Http2Answer& large = http2.request("POST", "/large", false);
  Http2Answer& small = http2.request("GET", "/small");
  exchange(client, http2);
  http2.send(large, "more than ten bytes", false);
  exchange(client, http2);
  EXPECT_EQ(large.status, 413);
  EXPECT_TRUE(large.ended);
  terminals.back()->respond(200, "ok");
  exchange(client, http2);
  EXPECT_EQ(small.body, "ok");
  EXPECT_FALSE(client.ended);
}

TEST_F(ConnectionManagerHttp2Test, AHeadOverTheLimitIs431AndOthersGoOn) {
  config->limits.max_head_bytes = 1024;
  answerAll();
  Client client = connect();
  Http2Client http2(dispatcher);
  const std::string path = "/" + std::string(4000, 'a');
  Http2Answer& large = http2.request("GET", path);
  Http2Answer& small = http2.request("GET", "/small");
  exchange(client, http2);
  EXPECT_EQ(large.status, 431);
  EXPECT_EQ(small.status, 200);
}

TEST_F(ConnectionManagerHttp2Test, ARequestTimeoutEndsOnlyItsStream) {
  config->timeouts.request = milliseconds(500);
  answerAll();
  Client client = connect();
  Http2Client http2(dispatcher);
  Http2Answer& slow = http2.request("POST", "/slow", false);
  exchange(client, http2);
  advance(client, http2, seconds(1));
  EXPECT_EQ(slow.status, 408);
  Http2Answer& next = http2.request("GET", "/next");
  exchange(client, http2);
  EXPECT_EQ(next.status, 200);
}

TEST_F(ConnectionManagerHttp2Test, IdleItGetsGoawayAndIsClosed) {
  answerAll();
  Client client = connect();
  Http2Client http2(dispatcher);
  http2.request("GET", "/a");
  exchange(client, http2);
  advance(client, http2, seconds(59));
  EXPECT_FALSE(http2.codec->goingAway());
  advance(client, http2, seconds(2));
  EXPECT_TRUE(http2.codec->goingAway());
  advance(client, http2, seconds(2));
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(gauge("http_idle_timeouts_total"), 1);
}

TEST_F(ConnectionManagerHttp2Test, AStreamKeepsItFromBeingIdle) {
  collectTerminals();
  config->timeouts.stream_idle = milliseconds(0);
  Client client = connect();
  Http2Client http2(dispatcher);
  Http2Answer& answer = http2.request("GET", "/a");
  exchange(client, http2);
  advance(client, http2, seconds(300));
  EXPECT_FALSE(http2.codec->goingAway());
  terminals[0]->respond(200, "late");
  exchange(client, http2);
  EXPECT_EQ(answer.body, "late");
}

TEST_F(ConnectionManagerHttp2Test, DrainedItFinishesWhatRuns) {
  collectTerminals();
  Client client = connect();
  Http2Client http2(dispatcher);
  Http2Answer& answer = http2.request("GET", "/a");
  exchange(client, http2);
  client.chain->drain();
  exchange(client, http2);
  EXPECT_TRUE(http2.codec->goingAway());
  EXPECT_FALSE(client.ended);
  terminals[0]->respond(200, "bye");
  exchange(client, http2);
  advance(client, http2, seconds(2));
  EXPECT_EQ(answer.body, "bye");
  EXPECT_TRUE(client.ended);
}

TEST_F(ConnectionManagerHttp2Test, AfterSoManyRequestsItGoesAway) {
  config->max_requests_per_connection = 2;
  answerAll();
  Client client = connect();
  Http2Client http2(dispatcher);
  http2.request("GET", "/1");
  exchange(client, http2);
  EXPECT_FALSE(http2.codec->goingAway());
  Http2Answer& last = http2.request("GET", "/2");
  exchange(client, http2);
  EXPECT_EQ(last.status, 200);
  EXPECT_TRUE(http2.codec->goingAway());
}

TEST_F(ConnectionManagerHttp2Test, NewRequestsFollowTheNewConfiguration) {
  answerAll();
  Client client = connect();
  Http2Client http2(dispatcher);
  Http2Answer& before = http2.request("GET", "/a");
  exchange(client, http2);
  config->server_name = "newer";
  bound->setSuccessor(bindChain());
  Http2Answer& after = http2.request("GET", "/a");
  exchange(client, http2);
  EXPECT_EQ(before.head.headers.get(HeaderId::kServer), "weir");
  EXPECT_EQ(after.head.headers.get(HeaderId::kServer), "newer");
}

TEST_F(ConnectionManagerHttp2Test, GarbageIsAnsweredWithGoaway) {
  Client client = connect();
  Http2Client http2(dispatcher);
  const std::string reply = send(client, std::string(http2::kPreface) + std::string(100, 'x'));
  EXPECT_THAT(reply, HasSubstr(std::string("\x07\0\0\0\0\0", 6)));  // GOAWAY
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(gauge("http_protocol_errors_total"), 1);
}

TEST_F(ConnectionManagerHttp2Test, ASlowStreamIsBlockedAlone) {
  collectTerminals();
  Client client = connect();
  http2::Options options;
  options.stream_window_bytes = 65'535;
  options.max_window_bytes = 65'535;
  Http2Client http2(dispatcher, options);
  Http2Answer& slow = http2.request("GET", "/slow");
  Http2Answer& quick = http2.request("GET", "/quick");
  exchange(client, http2);
  slow.encoder->setReadEnabled(false);
  terminals[0]->begin(200, BodyFraming::kChunked);
  terminals[0]->chain().respondHead(false);
  terminals[0]->send(std::string(400'000, 'x'), false);
  terminals[1]->respond(200, "at once");
  exchange(client, http2);
  EXPECT_EQ(quick.body, "at once");
  EXPECT_THAT(terminal.blocked, ElementsAre(true));
  EXPECT_EQ(slow.body, "");
  slow.encoder->setReadEnabled(true);
  exchange(client, http2);
  exchange(client, http2);
  EXPECT_EQ(slow.body.size(), 400'000u);
  EXPECT_THAT(terminal.blocked, ElementsAre(true, false));
}

}  // namespace
}  // namespace weir::http
