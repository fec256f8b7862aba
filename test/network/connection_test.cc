#include "source/network/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/network/support.h"

namespace weir::network::test {
namespace {

TEST(ConnectionTest, IsSmall) {
  EXPECT_LE(sizeof(Connection), 184u);
}

class ConnectionTest : public ::testing::TestWithParam<SocketPair (*)()> {
 protected:
  ConnectionTest() {
    SocketPair pair = GetParam()();
    peer_ = std::move(pair.peer);
    fd_ = pair.ours.get();
    connection_ = worker_.accept(std::move(pair.ours), handler_);
  }
  void send(std::string_view bytes) { ASSERT_EQ(fillSocket(peer_.get(), bytes), bytes.size()); }
  void write(std::string_view bytes, bool end_stream = false) {
    worker_.act([&] {
      connection_->output().append(bytes);
      connection_->outputReady(end_stream);
    });
  }

  Worker worker_;
  RecordingHandler handler_;
  base::UniqueFd peer_;
  int fd_;
  std::unique_ptr<Connection> connection_;
};

INSTANTIATE_TEST_SUITE_P(Pairs, ConnectionTest, ::testing::Values(&unixPair, &tcpPair));

TEST_P(ConnectionTest, HandsOverWhatComes) {
  send("hello");
  worker_.settle();
  send(" world");
  worker_.settle();
  EXPECT_EQ(handler_.data, "hello world");
  EXPECT_EQ(handler_.calls, 2);
  EXPECT_FALSE(handler_.ended);
  EXPECT_EQ(handler_.connected, 0);
  EXPECT_EQ(connection_->bytesReceived(), 11u);
}

TEST_P(ConnectionTest, WritesOnceAtTheEndOfTheCallback) {
  worker_.act([&] {
    connection_->output().append("head ");
    connection_->outputReady();
    connection_->output().append("body");
    connection_->outputReady();
    EXPECT_EQ(drainSocket(peer_.get()), "");
  });
  EXPECT_EQ(drainSocket(peer_.get()), "head body");
  EXPECT_EQ(connection_->bytesSent(), 9u);
}

TEST_P(ConnectionTest, AnswersWithoutChangingTheWatch) {
  worker_.settle();
  const uint64_t before = worker_.dispatcher.watchChanges();
  handler_.on_data = [&](buffer::Buffer& data, bool) { connection_->write(data); };
  for (int i = 0; i < 100; ++i) {
    send("ping");
    worker_.settle();
    EXPECT_EQ(drainSocket(peer_.get()), "ping");
  }
  EXPECT_EQ(worker_.dispatcher.watchChanges(), before);
}

TEST_P(ConnectionTest, HoldsNoBlockWhenIdle) {
  handler_.on_data = [&](buffer::Buffer& data, bool) { connection_->write(data); };
  send("x");
  worker_.settle();
  const size_t with_read_block = worker_.io.blocks().bytesInUse();
  EXPECT_LE(with_read_block, buffer::BlockPool::kLargest + 64);  // the worker's read block only
  for (int i = 0; i < 50; ++i) {
    send(std::string(2000, 'y'));
    worker_.settle();
    EXPECT_EQ(drainSocket(peer_.get()).size(), i == 0 ? 2001u : 2000u);
  }
  EXPECT_EQ(worker_.io.blocks().bytesInUse(), with_read_block);
}

TEST_P(ConnectionTest, OffersWhatIsLeftTogetherWithTheNext) {
  std::vector<std::string> offered;
  handler_.on_data = [&](buffer::Buffer& data, bool) {
    offered.push_back(data.toString());
    if (data.size() >= 6) data.clear();
  };
  send("abc");
  worker_.settle();
  EXPECT_LT(connection_->input().bytesPinned(), 16u * 1024) << "the read block stays pinned";
  send("def");
  worker_.settle();
  EXPECT_EQ(offered, (std::vector<std::string>{"abc", "abcdef"}));
}

TEST_P(ConnectionTest, ReadsMuchInOneEvent) {
  const std::string big = pattern(150'000);
  const size_t sent = fillSocket(peer_.get(), big);
  worker_.settle();
  EXPECT_EQ(handler_.data, big.substr(0, sent));
}

TEST_P(ConnectionTest, TellsTheEndOnceAndStaysWritable) {
  send("last");
  shutdown(peer_.get(), SHUT_WR);
  int ends = 0;
  handler_.on_data = [&](buffer::Buffer& data, bool end) {
    ends += end;
    handler_.data += data.toString();
    data.clear();
  };
  worker_.settle();
  EXPECT_EQ(handler_.data, "last");
  EXPECT_EQ(ends, 1);
  EXPECT_TRUE(connection_->remoteEnded());
  EXPECT_TRUE(connection_->open());
  EXPECT_FALSE(worker_.dispatcher.watched(fd_).readable) << "the loop would spin";
  write("answer");
  EXPECT_EQ(drainSocket(peer_.get()), "answer");
  EXPECT_EQ(handler_.closes, 0);
}

TEST_P(ConnectionTest, ClosesByItselfWhenBothEnded) {
  write("bye", /*end_stream=*/true);
  bool ended = false;
  EXPECT_EQ(drainSocket(peer_.get(), &ended), "bye");
  EXPECT_TRUE(ended);
  EXPECT_EQ(handler_.closes, 0);
  send("late");
  shutdown(peer_.get(), SHUT_WR);
  worker_.settle();
  EXPECT_EQ(handler_.data, "late");
  EXPECT_TRUE(handler_.ended);
  EXPECT_EQ(handler_.closes, 1);
  EXPECT_EQ(handler_.reason, CloseReason::kRemote);
}

TEST_P(ConnectionTest, MayBeKeptThoughBothHaveEnded) {
  worker_.act([&] {
    connection_->setClosesWhenEnded(false);
    connection_->outputReady(true);
  });
  shutdown(peer_.get(), SHUT_WR);
  worker_.settle();
  EXPECT_TRUE(connection_->open());
  EXPECT_TRUE(connection_->remoteEnded());
  EXPECT_EQ(handler_.closes, 0);
  worker_.act([&] { connection_->setClosesWhenEnded(true); });
  EXPECT_EQ(handler_.reason, CloseReason::kRemote);
}

TEST_P(ConnectionTest, IsNotClosedByThePermissionToClose) {
  worker_.act([&] { connection_->setClosesWhenEnded(false); });
  worker_.act([&] { connection_->setClosesWhenEnded(true); });
  EXPECT_TRUE(connection_->open());
  EXPECT_EQ(handler_.closes, 0);
}

TEST_P(ConnectionTest, DisabledReadingWaits) {
  worker_.act([&] { connection_->setReadEnabled(false); });
  EXPECT_TRUE(worker_.dispatcher.watched(fd_).readable) << "a short pause costs nothing";
  send("later");
  EXPECT_TRUE(worker_.dispatcher.runUntilIdle(100)) << "spins";
  EXPECT_EQ(handler_.calls, 0);
  EXPECT_FALSE(worker_.dispatcher.watched(fd_).readable);
  worker_.act([&] { connection_->setReadEnabled(true); });
  EXPECT_EQ(handler_.data, "later");
}

TEST_P(ConnectionTest, EnablingOffersWhatWasLeftButNotFromInside) {
  handler_.on_data = [&](buffer::Buffer&, bool) { connection_->setReadEnabled(false); };
  send("left");
  worker_.settle();
  EXPECT_EQ(handler_.calls, 1);
  handler_.on_data = nullptr;
  worker_.act([&] {
    connection_->setReadEnabled(true);
    EXPECT_EQ(handler_.calls, 1);
  });
  EXPECT_EQ(handler_.data, "left");
}

TEST_P(ConnectionTest, HoldIsABrakeOfItsOwn) {
  worker_.act([&] {
    connection_->holdReading(true);
    connection_->setReadEnabled(true);
  });
  send("held");
  worker_.settle();
  EXPECT_EQ(handler_.data, "");
  worker_.act([&] { connection_->holdReading(false); });
  EXPECT_EQ(handler_.data, "held");
}

TEST_P(ConnectionTest, InputThatIsLeftIsBoundedAndMayBeDrainedAtAnyTime) {
  handler_.on_data = [](buffer::Buffer&, bool) {};
  const std::string chunk(50'000, 'x');
  size_t sent = 0;
  for (int i = 0; i < 200; ++i) {
    sent += fillSocket(peer_.get(), chunk);
    EXPECT_TRUE(worker_.dispatcher.runUntilIdle(1000)) << "spins";
  }
  size_t taken = 0;
  worker_.act([&] {
    EXPECT_LT(connection_->input().size(), Connection::kMaxInput + 64 * 1024 * 5);
    taken = connection_->input().size();
    connection_->input().clear();
  });
  handler_.on_data = [&](buffer::Buffer& data, bool) {
    taken += data.size();
    data.clear();
  };
  EXPECT_TRUE(worker_.dispatcher.runUntil([&] {
    worker_.act([&] {
      taken += connection_->input().size();
      connection_->input().clear();
    });
    return taken == sent;
  }));
}

TEST_P(ConnectionTest, WatchesWritableOnlyWhileBlocked) {
  setSendBuffer(fd_, 4096);
  const std::string big = pattern(1'000'000);
  write(big);
  EXPECT_TRUE(worker_.dispatcher.watched(fd_).writable);
  std::string got;
  EXPECT_TRUE(worker_.dispatcher.runUntil([&] {
    got += drainSocket(peer_.get());
    return got.size() == big.size();
  }));
  worker_.settle();
  EXPECT_EQ(got, big);
  EXPECT_FALSE(worker_.dispatcher.watched(fd_).writable);
  EXPECT_EQ(connection_->bytesSent(), big.size());
}

TEST_P(ConnectionTest, TellsCrossingsOfTheWatermarks) {
  setSendBuffer(fd_, 4096);
  connection_->setWatermarks(1000, 5000);
  write("small");
  EXPECT_EQ(handler_.above, 0);
  write(pattern(1'000'000));
  EXPECT_EQ(handler_.above, 1);
  EXPECT_TRUE(connection_->aboveHighWatermark());
  EXPECT_EQ(handler_.below, 0);
  EXPECT_TRUE(worker_.dispatcher.runUntil([&] {
    drainSocket(peer_.get());
    return handler_.below > 0;
  }));
  EXPECT_EQ(handler_.above, 1);
  EXPECT_EQ(handler_.below, 1);
  EXPECT_FALSE(connection_->aboveHighWatermark());
}

TEST_P(ConnectionTest, WhoeverAskedAndStoppedIsToldToGoOn) {
  connection_->setWatermarks(10, 100);
  worker_.act([&] {
    connection_->output().append(std::string(200, 'x'));
    EXPECT_TRUE(connection_->aboveHighWatermark());
    connection_->outputReady();
  });
  EXPECT_EQ(handler_.above, 0) << "the socket took everything";
  EXPECT_EQ(handler_.below, 1);
}

TEST_P(ConnectionTest, AnEndlessProducerDoesNotStarveOthers) {
  connection_->setWatermarks(0, 1);
  int produced = 0;
  handler_.on_below = [&] {
    ++produced;
    drainSocket(peer_.get());
    connection_->output().append("more");
    EXPECT_TRUE(connection_->aboveHighWatermark());
    connection_->outputReady();
  };
  worker_.dispatcher.post([&] { handler_.on_below(); });
  worker_.dispatcher.runUntilIdle(/*max_turns=*/3);
  EXPECT_LT(produced, 100);
  EXPECT_GT(produced, 10);
  worker_.act([&] { connection_->close(CloseMode::kNow); });
  EXPECT_EQ(handler_.closes, 1);
}

TEST_P(ConnectionTest, HasAnIdAndAddresses) {
  EXPECT_EQ(connection_->id() >> 48, 1u);
  EXPECT_EQ(connection_->localAddress(), addressOf(fd_));
}

TEST_P(ConnectionTest, DestroyingItClosesAndIsSilent) {
  worker_.act([&] {
    connection_->output().append("lost");
    connection_->outputReady();
    connection_.reset();
  });
  EXPECT_EQ(handler_.closes, 0);
  bool ended = false;
  EXPECT_EQ(drainSocket(peer_.get(), &ended), "");
  EXPECT_TRUE(ended);
  EXPECT_EQ(worker_.io.connections(), 0u);
}

class ConnectTest : public ::testing::Test {
 protected:
  Worker worker_;
  RecordingHandler handler_;
};

TEST_F(ConnectTest, ConnectsAndWritesWhatWasThereEarly) {
  const base::UniqueFd listener = listenOnLoopback();
  auto connection = Connection::connect(worker_.io, addressOf(listener.get()), nullptr,
                                        {.timeout = std::chrono::seconds(1)});
  connection->setHandler(handler_);
  EXPECT_TRUE(connection->connecting());
  worker_.act([&] {
    connection->output().append("early");
    connection->outputReady();
    EXPECT_EQ(handler_.connected, 0);
  });
  EXPECT_TRUE(worker_.dispatcher.runUntil([&] { return handler_.connected == 1; }));
  EXPECT_FALSE(connection->connecting());
  const base::UniqueFd peer(accept(listener.get(), nullptr, nullptr));
  EXPECT_EQ(drainSocket(peer.get()), "early");
  EXPECT_EQ(connection->remoteAddress(), addressOf(listener.get()));
  worker_.dispatcher.advance(std::chrono::seconds(5));
  EXPECT_EQ(handler_.closes, 0) << "the connect timeout is over";
}

TEST_F(ConnectTest, ToUnixSocketIsNotToldFromInside) {
  const Address address = *Address::parse("unix:@weir-connect-test-" + std::to_string(getpid()));
  const base::UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(listener.get(), address.data(), address.length()), 0);
  ASSERT_EQ(listen(listener.get(), 4), 0);
  auto connection =
      Connection::connect(worker_.io, address, nullptr, {.timeout = std::chrono::seconds(1)});
  connection->setHandler(handler_);
  EXPECT_EQ(handler_.connected, 0);
  worker_.settle();
  EXPECT_EQ(handler_.connected, 1);
}

TEST_F(ConnectTest, RefusalIsToldLaterWithErrno) {
  Address address;
  {
    const base::UniqueFd listener = listenOnLoopback();
    address = addressOf(listener.get());
  }
  auto connection =
      Connection::connect(worker_.io, address, nullptr, {.timeout = std::chrono::seconds(1)});
  connection->setHandler(handler_);
  EXPECT_EQ(handler_.closes, 0);
  EXPECT_TRUE(worker_.dispatcher.runUntil([&] { return handler_.closes == 1; }));
  EXPECT_EQ(handler_.reason, CloseReason::kConnectFailed);
  EXPECT_EQ(connection->lastError(), ECONNREFUSED);
}

TEST_F(ConnectTest, FailureAtOnceIsToldLaterToo) {
  for (const char* text : {"unix:/nonexistent/weir.sock", "255.255.255.255:1"}) {
    RecordingHandler handler;
    auto connection = Connection::connect(worker_.io, *Address::parse(text), nullptr,
                                          {.timeout = std::chrono::seconds(1)});
    connection->setHandler(handler);
    EXPECT_EQ(handler.closes, 0);
    worker_.settle();
    EXPECT_EQ(handler.reason, CloseReason::kConnectFailed) << text;
    EXPECT_NE(connection->lastError(), 0);
  }
  auto nowhere =
      Connection::connect(worker_.io, Address(), nullptr, {.timeout = std::chrono::seconds(1)});
  nowhere->setHandler(handler_);
  worker_.settle();
  EXPECT_EQ(handler_.reason, CloseReason::kConnectFailed);
}

TEST_F(ConnectTest, TimesOut) {
  // A full backlog drops SYNs, so the connection stays in the air.
  const base::UniqueFd listener = listenOnLoopback(/*backlog=*/0);
  std::vector<std::unique_ptr<Connection>> connections;
  std::vector<std::unique_ptr<RecordingHandler>> handlers;
  for (int i = 0; i < 4; ++i) {
    handlers.push_back(std::make_unique<RecordingHandler>());
    connections.push_back(Connection::connect(worker_.io, addressOf(listener.get()), nullptr,
                                              {.timeout = std::chrono::milliseconds(300)}));
    connections.back()->setHandler(*handlers.back());
    worker_.settle();
  }
  // It is not up because somebody turns reading off and on.
  worker_.act([&] {
    connections.back()->setReadEnabled(false);
    connections.back()->setReadEnabled(true);
  });
  EXPECT_EQ(handlers.back()->connected, 0);
  worker_.dispatcher.advance(std::chrono::milliseconds(250));
  EXPECT_EQ(handlers.back()->closes, 0);
  worker_.dispatcher.advance(std::chrono::milliseconds(100));
  EXPECT_EQ(handlers.back()->reason, CloseReason::kConnectTimeout);
}

}  // namespace
}  // namespace weir::network::test
