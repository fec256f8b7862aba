// A connection over time: keep-alive, pipelining, timeouts, draining, new configurations, abuse.
#include <gmock/gmock.h>

#include "test/http/connection_manager_fixture.h"

namespace weir::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using ConnectionManagerLifetimeTest = ConnectionManagerTest;

TEST_F(ConnectionManagerLifetimeTest, IdleTimeoutIsSilent) {
  answerAll();
  Client client = connect();
  send(client, kGet);
  EXPECT_EQ(advance(client, seconds(59)), "");
  EXPECT_FALSE(client.ended);
  EXPECT_EQ(advance(client, seconds(2)), "");
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(gauge("http_idle_timeouts_total"), 1);
}

TEST_F(ConnectionManagerLifetimeTest, HeadTimeoutCountsFromTheFirstByte) {
  Client client = connect();
  advance(client, seconds(30));
  std::string reply;
  for (int i = 0; i < 12 && reply.empty(); ++i) {
    reply = send(client, i == 0 ? "GET / HTTP/1.1\r\nA: " : "x");  // a byte a second
    reply += advance(client, seconds(1));
    EXPECT_TRUE(i > 8 || reply.empty());
  }
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(gauge("http_head_timeouts_total"), 1);
  EXPECT_THAT(lines.at(0), HasSubstr(" 408 "));
}

