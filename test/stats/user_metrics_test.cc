#include "source/stats/user_metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "source/base/concat.h"

namespace weir::stats {
namespace {

using base::concat;

class UserMetricsTest : public testing::Test {
 protected:
  // The message of the error; empty when there is none.
  template <class T>
  static std::string errorOf(const absl::StatusOr<T>& result) {
    return std::string(base::view(result.status().message()));
  }
  std::string counterError(std::string_view name, Labels labels = {}) {
    return errorOf(metrics_.counter(name, "Help.", std::move(labels)));
  }

  Store store_;
  UserMetrics& metrics_ =
      UserMetrics::of(store_, {.prefix = "lua_", .labels = {{"script", "auth"}}});
};

TEST_F(UserMetricsTest, CountsAndRecords) {
  const auto counter = metrics_.counter("denied_total", "Denied.", {{"why", "a \"b\""}});
  ASSERT_TRUE(counter.ok()) << counter.status();
  store_.block(1).counter(*counter).add(2);
  store_.block(2).counter(*counter).add(3);
  const auto histogram = metrics_.histogram("sizes", "Sizes.");
  ASSERT_TRUE(histogram.ok()) << histogram.status();
  store_.block(1).histogram(*histogram).record(7);
  const std::string text = store_.prometheus("lua_");
  EXPECT_NE(text.find("# HELP weir_lua_denied_total Denied.\n"
                      "# TYPE weir_lua_denied_total counter\n"
                      "weir_lua_denied_total{script=\"auth\",why=\"a \\\"b\\\"\"} 5\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("weir_lua_sizes_count{script=\"auth\"} 1\n"), std::string::npos) << text;
  EXPECT_EQ(metrics_.count(), 2u);
}

TEST_F(UserMetricsTest, GaugesAreSetAndGoDown) {
  const auto gauge = metrics_.gauge("load", "Load.");
  ASSERT_TRUE(gauge.ok()) << gauge.status();
  (*gauge)->set(0.75);
  EXPECT_NE(store_.prometheus().find("# TYPE weir_lua_load gauge\nweir_lua_load{script=\"auth\"} "
                                     "0.75\n"),
            std::string::npos);
  (*gauge)->add(-2.75);
  EXPECT_EQ((*gauge)->value(), -2);
  EXPECT_EQ(store_.valueOf("lua_load", {{"script", "auth"}}), -2);
  EXPECT_EQ(store_.json(), "{\"lua_load{script=\\\"auth\\\"}\":-2}");
  (*gauge)->set(std::numeric_limits<double>::infinity());
  EXPECT_NE(store_.prometheus().find("} +Inf\n"), std::string::npos);
  EXPECT_EQ(store_.json(), "{\"lua_load{script=\\\"auth\\\"}\":\"+Inf\"}");
  (*gauge)->set(std::nan(""));
  EXPECT_NE(store_.prometheus().find("} NaN\n"), std::string::npos);
  EXPECT_EQ(store_.valueOf("lua_load", {{"script", "auth"}}), 0);
}

TEST_F(UserMetricsTest, AskedAgainItIsTheSame) {
  const auto first = metrics_.counter("a", "", {{"x", "1"}, {"y", "2"}});
  const auto again = metrics_.counter("a", "other", {{"y", "2"}, {"x", "1"}});
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(first->index, again->index);
  const auto gauge = metrics_.gauge("g", "");
  EXPECT_EQ(*gauge, *metrics_.gauge("g", ""));
  EXPECT_EQ(metrics_.count(), 2u);
  EXPECT_EQ(&UserMetrics::of(store_, {.prefix = "lua_", .labels = {{"script", "auth"}}}),
            &metrics_);
  UserMetrics& other = UserMetrics::of(store_, {.prefix = "lua_", .labels = {{"script", "b"}}});
  EXPECT_NE(&other, &metrics_);
  const auto of_other = other.counter("a", "", {{"x", "1"}, {"y", "2"}});
  EXPECT_NE(of_other->index, first->index);
}

TEST_F(UserMetricsTest, RefusesNames) {
  EXPECT_EQ(counterError(""), "a metric needs a name");
  EXPECT_EQ(counterError("a-b"), "\"a-b\" cannot be a metric's name; use a-z, 0-9 and _");
  EXPECT_EQ(counterError("a:b"), "\"a:b\" cannot be a metric's name; use a-z, 0-9 and _");
  EXPECT_EQ(counterError("a\nb{"), "\"a?b{\" cannot be a metric's name; use a-z, 0-9 and _");
  EXPECT_EQ(counterError("\xff"), "\"?\" cannot be a metric's name; use a-z, 0-9 and _");
  EXPECT_EQ(counterError(std::string(201, 'a')),
            concat("the metric's name \"", std::string(60, 'a'), "…\" is longer than 200 bytes"));
  EXPECT_EQ(counterError(std::string(200, 'a')), "");
  EXPECT_EQ(counterError("2xx"), "");  // behind the prefix
  UserMetrics plain(store_, {.prefix = ""});
  EXPECT_FALSE(plain.counter("2xx", "").ok());
  EXPECT_EQ(errorOf(metrics_.counter("a", "\xc3")), "the help text is not UTF-8");
  EXPECT_EQ(errorOf(metrics_.counter("a", std::string(1025, 'h'))),
            "the help text is longer than 1024 bytes");
}

TEST_F(UserMetricsTest, RefusesLabels) {
  EXPECT_EQ(counterError("a", {{"", "x"}}),
            "\"\" cannot be a label's name; use a-z, 0-9 and _, at most 200 bytes");
  EXPECT_EQ(counterError("a", {{"1a", "x"}}),
            "\"1a\" cannot be a label's name; use a-z, 0-9 and _, at most 200 bytes");
  EXPECT_EQ(counterError("a", {{"a=\"", "x"}}),
            "\"a=\"\" cannot be a label's name; use a-z, 0-9 and _, at most 200 bytes");
  EXPECT_EQ(counterError("a", {{"__name__", "x"}}),
            "the label \"__name__\" is Prometheus' own; use another name");
  EXPECT_EQ(errorOf(metrics_.histogram("a", "", {{"le", "1"}})),
            "the label \"le\" is Prometheus' own; use another name");
  EXPECT_EQ(counterError("a", {{"x", "1"}, {"x", "2"}}), "the label \"x\" is there twice");
  EXPECT_EQ(counterError("a", {{"script", "b"}}),
            "every metric here has the label \"script\" already; use another name");
  EXPECT_EQ(counterError("a", {{"x", "\x80"}}), "the value of the label \"x\" is not UTF-8");
  EXPECT_EQ(counterError("a", {{"x", std::string(257, 'v')}}),
            "the value of the label \"x\" is longer than 256 bytes");
  EXPECT_EQ(counterError("a", {{"x", "line\nend"}}), "");
  EXPECT_EQ(counterError("a", Labels(11, {"x", "y"})),
            "there are 11 labels; at most 10 are possible");
}

TEST_F(UserMetricsTest, RefusesOtherKinds) {
  ASSERT_TRUE(metrics_.counter("a", "").ok());
  EXPECT_EQ(errorOf(metrics_.gauge("a", "")),
            "\"lua_a\" is a counter already, and cannot be a gauge");
  EXPECT_EQ(errorOf(metrics_.histogram("a", "")),
            "\"lua_a\" is a counter already, and cannot be a histogram");
  ASSERT_TRUE(metrics_.histogram("h", "").ok());
  EXPECT_EQ(counterError("h_count"), "\"lua_h_count\" belongs to the histogram \"lua_h\"");
  ASSERT_TRUE(metrics_.counter("k_sum", "").ok());
  EXPECT_EQ(errorOf(metrics_.histogram("k", "")),
            "\"lua_k_sum\" is a metric, and the histogram \"lua_k\" would have it");
}

TEST_F(UserMetricsTest, KeepsApartFromMetricsOfWeir) {
  store_.block(0).counter(store_.counter("lua_errors_total", "Errors."));
  EXPECT_EQ(counterError("errors_total"), "\"lua_errors_total\" is a metric of Weir's own");
  // Even when ours comes later: theirs is what is shown.
  const auto theirs = metrics_.counter("later_total", "Theirs.");
  store_.block(1).counter(*theirs).add(1);
  const CounterId ours = store_.counter("lua_later_total", "Ours.");
  store_.block(1).counter(ours).add(10);
  store_.block(1).gauge(store_.gauge("lua_later_total", "Ours."));
  EXPECT_NE(ours.index, theirs->index);
  EXPECT_EQ(store_.valueOf("lua_later_total", {{"script", "auth"}}), 1);
}

TEST_F(UserMetricsTest, ThereIsABound) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(counterError("hits", {{"user", concat("u", i)}}), "");
  }
  EXPECT_EQ(counterError("hits", {{"user", "one more"}}),
            "there are 1000 metrics already, which is the most; do not make names or labels of "
            "what clients send");
  EXPECT_EQ(counterError("hits", {{"user", "u77"}}), "");
  UserMetrics& other = UserMetrics::of(store_, {.prefix = "lua_", .labels = {{"script", "b"}}});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(other.histogram(concat("h", i), "").ok());
  EXPECT_EQ(errorOf(other.histogram("more", "")),
            "there are 100 histograms already, which is the most");
  EXPECT_TRUE(other.counter("more", "").ok());
}

TEST_F(UserMetricsTest, ThereIsABoundOverAll) {
  std::string error;
  int made = 0;
  for (int owner = 0; owner < 3 && error.empty(); ++owner) {
    UserMetrics& metrics = UserMetrics::of(
        store_, {.prefix = "p_", .labels = {{"plugin", concat(owner)}}, .most = 60'000});
    for (int i = 0; i < 60'000 && error.empty(); ++i) {
      error = errorOf(metrics.counter("c", "", {{"n", concat(i)}}));
      made += error.empty();
    }
  }
  EXPECT_EQ(error, "all scripts and plugins together have 100000 metrics already");
  EXPECT_EQ(made, 100'000);
}

TEST_F(UserMetricsTest, ThreadsShareThem) {
  std::vector<std::thread> threads;
  for (uint32_t worker = 1; worker <= 4; ++worker) {
    threads.emplace_back([this, worker] {
      UserMetrics& metrics =
          UserMetrics::of(store_, {.prefix = "lua_", .labels = {{"script", "auth"}}});
      for (int i = 0; i < 2000; ++i) {
        const auto counter = metrics.counter(concat("c", i % 50), "");
        store_.block(worker).counter(*counter).add();
        (*metrics.gauge(concat("g", i % 50), ""))->add(1);
        if (i % 500 == 0) store_.prometheus();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(metrics_.count(), 100u);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(store_.valueOf(concat("lua_c", i), {{"script", "auth"}}), 160);
    EXPECT_EQ(store_.valueOf(concat("lua_g", i), {{"script", "auth"}}), 160);
  }
}

}  // namespace
}  // namespace weir::stats
