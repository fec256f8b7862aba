// One exchange: what is forwarded, what is answered.
#include "source/http/connection_manager.h"

#include <gmock/gmock.h>

#include "test/http/connection_manager_fixture.h"

namespace weir::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(ConnectionManagerTest, AnswersAndStaysOpen) {
  answerAll();
  Client client = connect();
  const std::string reply = send(client, kGet);
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("server: weir\r\n"));
  EXPECT_THAT(reply, HasSubstr("date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"));
  EXPECT_THAT(reply, HasSubstr("\r\n\r\nhello"));
  EXPECT_FALSE(client.ended);
  EXPECT_EQ(terminal.requests.at(0).line, "GET example.com /a");
  EXPECT_TRUE(terminal.requests.at(0).ended);
  send(client, kGet);
  EXPECT_EQ(terminal.requests.size(), 2u);
  EXPECT_EQ(lines, (std::vector<std::string>{"GET /a 200 - ", "GET /a 200 - "}));
  EXPECT_LE(io.blocks().bytesInUse(), kReadBlock);
}

TEST_F(ConnectionManagerTest, GrpcCallsAreCountedByStatus) {
  config->max_request_body_bytes = 3;
  const auto count = [&](const char* status) {
    return store.valueOf("http_grpc_responses_total", {{"manager", "test"}, {"status", status}});
  };
  terminal.head = [](FakeTerminal& t, RequestHead&, bool) {
    t.begin(200, BodyFraming::kNone).headers.add("grpc-status", "5");
    t.chain().respondHead(true);
  };
  Client client = connect();
  const std::string head = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\n";
  EXPECT_THAT(send(client, head + "Content-Length: 0\r\n\r\n"), HasSubstr("grpc-status: 5\r\n"));
  EXPECT_EQ(count("NOT_FOUND"), 1);
  // One that the manager refuses itself.
  const std::string reply = send(client, head + "Content-Length: 4\r\n\r\nbody");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("grpc-status: 8\r\ngrpc-message: the request body is too large"));
  EXPECT_EQ(count("RESOURCE_EXHAUSTED"), 1);
  EXPECT_EQ(count("OK"), 0);
}

TEST_F(ConnectionManagerTest, IdleConnectionIsSmall) {
  EXPECT_LE(sizeof(ConnectionManager), 120u);
  RecordProperty("sizeof_connection_manager", static_cast<int>(sizeof(ConnectionManager)));
}

TEST_F(ConnectionManagerTest, ForwardedFieldsOfAnUntrustedClient) {
  answerAll();
  Client client = connect();
  send(client,
       "GET /x HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nX-Request-Id: mine\r\n"
       "X-Forwarded-Proto: https\r\nKeep-Alive: 5\r\nConnection: keep-alive, x-hop\r\n"
       "X-Hop: 1\r\n\r\n");
  const std::string& headers = terminal.requests.at(0).headers;
  EXPECT_THAT(headers, HasSubstr("127.0.0.1\n"));
  EXPECT_THAT(headers, Not(HasSubstr("6.6.6.6")));
  EXPECT_THAT(headers, Not(HasSubstr("mine")));
  EXPECT_THAT(headers, Not(HasSubstr("https")));
  EXPECT_THAT(headers, Not(HasSubstr("Hop")));
  EXPECT_THAT(headers, Not(HasSubstr("Keep-Alive")));
  EXPECT_THAT(headers, HasSubstr("x-request-id: "));
}

TEST_F(ConnectionManagerTest, ForwardedFieldsOfATrustedClient) {
  config->forwarded.trusted_hops = 1;
  config->forwarded.via = "edge";
  config->request_id.add_to_response = true;
  answerAll();
  Client client = connect();
  const std::string reply = send(client,
                                 "GET /x HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 9.9.9.9, 8.8.8.8"
                                 "\r\nX-Request-Id: mine\r\nX-Forwarded-Proto: https\r\n\r\n");
  const std::string& headers = terminal.requests.at(0).headers;
  EXPECT_THAT(headers, HasSubstr("9.9.9.9, 8.8.8.8, 127.0.0.1\n"));
  EXPECT_THAT(headers, HasSubstr(": mine\n"));
  EXPECT_THAT(headers, HasSubstr(": https\n"));
  EXPECT_THAT(headers, HasSubstr("via: 1.1 edge\n"));
  EXPECT_THAT(reply, HasSubstr("via: 1.1 edge\r\n"));
  EXPECT_THAT(reply, HasSubstr("x-request-id: mine\r\n"));
}

