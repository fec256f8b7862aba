// Requests of clients that belong to an endpoint, and such as wait for a store to say to which.

#include <memory>
#include <utility>

#include "test/router/router_fixture.h"
#include "test/upstream/fake_stickiness.h"

namespace weir::router {
namespace {

class RouterStickyTest : public RouterTest {
 protected:
  void start(bool strict = false, const ClusterOptions& options = {}) {
    auto config = std::make_shared<upstream::ClusterConfig>(
        *process.config({origin.address(), other_.address()}, options));
    config->stickiness = std::make_shared<upstream::FakeStickinessFactory>(bindings_);
    config->sticky_stats = upstream::StickyStats::create(process.store, "c");
    config->sticky_policy.strict = strict;
    for (const upstream::HostSet::Host& host : config->hosts->hosts) uids_.push_back(host.uid);
    worker.clusters.apply({config});
  }
  bool came(TestOrigin& at, size_t number = 0) {
    std::string text;
    return worker.until([&] {
      if (at.accepted() <= number) return false;
      text += at.read(number);
      return text.ends_with("\r\n\r\n");
    });
  }

  TestOrigin other_;
  upstream::FakeBindings bindings_;
  std::vector<uint64_t> uids_;
};

TEST_F(RouterStickyTest, GoesWhereTheClientBelongsAndTellsTheAnswer) {
  start();
  for (int i = 0; i < 2; ++i) {
    bindings_.bound = uids_[1];
    auto request = stream();
    request->send();
    ASSERT_TRUE(came(other_));
    other_.send(0, kOk);
    EXPECT_TRUE(ended(*request));
    EXPECT_EQ(request->sink.status, 200);
    EXPECT_EQ(bindings_.answers, i + 1);
    EXPECT_EQ(bindings_.sent, i + 1);
    EXPECT_TRUE(bindings_.last.starts_with("followed ")) << bindings_.last;
  }
  EXPECT_EQ(origin.accepted(), 0u);
}

TEST_F(RouterStickyTest, WaitsForAStoreWithoutQueueing) {
  bindings_.asks = true;
  start();
  auto request = stream("POST");
  request->sendHead();
  request->sendBody("early", false);
  EXPECT_EQ(bindings_.waiting.size(), 1u);
  EXPECT_EQ(process.gauge("cluster_pending_requests"), 0);
  EXPECT_EQ(process.gauge("cluster_active_requests"), 0);
  request->sendBody("late", true);
  bindings_.answer(uids_[1]);
  std::string text;
  EXPECT_TRUE(worker.until([&] {
    if (other_.accepted() > 0) text += other_.read(0);
    return text.find("early") != std::string::npos && text.find("late") != std::string::npos;
  })) << text;
  other_.send(0, kOk);
  EXPECT_TRUE(ended(*request));
  EXPECT_EQ(bindings_.asked, 1);
}

TEST_F(RouterStickyTest, AClientThatGoesWhileItWaitsAsksNoMore) {
  bindings_.asks = true;
  start();
  auto request = stream();
  request->send();
  ASSERT_EQ(bindings_.waiting.size(), 1u);
  request->end();
  EXPECT_TRUE(bindings_.waiting.empty());
  request.reset();
  bindings_.answer(uids_[0]);
  worker.run();
  EXPECT_EQ(origin.accepted() + other_.accepted(), 0u);
}

TEST_F(RouterStickyTest, TheRoutesTimeoutEndsTheWaiting) {
  bindings_.asks = true;
  start();
  auto request = stream();
  request->send();
  ASSERT_EQ(bindings_.waiting.size(), 1u);
  worker.dispatcher.advance(milliseconds(1100));
  EXPECT_TRUE(request->sink.ended);
  EXPECT_EQ(request->sink.status, 504);
  EXPECT_TRUE(bindings_.waiting.empty());
}

TEST_F(RouterStickyTest, AConfigurationThatComesMeanwhileChangesNothing) {
  bindings_.asks = true;
  start();
  auto request = stream();
  request->send();
  ASSERT_EQ(bindings_.waiting.size(), 1u);
  worker.clusters.apply({});  // the cluster lives on for the request
  bindings_.answer(uids_[1]);
  ASSERT_TRUE(came(other_));
  other_.send(0, kOk);
  EXPECT_TRUE(ended(*request));
  EXPECT_EQ(request->sink.status, 200);
  request.reset();
}

TEST_F(RouterStickyTest, AStrictClientOfAnEndpointThatIsGoneGets503) {
  start(/*strict=*/true);
  bindings_.bound = 12345;
  auto request = stream();
  request->send();
  EXPECT_TRUE(request->sink.ended);
  EXPECT_EQ(request->sink.status, 503);
  EXPECT_EQ(request->info.detail, "sticky_endpoint_down");
  EXPECT_TRUE(request->info.hasFlag(http::ResponseFlag::kNoHealthyUpstream));
  EXPECT_EQ(bindings_.answers, 0);
}

// The connection had ended: that is not the endpoint's fault, and the session is there.
TEST_F(RouterStickyTest, AReusedConnectionThatBrokeIsReplacedAtTheSameEndpoint) {
  start();
  bindings_.bound = uids_[1];
  auto first = stream();
  first->send();
  ASSERT_TRUE(came(other_));
  other_.send(0, kOk);
  EXPECT_TRUE(ended(*first));
  auto second = stream();
  second->send();
  ASSERT_TRUE(came(other_));
  other_.close(0);
  ASSERT_TRUE(came(other_, 1));
  other_.send(1, kOk);
  EXPECT_TRUE(ended(*second));
  EXPECT_EQ(origin.accepted(), 0u);
  EXPECT_TRUE(bindings_.last.starts_with("followed "));
}

TEST_F(RouterStickyTest, AnEndpointThatCannotBeReachedIsLeftInTheSameRequest) {
  start();
  bindings_.bound = uids_[1];
  other_.kill();
  auto request = stream();
  request->send();
  ASSERT_TRUE(came(origin));
  origin.send(0, kOk);
  EXPECT_TRUE(ended(*request));
  EXPECT_TRUE(bindings_.last.starts_with("new "));
  EXPECT_EQ(bindings_.bound, uids_[0]);
}

}  // namespace
}  // namespace weir::router
