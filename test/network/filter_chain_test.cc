#include "source/network/filter_chain.h"

#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/network/support.h"

namespace weir::network::test {
namespace {

TEST(FilterChainSizeTest, IsSmall) {
  EXPECT_LE(sizeof(NetworkFilterChain), 72u);
}

// What the filters of a test do and have seen, by position.
struct Script {
  std::function<Verdict(buffer::Buffer&, bool)> on_data;
  std::function<Verdict(buffer::Buffer&, bool)> on_write;  // set: wants writes
  std::function<void()> on_new_connection;
  bool wants_reads = true;
  NetworkFilter* filter = nullptr;
  std::vector<std::string> seen;
  int ends = 0;
  int drains = 0;
  int above = 0;
  int below = 0;
  std::vector<CloseReason> closes;
};

class ScriptedFilter final : public NetworkFilter {
 public:
  explicit ScriptedFilter(Script& script) : script_(script) { script.filter = this; }
  void onNewConnection(NetworkFilterChain& chain) override {
    NetworkFilter::onNewConnection(chain);
    if (script_.on_new_connection) script_.on_new_connection();
  }
  Verdict onData(buffer::Buffer& data, bool end) override {
    script_.seen.push_back(data.toString());
    script_.ends += end;
    return script_.on_data ? script_.on_data(data, end) : Verdict::kContinue;
  }
  Verdict onWrite(buffer::Buffer& data, bool end) override { return script_.on_write(data, end); }
  bool wantsWrites() const override { return script_.on_write != nullptr; }
  bool wantsReads() const override { return script_.wants_reads; }
  void onAboveHighWatermark() override { ++script_.above; }
  void onBelowLowWatermark() override { ++script_.below; }
  void onDrain() override { ++script_.drains; }
  void onClose(CloseReason reason) override { script_.closes.push_back(reason); }

 private:
  Script& script_;
};

class ScriptedFactory final : public NetworkFilterFactory {
 public:
  explicit ScriptedFactory(Script& script) : script_(script) {}
  std::unique_ptr<WorkerNetworkFilterFactory> bind(base::ServiceMap&) const override {
    class Bound final : public WorkerNetworkFilterFactory {
     public:
      explicit Bound(Script& script) : script_(script) {}
      std::unique_ptr<NetworkFilter> create() override {
        return std::make_unique<ScriptedFilter>(script_);
      }

     private:
      Script& script_;
    };
    return std::make_unique<Bound>(script_);
  }

 private:
  Script& script_;
};

class FilterChainTest : public ::testing::Test, public NetworkFilterChain::Owner {
 protected:
  void start(int filters) {
    auto config = std::make_shared<FilterChainConfig>();
    for (int i = 0; i < filters; ++i) {
      config->filters.push_back({"f", std::make_shared<ScriptedFactory>(scripts_[i])});
    }
    bound_ = base::makeLocal<WorkerFilterChain>(config, services_);
    SocketPair pair = unixPair();
    peer_ = std::move(pair.peer);
    worker_.act([&] {
      chain_ = std::make_unique<NetworkFilterChain>(
          *this, Connection::accepted(worker_.io, pair.ours.release(), Address(), nullptr, nullptr),
          bound_);
      chain_->start();
    });
  }
  void onConnectionClosed(NetworkFilterChain& chain) override {
    EXPECT_EQ(&chain, chain_.get());
    ++closed_;
    worker_.dispatcher.deferDelete(std::move(chain_));
  }
  void send(std::string_view bytes) {
    ASSERT_EQ(fillSocket(peer_.get(), bytes), bytes.size());
    worker_.settle();
  }
  static std::function<Verdict(buffer::Buffer&, bool)> take() {
    return [](buffer::Buffer& data, bool) {
      data.clear();
      return Verdict::kContinue;
    };
  }

