#include "extensions/load_balancing/first/first.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "test/upstream/test_hosts.h"

namespace weir::extensions::load_balancing::first {
namespace {

using upstream::hostsOf;
using upstream::Pick;
using upstream::PickContext;

class Loads final : public upstream::HostLoads {
 public:
  explicit Loads(size_t hosts) : counts(hosts), fulls(hosts) {}
  uint32_t inFlight(uint32_t host) const override { return counts[host]; }
  bool full(uint32_t host) const override { return fulls[host]; }
  std::vector<uint32_t> counts;
  std::vector<bool> fulls;
};

struct Worker {
  Worker(const std::vector<uint32_t>& weights, FirstOptions options)
      : hosts(hostsOf(weights)), loads(weights.size()), balancer(options) {
    upstream::adopt(balancer, *hosts, loads);
  }
  Pick pick(std::vector<uint32_t> tried = {}) {
    PickContext context;
    context.tried = tried;
    return balancer.pick(context);
  }
  std::shared_ptr<const upstream::HostSet> hosts;
  Loads loads;
  First balancer;
};

TEST(FirstTest, FillsOneAfterTheOther) {
  Worker worker({1, 2, 1}, {.max_in_flight = 2});
  std::vector<uint32_t> order;
  for (int i = 0; i < 8; ++i) {
    const Pick pick = worker.pick();
    ASSERT_EQ(pick.kind, Pick::Kind::kEndpoint);
    order.push_back(pick.host);
    ++worker.loads.counts[pick.host];
  }
  EXPECT_EQ(order, (std::vector<uint32_t>{0, 0, 1, 1, 1, 1, 2, 2}));
  EXPECT_EQ(worker.pick().kind, Pick::Kind::kWait);
  EXPECT_EQ(worker.pick().reason, "endpoints_full");
  --worker.loads.counts[1];
  EXPECT_EQ(worker.pick().host, 1u);
  --worker.loads.counts[0];
  EXPECT_EQ(worker.pick().host, 0u);
}

TEST(FirstTest, WithoutALimitOnlyTheEndpointsOwnCount) {
  Worker worker({1, 1, 1}, {});
  worker.loads.counts = {100'000, 0, 0};
  EXPECT_EQ(worker.pick().host, 0u);
  worker.loads.fulls = {true, true, false};
  EXPECT_EQ(worker.pick().host, 2u);
}

TEST(FirstTest, AgreesWithTheOracle) {
  base::Random random(6);
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint32_t> weights(1 + random.uniform(9));
    for (uint32_t& weight : weights) weight = 1 + static_cast<uint32_t>(random.uniform(3));
    const auto most = static_cast<uint32_t>(random.uniform(4));
    Worker worker(weights, {.max_in_flight = most});
    std::vector<uint32_t> tried;
    std::vector<uint32_t> fresh;
    std::vector<uint32_t> again;
    for (uint32_t host = 0; host < weights.size(); ++host) {
      worker.loads.counts[host] = static_cast<uint32_t>(random.uniform(8));
      worker.loads.fulls[host] = random.uniform(3) == 0;
      const bool was_tried = random.uniform(3) == 0;
      if (was_tried) tried.push_back(host);
      const bool room = !worker.loads.fulls[host] &&
                        (most == 0 || worker.loads.counts[host] < most * weights[host]);
      if (room) (was_tried ? again : fresh).push_back(host);
    }
    const Pick pick = worker.pick(tried);
    if (fresh.empty() && again.empty()) {
      ASSERT_EQ(pick.kind, Pick::Kind::kWait);
    } else {
      ASSERT_EQ(pick.kind, Pick::Kind::kEndpoint);
      ASSERT_EQ(pick.host, fresh.empty() ? again.front() : fresh.front());
    }
  }
}

TEST(FirstTest, TheLargestLimitTimesTheLargestWeightIsNone) {
  Worker worker({65535, 1}, {.max_in_flight = 1'000'000});
  worker.loads.counts = {4'000'000'000, 0};
  EXPECT_EQ(worker.pick().host, 0u);
}

TEST(FirstTest, AnEmptySetFailsWithAReason) {
  Worker worker({}, {});
  EXPECT_EQ(worker.pick().kind, Pick::Kind::kFailure);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::first