TEST_F(ConnectionManagerLifetimeTest, RequestTimeout) {
  config->timeouts.request = milliseconds(500);
  Client client = connect();
  send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n1");
  EXPECT_THAT(advance(client, seconds(1)), StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(client.ended);
  EXPECT_TRUE(terminal.requests.at(0).ended);
}

TEST_F(ConnectionManagerLifetimeTest, RequestTimeoutEndsWithTheRequest) {
  config->timeouts.request = milliseconds(500);
  Client client = connect();
  send(client, kGet);
  EXPECT_EQ(advance(client, seconds(1)), "");
  terminal.current->respond(200, "x");
  EXPECT_THAT(receive(client), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ConnectionManagerLifetimeTest, StreamIdleTimeout) {
  config->timeouts.stream_idle = seconds(5);
  Client waiting = connect();
  send(waiting, kGet);
  EXPECT_THAT(advance(waiting, seconds(6)), StartsWith("HTTP/1.1 504 "));
  EXPECT_FALSE(waiting.ended);  // the client did nothing wrong
  EXPECT_THAT(lines.at(0), HasSubstr("504 SI stream_idle_timeout"));

  Client sending = connect();
  send(sending, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
  advance(sending, seconds(4));
  send(sending, "1");
  EXPECT_EQ(advance(sending, seconds(4)), "");
  EXPECT_THAT(advance(sending, seconds(2)), StartsWith("HTTP/1.1 408 "));

  Client reading = connect();
  send(reading, kGet);
  terminal.current->begin(200, BodyFraming::kChunked);
  terminal.current->chain().respondHead(false);
  advance(reading, seconds(6));
  EXPECT_TRUE(reading.ended || reading.error != 0);
}

TEST_F(ConnectionManagerLifetimeTest, MaxStreamDuration) {
  config->timeouts.max_stream_duration = seconds(3);
  Client client = connect();
  send(client, kGet);
  EXPECT_THAT(advance(client, seconds(4)), StartsWith("HTTP/1.1 504 "));
}

TEST_F(ConnectionManagerLifetimeTest, PipelinedRequestsAreAnsweredInOrder) {
  Client client = connect();
  std::string text;
  for (int i = 0; i < 5; ++i) {
    text += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  send(client, text);
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(terminal.requests.size(), static_cast<size_t>(i) + 1);
    EXPECT_EQ(terminal.requests.back().line, "GET h /" + std::to_string(i));
    terminal.current->respond(200, "answer " + std::to_string(i));
    EXPECT_THAT(receive(client), HasSubstr("answer " + std::to_string(i)));
  }
}

TEST_F(ConnectionManagerLifetimeTest, TenThousandPipelinedRequests) {
  answerAll();
  Client client = connect();
  std::string text;
  for (int i = 0; i < 10000; ++i) text += kGet;
  size_t sent = 0;
  for (int i = 0; i < 10000 && countOf(client.received, "\r\n\r\nhello") < 10000; ++i) {
    sent += network::test::fillSocket(client.fd.get(), std::string_view(text).substr(sent));
    receive(client);
  }
  EXPECT_EQ(countOf(client.received, "\r\n\r\nhello"), 10000u);
}

TEST_F(ConnectionManagerLifetimeTest, MaxRequestsPerConnection) {
  config->max_requests_per_connection = 2;
  answerAll();
  Client client = connect();
  EXPECT_EQ(countOf(send(client, kGet), "close"), 0u);
  EXPECT_EQ(countOf(send(client, kGet), "close"), 1u);
  EXPECT_TRUE(client.ended);
}

TEST_F(ConnectionManagerLifetimeTest, DrainClosesIdleAndFinishesActive) {
  answerAll();
  Client idle = connect();
  send(idle, kGet);
  terminal.head = nullptr;
  Client active = connect();
  send(active, kGet);
  for (auto* chain = chains.front(); chain != nullptr; chain = chains.next(*chain)) chain->drain();
  receive(idle);
  EXPECT_TRUE(idle.ended);
  EXPECT_EQ(receive(active), "");
  EXPECT_FALSE(active.ended);
  terminal.current->respond(200, "x");
  EXPECT_EQ(countOf(receive(active), "close"), 1u);
  EXPECT_TRUE(active.ended);
}

TEST_F(ConnectionManagerLifetimeTest, NextRequestFollowsTheNewConfiguration) {
  config->server_name = "old";
  Client client = connect();
  send(client, kGet);
  config->server_name = "new";
  auto next = bindChain();
  bound->setSuccessor(next);
  bound = next;
  next.reset();
  terminal.current->respond(200, "x");
  EXPECT_THAT(receive(client), HasSubstr("server: old"));
  answerAll();
  EXPECT_THAT(send(client, kGet), HasSubstr("server: new"));
  EXPECT_EQ(gauge("http_active_connections"), 1);
}

TEST_F(ConnectionManagerLifetimeTest, Http10ClosesUnlessAsked) {
  answerAll();
  Client client = connect();
  EXPECT_THAT(send(client, "GET / HTTP/1.0\r\nHost: h\r\n\r\n"), HasSubstr("hello"));
  EXPECT_TRUE(client.ended);
  Client keeps = connect();
  send(keeps, "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_FALSE(keeps.ended);
}

TEST_F(ConnectionManagerLifetimeTest, OneByteAtATime) {
  answerAll();
  Client client = connect();
  const std::string text =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (char c : text + text) send(client, std::string_view(&c, 1));
  ASSERT_EQ(terminal.requests.size(), 2u) << client.received;
  EXPECT_EQ(terminal.requests.at(1).body, "abc");
  EXPECT_EQ(countOf(client.received, "hello"), 2u);
}

TEST_F(ConnectionManagerLifetimeTest, ClientMayLeaveAtAnyByte) {
  config->filters.push_back({"fake", std::make_shared<FakeHttpFilterFactory>(filter)});
  const std::string text =
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabcdefGET / HTTP/1.1\r\nHost: h";
  for (int answer = 0; answer < 2; ++answer) {
    if (answer == 1) answerAll();
    for (size_t length = 0; length <= text.size(); ++length) {
      Client client = connect();
      send(client, std::string_view(text).substr(0, length));
      client.closeNow();
      settle();
      dispatcher.advance(seconds(2));
      ASSERT_TRUE(chains.empty()) << length;
    }
  }
  for (const auto& request : terminal.requests) EXPECT_TRUE(request.ended);
  EXPECT_EQ(filter.made, filter.ended);
  EXPECT_EQ(filter.made, filter.destroyed);
  EXPECT_EQ(gauge("http_active_streams"), 0);
}

}  // namespace
}  // namespace weir::http
