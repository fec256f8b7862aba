#include "extensions/transport_sockets/common/handshake_gate.h"

#include <gtest/gtest.h>

#include <vector>

#include "test/fakes/fake_dispatcher.h"

namespace weir::extensions::transport_sockets {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

struct Waiter final : HandshakeGate::Waiter {
  Waiter(std::vector<int>& l, int n) : log(l), number(n) {}
  void onTurn() override { log.push_back(number); }
  std::vector<int>& log;
  int number;
};

TEST(HandshakeRate, AllowsABurstAndThenTheRate) {
  HandshakeRate rate(100);  // ten in a tenth of a second
  event::MonotonicTime now{std::chrono::hours(1)};
  int at_once = 0;
  while (rate.take(now).count() == 0) ++at_once;
  EXPECT_EQ(at_once, 10);
  int later = 0;
  for (int i = 0; i < 1000; ++i) {
    now += milliseconds(1);
    while (rate.take(now).count() == 0) ++later;
  }
  EXPECT_EQ(later, 100);
  EXPECT_LE(rate.take(now), milliseconds(10));
}

TEST(HandshakeRate, OneAtLeast) {
  HandshakeRate rate(1);
  const event::MonotonicTime now{std::chrono::hours(1)};
  EXPECT_EQ(rate.take(now), nanoseconds(0));
  EXPECT_GT(rate.take(now), milliseconds(900));
  EXPECT_EQ(rate.take(now + std::chrono::seconds(1)), nanoseconds(0));
}

TEST(HandshakeGate, AFewEachTurnInOrder) {
  event::FakeDispatcher dispatcher;
  HandshakeGate gate(dispatcher);
  std::vector<int> log;
  std::vector<std::unique_ptr<Waiter>> waiters;
  int entered = 0;
  for (int i = 0; i < 10; ++i) {
    waiters.push_back(std::make_unique<Waiter>(log, i));
    entered += gate.enter(*waiters.back(), nullptr) ? 1 : 0;
  }
  EXPECT_EQ(entered, HandshakeGate::kPerTurn);
  EXPECT_TRUE(log.empty());
  waiters[6].reset();
  dispatcher.runUntilIdle();
  EXPECT_EQ(log, (std::vector<int>{4, 5, 7, 8, 9}));
}

TEST(HandshakeGate, LimitedOnesWaitBehindTheirRate) {
  event::FakeDispatcher dispatcher;
  HandshakeGate gate(dispatcher);
  HandshakeGate::Limited limited(gate, std::make_shared<HandshakeRate>(10));
  std::vector<int> log;
  Waiter first(log, 1);
  Waiter second(log, 2);
  Waiter third(log, 3);
  Waiter free(log, 4);
  EXPECT_TRUE(gate.enter(first, &limited));
  EXPECT_FALSE(gate.enter(second, &limited));
  EXPECT_FALSE(gate.enter(third, &limited));
  EXPECT_TRUE(gate.enter(free, nullptr));
  dispatcher.advance(milliseconds(50));
  EXPECT_TRUE(log.empty());
  dispatcher.advance(milliseconds(80));
  EXPECT_EQ(log, std::vector<int>{2});
  dispatcher.advance(milliseconds(110));
  EXPECT_EQ(log, (std::vector<int>{2, 3}));
}

TEST(HandshakeGate, MayGoWhileItsTaskWaits) {
  event::FakeDispatcher dispatcher;
  std::vector<int> log;
  Waiter waiter(log, 1);
  {
    HandshakeGate gate(dispatcher);
    Waiter others[HandshakeGate::kPerTurn] = {{log, 0}, {log, 0}, {log, 0}, {log, 0}};
    for (Waiter& other : others) EXPECT_TRUE(gate.enter(other, nullptr));
    EXPECT_FALSE(gate.enter(waiter, nullptr));
  }
  dispatcher.runUntilIdle();
  EXPECT_TRUE(log.empty());
}

}  // namespace
}  // namespace weir::extensions::transport_sockets
