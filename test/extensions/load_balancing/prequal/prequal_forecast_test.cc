#include "test/extensions/load_balancing/prequal/prequal_worker.h"

namespace weir::extensions::load_balancing::prequal {
namespace {

TEST(PrequalForecast, HasTheLatencyOfThoseThatAreNotHot) {
  Worker worker(equal(4), kKeeping);
  worker.tell({{0, 0, 70}, {1, 50, 20}, {2, 0, 90}});
  const upstream::PickForecast out = worker.forecast();
  EXPECT_EQ(out.rule, "of those that answered a probe lately, the fastest that is not hot");
  EXPECT_EQ(out.scores[0], 70.0);
  EXPECT_FALSE(out.scores[1]) << "hot";
  EXPECT_EQ(out.scores[2], 90.0);
  EXPECT_FALSE(out.scores[3]) << "has told nothing";
  EXPECT_EQ(out.host, 0u);
  EXPECT_EQ(worker.pick(), 0u);
  worker.now += milliseconds(1'500);
  EXPECT_FALSE(worker.forecast().host) << "all is too old";
}

TEST(PrequalForecast, IsThePickAsLongAsAllAnswer) {
  Worker worker(equal(12));
  worker.tell({{0, 0, 10}, {1, 0, 20}});
  base::Random random(3);
  int sure = 0;
  for (int i = 0; i < 1000; ++i) {
    for (uint64_t n = random.uniform(4); n > 0; --n) {
      worker.answer(static_cast<uint32_t>(random.uniform(12)), random.uniform(20),
                    static_cast<uint32_t>(random.uniform(5'000)));
    }
    worker.now += milliseconds(random.uniform(100));
    const upstream::PickForecast out = worker.forecast();
    const uint32_t picked = worker.pick();
    if (!out.host) continue;
    ++sure;
    EXPECT_EQ(*out.host, picked);
    ASSERT_TRUE(out.scores[picked]);
    for (const auto& score : out.scores) EXPECT_TRUE(!score || *score >= *out.scores[picked]);
  }
  EXPECT_GT(sure, 500);
}

TEST(PrequalForecast, IsNotSureWhereChanceHasAPart) {
  Worker observed(equal(2), {}, /*probing=*/false);
  observed.picks(10);
  EXPECT_FALSE(observed.forecast().host);
  EXPECT_TRUE(observed.forecast().rule.starts_with("few answer probes"))
      << observed.forecast().rule;
  Worker mixed(equal(5), kKeeping);
  mixed.tell({{0, 0, 10}, {1, 0, 20}, {2, 0, 30}});
  mixed.fail(4, ProbeResult::kRefused);
  EXPECT_FALSE(mixed.forecast().host);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::prequal
