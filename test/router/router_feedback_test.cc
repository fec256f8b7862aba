#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "source/upstream/grouped_balancer.h"
#include "test/router/router_fixture.h"

namespace weir::router {
namespace {

using std::chrono::milliseconds;

struct Report {
  milliseconds took;
  bool success;
  bool operator==(const Report&) const = default;
};

// Notes what it is told of endpoints.
class Listening final : public upstream::AlgorithmFactory {
 public:
  explicit Listening(std::vector<Report>& reports) : reports_(reports) {}
  std::string_view name() const override { return "listening"; }
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext&) const override {
    return std::make_unique<Ear>(reports_);
  }

 private:
  class Ear final : public upstream::Algorithm {
   public:
    explicit Ear(std::vector<Report>& reports) : reports_(reports) {}
    void onGroup(const upstream::HostSet&, const upstream::HostGroup& group,
                 const upstream::HostLoads&) override {
      host_ = group.hosts.front();
    }
    upstream::Pick pick(const upstream::PickContext&) override {
      return upstream::Pick::endpoint(host_);
    }
    void onResponse(uint32_t, std::chrono::microseconds took, bool success,
                    event::MonotonicTime) override {
      reports_.push_back({std::chrono::duration_cast<milliseconds>(took), success});
    }

   private:
    std::vector<Report>& reports_;
    uint32_t host_ = 0;
  };
  std::vector<Report>& reports_;
};

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
