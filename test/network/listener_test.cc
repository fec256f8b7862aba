#include "source/network/listener.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/network/support.h"

namespace weir::network::test {
namespace {

// Echoes; counts what it has seen of all connections.
struct EchoCounts {
  int created = 0;
  int closed = 0;
  int drained = 0;
};

class EchoFilter final : public NetworkFilter {
 public:
  explicit EchoFilter(EchoCounts& counts) : counts_(counts) { ++counts.created; }
  Verdict onData(buffer::Buffer& data, bool end) override {
    chain().write(*this, data, end);
    return Verdict::kContinue;
  }
  void onDrain() override {
    ++counts_.drained;
    chain().connection().close(CloseMode::kNow);
  }
  void onClose(CloseReason) override { ++counts_.closed; }

 private:
  EchoCounts& counts_;
};

class EchoFactory final : public NetworkFilterFactory {
 public:
  explicit EchoFactory(EchoCounts& counts) : counts_(counts) {}
  std::unique_ptr<WorkerNetworkFilterFactory> bind(base::ServiceMap&) const override {
    class Bound final : public WorkerNetworkFilterFactory {
     public:
      explicit Bound(EchoCounts& counts) : counts_(counts) {}
      std::unique_ptr<NetworkFilter> create() override {
        return std::make_unique<EchoFilter>(counts_);
      }

     private:
      EchoCounts& counts_;
    };
    return std::make_unique<Bound>(counts_);
  }

 private:
  EchoCounts& counts_;
};

class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest() {
    services_.put(store_);
    services_.put(store_.block(1));
  }
  std::shared_ptr<ListenerConfig> config(
      std::vector<std::shared_ptr<const FilterChainConfig>> chains) {
    auto config = std::make_shared<ListenerConfig>();
    config->name = "edge";
    config->address = *Address::parse("127.0.0.1:0");
    config->selector = std::make_shared<FilterChainSelector>(chains);
    config->filter_chains = std::move(chains);
    return config;
  }
  std::shared_ptr<FilterChainConfig> echo() {
    auto chain = std::make_shared<FilterChainConfig>();
    chain->name = "echo";
    chain->transport = std::make_shared<PlainTransportFactory>();
    chain->filters.push_back({"echo", std::make_shared<EchoFactory>(counts_)});
    return chain;
  }
  void listen(std::shared_ptr<const ListenerConfig> config) {
    auto sockets = ListenSocketSet::bind(*config, 1);
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    sockets_ = std::move(*sockets);
    listener_ = std::make_unique<WorkerListener>(worker_.io, services_, sockets_->fd(0),
                                                 sockets_->address(), own_, total_);
    worker_.act([&] { listener_->update(config); });
  }
  base::UniqueFd connect() {
    const Address& address = sockets_->address();
    base::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), address.data(), address.length()), 0);
    return fd;
  }
  int64_t stat(const char* name) { return store_.valueOf(name, {{"listener", "edge"}}); }
  bool until(std::function<bool()> done) { return worker_.dispatcher.runUntil(std::move(done)); }
  bool endedByServer(const base::UniqueFd& client) {
    bool ended = false;
    int error = 0;
    return until([&] {
      drainSocket(client.get(), &ended, &error);
      return ended || error != 0;
    });
  }

  stats::Store store_;
  base::ServiceMap services_;
  EchoCounts counts_;
  Worker worker_;
  std::shared_ptr<ConnectionBudget> own_ = std::make_shared<ConnectionBudget>(0);
  std::shared_ptr<ConnectionBudget> total_ = std::make_shared<ConnectionBudget>(0);
  std::unique_ptr<ListenSocketSet> sockets_;
  std::unique_ptr<WorkerListener> listener_;
};

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
  const char* sanitizer = std::getenv("WEIR_SANITIZER");
  if (sanitizer != nullptr && std::string_view(sanitizer) == "asan") {
    GTEST_SKIP() << "UBSan needs descriptors itself, to look at memory";
  }
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
