#include "source/stats/stats.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/random.h"

namespace weir::stats {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Stats, SumsBlocks) {
  Store store;
  const CounterId requests = store.counter("requests_total", "Requests.");
  const GaugeId open = store.gauge("open", "Open connections.");
  for (uint32_t i = 0; i < 3; ++i) store.block(i).counter(requests).add(i + 1);
  store.block(1).gauge(open).add(5);
  store.block(2).gauge(open).sub(7);
  EXPECT_EQ(store.value(requests), 6u);
  EXPECT_EQ(store.value(open), -2);
  EXPECT_EQ(store.valueOf("requests_total"), 6);
  EXPECT_EQ(store.valueOf("open"), -2);
  EXPECT_EQ(store.valueOf("no_such"), 0);
}

TEST(Stats, SameNameAndLabelsIsTheSameMetric) {
  Store store;
  const CounterId a = store.counter("x_total", "X.", {{"a", "1"}, {"b", "2"}});
  const CounterId b = store.counter("x_total", "X.", {{"b", "2"}, {"a", "1"}});
  const CounterId other = store.counter("x_total", "X.", {{"a", "2"}});
  EXPECT_EQ(a.index, b.index);
  EXPECT_NE(a.index, other.index);
  store.block(0).counter(a).add(9);
  EXPECT_EQ(store.valueOf("x_total", {{"b", "2"}, {"a", "1"}}), 9);
  EXPECT_EQ(store.valueOf("x_total"), 0);
}

TEST(Stats, CountersWrap) {
  Store store;
  const CounterId id = store.counter("x_total", "X.");
  store.block(0).counter(id).add(~uint64_t{0});
  store.block(0).counter(id).add(3);
  EXPECT_EQ(store.value(id), 2u);
}

TEST(Stats, CellsKeepTheirAddress) {
  Store store;
  Block& block = store.block(0);
  const CounterId first = store.counter("n_0", "N.");
  Cell& cell = block.counter(first);
  HistogramCell& histogram = block.histogram(store.histogram("h_0", "H."));
  for (int i = 1; i < 5000; ++i) {
    block.counter(store.counter("n_" + std::to_string(i), "N.")).add();
  }
  for (int i = 1; i < 200; ++i) block.histogram(store.histogram("h_" + std::to_string(i), "H."));
  EXPECT_EQ(&block.counter(first), &cell);
  EXPECT_EQ(&block.histogram(store.histogram("h_0", "H.")), &histogram);
  EXPECT_EQ(store.valueOf("n_4999"), 1);
}

TEST(Histogram, BucketsAreOrderedAndNarrow) {
  base::Random random(1);
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t value = random.next() >> (24 + random.uniform(40));
    const int bucket = HistogramCell::bucketOf(value);
    ASSERT_GE(bucket, 0);
    ASSERT_LT(bucket, HistogramCell::kBuckets);
    const uint64_t upper = HistogramCell::upperBound(bucket);
    ASSERT_LE(value, upper);
    ASSERT_TRUE(bucket == 0 || value > HistogramCell::upperBound(bucket - 1));
    ASSERT_LE(static_cast<double>(upper - value), static_cast<double>(value) * 0.0625);
  }
  EXPECT_EQ(HistogramCell::bucketOf(~uint64_t{0}), HistogramCell::kBuckets - 1);
}

