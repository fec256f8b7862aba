#include "source/network/splicer.h"

#include <sys/socket.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/network/pipe_pool.h"
#include "test/fakes/fake_transport.h"
#include "test/network/support.h"

namespace weir::network::test {
namespace {

class Watcher final : public Splicer::Observer {
 public:
  void onSpliced(uint64_t count) override { bytes += count; }
  void onSpliceDone() override {
    ++done;
    if (on_done) on_done();
  }
  void onSpliceSourceEnded() override { ++source_ended; }
  bool over() const { return done + source_ended > 0; }

  uint64_t bytes = 0;
  int done = 0;
  int source_ended = 0;
  std::function<void()> on_done;
};

// A client whose bytes go to a server, through two connections of one worker.
class SplicerTest : public ::testing::Test {
 protected:
  explicit SplicerTest(SocketPair (*make)() = &tcpPair) {
    SocketPair a = make();
    SocketPair b = make();
    client_ = std::move(a.peer);
    server_ = std::move(b.peer);
    source_ = worker_.accept(std::move(a.ours), source_handler_);
    target_ = worker_.accept(std::move(b.ours), target_handler_);
    worker_.settle();
  }
  void start(uint64_t bytes) {
    worker_.act([&] {
      splicer_ = Splicer::start(*source_, *target_, bytes, watcher_);
      ASSERT_NE(splicer_, nullptr);
      EXPECT_FALSE(watcher_.over());
    });
  }
  bool until(std::function<bool()> done) { return worker_.dispatcher.runUntil(std::move(done)); }
  // Sends all of `bytes` and receives until `done`.
  std::string carry(std::string_view bytes, std::function<bool()> done) {
    std::string got;
    size_t sent = 0;
    EXPECT_TRUE(until([&] {
      sent += fillSocket(client_.get(), bytes.substr(sent));
      got += drainSocket(server_.get());
      return done();
    }));
    EXPECT_TRUE(until([&] {
      got += drainSocket(server_.get());
      return got.size() >= watcher_.bytes;
    }));
    return got;
  }

