#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "test/router/router_fixture.h"
#include "test/upstream/listening_balancer.h"

namespace weir::router {
namespace {

using std::chrono::milliseconds;

using upstream::Listening;
using upstream::Report;

class RouterFeedbackTest : public RouterTest {
 protected:
  upstream::ClusterOptions options() {
    upstream::ClusterOptions options;
    options.load_balancer = std::make_shared<Listening>(reports);
    options.connect_timeout = milliseconds(100);
    return options;
  }
  std::vector<Report> reports;
};

TEST_F(RouterFeedbackTest, AnAnswerAndItsTime) {
  apply(options());
  for (const char* status : {"200 OK", "404 Not Found", "503 Busy"}) {
    auto s = stream();
    s->send();
    received(0);
    worker.dispatcher.advance(milliseconds(30));
    origin.send(0, std::string("HTTP/1.1 ") + status + "\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(ended(*s));
  }
  const std::vector<Report> expected = {
      {milliseconds(30), true}, {milliseconds(30), true}, {milliseconds(30), false}};
  EXPECT_EQ(reports, expected);
}

TEST_F(RouterFeedbackTest, AnEndpointThatCannotBeReached) {
  apply(options());
  worker.dispatcher.setPollFds(false);
  auto s = stream();
  s->send();
  worker.dispatcher.advance(milliseconds(200));
  worker.dispatcher.setPollFds(true);
  EXPECT_EQ(s->sink.status, 504);
  ASSERT_FALSE(reports.empty());
  for (const Report& report : reports) EXPECT_EQ(report, (Report{milliseconds(0), false}));
}

TEST_F(RouterFeedbackTest, AnEndpointThatTakesTooLong) {
  apply(options());
  auto s = stream();
  s->send();
  received(0);
  worker.dispatcher.advance(milliseconds(1100));
  EXPECT_EQ(s->sink.status, 504);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_FALSE(reports[0].success);
  EXPECT_GE(reports[0].took, milliseconds(900));
}

TEST_F(RouterFeedbackTest, AClientThatGoesSaysNothingOfTheEndpoint) {
  apply(options());
  auto s = stream();
  s->send();
  received(0);
  s->end();
  EXPECT_TRUE(reports.empty());
}

}  // namespace
}  // namespace weir::router
