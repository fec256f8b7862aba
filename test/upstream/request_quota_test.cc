#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "source/upstream/cluster_usage.h"

namespace weir::upstream {
namespace {

TEST(RequestQuotaTest, SmallLimitsAreExact) {
  auto usage = std::make_shared<ClusterUsage>();
  RequestQuota quota(usage);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(quota.take(3));
  EXPECT_FALSE(quota.take(3));
  quota.release();
  EXPECT_TRUE(quota.take(3));
  EXPECT_FALSE(quota.take(3));
  for (int i = 0; i < 3; ++i) quota.release();
}

TEST(RequestQuotaTest, ItIsGivenBack) {
  auto usage = std::make_shared<ClusterUsage>();
  {
    RequestQuota quota(usage);
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(quota.take(10'000));
    EXPECT_GE(usage->requests, 1000u);
    for (int i = 0; i < 1000; ++i) quota.release();
    EXPECT_LT(usage->requests, 2 * 39u) << "two lots";
  }
  EXPECT_EQ(usage->requests, 0u);
}

TEST(RequestQuotaTest, ASmallerLimitHoldsForThoseThatCome) {
  auto usage = std::make_shared<ClusterUsage>();
  RequestQuota quota(usage);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(quota.take(10));
  EXPECT_FALSE(quota.take(5));
  for (int i = 0; i < 10; ++i) quota.release();
  EXPECT_TRUE(quota.take(5));
  quota.release();
}

TEST(RequestQuotaTest, ItMovesToAnotherUsage) {
  auto before = std::make_shared<ClusterUsage>();
  auto after = std::make_shared<ClusterUsage>();
  RequestQuota quota(before);
  EXPECT_TRUE(quota.take(10));
  quota.moveTo(after);
  EXPECT_EQ(before->requests, 0u);
  EXPECT_EQ(after->requests, 1u);
  quota.release();
}

// Never more than the limit over all workers, and never refused with less than the lots allow.
TEST(RequestQuotaTest, ManyWorkersShareALimit) {
  constexpr uint32_t kWorkers = 8;
  base::Random random(1);
  for (const uint32_t limit : {1u, 7u, 256u, 1000u, 20'000u}) {
    auto usage = std::make_shared<ClusterUsage>();
    std::vector<std::unique_ptr<RequestQuota>> quotas;
    for (uint32_t i = 0; i < kWorkers; ++i) quotas.push_back(std::make_unique<RequestQuota>(usage));
    std::vector<uint32_t> used(kWorkers);
    uint32_t all = 0;
    for (int step = 0; step < 100'000; ++step) {
      const auto worker = static_cast<uint32_t>(random.uniform(kWorkers));
      const bool more = random.uniform(100) < (step < 50'000 ? 70 : 40);
      if (!more && used[worker] > 0) {
        quotas[worker]->release();
        --used[worker];
        --all;
      } else if (more && quotas[worker]->take(limit)) {
        ++used[worker];
        ++all;
      } else if (more) {
        EXPECT_GE(all + kWorkers * (2 * (limit / 256) + 1), limit);
      }
      ASSERT_LE(all, limit);
    }
    for (uint32_t i = 0; i < kWorkers; ++i) {
      for (; used[i] > 0; --used[i]) quotas[i]->release();
    }
    quotas.clear();
    EXPECT_EQ(usage->requests, 0u);
  }
}

}  // namespace
}  // namespace weir::upstream
