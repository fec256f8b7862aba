#include "source/http/http2/flood_guard.h"

#include <chrono>

#include "gtest/gtest.h"

#include "test/fakes/fake_dispatcher.h"

namespace weir::http::http2 {
namespace {

using std::chrono::milliseconds;

// How many pass, up to `most`.
template <class F>
uint32_t passed(F&& one, uint32_t most = 1'000'000) {
  uint32_t count = 0;
  while (count < most && one()) ++count;
  return count;
}

TEST(FloodGuardTest, EachKindHasItsLimitWithinTheInterval) {
  event::FakeDispatcher dispatcher;
  Options options;
  options.max_resets = 3;
  options.max_empty_data_frames = 4;
  options.max_tiny_data_frames = 5;
  options.max_settings_frames = 6;
  options.max_ping_frames = 7;
  options.max_priority_frames = 8;
  options.max_unknown_frames = 0;
  FloodGuard guard(options, dispatcher);
  const std::pair<Limit, uint32_t> rows[] = {{Limit::kResets, 3},       {Limit::kEmptyData, 4},
                                             {Limit::kTinyData, 5},     {Limit::kSettings, 6},
                                             {Limit::kPings, 7},        {Limit::kPriorities, 8},
                                             {Limit::kUnknownFrames, 0}};
  for (int round = 0; round < 3; ++round) {
    for (const auto& [limit, allowed] : rows) {
      EXPECT_EQ(passed([&, kind = limit] { return guard.count(kind); }), allowed)
          << limitName(limit);
      EXPECT_FALSE(guard.count(limit)) << limitName(limit);
    }
    dispatcher.advance(options.flood_interval - milliseconds(1));
    EXPECT_FALSE(guard.count(Limit::kResets)) << "the interval is not over";
    dispatcher.advance(milliseconds(1));
  }
}

TEST(FloodGuardTest, WindowUpdatesAreMeasuredByWhatWasSent) {
  event::FakeDispatcher dispatcher;
  Options options;
  options.window_updates_per_data_frame = 8;
  FloodGuard guard(options, dispatcher);
  const auto update = [&] { return guard.windowUpdate(); };
  EXPECT_EQ(passed(update), 200u);
  for (int i = 0; i < 100; ++i) guard.dataSent();
  EXPECT_EQ(passed(update), 800u);
  for (int i = 0; i < 100; ++i) guard.streamBegan();
  EXPECT_EQ(passed(update), 200u);
  dispatcher.advance(options.flood_interval);
  EXPECT_EQ(passed(update), 200u) << "the free ones are there again";
  for (int i = 0; i < 100; ++i) guard.dataSent();
  dispatcher.advance(options.flood_interval);
  EXPECT_EQ(passed(update), 800u) << "what was earned stays, and is not added to";
}

TEST(FloodGuardTest, WhatIsEarnedHasABound) {
  event::FakeDispatcher dispatcher;
  Options options;
  options.window_updates_per_data_frame = 4'000'000'000;
  FloodGuard guard(options, dispatcher);
  for (int i = 0; i < 10; ++i) guard.dataSent();
  EXPECT_EQ(passed([&] { return guard.windowUpdate(); }), 100'000u);
}

}  // namespace
}  // namespace weir::http::http2
