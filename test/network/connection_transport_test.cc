#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "source/network/connection.h"
#include "test/fakes/fake_transport.h"
#include "test/network/support.h"

// Connections over a transport that is not plain: handshake, bytes that wait inside it, its errors.
namespace weir::network::test {
namespace {

class ConnectionTransportTest : public ::testing::Test {
 protected:
  ConnectionTransportTest() : pair_(unixPair()) { worker_.dispatcher.setPollFds(false); }

  void accept() {
    fd_ = pair_.ours.get();
    connection_ =
        worker_.accept(std::move(pair_.ours), handler_, std::make_unique<FakeTransport>(wire_));
    worker_.settle();
  }
  void readable() {
    worker_.dispatcher.fire(fd_, {.readable = true});
    worker_.settle();
  }
  void writable() {
    worker_.dispatcher.fire(fd_, {.writable = true});
    worker_.settle();
  }

  Worker worker_;
  RecordingHandler handler_;
  std::shared_ptr<FakeWire> wire_ = std::make_shared<FakeWire>();
  SocketPair pair_;
  int fd_ = -1;
  std::unique_ptr<Connection> connection_;
};

TEST_F(ConnectionTransportTest, HandshakeGoesFirst) {
  wire_->handshake_steps = 2;
  wire_->incoming = "secret";
  accept();
  EXPECT_EQ(handler_.connected, 0);
  worker_.act([&] {
    connection_->output().append("greeting");
    connection_->outputReady();
  });
  EXPECT_EQ(wire_->written, "");
  readable();
  EXPECT_EQ(handler_.connected, 0);
  readable();
  EXPECT_EQ(handler_.connected, 1);
  EXPECT_EQ(handler_.data, "secret") << "read ahead of the poll";
  EXPECT_EQ(wire_->written, "greeting");
}

TEST_F(ConnectionTransportTest, HandshakeWatchesWhatTheTransportWants) {
  wire_->handshake_steps = 3;
  wire_->wants_write = true;
  accept();
  EXPECT_TRUE(worker_.dispatcher.watched(fd_).writable);
  EXPECT_FALSE(worker_.dispatcher.watched(fd_).readable);
  wire_->wants_write = false;
  writable();
  EXPECT_FALSE(worker_.dispatcher.watched(fd_).writable);
  EXPECT_TRUE(worker_.dispatcher.watched(fd_).readable);
}

TEST_F(ConnectionTransportTest, FailedHandshakeIsATransportError) {
  wire_->handshake_steps = -1;
  accept();
  EXPECT_EQ(handler_.closes, 1);
  EXPECT_EQ(handler_.reason, CloseReason::kTransportError);
  EXPECT_EQ(connection_->transport().reason(), "fake");
}

TEST_F(ConnectionTransportTest, ReadsOnWhatThePollCannotSee) {
  accept();
  wire_->read_limit = 10;
  wire_->incoming = pattern(1000);
  const std::string all = wire_->incoming;
  readable();  // 100 reads, four per event
  EXPECT_EQ(handler_.data, all);
}

TEST_F(ConnectionTransportTest, ResumingReadsWhatWaitsInside) {
  accept();
  wire_->read_limit = 3;
  wire_->incoming = "abcdef";
  handler_.on_data = [&](buffer::Buffer& data, bool) {
    handler_.data += data.toString();
    data.clear();
    connection_->setReadEnabled(false);
  };
  readable();
  EXPECT_EQ(handler_.data, "abc");
  worker_.act([&] { connection_->setReadEnabled(true); });
  EXPECT_EQ(handler_.data, "abcdef");
}

TEST_F(ConnectionTransportTest, ShortWritesWaitForReadiness) {
  accept();
  wire_->write_room = 4;
  worker_.act([&] {
    connection_->output().append("0123456789");
    connection_->outputReady(/*end_stream=*/true);
  });
  EXPECT_EQ(wire_->written, "0123");
  EXPECT_FALSE(wire_->write_ended);
  EXPECT_TRUE(worker_.dispatcher.watched(fd_).writable);
  wire_->write_room = 100;
  writable();
  EXPECT_EQ(wire_->written, "0123456789");
  EXPECT_TRUE(wire_->write_ended);
  EXPECT_EQ(wire_->writes, 2);
}

TEST_F(ConnectionTransportTest, OneWritePerCallback) {
  accept();
  worker_.act([&] {
    for (int i = 0; i < 10; ++i) {
      connection_->output().append("piece ");
      connection_->outputReady();
    }
  });
  EXPECT_EQ(wire_->writes, 1);
}

TEST_F(ConnectionTransportTest, ErrorWithoutErrnoIsTheTransports) {
  accept();
  wire_->read_error = -1;
  readable();
  EXPECT_EQ(handler_.reason, CloseReason::kTransportError);
}

TEST_F(ConnectionTransportTest, WriteErrorStillReads) {
  accept();
  wire_->write_error = ECONNRESET;
  wire_->incoming = "answer";
  wire_->incoming_ended = true;
  worker_.act([&] {
    connection_->output().append("request");
    connection_->outputReady();
  });
  EXPECT_EQ(handler_.data, "answer");
  readable();  // a socket that was reset stays so
  EXPECT_FALSE(handler_.ended);
  EXPECT_EQ(handler_.closes, 1);
  EXPECT_EQ(handler_.reason, CloseReason::kReset);
  EXPECT_EQ(connection_->lastError(), ECONNRESET);
}

TEST_F(ConnectionTransportTest, CloseEndsInAnOrderlyWay) {
  accept();
  worker_.act([&] {
    connection_->output().append("last");
    connection_->outputReady();
    connection_->close(CloseMode::kFlushNoLinger);
  });
  EXPECT_EQ(wire_->written, "last");
  EXPECT_TRUE(wire_->write_ended) << "close_notify";
  EXPECT_EQ(handler_.closes, 1);
}

}  // namespace
}  // namespace weir::network::test
