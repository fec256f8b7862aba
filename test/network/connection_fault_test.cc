#include <sys/socket.h>

#include <random>
#include <string>

#include "gtest/gtest.h"

#include "source/network/connection.h"
#include "test/fakes/fault_transport.h"
#include "test/network/support.h"

// Properties under short reads and writes, spurious EAGAIN, and resets at every byte.
namespace weir::network::test {
namespace {

// Echoes all, ends when the peer does.
struct Echo {
  Echo(Worker& worker, base::UniqueFd fd, const Faults& faults)
      : connection(
            worker.accept(std::move(fd), handler, std::make_unique<FaultTransport>(faults))) {
    handler.on_data = [this](buffer::Buffer& data, bool end) { connection->write(data, end); };
  }
  RecordingHandler handler;
  std::unique_ptr<Connection> connection;
};

TEST(ConnectionFaultTest, EchoIsExactInAnyWeather) {
  const int descriptors = openDescriptors();
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    Worker worker;
    SocketPair pair = unixPair();
    setSendBuffer(pair.ours.get(), 8192);
    Faults faults;
    faults.seed = seed;
    faults.would_block_percent = static_cast<int>(seed * 37 % 70);
    faults.short_percent = static_cast<int>(seed * 53 % 100);
    Echo echo(worker, std::move(pair.ours), faults);
    const std::string sent = pattern(20'000 + seed * 100, seed);
    size_t done = 0;
    std::string got;
    bool ended = false;
    EXPECT_TRUE(worker.dispatcher.runUntil([&] {
      done += fillSocket(pair.peer.get(), std::string_view(sent).substr(done));
      if (done == sent.size()) shutdown(pair.peer.get(), SHUT_WR);
      got += drainSocket(pair.peer.get(), &ended);
      return echo.handler.closes > 0;
    }));
    got += drainSocket(pair.peer.get(), &ended);
    EXPECT_EQ(got, sent) << "seed " << seed;
    EXPECT_TRUE(ended);
    EXPECT_EQ(echo.handler.closes, 1);
    EXPECT_EQ(echo.handler.reason, CloseReason::kRemote);
  }
  EXPECT_EQ(openDescriptors(), descriptors);
}

TEST(ConnectionFaultTest, ResetAtEveryByteEndsOnceAndLeaksNothing) {
  const int descriptors = openDescriptors();
  const std::string sent = pattern(40);
  for (uint64_t at = 0; at <= sent.size(); ++at) {
    for (const bool while_reading : {true, false}) {
      Worker worker;
      SocketPair pair = unixPair();
      Faults faults;
      faults.seed = static_cast<uint32_t>(at + 1);
      faults.short_percent = 30;
      (while_reading ? faults.reset_read_at : faults.reset_write_at) = at;
      {
        Echo echo(worker, std::move(pair.ours), faults);
        fillSocket(pair.peer.get(), sent);
        shutdown(pair.peer.get(), SHUT_WR);
        EXPECT_TRUE(worker.dispatcher.runUntil([&] { return echo.handler.closes > 0; }))
            << at << while_reading;
        worker.settle();
        const std::string got = drainSocket(pair.peer.get());
        EXPECT_EQ(got, sent.substr(0, got.size()));
        EXPECT_EQ(echo.handler.closes, 1);
        const bool whole = at == sent.size() && !while_reading;
        EXPECT_EQ(echo.handler.reason, whole ? CloseReason::kRemote : CloseReason::kReset) << at;
      }
      worker.settle();
      EXPECT_EQ(worker.io.connections(), 0u);
      EXPECT_LE(worker.io.blocks().bytesInUse(), buffer::BlockPool::kLargest + 64);
    }
  }
  EXPECT_EQ(openDescriptors(), descriptors);
}

// Random doings of a handler must never crash, lose the last call or leave a descriptor.
TEST(ConnectionFaultTest, RandomHandlersEndWell) {
  const int descriptors = openDescriptors();
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    Worker worker;
    SocketPair pair = tcpPair();
    Faults faults;
    faults.seed = seed;
    faults.short_percent = 40;
    faults.would_block_percent = 20;
    if (random() % 3 == 0) faults.reset_write_at = random() % 5000;
    Echo echo(worker, std::move(pair.ours), faults);
    Connection& connection = *echo.connection;
    const auto act = [&] {
      switch (random() % 12) {
        case 0:
          return connection.setReadEnabled(false);
        case 1:
          connection.output().append(pattern(random() % 5000));
          return connection.outputReady(random() % 4 == 0);
        case 2:
          if (random() % 4 == 0) connection.close(static_cast<CloseMode>(random() % 4));
          return;
        default:
          return connection.setReadEnabled(true);
      }
    };
    echo.handler.on_data = [&](buffer::Buffer& data, bool) {
      data.drain(random() % (data.size() + 1));
      act();
    };
    echo.handler.on_below = act;
    for (int i = 0; i < 60; ++i) {
      if (pair.peer.valid()) {
        fillSocket(pair.peer.get(), pattern(random() % 3000));
        drainSocket(pair.peer.get());
        if (random() % 20 == 0) shutdown(pair.peer.get(), SHUT_WR);
        if (random() % 30 == 0) pair.peer.reset();
      }
      worker.dispatcher.post(act);
      EXPECT_TRUE(worker.dispatcher.runUntilIdle(5000)) << "spins, seed " << seed;
    }
    worker.act([&] { connection.close(CloseMode::kNow); });
    EXPECT_EQ(echo.handler.closes, 1);
  }
  EXPECT_EQ(openDescriptors(), descriptors);
}

}  // namespace
}  // namespace weir::network::test
