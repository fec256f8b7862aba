#include "source/http/http2/stats.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace weir::http::http2 {
namespace {

TEST(Http2StatsTest, EachLimitHasANameAndACounter) {
  stats::Store store;
  const Cells cells(Stats::create(store, {{"manager", "edge"}}), store.block(1));
  std::set<std::string_view> names;
  for (size_t i = 0; i < static_cast<size_t>(Limit::kCount); ++i) {
    const Limit limit = static_cast<Limit>(i);
    ASSERT_FALSE(limitName(limit).empty()) << i;
    EXPECT_TRUE(names.insert(limitName(limit)).second) << limitName(limit);
    cells.limit(limit).add(i + 1);
    EXPECT_EQ(store.valueOf("http2_limits_total",
                            {{"manager", "edge"}, {"limit", std::string(limitName(limit))}}),
              static_cast<int64_t>(i + 1));
  }
}

TEST(Http2StatsTest, CountersAreTheOnesTheyAreNamed) {
  stats::Store store;
  const Cells cells(Stats::create(store, {{"cluster", "web"}}), store.block(1));
  const std::pair<stats::Cell*, const char*> rows[] = {
      {&cells.connections, "http2_connections_total"},
      {&cells.protocol_errors, "http2_protocol_errors_total"},
      {&cells.resets_sent, "http2_resets_sent_total"},
      {&cells.resets_received, "http2_resets_received_total"},
      {&cells.goaways_sent, "http2_goaways_sent_total"},
      {&cells.goaways_received, "http2_goaways_received_total"}};
  for (size_t i = 0; i < std::size(rows); ++i) rows[i].first->add(i + 1);
  for (size_t i = 0; i < std::size(rows); ++i) {
    EXPECT_EQ(store.valueOf(rows[i].second, {{"cluster", "web"}}), static_cast<int64_t>(i + 1))
        << rows[i].second;
  }
}

}  // namespace
}  // namespace weir::http::http2
