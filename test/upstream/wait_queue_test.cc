#include "source/upstream/wait_queue.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/upstream/test_cluster.h"

namespace weir::upstream {
namespace {

using std::chrono::milliseconds;

class WaitQueueTest : public testing::Test {
 protected:
  // Takes one of `room` when it may.
  class Guest final : public Waiter {
   public:
    Guest(WaitQueueTest& test, char name, int* room) : test_(test), name_(name), room_(room) {}
    ~Guest() { test_.queue().leave(*this); }
    bool enter(uint8_t priority = 0) { return test_.queue().enter(*this, priority, false); }
    void onMayHaveRoom() override {
      ++asked;
      if (*room_ == 0) return;
      --*room_;
      test_.queue().leave(*this);
      test_.served += name_;
      if (also != nullptr) also->reset();
    }
    void onWaitFailed(std::string_view reason) override { failed = reason; }

    int asked = 0;
    std::string failed;
    std::unique_ptr<Guest>* also = nullptr;  // is destroyed when this one is served

   private:
    WaitQueueTest& test_;
    const char name_;
    int* room_;
  };

  void TearDown() override {
    EXPECT_EQ(process.usage->pending, 0u);
    EXPECT_EQ(process.usage->workersWaiting(), 0u);
    EXPECT_EQ(process.gauge("cluster_pending_requests"), 0);
  }
  void apply(const ClusterOptions& options) {
    worker.clusters.apply({process.config({*network::Address::parse("127.0.0.1:9")}, options)});
  }
  WaitQueue& queue() { return worker.cluster().queue(); }
  std::unique_ptr<Guest> guest(char name) { return std::make_unique<Guest>(*this, name, &room); }
  int64_t refused(const std::string& reason) {
    return process.store.valueOf("cluster_refused_total", {{"cluster", "c"}, {"reason", reason}});
  }
  void makeRoom(int count) {
    room += count;
    queue().roomMade();
    worker.run();
  }