TEST_F(ConnectionManagerTest, PathIsNormalisedBeforeRouting) {
  answerAll();
  Client client = connect();
  send(client, "GET /a/../b//c%7e HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(terminal.requests.at(0).line, "GET h /b/c~");
  const std::string reply = send(client, "GET /../x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(terminal.requests.size(), 1u);
}

TEST_F(ConnectionManagerTest, BodiesBothWays) {
  answerAll(std::string(1000, 'r'));
  Client client = connect();
  send(client, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_EQ(terminal.requests.at(0).body, "abc");
  const std::string reply = send(client, "2\r\nde\r\n0\r\nsum: 1\r\n\r\n");
  EXPECT_EQ(terminal.requests.at(0).body, "abcde");
  EXPECT_EQ(terminal.requests.at(0).trailers, "sum: 1\n");
  EXPECT_THAT(reply, HasSubstr(std::string(1000, 'r')));
}

TEST_F(ConnectionManagerTest, BodyLimit) {
  config->max_request_body_bytes = 4;
  answerAll();
  Client client = connect();
  const std::string known =
      send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345");
  EXPECT_THAT(known, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(known, HasSubstr("close\r\n"));
  EXPECT_TRUE(client.ended);
  Client other = connect();
  const std::string chunked = send(
      other, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde");
  EXPECT_THAT(chunked, StartsWith("HTTP/1.1 413 "));
  EXPECT_TRUE(other.ended);
}

TEST_F(ConnectionManagerTest, ExpectContinuePassesThrough) {
  Client client = connect();
  send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  terminal.current->chain().context().response.status = 100;
  terminal.current->chain().respondInformational();
  EXPECT_THAT(receive(client), StartsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  answerAll();
  EXPECT_THAT(send(client, "ok"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(ConnectionManagerTest, EarlyAnswerClosesAfterwards) {
  terminal.head = [](FakeTerminal& t, RequestHead&, bool) { t.respond(403, "no"); };
  Client client = connect();
  const std::string reply =
      send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nsome");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(reply, HasSubstr("\r\n\r\nno"));
  EXPECT_TRUE(client.ended);
}

TEST_F(ConnectionManagerTest, UpgradeTunnels) {
  terminal.head = [](FakeTerminal& t, RequestHead& head, bool end) {
    EXPECT_FALSE(end);
    EXPECT_EQ(head.upgrade, "websocket");
    t.begin(101, BodyFraming::kTunnel).headers.add(HeaderId::kUpgrade, "websocket");
    t.chain().respondHead(false);
  };
  terminal.body = [](FakeTerminal& t, const std::string& piece, bool end) {
    t.send("echo " + piece, end);
  };
  Client client = connect();
  const std::string reply = send(client,
                                 "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                                 "Upgrade: websocket\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 101 "));
  EXPECT_EQ(send(client, "one"), "echo one");
  EXPECT_EQ(gauge("http_upgrades_total"), 1);
  shutdown(client.fd.get(), SHUT_WR);
  EXPECT_EQ(receive(client), "echo ");
  EXPECT_TRUE(client.ended);
}

TEST_F(ConnectionManagerTest, UpgradesThatAreNotAllowedAreOrdinaryRequests) {
  answerAll();
  Client client = connect();
  const std::string reply = send(client,
                                 "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                                 "Upgrade: h2c\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(terminal.requests.at(0).complete);
  EXPECT_THAT(terminal.requests.at(0).headers, Not(HasSubstr("h2c")));
  EXPECT_THAT(send(client, kGet), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ConnectionManagerTest, ConnectIsRefused) {
  Client client = connect();
  EXPECT_THAT(send(client, "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n"),
              StartsWith("HTTP/1.1 4"));
  EXPECT_TRUE(client.ended);
  EXPECT_TRUE(terminal.requests.empty());
}

TEST_F(ConnectionManagerTest, ProtocolErrorsAreAnsweredAndClosed) {
  for (const auto& [text, status] : std::vector<std::pair<std::string, std::string>>{
           {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\n\r\n", "400"},
           {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", "414"},
           {"GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(70000, 'a') + "\r\n\r\n", "431"},
       }) {
    Client client = connect();
    EXPECT_THAT(send(client, text), StartsWith("HTTP/1.1 " + status));
    EXPECT_TRUE(client.ended);
  }
  EXPECT_TRUE(terminal.requests.empty());
  EXPECT_THAT(lines.at(0), HasSubstr(" 400 DPE "));
  EXPECT_EQ(gauge("http_protocol_errors_total"), 4);
}

TEST_F(ConnectionManagerTest, BrokenBodyAfterForwarding) {
  Client client = connect();
  const std::string reply =
      send(client, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(client.ended);
  EXPECT_TRUE(terminal.requests.at(0).ended);
  EXPECT_FALSE(terminal.requests.at(0).complete);
}

TEST_F(ConnectionManagerTest, ClientLeavesInTheMiddle) {
  Client client = connect();
  send(client, kGet);
  client.closeNow();
  settle();
  EXPECT_TRUE(terminal.requests.at(0).ended);
  EXPECT_EQ(lines.at(0), "GET /a 0 DC downstream_disconnect");
  EXPECT_TRUE(chains.empty());
}

TEST_F(ConnectionManagerTest, ResetOfTheStreamBreaksTheConnection) {
  Client client = connect();
  send(client, kGet);
  terminal.current->begin(200, BodyFraming::kChunked);
  terminal.current->chain().respondHead(false);
  receive(client);
  terminal.current->chain().reset({ErrorOrigin::kUpstream, ErrorReason::kConnectionReset});
  EXPECT_THAT(receive(client), Not(HasSubstr("0\r\n\r\n")));
  EXPECT_TRUE(client.ended || client.error != 0);
  EXPECT_THAT(lines.at(0), HasSubstr("200 UC"));
}

TEST_F(ConnectionManagerTest, FiltersSeeTheRequestAndMayAnswer) {
  config->filters.push_back({"fake", std::make_shared<FakeHttpFilterFactory>(filter)});
  filter.request_head = [](FilterHandle& handle, RequestHead&, bool) {
    handle.localReply({.status = 401, .body = "who?", .flag = ResponseFlag::kUnauthorized});
    return Verdict::kPause;
  };
  Client client = connect();
  EXPECT_THAT(send(client, kGet), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(send(client, kGet), StartsWith("HTTP/1.1 401 "));
  EXPECT_EQ(filter.made, 2);
  EXPECT_EQ(filter.ended, 2);
  EXPECT_EQ(filter.destroyed, 2);
  EXPECT_EQ(lines.at(0), "GET /a 401 UAEX ");
}

TEST_F(ConnectionManagerTest, SlowReaderBlocksTheResponse) {
  Client client = connect();
  send(client, kGet);
  terminal.current->begin(200, BodyFraming::kChunked);
  terminal.current->chain().respondHead(false);
  const std::string piece(512 * 1024, 'x');
  for (int i = 0; i < 40 && terminal.blocked.empty(); ++i) {
    terminal.current->send(piece, false);
    settle();
  }
  EXPECT_EQ(terminal.blocked, std::vector<bool>{true});
  dispatcher.runUntil([&] { return receive(client).empty() && terminal.blocked.size() == 2; });
  EXPECT_EQ(terminal.blocked, (std::vector<bool>{true, false}));
}

TEST_F(ConnectionManagerTest, BodyWrittenPastTheChain) {
  terminal.head = [](FakeTerminal& t, RequestHead&, bool) {
    t.begin(200, BodyFraming::kContentLength, 5);
    t.chain().respondHead(false);
    network::Connection* connection = t.chain().beginRawResponseBody(5);
    ASSERT_NE(connection, nullptr);
    connection->output().append("hello");
    connection->outputReady();
    t.chain().rawResponseBodyProgress(5);
    t.chain().finishRawResponseBody();
  };
  Client client = connect();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(send(client, kGet), HasSubstr("Content-Length: 5\r\n\r\nhello"));
    EXPECT_TRUE(terminal.requests.back().ended);
  }
  EXPECT_EQ(lines.size(), 2u);
}

TEST_F(ConnectionManagerTest, SlowUpstreamStopsReading) {
  Client client = connect();
  send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  terminal.current->chain().setRequestReadEnabled(false);
  settle();
  send(client, std::string(100000, 'x'));
  const size_t got = terminal.requests.at(0).body.size();
  EXPECT_EQ(got, 0u);
  terminal.current->chain().setRequestReadEnabled(true);
  receive(client);
  EXPECT_EQ(terminal.requests.at(0).body.size(), 100000u);
}

}  // namespace
}  // namespace weir::http
