#include "source/network/connect_race.h"

#include <sys/socket.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/network/connection.h"
#include "source/network/socket.h"
#include "test/network/support.h"

namespace weir::network::test {
namespace {

using std::chrono::milliseconds;

// A listener whose full backlog drops SYNs: whoever connects hears nothing.
class DeafAddress {
 public:
  DeafAddress() {
    for (int i = 0; i < 3; ++i) {
      int error = 0;
      fillers_.push_back(openStreamSocket(address(), error));
      (void)::connect(fillers_.back().get(), address().data(), address().length());
    }
  }
  Address address() const { return addressOf(listener_.get()); }

 private:
  base::UniqueFd listener_ = listenOnLoopback(/*backlog=*/0);
  std::vector<base::UniqueFd> fillers_;
};

Address refusing() {
  return addressOf(listenOnLoopback().get());
}

class ConnectRaceTest : public ::testing::Test {
 protected:
  void connect(const std::vector<Address>& addresses, milliseconds timeout = milliseconds(5000)) {
    const int told = handler_.connected + handler_.closes;
    connection_ = Connection::connect(
        worker_.io, addresses.front(), nullptr,
        {.timeout = timeout, .more_addresses = std::span(addresses).subspan(1)});
    connection_->setHandler(handler_);
    EXPECT_EQ(handler_.connected + handler_.closes, told) << "told from inside";
  }
  bool connected() {
    return worker_.dispatcher.runUntil([&] { return handler_.connected == 1; });
  }
  bool closed() {
    return worker_.dispatcher.runUntil([&] { return handler_.closes == 1; });
  }

  Worker worker_;
  RecordingHandler handler_;
  base::UniqueFd listener_ = listenOnLoopback();
  const Address good_ = addressOf(listener_.get());
  std::unique_ptr<Connection> connection_;
};

TEST_F(ConnectRaceTest, TheFirstAloneIsTriedWhenItAnswers) {
  const base::UniqueFd other = listenOnLoopback();
  connect({good_, addressOf(other.get())});
  connection_->output().append("early");
  connection_->outputReady();
  ASSERT_TRUE(connected());
  worker_.dispatcher.advance(milliseconds(1000));
  EXPECT_EQ(connection_->remoteAddress(), good_);
  const base::UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
  EXPECT_EQ(drainSocket(peer.get()), "early");
  EXPECT_EQ(::accept4(other.get(), nullptr, nullptr, SOCK_NONBLOCK), -1);
  EXPECT_EQ(worker_.dispatcher.watcherCount(), 1u);
  EXPECT_EQ(handler_.closes, 0);
}

TEST_F(ConnectRaceTest, ARefusalBringsTheNextAtOnce) {
  connect({refusing(), refusing(), good_});
  ASSERT_TRUE(connected());
  EXPECT_EQ(connection_->remoteAddress(), good_);
}

TEST_F(ConnectRaceTest, ASilentOneIsOvertakenAfterAQuarterOfASecond) {
  const DeafAddress deaf;
  const int descriptors = openDescriptors();
  connect({deaf.address(), good_});
  worker_.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(openDescriptors(), descriptors + 1);
  EXPECT_EQ(handler_.connected, 0);
  worker_.dispatcher.advance(milliseconds(80));
  ASSERT_TRUE(connected());
  EXPECT_EQ(connection_->remoteAddress(), good_);
  worker_.settle();
  EXPECT_EQ(openDescriptors(), descriptors + 1) << "the loser is closed";
  EXPECT_EQ(worker_.dispatcher.watcherCount(), 1u);
}

TEST_F(ConnectRaceTest, AllRefuse) {
  connect({refusing(), refusing()});
  ASSERT_TRUE(closed());
  EXPECT_EQ(handler_.reason, CloseReason::kConnectFailed);
  EXPECT_EQ(connection_->lastError(), ECONNREFUSED);
  EXPECT_EQ(worker_.dispatcher.watcherCount(), 0u);
}

TEST_F(ConnectRaceTest, FailuresAtOnceAreToldLaterToo) {
  connect({*Address::parse("unix:/nonexistent/weir.sock"), *Address::parse("255.255.255.255:1")});
  worker_.settle();
  EXPECT_EQ(handler_.reason, CloseReason::kConnectFailed);
  EXPECT_NE(connection_->lastError(), 0);
}

TEST_F(ConnectRaceTest, SuccessAtOnceIsToldLaterToo) {
  const Address address = *Address::parse("unix:@weir-race-test-" + std::to_string(getpid()));
  const base::UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), address.data(), address.length()), 0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  connect({address, good_});
  worker_.settle();
  EXPECT_EQ(handler_.connected, 1);
  EXPECT_EQ(connection_->remoteAddress(), address);
}

