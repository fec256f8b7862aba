// What a connection manager says of its exchanges beside the access log: reasons, statistics of
// routes and filters, recent requests.

#include "source/http/log_condition.h"
#include "source/http/metered_filter.h"
#include "source/http/recent_requests.h"
#include "test/http/connection_manager_fixture.h"

namespace weir::http {
namespace {

class ObservationTest : public ConnectionManagerTest {
 protected:
  // A route with statistics of its own.
  class CountedRoute final : public Route {
   public:
    std::string_view name() const override { return "cart"; }
    std::string_view virtualHostName() const override { return "shop"; }
    std::string_view clusterName() const override { return "web"; }
    uint32_t statistics() const override { return 0; }
  };
  class OneRoute final : public RouteResolver {
   public:
    const Route* resolve(const RequestHead&, const StreamInfo&) const override { return &route_; }

   private:
    CountedRoute route_;
  };

  void refuseAll() {
    terminal.head = [](FakeTerminal& t, RequestHead&, bool) {
      t.chain().localReply({.status = 503, .body = "no\n", .detail = "no_eligible_endpoint"});
    };
  }
  void answerWithForgery() {
    terminal.head = [](FakeTerminal& t, RequestHead&, bool) {
      t.chain().context().response.headers.clear();
      ResponseHead& head = t.chain().context().response;
      head.status = 200;
      head.framing = BodyFraming::kContentLength;
      head.content_length = 0;
      head.headers.add("X-Weir-Reason", "forged");
      t.chain().respondHead(true);
    };
  }
};

TEST_F(ObservationTest, SaysWhyWeirAnsweredItself) {
  config->reason_header = true;
  refuseAll();
  Client client = connect();
  const std::string answer = send(client, kGet);
  EXPECT_EQ(countOf(answer, "x-weir-reason: no_eligible_endpoint\r\n"), 1u) << answer;
}

TEST_F(ObservationTest, SaysNothingUnlessItIsTold) {
  refuseAll();
  Client client = connect();
  EXPECT_EQ(countOf(send(client, kGet), "x-weir-reason"), 0u);
}

TEST_F(ObservationTest, ReasonsOfEndpointsAreTakenOff) {
  config->reason_header = true;
  answerWithForgery();
  Client client = connect();
  const std::string answer = send(client, kGet);
  EXPECT_EQ(countOf(answer, "200 OK"), 1u) << answer;
  EXPECT_EQ(countOf(answer, "forged"), 0u) << answer;
}

TEST_F(ObservationTest, RefusedRequestsHaveAReasonToo) {
  config->reason_header = true;
  Client client = connect();
  const std::string answer = send(client, "GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(countOf(answer, "400"), 1u) << answer;
  EXPECT_EQ(countOf(answer, "x-weir-reason: "), 1u) << answer;
}

TEST_F(ObservationTest, RepliesToGrpcHaveAReason) {
  config->reason_header = true;
  refuseAll();
  Client client = connect();
  const std::string answer = send(client,
                                  "POST /s/M HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nContent-Type: "
                                  "application/grpc\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(countOf(answer, "grpc-status"), 1u) << answer;
  EXPECT_EQ(countOf(answer, "x-weir-reason: no_eligible_endpoint\r\n"), 1u) << answer;
}

TEST_F(ObservationTest, RoutesMayHaveStatistics) {
  config->route_statistics = {RouteStatistics::create(store, "test", "shop", "cart")};
  config->routes = std::make_shared<OneRoute>();
  terminal.head = [](FakeTerminal& t, RequestHead& head, bool) {
    t.chain().route();
    t.respond(head.path == "/bad" ? 500 : 200, "x");
  };
  Client client = connect();
  send(client, kGet);
  send(client, kGet);
  send(client, "GET /bad HTTP/1.1\r\nHost: a\r\n\r\n");
  const stats::Labels labels{{"manager", "test"}, {"virtual_host", "shop"}, {"route", "cart"}};
  EXPECT_EQ(store.valueOf("http_route_requests_total", labels), 3);
  stats::Labels good = labels;
  good.emplace_back("class", "2xx");
  EXPECT_EQ(store.valueOf("http_route_responses_total", good), 2);
  stats::Labels bad = labels;
  bad.emplace_back("class", "5xx");
  EXPECT_EQ(store.valueOf("http_route_responses_total", bad), 1);
  EXPECT_EQ(store.valueOf("http_route_resets_total", labels), 0);
}

TEST_F(ObservationTest, FiltersMayHaveStatistics) {
  filter.needs = {.request = BodyMode::kStream, .response = BodyMode::kStream};
  filter.request_head = [](FilterHandle& handle, RequestHead& head, bool) {
    if (head.path == "/no") handle.localReply({.status = 403, .detail = "no"});
    return Verdict::kContinue;
  };
  config->filters = {{"guard", std::make_shared<MeteredFilterFactory>(
                                   std::make_shared<FakeHttpFilterFactory>(filter),
                                   FilterStatistics::create(store, "test", "guard"))}};
  answerAll();
  Client client = connect();
  EXPECT_EQ(countOf(send(client, kGet), "200 OK"), 1u);
  EXPECT_EQ(filter.calls, "QRr");
  send(client, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(filter.calls, "QRrQqRr");
  EXPECT_EQ(countOf(send(client, "GET /no HTTP/1.1\r\nHost: a\r\n\r\n"), "403"), 1u);
  const stats::Labels labels{{"manager", "test"}, {"filter", "guard"}};
  EXPECT_EQ(store.valueOf("http_filter_requests_total", labels), 3);
  EXPECT_EQ(store.valueOf("http_filter_answers_total", labels), 1);
  EXPECT_GE(store.valueOf("http_filter_nanoseconds_total", labels), 0);
  settle();
  EXPECT_EQ(filter.made, 3);
  EXPECT_EQ(filter.ended, 3);
  EXPECT_EQ(filter.destroyed, 3);
}

TEST_F(ObservationTest, RecentRequestsAreRemembered) {
  RecentRequests recent;
  recent.setCapacity(4);
  services.put(recent);
  filter.request_head = [](FilterHandle& handle, RequestHead& head, bool) {
    if (head.path == "/no") handle.localReply({.status = 403, .detail = "denied"});
    return Verdict::kContinue;
  };
  config->filters = {{"guard", std::make_shared<FakeHttpFilterFactory>(filter)}};
  answerAll();
  Client client = connect();
  send(client, kGet);
  send(client, "GET /no HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto found = recent.find({});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].status, 403);
  EXPECT_EQ(found[0].filter, "guard");
  EXPECT_EQ(found[0].detail, "denied");
  EXPECT_TRUE(found[0].local);
  EXPECT_EQ(found[1].status, 200);
  EXPECT_EQ(found[1].filter, "");
  EXPECT_FALSE(found[1].local);
  EXPECT_EQ(found[1].request_id.size(), 36u);
}

TEST_F(ObservationTest, WhatRepliesAtOnceIsNoFilter) {
  RecentRequests recent;
  recent.setCapacity(4);
  services.put(recent);
  config->filters = {{"guard", std::make_shared<FakeHttpFilterFactory>(filter)}};
  config->max_request_body_bytes = 1;
  answerAll();
  Client client = connect();
  EXPECT_EQ(
      countOf(send(client, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"), "413"),
      1u);
  const auto found = recent.find({});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].filter, "");
  EXPECT_TRUE(found[0].local);
}

TEST_F(ObservationTest, LogsMayHaveConditions) {
  config->access_loggers = {std::make_shared<ConditionalAccessLoggerFactory>(
      LogCondition(LogCondition::Status{400, 600}), std::make_shared<LineLoggerFactory>(lines))};
  terminal.head = [](FakeTerminal& t, RequestHead& head, bool) {
    t.respond(head.path == "/bad" ? 500 : 200, "x");
  };
  Client client = connect();
  send(client, kGet);
  send(client, "GET /bad HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(lines, std::vector<std::string>{"GET /bad 500 - "});
}

}  // namespace
}  // namespace weir::http