TEST(Histogram, QuantilesAreNear) {
  Store store;
  const HistogramId id = store.histogram("time_us", "Time.");
  for (uint64_t i = 1; i <= 10'000; ++i) store.block(i % 2).histogram(id).record(i);
  const Store::HistogramSummary summary = store.value(id);
  EXPECT_EQ(summary.count, 10'000u);
  EXPECT_EQ(summary.sum, 50'005'000u);
  ASSERT_EQ(summary.quantiles.size(), 5u);
  for (const auto& [q, value] : summary.quantiles)
    EXPECT_NEAR(value, q * 10'000, q * 10'000 * 0.07);
}

TEST(Histogram, EmptyHasZeroes) {
  Store store;
  const HistogramId id = store.histogram("time_us", "Time.");
  for (const auto& [q, value] : store.value(id).quantiles) EXPECT_EQ(value, 0);
}

TEST(Exposition, IsPrometheusText) {
  Store store;
  store.block(0).counter(store.counter("b_total", "Counts\nb\\.", {{"z", "q\"\\\n"}})).add(4);
  store.block(1).gauge(store.gauge("a", "A gauge.")).sub(1);
  const HistogramId id = store.histogram("c_us", "Times.", {{"cluster", "web"}});
  for (const uint64_t value : {0, 1, 2, 3, 5}) store.block(0).histogram(id).record(value);
  EXPECT_EQ(store.prometheus(),
            "# HELP weir_a A gauge.\n"
            "# TYPE weir_a gauge\n"
            "weir_a -1\n"
            "# HELP weir_b_total Counts\\nb\\\\.\n"
            "# TYPE weir_b_total counter\n"
            "weir_b_total{z=\"q\\\"\\\\\\n\"} 4\n"
            "# HELP weir_c_us Times.\n"
            "# TYPE weir_c_us histogram\n"
            "weir_c_us_bucket{cluster=\"web\",le=\"1\"} 2\n"
            "weir_c_us_bucket{cluster=\"web\",le=\"3\"} 4\n"
            "weir_c_us_bucket{cluster=\"web\",le=\"7\"} 5\n"
            "weir_c_us_bucket{cluster=\"web\",le=\"+Inf\"} 5\n"
            "weir_c_us_sum{cluster=\"web\"} 11\n"
            "weir_c_us_count{cluster=\"web\"} 5\n");
  EXPECT_THAT(store.prometheus("b_"), Not(HasSubstr("weir_a")));
}

TEST(Exposition, HugeValuesFallIntoInf) {
  Store store;
  store.block(0).histogram(store.histogram("c", "C.")).record(~uint64_t{0});
  EXPECT_THAT(store.prometheus(), HasSubstr("le=\"+Inf\"} 1\n"));
}

TEST(Exposition, IsJson) {
  Store store;
  store.block(0).counter(store.counter("b_total", "B.", {{"z", "1"}})).add(4);
  store.block(0).gauge(store.gauge("a", "A.")).sub(1);
  store.block(0).histogram(store.histogram("c_us", "C.")).record(3);
  EXPECT_EQ(store.json(),
            "{\"a\":-1,\"b_total{z=\\\"1\\\"}\":4,\"c_us\":{\"count\":1,\"sum\":3,"
            "\"p50\":3,\"p90\":3,\"p95\":3,\"p99\":3,\"p99.9\":3}}");
  EXPECT_EQ(Store().json(), "{}");
}

TEST(Exposition, HiddenGaugesComeBackWhenTheyAreAskedForAgain) {
  Store store;
  const GaugeId one = store.gauge("a", "A.", {{"x", "1"}});
  store.block(0).gauge(one).add(7);
  store.block(0).gauge(store.gauge("a", "A.", {{"x", "2"}})).add(8);
  store.hide(one);
  EXPECT_EQ(store.json(), "{\"a{x=\\\"2\\\"}\":8}");
  EXPECT_EQ(store.prometheus().find("x=\"1\""), std::string::npos);
  EXPECT_EQ(store.gauge("a", "A.", {{"x", "1"}}).index, one.index);
  EXPECT_NE(store.prometheus().find("weir_a{x=\"1\"} 7"), std::string::npos);
}

TEST(Stats, ReadersAndWritersRunTogether) {
  constexpr uint32_t kWorkers = 3;
  constexpr int kMetrics = 300;
  Store store;
  std::atomic<uint32_t> running{kWorkers};
  std::vector<std::thread> workers;
  for (uint32_t w = 1; w <= kWorkers; ++w) {
    workers.emplace_back([&, w] {
      Block& block = store.block(w);
      for (int i = 0; i < kMetrics; ++i) {
        const std::string name = "m_" + std::to_string(i);
        block.counter(store.counter(name, "M.")).add(2);
        block.gauge(store.gauge("g" + name, "G.")).add();
        block.histogram(store.histogram("h" + name, "H.")).record(static_cast<uint64_t>(i));
      }
      --running;
    });
  }
  size_t longest = 0;
  do {
    longest = std::max(longest, store.prometheus().size());
  } while (running > 0);
  for (std::thread& worker : workers) worker.join();
  for (int i = 0; i < kMetrics; ++i) {
    const std::string name = "m_" + std::to_string(i);
    EXPECT_EQ(store.valueOf(name), 2 * kWorkers);
    EXPECT_EQ(store.valueOf("g" + name), kWorkers);
    EXPECT_EQ(store.valueOf("h" + name), kWorkers);
  }
}

}  // namespace
}  // namespace weir::stats