  Worker worker_;
  RecordingHandler source_handler_;
  RecordingHandler target_handler_;
  base::UniqueFd client_;
  base::UniqueFd server_;
  std::unique_ptr<Connection> source_;
  std::unique_ptr<Connection> target_;
  Watcher watcher_;
  std::unique_ptr<Splicer> splicer_;
};

TEST_F(SplicerTest, MovesExactlySoMany) {
  const std::string sent = pattern(1'500'000);
  start(1'000'000);
  const std::string got =
      carry(sent, [&] { return watcher_.done > 0 && source_handler_.data.size() == 500'000; });
  EXPECT_EQ(got, sent.substr(0, 1'000'000));
  EXPECT_EQ(source_handler_.data, sent.substr(1'000'000)) << "reading goes on by onData";
  EXPECT_EQ(watcher_.bytes, 1'000'000u);
  EXPECT_EQ(source_->bytesReceived(), sent.size());
  EXPECT_EQ(target_->bytesSent(), 1'000'000u);
}

TEST_F(SplicerTest, InputAndOutputThatWaitGoFirst) {
  // The handler leaves the body's beginning in the input and starts the splicer from onData.
  source_handler_.on_data = [&](buffer::Buffer& data, bool) {
    data.drain(5);
    target_->output().append("HEAD|");
    target_->outputReady();
    splicer_ = Splicer::start(*source_, *target_, 10, watcher_);
    source_handler_.on_data = nullptr;
  };
  const std::string got =
      carry("head:0123456789next", [&] { return source_handler_.data == "next"; });
  EXPECT_EQ(got, "HEAD|0123456789");
  EXPECT_EQ(watcher_.bytes, 10u);
  EXPECT_EQ(watcher_.done, 1);
}

TEST_F(SplicerTest, NothingToMoveIsDoneAtOnceButLater) {
  start(0);
  EXPECT_EQ(watcher_.done, 1);
  EXPECT_EQ(worker_.io.pipes().open(), worker_.io.pipes().idle());
}

TEST_F(SplicerTest, UntilEndCarriesTheEnd) {
  start(Splicer::kUntilEnd);
  const std::string sent = pattern(300'000);
  size_t done = 0;
  std::string got;
  watcher_.on_done = [&] { target_->outputReady(/*end_stream=*/true); };
  bool ended = false;
  EXPECT_TRUE(until([&] {
    done += fillSocket(client_.get(), std::string_view(sent).substr(done));
    if (done == sent.size()) shutdown(client_.get(), SHUT_WR);
    got += drainSocket(server_.get(), &ended);
    return ended;
  }));
  EXPECT_EQ(got, sent);
  EXPECT_EQ(watcher_.done, 1);
  EXPECT_TRUE(source_->remoteEnded());
  EXPECT_EQ(source_handler_.calls, 0) << "the end was told by the splicer";
  EXPECT_TRUE(source_->open()) << "the other direction goes on";
}

TEST_F(SplicerTest, EarlyEndIsTold) {
  start(1000);
  fillSocket(client_.get(), "short");
  shutdown(client_.get(), SHUT_WR);
  EXPECT_TRUE(until([&] { return watcher_.over(); }));
  EXPECT_EQ(watcher_.source_ended, 1);
  EXPECT_EQ(watcher_.bytes, 5u);
  EXPECT_EQ(drainSocket(server_.get()), "short");
}

TEST_F(SplicerTest, TheOtherDirectionsGoOn) {
  start(Splicer::kUntilEnd);
  fillSocket(server_.get(), "from server");
  EXPECT_TRUE(until([&] { return target_handler_.data == "from server"; }));
  worker_.act([&] {
    source_->output().append("to client");
    source_->outputReady();
  });
  EXPECT_TRUE(until([&] { return drainSocket(client_.get()) == "to client"; }));
}

TEST_F(SplicerTest, BothDirectionsAtOnce) {
  Watcher back;
  std::unique_ptr<Splicer> other;
  start(Splicer::kUntilEnd);
  worker_.act([&] { other = Splicer::start(*target_, *source_, Splicer::kUntilEnd, back); });
  watcher_.on_done = [&] { target_->outputReady(true); };
  back.on_done = [&] { source_->outputReady(true); };
  const std::string up = pattern(700'000, 1);
  const std::string down = pattern(900'000, 2);
  size_t up_sent = 0;
  size_t down_sent = 0;
  std::string up_got;
  std::string down_got;
  EXPECT_TRUE(until([&] {
    up_sent += fillSocket(client_.get(), std::string_view(up).substr(up_sent));
    down_sent += fillSocket(server_.get(), std::string_view(down).substr(down_sent));
    if (up_sent == up.size()) shutdown(client_.get(), SHUT_WR);
    if (down_sent == down.size()) shutdown(server_.get(), SHUT_WR);
    up_got += drainSocket(server_.get());
    down_got += drainSocket(client_.get());
    return source_handler_.closes + target_handler_.closes == 2;
  }));
  EXPECT_EQ(up_got + drainSocket(server_.get()), up);
  EXPECT_EQ(down_got + drainSocket(client_.get()), down);
  EXPECT_EQ(source_handler_.reason, CloseReason::kRemote);
  EXPECT_EQ(target_handler_.reason, CloseReason::kRemote);
}

TEST_F(SplicerTest, IdleTunnelHoldsNoPipe) {
  start(Splicer::kUntilEnd);
  fillSocket(client_.get(), "x");
  EXPECT_TRUE(until([&] { return watcher_.bytes == 1; }));
  EXPECT_EQ(worker_.io.pipes().open(), worker_.io.pipes().idle());
}

TEST_F(SplicerTest, EmptyItMayGoAndBothGoOn) {
  start(Splicer::kUntilEnd);
  EXPECT_TRUE(splicer_->empty());
  const std::string bytes = pattern(700'000);
  EXPECT_TRUE(carry(bytes, [&] { return watcher_.bytes == bytes.size(); }) == bytes);
  EXPECT_TRUE(splicer_->empty());
  worker_.act([&] { splicer_.reset(); });
  fillSocket(client_.get(), "more");
  EXPECT_TRUE(until([&] { return source_handler_.data == "more"; }));
}

TEST_F(SplicerTest, IsNotEmptyWhileBytesAreOnTheirWay) {
  start(Splicer::kUntilEnd);
  const std::string bytes = pattern(16 << 20);
  size_t sent = 0;
  for (int idle = 0; idle < 20;) {
    const size_t count = fillSocket(client_.get(), std::string_view(bytes).substr(sent));
    worker_.act([] {});
    idle = count == 0 ? idle + 1 : 0;
    sent += count;
  }
  EXPECT_FALSE(splicer_->empty());
}

TEST_F(SplicerTest, SlowTargetStopsTheSource) {
  start(Splicer::kUntilEnd);
  const std::string chunk(65536, 'x');
  size_t sent = 0;
  for (int idle = 0; idle < 20;) {
    const size_t more = fillSocket(client_.get(), chunk);
    sent += more;
    idle = more == 0 ? idle + 1 : 0;
    EXPECT_TRUE(worker_.dispatcher.runUntilIdle(1000)) << "spins";
  }
  EXPECT_LT(sent, 32u * 1024 * 1024) << "somebody buffers without bound";
  size_t got = 0;
  EXPECT_TRUE(until([&] {
    got += drainSocket(server_.get()).size();
    return got == sent;
  }));
}

TEST_F(SplicerTest, BrokenTargetEndsByItsOnClose) {
  start(Splicer::kUntilEnd);
  resetOnClose(server_.get());
  server_.reset();
  const std::string chunk(65536, 'x');
  EXPECT_TRUE(until([&] {
    fillSocket(client_.get(), chunk);
    return target_handler_.closes > 0;
  }));
  EXPECT_EQ(target_handler_.reason, CloseReason::kReset);
  EXPECT_FALSE(watcher_.over());
  splicer_.reset();
  EXPECT_TRUE(until([&] { return !source_handler_.data.empty(); })) << "the source reads on";
}

TEST_F(SplicerTest, BrokenSourceEndsByItsOnClose) {
  start(Splicer::kUntilEnd);
  resetOnClose(client_.get());
  client_.reset();
  EXPECT_TRUE(until([&] { return source_handler_.closes > 0; }));
  EXPECT_EQ(source_handler_.reason, CloseReason::kReset);
  EXPECT_FALSE(watcher_.over());
  splicer_.reset();
  EXPECT_TRUE(target_->open());
}

TEST_F(SplicerTest, MayBeDestroyedFromItsObserver) {
  watcher_.on_done = [&] {
    splicer_.reset();
    target_->close(CloseMode::kNow);
    source_->close(CloseMode::kNow);
  };
  start(3);
  fillSocket(client_.get(), "abc");
  EXPECT_TRUE(until([&] { return source_handler_.closes + target_handler_.closes == 2; }));
  EXPECT_EQ(drainSocket(server_.get()), "abc");
}

TEST_F(SplicerTest, WithoutPipesItCopiesOn) {
  PipePool& pipes = worker_.io.pipes();
  start(1'000'000);
  EXPECT_EQ(pipes.open(), pipes.idle());
  std::vector<Pipe> taken;
  for (Pipe pipe = pipes.acquire(); pipe.valid(); pipe = pipes.acquire()) taken.push_back(pipe);
  const std::string sent = pattern(1'000'000);
  EXPECT_EQ(carry(sent, [&] { return watcher_.done > 0; }), sent);
  EXPECT_EQ(watcher_.bytes, sent.size());
  Watcher other;
  EXPECT_EQ(Splicer::start(*source_, *target_, 1, other), nullptr);
  for (const Pipe& pipe : taken) pipes.release(pipe);
}

TEST_F(SplicerTest, RefusesTransportsThatAreNotRaw) {
  SocketPair pair = unixPair();
  RecordingHandler handler;
  auto secure = worker_.accept(std::move(pair.ours), handler,
                               std::make_unique<FakeTransport>(std::make_shared<FakeWire>()));
  EXPECT_EQ(Splicer::start(*source_, *secure, 1, watcher_), nullptr);
  EXPECT_EQ(Splicer::start(*secure, *target_, 1, watcher_), nullptr);
}

// Any sizes, slow readers, small socket buffers, ends before the time: every byte arrives once.
TEST(SplicerPropertyTest, EveryByteArrivesOnce) {
  const int descriptors = openDescriptors();
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    std::mt19937 random(seed);
    Worker worker;
    SocketPair a = seed % 2 ? tcpPair() : unixPair();
    SocketPair b = seed % 3 ? tcpPair() : unixPair();
    if (random() % 2) setSendBuffer(b.ours.get(), 16384);
    RecordingHandler source_handler;
    RecordingHandler target_handler;
    auto source = worker.accept(std::move(a.ours), source_handler);
    auto target = worker.accept(std::move(b.ours), target_handler);
    const size_t wanted = random() % 2 ? random() % 3000 : random() % 700'000;
    const size_t available = random() % 3 == 0 ? random() % (wanted + 1) : wanted + random() % 2000;
    const std::string sent = pattern(available, seed);
    Watcher watcher;
    std::unique_ptr<Splicer> splicer;
    worker.act([&] { splicer = Splicer::start(*source, *target, wanted, watcher); });
    std::string got;
    size_t done = 0;
    EXPECT_TRUE(worker.dispatcher.runUntil([&] {
      const size_t piece = 1 + random() % 40'000;
      done += fillSocket(a.peer.get(), std::string_view(sent).substr(done, piece));
      if (done == sent.size()) shutdown(a.peer.get(), SHUT_WR);
      if (random() % 3 == 0) got += drainSocket(b.peer.get());
      return watcher.over() && (watcher.source_ended || source_handler.ended);
    })) << "seed "
        << seed;
    const size_t expected = std::min(wanted, available);
    EXPECT_TRUE(worker.dispatcher.runUntil([&] {
      got += drainSocket(b.peer.get());
      return got.size() >= expected;
    }));
    EXPECT_EQ(got, sent.substr(0, expected)) << "seed " << seed;
    EXPECT_EQ(source_handler.data, sent.substr(expected));
    EXPECT_EQ(watcher.bytes, expected);
    EXPECT_EQ(watcher.source_ended, available < wanted ? 1 : 0);
    EXPECT_EQ(watcher.done, available < wanted ? 0 : 1);
    splicer.reset();
    EXPECT_EQ(worker.io.pipes().open(), worker.io.pipes().idle());
  }
  EXPECT_EQ(openDescriptors(), descriptors);
}

}  // namespace
}  // namespace weir::network::test
