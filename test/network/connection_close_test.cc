#include <sys/socket.h>

#include <string>

#include "gtest/gtest.h"

#include "source/network/connection.h"
#include "test/network/support.h"

// How connections end: the close modes, resets, and answers that come before a reset.
namespace weir::network::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ConnectionCloseTest : public ::testing::Test {
 protected:
  ConnectionCloseTest() {
    SocketPair pair = tcpPair();
    peer_ = std::move(pair.peer);
    fd_ = pair.ours.get();
    connection_ = worker_.accept(std::move(pair.ours), handler_);
    worker_.settle();
  }
  void close(CloseMode mode) {
    worker_.act([&] {
      connection_->close(mode);
      EXPECT_EQ(handler_.closes, 0) << "told from inside close()";
      EXPECT_FALSE(connection_->open());
    });
  }
  void output(std::string_view bytes) {
    connection_->output().append(bytes);
    connection_->outputReady();
  }
  // Waits for the kernel to have told us of the peer's doing.
  bool until(std::function<bool()> done) { return worker_.dispatcher.runUntil(std::move(done)); }

  Worker worker_;
  RecordingHandler handler_;
  base::UniqueFd peer_;
  int fd_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(ConnectionCloseTest, NowDropsWhatIsLeft) {
  worker_.act([&] {
    output("lost");
    connection_->close(CloseMode::kNow);
    connection_->close(CloseMode::kFlush);
  });
  bool ended = false;
  EXPECT_TRUE(until([&] { return drainSocket(peer_.get(), &ended) == "" && ended; }));
  EXPECT_EQ(handler_.closes, 1);
  EXPECT_EQ(handler_.reason, CloseReason::kLocal);
}

TEST_F(ConnectionCloseTest, ResetSendsRst) {
  close(CloseMode::kReset);
  int error = 0;
  EXPECT_TRUE(until([&] {
    drainSocket(peer_.get(), nullptr, &error);
    return error != 0;
  }));
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_EQ(handler_.closes, 1);
}

TEST_F(ConnectionCloseTest, FlushWritesThenLingersUntilThePeerEnds) {
  worker_.act([&] {
    output("answer");
    connection_->close(CloseMode::kFlush);
  });
  bool ended = false;
  EXPECT_EQ(drainSocket(peer_.get(), &ended), "answer");
  EXPECT_TRUE(ended);
  EXPECT_EQ(handler_.closes, 0) << "lingering";
  fillSocket(peer_.get(), "a body that nobody reads");
  worker_.settle();
  EXPECT_EQ(handler_.data, "") << "no data after close()";
  peer_.reset();
  EXPECT_TRUE(until([&] { return handler_.closes == 1; }));
  EXPECT_EQ(handler_.reason, CloseReason::kLocal);
}

TEST_F(ConnectionCloseTest, LingeringIsBoundedInTime) {
  close(CloseMode::kFlush);
  worker_.dispatcher.advance(milliseconds(900));
  EXPECT_EQ(handler_.closes, 0);
  worker_.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(handler_.closes, 1);
}

TEST_F(ConnectionCloseTest, LingeringIsBoundedInBytes) {
  close(CloseMode::kFlush);
  const std::string chunk(64 * 1024, 'x');
  size_t sent = 0;
  EXPECT_TRUE(until([&] {
    sent += fillSocket(peer_.get(), chunk);
    return handler_.closes == 1;
  }));
  EXPECT_GT(sent, Connection::kLingerBytes);
}

TEST_F(ConnectionCloseTest, ClientThatSendsALotReadsTheEarlyAnswer) {
  // The client sends a body; the answer comes after its first bytes.
  handler_.on_data = [&](buffer::Buffer& data, bool) {
    data.clear();
    output("413");
    connection_->close(CloseMode::kFlush);
  };
  const std::string body(600'000, 'b');
  size_t sent = 0;
  std::string got;
  bool ended = false;
  int error = 0;
  EXPECT_TRUE(until([&] {
    sent += fillSocket(peer_.get(), std::string_view(body).substr(sent));
    if (sent == body.size()) got += drainSocket(peer_.get(), &ended, &error);
    return ended || error != 0;
  }));
  EXPECT_EQ(got, "413");
  EXPECT_TRUE(ended);
  EXPECT_EQ(error, 0);
}

TEST_F(ConnectionCloseTest, FlushWithoutLingerClosesAfterTheLastByte) {
  worker_.act([&] {
    output("answer");
    connection_->close(CloseMode::kFlushNoLinger);
  });
  EXPECT_EQ(handler_.closes, 1);
  bool ended = false;
  EXPECT_EQ(drainSocket(peer_.get(), &ended), "answer");
  EXPECT_TRUE(ended);
}

TEST_F(ConnectionCloseTest, FlushAfterThePeersEndClosesAtOnce) {
  shutdown(peer_.get(), SHUT_WR);
  EXPECT_TRUE(until([&] { return handler_.ended; }));
  close(CloseMode::kFlush);
  EXPECT_EQ(handler_.closes, 1);
}

TEST_F(ConnectionCloseTest, FlushGivesUpWhenThePeerTakesNothing) {
  setSendBuffer(fd_, 4096);
  worker_.act([&] {
    output(pattern(8'000'000));
    connection_->close(CloseMode::kFlush);
  });
  worker_.dispatcher.advance(milliseconds(4900));
  EXPECT_EQ(handler_.closes, 0);
  worker_.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(handler_.closes, 1);
}

TEST_F(ConnectionCloseTest, FlushTimeoutCountsFromTheLastProgress) {
  worker_.io.setFlushTimeout(seconds(1));
  setSendBuffer(fd_, 4096);
  const std::string big = pattern(1'000'000);
  worker_.act([&] {
    output(big);
    connection_->close(CloseMode::kFlushNoLinger);
  });
  size_t got = 0;
  for (int i = 0; i < 1000 && handler_.closes == 0; ++i) {
    worker_.dispatcher.advance(milliseconds(500));
    until([&] {
      const size_t count = drainSocket(peer_.get()).size();
      got += count;
      return count > 0 || handler_.closes > 0;
    });
  }
  until([&] {
    got += drainSocket(peer_.get()).size();
    return got == big.size();
  });
  EXPECT_EQ(got, big.size());
  EXPECT_EQ(handler_.closes, 1);
}

TEST_F(ConnectionCloseTest, AHarderCloseEndsAFlush) {
  setSendBuffer(fd_, 4096);
  worker_.act([&] {
    output(pattern(8'000'000));
    connection_->close(CloseMode::kFlush);
  });
  EXPECT_EQ(handler_.closes, 0);
  worker_.act([&] { connection_->close(CloseMode::kNow); });
  EXPECT_EQ(handler_.closes, 1);
}

TEST_F(ConnectionCloseTest, PeersResetIsTold) {
  resetOnClose(peer_.get());
  peer_.reset();
  EXPECT_TRUE(until([&] { return handler_.closes == 1; }));
  EXPECT_EQ(handler_.reason, CloseReason::kReset);
  EXPECT_EQ(connection_->lastError(), ECONNRESET);
}

TEST_F(ConnectionCloseTest, ResetWhilePausedDoesNotSpin) {
  worker_.act([&] { connection_->setReadEnabled(false); });
  resetOnClose(peer_.get());
  peer_.reset();
  EXPECT_TRUE(worker_.dispatcher.runUntilIdle(100)) << "spins";
  EXPECT_EQ(handler_.closes, 0);
  worker_.act([&] { connection_->setReadEnabled(true); });
  EXPECT_EQ(handler_.reason, CloseReason::kReset);
}

TEST_F(ConnectionCloseTest, AnswerBeforeTheResetIsDelivered) {
  // The peer answers and closes with bytes unread, so that it resets; we find out by writing.
  fillSocket(peer_.get(), "early answer");
  worker_.act([&] { connection_->setReadEnabled(false); });
  resetOnClose(peer_.get());
  peer_.reset();
  worker_.act([&] { output("request"); });
  EXPECT_EQ(handler_.closes, 0);
  worker_.act([&] { connection_->setReadEnabled(true); });
  EXPECT_TRUE(until([&] { return handler_.closes == 1; }));
  EXPECT_EQ(handler_.data, "early answer");
  EXPECT_FALSE(handler_.ended) << "a reset is no orderly end";
  EXPECT_EQ(handler_.reason, CloseReason::kReset);
}

TEST_F(ConnectionCloseTest, WriteErrorReadsOnWithoutBeingAsked) {
  setSendBuffer(fd_, 4096);
  worker_.act([&] { output(pattern(1'000'000)); });
  fillSocket(peer_.get(), "early answer");
  resetOnClose(peer_.get());
  peer_.reset();
  EXPECT_TRUE(until([&] { return handler_.closes == 1; }));
  EXPECT_EQ(handler_.data, "early answer");
  EXPECT_EQ(handler_.reason, CloseReason::kReset);
  EXPECT_EQ(handler_.below, 1) << "whoever waits for room must be let go";
}

TEST_F(ConnectionCloseTest, HandlerMayCloseFromEveryCallback) {
  for (const CloseMode mode :
       {CloseMode::kFlush, CloseMode::kFlushNoLinger, CloseMode::kNow, CloseMode::kReset}) {
    Worker worker;
    SocketPair pair = tcpPair();
    RecordingHandler handler;
    auto connection = worker.accept(std::move(pair.ours), handler);
    handler.on_data = [&](buffer::Buffer& data, bool) {
      connection->close(mode);
      EXPECT_EQ(data.toString(), "x") << "the bytes stay during the call";
    };
    // Deleting goes through the dispatcher.
    handler.on_close = [&] { worker.dispatcher.deferDelete(std::move(connection)); };
    fillSocket(pair.peer.get(), "x");
    EXPECT_TRUE(worker.dispatcher.runUntil([&] { return handler.calls == 1; }));
    pair.peer.reset();
    EXPECT_TRUE(worker.dispatcher.runUntil([&] { return handler.closes == 1; }));
    EXPECT_EQ(worker.io.connections(), 0u);
    EXPECT_EQ(worker.dispatcher.watcherCount(), 0u);
  }
}

TEST_F(ConnectionCloseTest, LeavesNoDescriptorBehind) {
  const int before = openDescriptors();
  for (int i = 0; i < 20; ++i) {
    Worker worker;
    SocketPair pair = tcpPair();
    RecordingHandler handler;
    auto connection = worker.accept(std::move(pair.ours), handler);
    worker.act([&] {
      connection->output().append("bytes");
      connection->outputReady();
      connection->close(static_cast<CloseMode>(i % 4));
    });
  }
  EXPECT_EQ(openDescriptors(), before);
}

}  // namespace
}  // namespace weir::network::test
