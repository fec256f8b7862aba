// A terminal has the request come again: as it has changed it, through new filters, on a new route.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "test/http/connection_manager_fixture.h"

namespace weir::http {
namespace {

class RequestRestartTest : public ConnectionManagerTest {
 protected:
  RequestRestartTest() {
    config->filters.push_back({"fake", std::make_shared<FakeHttpFilterFactory>(filter)});
    terminal.head = [this](FakeTerminal& t, RequestHead& head, bool end) {
      if (end) act(t, head, "");
    };
    terminal.body = [this](FakeTerminal& t, const std::string& piece, bool end) {
      body += piece;
      if (end) act(t, t.chain().context().request, std::exchange(body, {}));
    };
  }
  // "/again/…" comes again as "/…"; everything else is answered with its path.
  void act(FakeTerminal& t, RequestHead& head, const std::string& got) {
    constexpr std::string_view kAgain = "/again";
    if (!head.path.starts_with(kAgain)) return t.respond(200, std::string(head.path) + "|" + got);
    EXPECT_TRUE(t.chain().mayRestartRequest());
    head.path.remove_prefix(kAgain.size());
    buffer::Buffer again(t.chain().context().blocks);
    again.append(got);
    t.chain().restartRequest(again);
  }
  static std::string get(std::string_view path) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  FilterScript filter;
  std::string body;
};

TEST_F(RequestRestartTest, ItPassesNewFilters) {
  Client client = connect();
  EXPECT_NE(send(client, get("/again/x")).find("\r\n\r\n/x|"), std::string::npos);
  EXPECT_EQ(filter.calls, "QQR");
  EXPECT_EQ(filter.made, 2);
  EXPECT_EQ(filter.ended, 2);
  EXPECT_EQ(terminal.requests.size(), 2u);
  EXPECT_TRUE(terminal.requests[0].ended);
  EXPECT_EQ(lines, std::vector<std::string>{"GET /x 200 - "});
  EXPECT_EQ(gauge("http_requests_total"), 1);
}

TEST_F(RequestRestartTest, AFilterMayAnswerTheSecondTime) {
  filter.request_head = [](FilterHandle& handle, RequestHead& head, bool) {
    if (head.path == "/secret") handle.localReply({.status = 403, .body = "no"});
    return Verdict::kContinue;
  };
  Client client = connect();
  EXPECT_NE(send(client, get("/again/secret")).find("403 Forbidden"), std::string::npos);
}

TEST_F(RequestRestartTest, BodyAndTrailersComeAsWell) {
  Client client = connect();
  EXPECT_NE(send(client,
                 "POST /again/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "4\r\nbody\r\n0\r\nx-sum: 1\r\n\r\n")
                .find("\r\n\r\n/x|body"),
            std::string::npos);
  EXPECT_EQ(filter.calls, "QTQTR");
  EXPECT_EQ(terminal.requests[1].trailers, "x-sum: 1\n");
}

TEST_F(RequestRestartTest, AgainAndAgainAndTheNextOne) {
  Client client = connect();
  send(client, get("/again/again/again/x") + get("/y") + get("/again/z"));
  for (const char* answer : {"/x|", "/y|", "/z|"}) {
    EXPECT_NE(client.received.find(answer), std::string::npos) << answer;
  }
  EXPECT_EQ(filter.made, filter.destroyed);
  EXPECT_EQ(filter.made, 4 + 1 + 2);
}

TEST_F(RequestRestartTest, AClientMayLeaveInBetween) {
  terminal.head = [this](FakeTerminal& t, RequestHead& head, bool) {
    act(t, head, "");
    // It goes before the turn ends.
    if (t.chain().mayRestartRequest()) t.chain().reset({});
  };
  Client client = connect();
  send(client, get("/again/x"));
  EXPECT_EQ(filter.made, 1);
  EXPECT_EQ(filter.ended, 1);
}

TEST_F(RequestRestartTest, ARequestThatIsNotCompleteCannot) {
  bool may = true;
  terminal.head = [&may](FakeTerminal& t, RequestHead&, bool) {
    may = t.chain().mayRestartRequest();
  };
  Client client = connect();
  send(client, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nnot");
  EXPECT_FALSE(may);
}

}  // namespace
}  // namespace weir::http
