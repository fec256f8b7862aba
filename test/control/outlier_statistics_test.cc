#include "source/control/outlier_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/random.h"

namespace weir::control {
namespace {

using testing::IsEmpty;
using upstream::OutlierPolicy;
using Samples = std::vector<OutlierSample>;

OutlierSample served(uint64_t good, uint64_t bad) {
  return {.good = good, .bad = bad};
}

OutlierSample took(uint64_t timed, uint64_t mean_us) {
  return {.good = timed, .timed = timed, .waited_us = timed * mean_us};
}

OutlierPolicy policyOf(double factor, uint32_t percentage = 0, uint32_t latency = 0) {
  OutlierPolicy policy;
  policy.success_rate_stdev_factor = factor;
  policy.failure_percentage = percentage;
  policy.latency_percent_of_median = latency;
  return policy;
}

// "2 success_rate", in the order found.
std::vector<std::string> found(const Samples& samples, const OutlierPolicy& policy) {
  std::vector<std::string> all;
  for (const Outlier& outlier : findOutliers(samples, policy)) {
    all.push_back(std::to_string(outlier.index) + " " +
                  std::string(ejectionReasonName(outlier.reason)));
  }
  return all;
}

std::string causeOf(const Samples& samples, const OutlierPolicy& policy) {
  const auto all = findOutliers(samples, policy);
  return all.empty() ? "" : all.front().cause;
}

// --- Success rates ---

TEST(OutlierStatisticsTest, WhoseSuccessIsFarBelowTheMeanIsAnOutlier) {
  Samples samples(10, served(970, 30));
  samples[3] = served(412, 588);
  const OutlierPolicy policy = policyOf(1.9);
  EXPECT_THAT(found(samples, policy), testing::ElementsAre("3 success_rate"));
  // Mean (9 * 97 + 41.2) / 10, deviation 0.3 * 55.8.
  EXPECT_EQ(causeOf(samples, policy), "success_rate: 41.2 % against 91.4 % (limit 59.6 %)");
  EXPECT_THAT(found(samples, policyOf(0)), IsEmpty());
  EXPECT_THAT(found(samples, policyOf(3.1)), IsEmpty()) << "one of n is at most sqrt(n - 1) off";
}

TEST(OutlierStatisticsTest, EnoughEndpointsNeedEnoughRequests) {
  Samples samples(5, served(100, 0));
  samples[0] = served(10, 90);
  OutlierPolicy policy = policyOf(1.9);
  EXPECT_THAT(found(samples, policy), testing::ElementsAre("0 success_rate"));
  samples[4] = served(99, 0);
  EXPECT_THAT(found(samples, policy), IsEmpty()) << "four are too few to compare";
  policy.success_rate_min_endpoints = 4;
  EXPECT_THAT(found(samples, policyOf(1.7)), IsEmpty());
  policy.success_rate_stdev_factor = 1.7;
  EXPECT_THAT(found(samples, policy), testing::ElementsAre("0 success_rate"));
  policy.min_requests = 101;
  EXPECT_THAT(found(samples, policy), IsEmpty());
}

TEST(OutlierStatisticsTest, NoiseIsNoOutlier) {
  // One failure, while all others have none, is as many standard deviations off as a thousand.
  Samples samples(10, served(1000, 0));
  samples[7] = served(999, 1);
  EXPECT_THAT(found(samples, policyOf(1.9)), IsEmpty());
  samples[7] = served(96, 4);
  EXPECT_THAT(found(samples, policyOf(1.9)), IsEmpty()) << "four failures";
  samples[7] = served(95, 5);
  EXPECT_THAT(found(samples, policyOf(1.9)), testing::ElementsAre("7 success_rate"));
  samples[7] = served(99'000, 1000);
  EXPECT_THAT(found(samples, policyOf(1.9)), IsEmpty()) << "0.9 points below the mean";
  samples[7] = served(98'800, 1200);
  EXPECT_THAT(found(samples, policyOf(1.9)), testing::ElementsAre("7 success_rate"));
}

TEST(OutlierStatisticsTest, WhoAreAllAlikeAreFine) {
  for (const OutlierSample& sample :
       {served(100, 0), served(0, 100), served(1, 299), served(100, 200), served(333, 667)}) {
    EXPECT_THAT(found(Samples(7, sample), policyOf(0.001)), IsEmpty());
  }
  EXPECT_THAT(found({}, policyOf(1.9, 1, 110)), IsEmpty());
  EXPECT_THAT(found(Samples(7), policyOf(1.9, 1, 110)), IsEmpty()) << "without traffic";
}

// --- Failure percentage ---

TEST(OutlierStatisticsTest, WhoFailsTooOftenIsAnOutlierByItself) {
  const Samples samples{served(40, 60), served(50, 50), served(51, 49), served(0, 99)};
  EXPECT_THAT(found(samples, policyOf(1.9, 50)),
              testing::ElementsAre("0 failure_percentage", "1 failure_percentage"));
  EXPECT_EQ(causeOf(samples, policyOf(1.9, 50)),
            "failure_percentage: 60 of 100 requests failed (limit 50 %)");
  EXPECT_THAT(found({served(0, 100)}, policyOf(0, 100)),
              testing::ElementsAre("0 failure_percentage"));
  EXPECT_THAT(found({served(1, 199)}, policyOf(0, 100)), IsEmpty());
}

TEST(OutlierStatisticsTest, EachIsFoundOnceTheWorstFirst) {
  Samples samples(12, served(1000, 0));
  samples[2] = served(700, 300);
  samples[5] = served(100, 900);
  samples[9] = served(650, 350);
  EXPECT_THAT(found(samples, policyOf(0.5)),
              testing::ElementsAre("5 success_rate", "9 success_rate", "2 success_rate"));
  EXPECT_THAT(
      found(samples, policyOf(0.5, 35)),
      testing::ElementsAre("5 failure_percentage", "9 failure_percentage", "2 success_rate"));
}

// --- Latency ---

TEST(OutlierStatisticsTest, WhoIsMuchSlowerThanTheMedianIsAnOutlier) {
  const Samples samples{took(100, 10'000), took(5000, 12'000), took(100, 82'100), took(100, 25'000),
                        took(99, 900'000)};
  // The median of 10, 12, 25 and 82.1 ms is 18.5 ms.
  EXPECT_THAT(found(samples, policyOf(0, 0, 200)), testing::ElementsAre("2 latency"));
  EXPECT_EQ(causeOf(samples, policyOf(0, 0, 200)),
            "latency: 82.1 ms against 18.5 ms (limit 37.0 ms)");
  EXPECT_THAT(found(samples, policyOf(0, 0, 110)), testing::ElementsAre("2 latency", "3 latency"));
  EXPECT_THAT(found(samples, policyOf(1.9, 50)), IsEmpty());
  EXPECT_THAT(found({took(100, 1'000), took(100, 90'000)}, policyOf(0, 0, 110)), IsEmpty())
      << "of two, nobody knows which one is right";
}

TEST(OutlierStatisticsTest, ShortTimesAreNotCompared) {
  EXPECT_THAT(found({took(100, 0), took(100, 10), took(100, 1'900)}, policyOf(0, 0, 200)),
              IsEmpty());
  EXPECT_THAT(found({took(100, 0), took(100, 10), took(100, 2'100)}, policyOf(0, 0, 200)),
              testing::ElementsAre("2 latency"));
}

TEST(OutlierStatisticsTest, ADifferenceIsOfEachFigure) {
  const OutlierSample before{.good = 5, .bad = 6, .timed = 4, .waited_us = 100};
  const OutlierSample after{.good = 9, .bad = 6, .timed = 7, .waited_us = 150};
  const OutlierSample passed = after.since(before);
  EXPECT_EQ(passed.good, 4u);
  EXPECT_EQ(passed.bad, 0u);
  EXPECT_EQ(passed.timed, 3u);
  EXPECT_EQ(passed.waited_us, 50u);
  EXPECT_EQ(passed.requests(), 4u);
}

// --- Against the definition ---

// As the header says it, one endpoint at a time, without any care for cost. Leaves out what lies so
// near a limit that the last digits decide.
class Oracle {
 public:
  Oracle(const Samples& samples, const OutlierPolicy& policy)
      : samples_(samples), policy_(policy) {}

  enum class Says { kNo, kYes, kNearly };
  static Says above(long double value, long double limit) {
    if (std::abs(value - limit) < 1e-6L * std::max(1.0L, std::abs(limit))) return Says::kNearly;
    return value > limit ? Says::kYes : Says::kNo;
  }

  Says byFailures(size_t i) const {
    const OutlierSample& s = samples_[i];
    if (policy_.failure_percentage == 0 || s.good + s.bad < policy_.min_requests) return Says::kNo;
    return 100 * s.bad >= policy_.failure_percentage * (s.good + s.bad) ? Says::kYes : Says::kNo;
  }
  Says byRate(size_t i) const {
    if (policy_.success_rate_stdev_factor == 0 || !enough(i) || samples_[i].bad < 5) {
      return Says::kNo;
    }
    std::vector<long double> rates;
    for (size_t k = 0; k < samples_.size(); ++k) {
      if (enough(k)) rates.push_back(rate(k));
    }
    if (rates.size() < policy_.success_rate_min_endpoints) return Says::kNo;
    long double mean = 0;
    for (const long double rate : rates) mean += rate / static_cast<long double>(rates.size());
    long double variance = 0;
    for (const long double rate : rates) {
      variance += (rate - mean) * (rate - mean) / static_cast<long double>(rates.size());
    }
    const Says far = above(mean - policy_.success_rate_stdev_factor * std::sqrt(variance), rate(i));
    const Says enough_off = above(mean - rate(i), 1.0L);
    if (far == Says::kNo || enough_off == Says::kNo) return Says::kNo;
    return far == Says::kYes && enough_off == Says::kYes ? Says::kYes : Says::kNearly;
  }
  Says byLatency(size_t i) const {
    if (policy_.latency_percent_of_median == 0 || samples_[i].timed < policy_.min_requests) {
      return Says::kNo;
    }
    std::multiset<long double> means;
    for (size_t k = 0; k < samples_.size(); ++k) {
      if (samples_[k].timed >= policy_.min_requests) means.insert(mean(k));
    }
    if (means.size() < 3) return Says::kNo;
    const long double low = *std::next(means.begin(), (static_cast<long>(means.size()) - 1) / 2);
    const long double high = *std::next(means.begin(), static_cast<long>(means.size()) / 2);
    const long double middle = std::max((low + high) / 2, 1000.0L);
    return above(mean(i), middle * policy_.latency_percent_of_median / 100);
  }

 private:
  bool enough(size_t i) const { return samples_[i].good + samples_[i].bad >= policy_.min_requests; }
  long double rate(size_t i) const {
    return 100.0L * static_cast<long double>(samples_[i].good) /
           static_cast<long double>(samples_[i].good + samples_[i].bad);
  }
  long double mean(size_t i) const {
    return static_cast<long double>(samples_[i].waited_us) /
           static_cast<long double>(samples_[i].timed);
  }

  const Samples& samples_;
  const OutlierPolicy& policy_;
};

// What traffic of a cluster may look like: most endpoints are well, some are bad or slow.
Samples randomSamples(base::Random& random) {
  Samples samples(random.uniform(random.uniform(8) == 0 ? 200 : 15));
  const uint64_t scale = uint64_t{1} << random.uniform(14);
  const uint64_t usual_percent = random.uniform(30);
  for (OutlierSample& sample : samples) {
    const uint64_t requests = random.uniform(2 * scale + 1);
    const bool bad = random.uniform(6) == 0;
    const uint64_t percent = bad ? random.uniform(101) : random.uniform(usual_percent + 1);
    sample.bad = requests * percent / 100;
    sample.good = requests - sample.bad;
    sample.timed = sample.good - random.uniform(sample.good / 10 + 1);
    const uint64_t mean =
        random.uniform(6) == 0 ? random.uniform(100'000) : 900 + random.uniform(4000);
    sample.waited_us = sample.timed * mean + random.uniform(sample.timed + 1);
  }
  return samples;
}

OutlierPolicy randomPolicy(base::Random& random) {
  OutlierPolicy policy;
  policy.success_rate_stdev_factor = static_cast<double>(random.uniform(3001)) / 1000;
  if (random.uniform(5) == 0) policy.success_rate_stdev_factor = 0;
  policy.success_rate_min_endpoints = static_cast<uint32_t>(3 + random.uniform(5));
  policy.min_requests = static_cast<uint32_t>(1 + random.uniform(300));
  if (random.uniform(2) == 0) {
    policy.failure_percentage = static_cast<uint32_t>(1 + random.uniform(100));
  }
  if (random.uniform(2) == 0) {
    policy.latency_percent_of_median = static_cast<uint32_t>(110 + random.uniform(600));
  }
  return policy;
}

TEST(OutlierStatisticsTest, FindsWhatTheDefinitionSays) {
  base::Random random(20'261'121);
  std::map<EjectionReason, int> seen;
  for (int round = 0; round < 6000; ++round) {
    const Samples samples = randomSamples(random);
    const OutlierPolicy policy = randomPolicy(random);
    std::map<size_t, EjectionReason> outliers;
    for (const Outlier& outlier : findOutliers(samples, policy)) {
      EXPECT_TRUE(outliers.emplace(outlier.index, outlier.reason).second) << "twice";
      EXPECT_FALSE(outlier.cause.empty());
    }
    const Oracle oracle(samples, policy);
    for (size_t i = 0; i < samples.size(); ++i) {
      const auto found = outliers.find(i);
      const auto is = [&](EjectionReason reason) {
        return found != outliers.end() && found->second == reason;
      };
      using Says = Oracle::Says;
      const Says failures = oracle.byFailures(i);
      const Says rate = oracle.byRate(i);
      const Says latency = oracle.byLatency(i);
      EXPECT_EQ(is(EjectionReason::kFailurePercentage), failures == Says::kYes);
      if (failures == Says::kYes || rate == Says::kNearly) continue;
      EXPECT_EQ(is(EjectionReason::kSuccessRate), rate == Says::kYes);
      if (rate == Says::kYes || latency == Says::kNearly) continue;
      EXPECT_EQ(is(EjectionReason::kLatency), latency == Says::kYes);
      if (found != outliers.end()) ++seen[found->second];
    }
    for (const auto& [index, reason] : outliers) ++seen[reason];
    if (HasFailure()) FAIL() << "in round " << round;
  }
  for (const EjectionReason reason :
       {EjectionReason::kSuccessRate, EjectionReason::kFailurePercentage,
        EjectionReason::kLatency}) {
    EXPECT_GT(seen[reason], 200) << ejectionReasonName(reason);
  }
}

}  // namespace
}  // namespace weir::control
