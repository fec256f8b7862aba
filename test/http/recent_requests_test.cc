#include "source/http/recent_requests.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace weir::http {
namespace {

using std::chrono::microseconds;

// Adds exchanges with ids of their own.
class RecentRequestsTest : public ::testing::Test {
 protected:
  void add(const std::string& id, uint16_t status) {
    info.request_id = id;
    info.status = status;
    recent.add(head, info, {});
  }
  RecentRequestsTest() {
    head.method = "GET";
    head.authority = "shop.example";
    head.path = "/cart";
    info.started = event::MonotonicTime(microseconds(1'000'000));
    info.ended = info.started + microseconds(700);
  }

  RequestHead head;
  StreamInfo info;
  RecentRequests recent;
};

TEST_F(RecentRequestsTest, KeepsNothingUntilItIsTold) {
  EXPECT_FALSE(recent.enabled());
  add("a", 200);
  EXPECT_TRUE(recent.find({}).empty());
}

TEST_F(RecentRequestsTest, KeepsTheLastOnes) {
  recent.setCapacity(3);
  for (int i = 0; i < 5; ++i) add("r" + std::to_string(i), 200);
  const auto found = recent.find({});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].request_id, "r4");
  EXPECT_EQ(found[1].request_id, "r3");
  EXPECT_EQ(found[2].request_id, "r2");
  EXPECT_EQ(found[0].sequence, 5u);
  recent.setCapacity(3);  // as before: they stay
  EXPECT_EQ(recent.find({}).size(), 3u);
  recent.setCapacity(0);
  EXPECT_FALSE(recent.enabled());
  add("r5", 200);
  EXPECT_TRUE(recent.find({}).empty());
}

TEST_F(RecentRequestsTest, FindsByIdAndStatus) {
  recent.setCapacity(8);
  add("a", 200);
  add("b", 503);
  add("a", 503);
  EXPECT_EQ(recent.find({.request_id = "a"}).size(), 2u);
  EXPECT_EQ(recent.find({.status = 503}).size(), 2u);
  EXPECT_EQ(recent.find({.request_id = "a", .status = 200}).size(), 1u);
  EXPECT_EQ(recent.find({.limit = 1}).size(), 1u);
  EXPECT_TRUE(recent.find({.request_id = "c"}).empty());
}

TEST_F(RecentRequestsTest, TellsAllThatIsKnown) {
  recent.setCapacity(1);
  const network::Address client = *network::Address::parse("192.0.2.7:1234");
  const network::Address endpoint = *network::Address::parse("10.0.0.1:80");
  info.downstream_remote = &client;
  info.upstream_address = &endpoint;
  info.cluster = "web";
  info.detail = "upstream_timeout";
  info.attempts = 2;
  info.addFlag(ResponseFlag::kUpstreamRequestTimeout);
  info.grpc_status = GrpcStatus::kUnavailable;
  info.upstream_started = info.started + microseconds(50);
  info.request_id = "id";
  info.status = 504;
  recent.add(head, info, {.local = true, .filter = "limits"});
  const RecentRequest found = recent.find({}).at(0);
  EXPECT_EQ(found.method, "GET");
  EXPECT_EQ(found.authority, "shop.example");
  EXPECT_EQ(found.path, "/cart");
  EXPECT_EQ(found.client, "192.0.2.7:1234");
  EXPECT_EQ(found.endpoint, "10.0.0.1:80");
  EXPECT_EQ(found.cluster, "web");
  EXPECT_EQ(found.detail, "upstream_timeout");
  EXPECT_EQ(found.filter, "limits");
  EXPECT_EQ(found.attempts, 2u);
  EXPECT_EQ(found.flags, static_cast<uint32_t>(ResponseFlag::kUpstreamRequestTimeout));
  EXPECT_EQ(found.grpc_status, GrpcStatus::kUnavailable);
  EXPECT_EQ(found.took_us, 700u);
  EXPECT_EQ(found.upstream_us, 50u);
  EXPECT_EQ(found.first_byte_us, std::nullopt);
  EXPECT_TRUE(found.local);
}

TEST_F(RecentRequestsTest, CutsWhatIsTooLong) {
  recent.setCapacity(2);
  const std::string path(5000, 'p');
  const std::string host(5000, 'h');
  head.path = path;
  head.authority = host;
  add(std::string(5000, 'i'), 200);
  const RecentRequest found = recent.find({}).at(0);
  EXPECT_EQ(found.request_id, std::string(64, 'i'));
  EXPECT_EQ(found.authority, std::string(64, 'h'));
  EXPECT_FALSE(found.path.empty());
  EXPECT_LT(found.path.size(), 346u);
  EXPECT_EQ(recent.find({.request_id = std::string(5000, 'i')}).size(), 1u);
}

}  // namespace
}  // namespace weir::http