  Worker worker_;
  base::ServiceMap services_;
  Script scripts_[3];
  base::LocalRef<WorkerFilterChain> bound_;
  base::UniqueFd peer_;
  std::unique_ptr<NetworkFilterChain> chain_;
  int closed_ = 0;
};

using Seen = std::vector<std::string>;

TEST_F(FilterChainTest, DataGoesAlong) {
  scripts_[2].on_data = take();
  start(3);
  send("one");
  send("two");
  shutdown(peer_.get(), SHUT_WR);
  worker_.settle();
  for (Script& script : scripts_) {
    EXPECT_EQ(script.seen, (Seen{"one", "two", ""}));
    EXPECT_EQ(script.ends, 1);
  }
}

TEST_F(FilterChainTest, WhoWasNotToldOfTheConnectionIsNotToldOfItsEnd) {
  scripts_[1].on_new_connection = [this] { chain_->connection().close(CloseMode::kNow); };
  start(3);
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(scripts_[0].closes.size(), 1u);
  EXPECT_EQ(scripts_[1].closes.size(), 1u);
  EXPECT_EQ(scripts_[2].closes.size(), 0u);
}

TEST_F(FilterChainTest, KnowsWhoLooksAtTheBytes) {
  scripts_[0].wants_reads = false;
  start(3);
  EXPECT_TRUE(chain_->readsDirectly(*scripts_[0].filter));
  EXPECT_TRUE(chain_->readsDirectly(*scripts_[1].filter));
  EXPECT_FALSE(chain_->readsDirectly(*scripts_[2].filter));
}

TEST_F(FilterChainTest, FirstFilterPausesAndCollects) {
  scripts_[0].on_data = [](buffer::Buffer& data, bool) {
    return data.size() < 4 ? Verdict::kPause : Verdict::kContinue;
  };
  scripts_[1].on_data = take();
  start(2);
  send("ab");
  EXPECT_EQ(scripts_[1].seen, Seen{});
  send("cd");
  EXPECT_EQ(scripts_[0].seen, (Seen{"ab", "abcd"}));
  EXPECT_EQ(scripts_[1].seen, Seen{"abcd"});
}

TEST_F(FilterChainTest, MiddleFilterPausesAndTheFirstSeesNothingTwice) {
  scripts_[1].on_data = [](buffer::Buffer&, bool) { return Verdict::kPause; };
  scripts_[2].on_data = take();
  start(3);
  send("ab");
  send("cd");
  EXPECT_EQ(scripts_[0].seen, (Seen{"ab", "cd"}));
  EXPECT_EQ(scripts_[1].seen, (Seen{"ab", "abcd"}));
  EXPECT_EQ(scripts_[2].seen, Seen{});
  shutdown(peer_.get(), SHUT_WR);
  worker_.settle();
  worker_.act([&] {
    chain_->resumeRead(*scripts_[1].filter);
    chain_->resumeRead(*scripts_[1].filter);
  });
  EXPECT_EQ(scripts_[2].seen, Seen{"abcd"});
  EXPECT_EQ(scripts_[2].ends, 1);
}

TEST_F(FilterChainTest, WhatTheLastLeavesIsOfferedAgain) {
  scripts_[1].on_data = [](buffer::Buffer& data, bool) {
    if (data.size() >= 4) data.clear();
    return Verdict::kContinue;
  };
  start(2);
  send("ab");
  send("cd");
  EXPECT_EQ(scripts_[0].seen, (Seen{"ab", "cd"}));
  EXPECT_EQ(scripts_[1].seen, (Seen{"ab", "abcd"}));
}

TEST_F(FilterChainTest, PausedBytesAreBounded) {
  for (const int pausing : {0, 1}) {
    for (Script& script : scripts_) script = Script();
    scripts_[pausing].on_data = [](buffer::Buffer&, bool) { return Verdict::kPause; };
    size_t passed = 0;
    scripts_[2].on_data = [&](buffer::Buffer& data, bool) {
      passed += data.size();
      data.clear();
      return Verdict::kContinue;
    };
    start(3);
    const std::string chunk(32 * 1024, 'x');
    size_t sent = 0;
    for (int i = 0; i < 200; ++i) {
      sent += fillSocket(peer_.get(), chunk);
      EXPECT_TRUE(worker_.dispatcher.runUntilIdle(1000)) << "spins";
    }
    EXPECT_LT(sent, 4u * 1024 * 1024);
    scripts_[pausing].on_data = nullptr;
    worker_.act([&] { chain_->resumeRead(*scripts_[pausing].filter); });
    EXPECT_EQ(passed, sent) << "reading went on";
    worker_.act([&] { chain_->connection().close(CloseMode::kNow); });
  }
}

TEST_F(FilterChainTest, OffersAgainWhatAFilterLeft) {
  for (const int position : {0, 1}) {
    for (Script& script : scripts_) script = Script();
    scripts_[position].on_data = [](buffer::Buffer& data, bool) {
      data.drain(std::min<size_t>(data.size(), 2));
      return Verdict::kPause;
    };
    start(position + 1);
    send("aabbc");
    Script& script = scripts_[position];
    for (int i = 0; i < 3; ++i) worker_.act([&] { chain_->offerAgain(*script.filter); });
    EXPECT_EQ(script.seen, (Seen{"aabbc", "bbc", "c", ""}));
    send("dd");
    EXPECT_EQ(script.seen.back(), "dd");
    worker_.act([&] { chain_->connection().close(CloseMode::kNow); });
  }
}

TEST_F(FilterChainTest, EnablingReadingOffersTheLastFilterWhatItLeft) {
  for (const int last : {0, 1}) {
    for (Script& script : scripts_) script = Script();
    scripts_[last].on_data = [&](buffer::Buffer&, bool) {
      chain_->connection().setReadEnabled(false);
      return Verdict::kPause;
    };
    start(last + 1);
    send("left");
    scripts_[last].on_data = take();
    worker_.act([&] { chain_->connection().setReadEnabled(true); });
    EXPECT_EQ(scripts_[last].seen, (Seen{"left", "left"}));
    worker_.act([&] { chain_->connection().close(CloseMode::kNow); });
  }
}

TEST_F(FilterChainTest, MuchThatIsLeftIsTakenPieceByPiece) {
  // As with pipelined requests: reading rests, and goes on as the filter takes what waits.
  for (const int position : {0, 1}) {
    for (Script& script : scripts_) script = Script();
    size_t taken = 0;
    bool taking = false;
    scripts_[position].on_data = [&](buffer::Buffer& data, bool) {
      if (!taking) return Verdict::kPause;
      const size_t count = std::min<size_t>(data.size(), 100'000);
      data.drain(count);
      taken += count;
      return Verdict::kPause;
    };
    start(position + 1);
    size_t sent = 0;
    const std::string chunk(50'000, 'x');
    for (int i = 0; i < 100; ++i) {
      sent += fillSocket(peer_.get(), chunk);
      EXPECT_TRUE(worker_.dispatcher.runUntilIdle(1000)) << "spins";
    }
    EXPECT_LT(sent, 2'000'000u);
    taking = true;
    for (int i = 0; i < 100 && taken < sent; ++i) {
      worker_.act([&] { chain_->offerAgain(*scripts_[position].filter); });
    }
    EXPECT_EQ(taken, sent);
    worker_.act([&] { chain_->connection().close(CloseMode::kNow); });
  }
}

TEST_F(FilterChainTest, WritesGoBackThroughThoseThatWantThem) {
  scripts_[0].on_write = [](buffer::Buffer& data, bool) {
    data.prepend("<");
    return Verdict::kContinue;
  };
  scripts_[2].on_data = take();
  start(3);
  EXPECT_TRUE(chain_->writesDirectly(*scripts_[0].filter));
  EXPECT_FALSE(chain_->writesDirectly(*scripts_[2].filter));
  EXPECT_EQ(chain_->indexOf(*scripts_[2].filter), 2u);
  worker_.act([&] {
    buffer::Buffer data(worker_.io.blocks());
    data.append("hello");
    chain_->write(*scripts_[2].filter, data, /*end_stream=*/true);
  });
  bool ended = false;
  EXPECT_EQ(drainSocket(peer_.get(), &ended), "<hello");
  EXPECT_TRUE(ended);
}

TEST_F(FilterChainTest, AWriteThatIsPausedGoesOnLater) {
  buffer::Buffer kept(worker_.io.blocks());
  scripts_[0].on_write = [&](buffer::Buffer& data, bool) {
    kept.append(data);
    return Verdict::kPause;
  };
  start(2);
  worker_.act([&] {
    buffer::Buffer data(worker_.io.blocks());
    data.append("later");
    chain_->write(*scripts_[1].filter, data, false);
  });
  EXPECT_EQ(drainSocket(peer_.get()), "");
  worker_.act([&] { chain_->write(*scripts_[0].filter, kept, false); });
  EXPECT_EQ(drainSocket(peer_.get()), "later");
}

TEST_F(FilterChainTest, ClosingTellsEachFilterOnceThenTheOwner) {
  start(2);
  worker_.act([&] { chain_->drain(); });
  peer_.reset();
  scripts_[0].on_data = [&](buffer::Buffer&, bool) {
    chain_->connection().close(CloseMode::kNow);
    return Verdict::kContinue;
  };
  worker_.settle();
  EXPECT_EQ(scripts_[1].seen, Seen{}) << "nothing after close()";
  for (int i : {0, 1}) {
    EXPECT_EQ(scripts_[i].drains, 1);
    EXPECT_EQ(scripts_[i].closes, std::vector{CloseReason::kLocal});
  }
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(worker_.io.connections(), 0u);
}

TEST_F(FilterChainTest, WithoutFiltersItCloses) {
  start(0);
  EXPECT_EQ(closed_, 1);
}

TEST_F(FilterChainTest, FollowsTheNewest) {
  start(1);
  auto second =
      base::makeLocal<WorkerFilterChain>(std::make_shared<FilterChainConfig>(), services_);
  auto third = base::makeLocal<WorkerFilterChain>(std::make_shared<FilterChainConfig>(), services_);
  EXPECT_EQ(&chain_->bound().newest(), bound_.get());
  bound_->setSuccessor(second);
  second->setSuccessor(third);
  EXPECT_EQ(&chain_->bound().newest(), third.get());
  chain_->rebind(chain_->bound().newest());
  EXPECT_EQ(&chain_->bound(), third.get());
}

TEST_F(FilterChainTest, WatermarksReachTheFilters) {
  start(2);
  chain_->connection().setWatermarks(10, 100);
  worker_.act([&] {
    chain_->connection().output().append(pattern(2'000'000));
    chain_->connection().outputReady();
  });
  EXPECT_EQ(scripts_[0].above, 1);
  EXPECT_EQ(scripts_[1].above, 1);
  EXPECT_TRUE(worker_.dispatcher.runUntil([&] {
    drainSocket(peer_.get());
    return scripts_[1].below == 1;
  }));
}

}  // namespace
}  // namespace weir::network::test