  TestProcess process;
  TestWorker worker{process};
  int room = 0;
  std::string served;
};

TEST_F(WaitQueueTest, FirstComeFirstServed) {
  apply({.max_pending_requests = 3});
  auto a = guest('a'), b = guest('b'), c = guest('c'), d = guest('d');
  EXPECT_TRUE(a->enter() && b->enter() && c->enter());
  EXPECT_FALSE(d->enter()) << "it is full";
  EXPECT_EQ(refused("queue_full"), 1);
  EXPECT_TRUE(queue().mustWait(255));
  makeRoom(2);
  EXPECT_EQ(served, "ab");
  EXPECT_EQ(process.gauge("cluster_pending_requests"), 1);
  EXPECT_TRUE(d->enter());
  makeRoom(2);
  EXPECT_EQ(served, "abcd");
  EXPECT_FALSE(queue().mustWait(0));
}

TEST_F(WaitQueueTest, LastComeFirstServedAndTheOldestGoes) {
  apply({.max_pending_requests = 3, .queue_order = QueueOrder::kLifo});
  auto a = guest('a'), b = guest('b'), c = guest('c'), d = guest('d');
  EXPECT_TRUE(a->enter() && b->enter() && c->enter());
  EXPECT_FALSE(queue().mustWait(0)) << "who comes now goes first";
  EXPECT_TRUE(d->enter());
  EXPECT_EQ(a->failed, "pending_request_displaced");
  EXPECT_EQ(refused("displaced"), 1);
  EXPECT_EQ(process.usage->pending, 3u);
  makeRoom(2);
  EXPECT_EQ(served, "dc");
  makeRoom(1);
  EXPECT_EQ(served, "dcb");
}

TEST_F(WaitQueueTest, TheHighestClassGoesFirst) {
  apply({.max_pending_requests = 4, .queue_order = QueueOrder::kPriority});
  auto a = guest('a'), b = guest('b'), c = guest('c'), d = guest('d'), e = guest('e'),
       f = guest('f');
  EXPECT_TRUE(a->enter(1) && b->enter(7) && c->enter(1) && d->enter(7));
  EXPECT_TRUE(queue().mustWait(7));
  EXPECT_FALSE(queue().mustWait(8));
  EXPECT_FALSE(e->enter(1)) << "nobody ranks behind it";
  EXPECT_TRUE(f->enter(2));
  EXPECT_EQ(c->failed, "pending_request_displaced");
  makeRoom(4);
  EXPECT_EQ(served, "bdfa");
}

TEST_F(WaitQueueTest, WaitingHasAnEnd) {
  apply({.queue_timeout = milliseconds(300)});
  auto a = guest('a'), b = guest('b');
  EXPECT_TRUE(a->enter());
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_TRUE(b->enter());
  worker.dispatcher.advance(milliseconds(90));
  EXPECT_EQ(a->failed, "");
  worker.dispatcher.advance(milliseconds(40));
  EXPECT_EQ(a->failed, "queue_timeout");
  EXPECT_EQ(b->failed, "");
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(b->failed, "queue_timeout");
  EXPECT_EQ(refused("queue_timeout"), 2);
  EXPECT_EQ(process.gauge("cluster_overflow_total"), 2);
}

// Who is first may want something else than what has become free.
TEST_F(WaitQueueTest, WhoCannotUseTheRoomDoesNotKeepOthersFromIt) {
  apply({});
  int none = 0;
  std::vector<std::unique_ptr<Guest>> stuck;
  for (int i = 0; i < 10; ++i) {
    stuck.push_back(std::make_unique<Guest>(*this, '-', &none));
    EXPECT_TRUE(stuck.back()->enter());
  }
  worker.run();
  auto b = guest('b');
  room = 1;
  EXPECT_TRUE(b->enter());
  worker.run();
  EXPECT_EQ(served, "b") << "asked once in any case";
  auto c = guest('c');
  EXPECT_TRUE(c->enter());
  worker.run();
  const int before = stuck[9]->asked;
  makeRoom(1);
  EXPECT_EQ(served, "b") << "a few are asked in vain";
  EXPECT_EQ(stuck[9]->asked, before);
  worker.dispatcher.advance(milliseconds(20));
  EXPECT_EQ(served, "bc") << "all at the tick";
}

TEST_F(WaitQueueTest, OthersMayGoWhileOneIsServed) {
  apply({});
  auto a = guest('a'), b = guest('b'), c = guest('c');
  EXPECT_TRUE(a->enter() && b->enter() && c->enter());
  a->also = &b;
  makeRoom(3);
  EXPECT_EQ(served, "ac");
  EXPECT_EQ(b, nullptr);
}

TEST_F(WaitQueueTest, OneThatComesBackKeepsItsRankAndItsTime) {
  apply({.queue_timeout = milliseconds(300)});
  auto a = guest('a'), b = guest('b');
  EXPECT_TRUE(a->enter() && b->enter());
  worker.dispatcher.advance(milliseconds(200));
  queue().leave(*a);
  EXPECT_TRUE(queue().enter(*a, 0, /*again=*/true));
  makeRoom(1);
  EXPECT_EQ(served, "a");
  worker.dispatcher.advance(milliseconds(130));
  EXPECT_EQ(b->failed, "queue_timeout");
}

TEST_F(WaitQueueTest, AnotherUsageTakesThemOver) {
  apply({});
  auto a = guest('a');
  EXPECT_TRUE(a->enter());
  auto config = std::make_shared<ClusterConfig>(worker.cluster().config());
  config->usage = std::make_shared<ClusterUsage>();
  worker.clusters.apply({config});
  EXPECT_EQ(process.usage->pending, 0u);
  EXPECT_EQ(process.usage->workersWaiting(), 0u);
  EXPECT_EQ(config->usage->pending, 1u);
  makeRoom(1);
  EXPECT_EQ(config->usage->pending, 0u);
  EXPECT_EQ(config->usage->workersWaiting(), 0u);
}

// Room that all share goes round among the workers that wait.
TEST_F(WaitQueueTest, WorkersTakeTurns) {
  apply({});
  TestWorker other(process, 1);
  other.clusters.apply({worker.cluster().sharedConfig()});
  class Counter final : public Waiter {
   public:
    void onMayHaveRoom() override { ++asked; }
    void onWaitFailed(std::string_view) override {}
    int asked = 0;
  } here, there;
  ASSERT_TRUE(queue().enter(here, 0, false));
  ASSERT_TRUE(other.cluster().queue().enter(there, 0, false));
  for (int i = 0; i < 3; ++i) {
    worker.run();
    other.run();
  }
  here.asked = there.asked = 0;
  for (int i = 0; i < 10; ++i) {
    worker.cluster().sharedRoomMade();
    worker.run();
    other.run();
  }
  EXPECT_EQ(here.asked, 5);
  EXPECT_EQ(there.asked, 5);
  queue().leave(here);
  other.cluster().queue().leave(there);
  other.clusters.apply({});
}

}  // namespace
}  // namespace weir::upstream
