// Many random steps of requests and of an endpoint that does whatever HTTP/2 allows, and some that
// it does not: every request is told exactly once how it ends, and nothing is left over.

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "test/upstream/test_cluster.h"
#include "test/upstream/test_http2_origin.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {
namespace {

using std::chrono::milliseconds;
using test::http2::ErrorCode;
using test::http2::Setting;

class Http2PoolStressTest : public testing::TestWithParam<int> {
 protected:
  uint32_t uniform(uint32_t below) { return static_cast<uint32_t>(random.uniform(below)); }

  void start(bool fresh, int retries) {
    requests.push_back(std::make_unique<TestRequest>(worker.pool()));
    TestRequest& request = *requests.back();
    // As the router does: from inside the callback.
    request.on_failure = [this, retries] {
      if (retries > 0 && !ending) start(/*fresh=*/true, retries - 1);
    };
    request.start(fresh);
  }
  void cancelOne() {
    if (requests.empty()) return;
    const size_t index = uniform(static_cast<uint32_t>(requests.size()));
    check(*requests[index]);
    requests.erase(requests.begin() + static_cast<ptrdiff_t>(index));
  }
  static void check(const TestRequest& request) {
    EXPECT_LE(request.told, 1);
    EXPECT_LE(request.resets + (request.done ? 1 : 0), 1);
    EXPECT_FALSE(request.failure && request.encoder != nullptr);
  }
  void endpointStep() {
    const size_t connections = peer.connections();
    if (connections == 0) return;
    const size_t recent = std::min<size_t>(connections, 4);
    const size_t number = connections - 1 - uniform(static_cast<uint32_t>(recent));
    if (origin.peerClosed(number) || closed[number]) return;
    const std::vector<uint32_t> open = peer.open(number);
    const uint32_t stream = open.empty() ? 0 : open[uniform(static_cast<uint32_t>(open.size()))];
    switch (uniform(20)) {
      case 0:
        return peer.goaway(number, stream);
      case 1:
        return peer.send(number,
                         test::http2::settings({{Setting::kMaxConcurrentStreams, uniform(5)}}));
      case 2:
        closed[number] = true;
        return origin.close(number, /*reset=*/uniform(2) == 0);
      case 3:
        if (stream != 0) peer.reset(number, stream, ErrorCode::kRefusedStream);
        return;
      case 4:
        if (stream != 0) peer.reset(number, stream, ErrorCode::kInternalError);
        return;
      case 5:
        if (uniform(5) == 0) peer.send(number, "this is not HTTP/2");
        return;
      case 6:
        if (uniform(3) == 0)
          peer.send(number, test::http2::settings({{Setting::kMaxConcurrentStreams, 100}}));
        return;
      default:
        if (stream != 0) peer.answer(number, stream);
    }
  }
  void step() {
    switch (uniform(16)) {
      case 0:
        return cancelOne();
      case 1:
        return worker.dispatcher.advance(milliseconds(uniform(120)));
      case 2:
        if (uniform(20) == 0) worker.cluster().host(0).closeIdle();
        return;
      case 3:
      case 4:
      case 5:
      case 6:
        if (requests.size() < 60) start(uniform(5) == 0, static_cast<int>(uniform(3)));
        return;
      default:
        endpointStep();
        worker.run();
    }
  }

  base::Random random{static_cast<uint64_t>(GetParam())};
  TestProcess process;
  TestWorker worker{process};
  TestOrigin origin;
  TestHttp2Origin peer{origin};
  std::vector<std::unique_ptr<TestRequest>> requests;
  std::map<size_t, bool> closed;
  bool ending = false;
};

TEST_P(Http2PoolStressTest, NothingIsLostNorLeft) {
  ClusterOptions options;
  options.http_protocol = HttpProtocol::kHttp2;
  options.connect_timeout = milliseconds(200);
  options.idle_timeout = milliseconds(400);
  options.max_connections = 1 + uniform(4);
  options.max_pending_requests = uniform(30);
  options.max_requests_per_connection = uniform(3) == 0 ? 1 + uniform(6) : 0;
  options.http2.max_concurrent_streams = 1 + uniform(6);
  options.streams_per_connection = uniform(2) == 0 ? 1 + uniform(3) : ~uint32_t{0};
  peer.greeting = test::http2::settings({{Setting::kMaxConcurrentStreams, 1 + uniform(5)}});
  worker.clusters.apply({process.config({origin.address()}, options)});
  for (int i = 0; i < 600; ++i) step();

  ending = true;
  // Whoever waits gets its turn, or has waited too long.
  EXPECT_TRUE(worker.until([&] {
    peer.answerAll();
    worker.dispatcher.advance(milliseconds(1));
    for (const auto& request : requests) {
      if (!request->over()) return false;
    }
    return true;
  }));
  for (const auto& request : requests) check(*request);
  EXPECT_EQ(process.gauge("cluster_pending_requests"), 0);
  EXPECT_EQ(process.usage->pending, 0u);
  EXPECT_LE(worker.pool().openConnections(), options.max_connections);
  worker.dispatcher.advance(milliseconds(1000));
  EXPECT_EQ(worker.pool().openConnections(), 0u) << "all idle, all ended";
  EXPECT_EQ(process.usage->connections, 0u);
  requests.clear();
  worker.clusters.apply({});
  worker.run();
  EXPECT_EQ(process.usage->requests, 0u);
  EXPECT_EQ(worker.io.connections(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Http2PoolStressTest, testing::Range(1, 26));

}  // namespace
}  // namespace weir::upstream