TEST_F(ConnectRaceTest, TheTimeoutIsThatOfAllTogether) {
  const DeafAddress deaf;
  const DeafAddress too;
  const int descriptors = openDescriptors();
  connect({deaf.address(), too.address()}, milliseconds(400));
  worker_.dispatcher.advance(milliseconds(350));
  EXPECT_EQ(openDescriptors(), descriptors + 2);
  EXPECT_EQ(handler_.closes, 0);
  worker_.dispatcher.advance(milliseconds(100));
  EXPECT_EQ(handler_.reason, CloseReason::kConnectTimeout);
  EXPECT_EQ(openDescriptors(), descriptors);
}

TEST_F(ConnectRaceTest, ASilentOneThatIsSlowMayStillWin) {
  // Nothing becomes ready before the test says so.
  worker_.dispatcher.setPollFds(false);
  const base::UniqueFd other = listenOnLoopback();
  const DeafAddress deaf;
  connect({good_, deaf.address()});
  worker_.dispatcher.advance(milliseconds(300));
  EXPECT_EQ(worker_.dispatcher.watcherCount(), 2u);
  worker_.dispatcher.setPollFds(true);
  ASSERT_TRUE(connected());
  EXPECT_EQ(connection_->remoteAddress(), good_);
}

TEST_F(ConnectRaceTest, NotMoreThanEightAtOnce) {
  const DeafAddress deaf;
  const std::vector<Address> addresses(20, deaf.address());
  connect(addresses, std::chrono::seconds(60));
  worker_.dispatcher.advance(std::chrono::seconds(10));
  EXPECT_EQ(worker_.dispatcher.watcherCount(), ConnectRace::kMostAtOnce);
}

TEST_F(ConnectRaceTest, ClosedOrDestroyedInTheMiddle) {
  const DeafAddress deaf;
  const int descriptors = openDescriptors();
  connect({deaf.address(), deaf.address()});
  worker_.dispatcher.advance(milliseconds(300));
  worker_.act([&] { connection_->close(CloseMode::kNow); });
  EXPECT_EQ(handler_.reason, CloseReason::kLocal);
  connect({deaf.address(), deaf.address()});
  worker_.dispatcher.advance(milliseconds(300));
  worker_.act([&] { connection_.reset(); });
  EXPECT_EQ(openDescriptors(), descriptors);
  EXPECT_EQ(worker_.dispatcher.watcherCount(), 0u);
  EXPECT_EQ(worker_.io.connections(), 0u);
  worker_.dispatcher.advance(milliseconds(10000));
  EXPECT_EQ(handler_.closes, 1);
}

// Reading that is switched on and off in the meantime must not be taken for readiness.
TEST_F(ConnectRaceTest, ReadingIsSwitchedWhileItRuns) {
  const DeafAddress deaf;
  connect({deaf.address(), good_});
  worker_.act([&] {
    connection_->setReadEnabled(false);
    connection_->setReadEnabled(true);
  });
  EXPECT_EQ(handler_.connected, 0);
  worker_.dispatcher.advance(milliseconds(300));
  EXPECT_TRUE(connected());
}

TEST_F(ConnectRaceTest, ASourceAddressIsForThoseOfItsFamily) {
  connection_ = Connection::connect(worker_.io, *Address::parse("[::1]:1"), nullptr,
                                    {.socket = {.source_ipv4 = *Address::parse("127.0.0.2:0")},
                                     .more_addresses = std::span(&good_, 1)});
  connection_->setHandler(handler_);
  ASSERT_TRUE(connected());
  EXPECT_EQ(connection_->remoteAddress(), good_);
  EXPECT_EQ(connection_->localAddress().ip(), "127.0.0.2");
}

}  // namespace
}  // namespace weir::network::test
