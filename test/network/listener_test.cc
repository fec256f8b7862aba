#include "source/network/listener.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/network/listener_fixture.h"

namespace weir::network::test {
namespace {

TEST_F(ListenerTest, AcceptsAndEchoes) {
  listen(config({echo()}));
  const base::UniqueFd client = connect();
  fillSocket(client.get(), "hello");
  std::string got;
  EXPECT_TRUE(until([&] { return (got += drainSocket(client.get())) == "hello"; }));
  EXPECT_EQ(listener_->openConnections(), 1u);
  EXPECT_EQ(stat("listener_connections_total"), 1);
  EXPECT_EQ(stat("listener_connections_active"), 1);
  EXPECT_EQ(own_->open(), 1u);
  shutdown(client.get(), SHUT_WR);
  EXPECT_TRUE(until([&] { return listener_->openConnections() == 0; }));
  EXPECT_EQ(stat("listener_connections_active"), 0);
  EXPECT_EQ(own_->open() + total_->open(), 0u);
  EXPECT_EQ(counts_.closed, 1);
}

TEST_F(ListenerTest, OverALimitItClosesAtOnce) {
  for (auto* budget : {own_.get(), total_.get()}) {
    budget->setLimit(2);
    listen(config({echo()}));
    std::vector<base::UniqueFd> clients;
    for (int i = 0; i < 2; ++i) clients.push_back(connect());
    EXPECT_TRUE(until([&] { return listener_->openConnections() == 2; }));
    const int64_t before = stat("listener_connections_overflow_total");
    const base::UniqueFd third = connect();
    EXPECT_TRUE(endedByServer(third));
    EXPECT_EQ(stat("listener_connections_overflow_total"), before + 1);
    EXPECT_EQ(listener_->openConnections(), 2u);
    clients.pop_back();
    EXPECT_TRUE(until([&] { return listener_->openConnections() == 1; }));
    const base::UniqueFd fourth = connect();
    EXPECT_TRUE(until([&] { return listener_->openConnections() == 2; }));
    budget->setLimit(0);
    listener_.reset();
    EXPECT_EQ(own_->open() + total_->open(), 0u);
  }
}

TEST_F(ListenerTest, NoMatchingChainCloses) {
  auto chain = echo();
  chain->match.destination_port = 1;
  listen(config({chain}));
  EXPECT_TRUE(endedByServer(connect()));
  EXPECT_EQ(stat("listener_no_filter_chain_match_total"), 1);
  EXPECT_EQ(own_->open(), 0u);
}

TEST_F(ListenerTest, UpdateKeepsConnectionsAndLinksSuccessors) {
  auto first = echo();
  listen(config({first}));
  const base::UniqueFd client = connect();
  EXPECT_TRUE(until([&] { return listener_->openConnections() == 1; }));
  auto second = echo();
  worker_.act([&] { listener_->update(config({second})); });
  fillSocket(client.get(), "still");
  std::string got;
  EXPECT_TRUE(until([&] { return (got += drainSocket(client.get())) == "still"; }));
  worker_.act([&] { listener_->update(config({})); });
  EXPECT_TRUE(endedByServer(connect())) << "no chain left for new ones";
  EXPECT_EQ(listener_->openConnections(), 1u);
}

TEST_F(ListenerTest, StopDrainAndCloseAll) {
  listen(config({echo()}));
  std::vector<base::UniqueFd> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect());
  EXPECT_TRUE(until([&] { return listener_->openConnections() == 3; }));
  worker_.act([&] { listener_->stopAccepting(); });
  const base::UniqueFd waiting = connect();  // the kernel's queue takes it
  worker_.settle();
  EXPECT_EQ(counts_.created, 3);
  worker_.act([&] { listener_->drain(); });
  EXPECT_EQ(counts_.drained, 3);
  EXPECT_EQ(counts_.closed, 3);
  EXPECT_EQ(listener_->openConnections(), 0u);
}

TEST_F(ListenerTest, DestroyingTellsFiltersAndGivesAllBack) {
  const int descriptors = openDescriptors();
  listen(config({echo()}));
  {
    std::vector<base::UniqueFd> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(connect());
    EXPECT_TRUE(until([&] { return listener_->openConnections() == 5; }));
    worker_.act([&] { listener_->closeAll(); });
    EXPECT_EQ(counts_.closed, 5);
    clients.push_back(connect());
    EXPECT_TRUE(until([&] { return listener_->openConnections() == 1; }));
    listener_.reset();
    EXPECT_EQ(counts_.closed, 6);
    sockets_.reset();
  }
  EXPECT_EQ(stat("listener_connections_active"), 0);
  EXPECT_EQ(own_->open() + total_->open(), 0u);
  EXPECT_EQ(openDescriptors(), descriptors);
}

TEST_F(ListenerTest, ManyAtOnceAreAcceptedInTurns) {
  listen(config({echo()}));
  std::vector<base::UniqueFd> clients;
  for (int i = 0; i < 150; ++i) clients.push_back(connect());
  EXPECT_TRUE(until([&] { return listener_->openConnections() == 150; }));
  EXPECT_EQ(worker_.io.connections(), 150u);
}

TEST_F(ListenerTest, WithoutDescriptorsItRestsAndGoesOn) {
  listen(config({echo()}));
  const base::UniqueFd client = connect();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  // Every number below the limit is taken, so that accept4 has none.
  std::vector<base::UniqueFd> taken;
  rlimit tight = before;
  tight.rlim_cur = 64;
  setrlimit(RLIMIT_NOFILE, &tight);
  for (int fd = dup(0); fd >= 0; fd = dup(0)) taken.emplace_back(fd);
  EXPECT_TRUE(worker_.dispatcher.runUntilIdle(100)) << "spins";
  EXPECT_EQ(stat("listener_accept_failed_total"), 1);
  EXPECT_FALSE(worker_.dispatcher.watched(sockets_->fd(0)).readable);
  taken.clear();
  setrlimit(RLIMIT_NOFILE, &before);
  worker_.dispatcher.advance(std::chrono::milliseconds(150));
  EXPECT_EQ(listener_->openConnections(), 1u);
}

TEST(ConnectionBudgetTest, CountsAndLimits) {
  ConnectionBudget budget(1);
  EXPECT_TRUE(budget.tryAcquire());
  EXPECT_FALSE(budget.tryAcquire());
  EXPECT_EQ(budget.open(), 1u);
  budget.setLimit(0);
  EXPECT_TRUE(budget.tryAcquire());
  budget.release();
  budget.release();
  EXPECT_EQ(budget.open(), 0u);
}

}  // namespace
}  // namespace weir::network::test
