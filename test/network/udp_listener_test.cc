#include "source/network/udp_listener.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "source/network/udp_reader.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/network/udp_peer.h"

namespace weir::network {
namespace {

struct EchoLog {
  std::vector<std::string> seen;
  int filters = 0;
  int followed = 0;
  int batches = 0;
};

// Sends back what comes, each datagram `copies` times.
class EchoFilter final : public UdpFilter {
 public:
  EchoFilter(UdpFilterHost& host, EchoLog& log, int copies)
      : host_(host), log_(log), copies_(copies) {
    ++log_.filters;
    EXPECT_TRUE(host_.acquireSession());
  }
  ~EchoFilter() override { host_.releaseSession(); }
  void onDatagrams(const UdpDatagrams& datagrams) override {
    log_.seen.emplace_back(datagrams.bytes);
    for (int i = 0; i < copies_; ++i) host_.send(datagrams);
  }
  void onBatchEnd() override { ++log_.batches; }
  bool follow(const std::shared_ptr<const UdpFilterFactory>& factory) override;
  void drain() override {}
  void closeAll() override {}

 private:
  UdpFilterHost& host_;
  EchoLog& log_;
  const int copies_;
};

struct EchoFactory final : UdpFilterFactory {
  EchoFactory(EchoLog& log, int copies, int kind = 0) : log(log), copies(copies), kind(kind) {}
  std::unique_ptr<UdpFilter> bind(UdpFilterHost& host, base::ServiceMap&) const override {
    return std::make_unique<EchoFilter>(host, log, copies);
  }
  EchoLog& log;
  const int copies;
  const int kind;
};

bool EchoFilter::follow(const std::shared_ptr<const UdpFilterFactory>& factory) {
  if (std::dynamic_pointer_cast<const EchoFactory>(factory)->kind != 0) return false;
  ++log_.followed;
  return true;
}

class UdpListenerTest : public testing::TestWithParam<bool> {
 protected:
  void listen(const std::string& address, int copies = 1) {
    config_ = std::make_shared<ListenerConfig>();
    config_->name = "l";
    config_->address = *Address::parse(address);
    config_->udp_filter = std::make_shared<EchoFactory>(log_, copies);
    auto sockets = ListenSocketSet::bind(*config_, 1);
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    sockets_ = *std::move(sockets);
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(io_);
    services_.put(store_);
    services_.put(store_.block(1));
    listener_ = std::make_unique<UdpListener>(
        io_, services_, sockets_->fd(0), sockets_->address(), nullptr,
        UdpOffload{.receive = GetParam(), .send_limit = GetParam() ? kMaxDatagramBytes : 0});
    listener_->update(config_);
  }
  Address at(const std::string& ip) const {
    return Address::parse(ip + ":1")->withPort(sockets_->address().port());
  }
  UdpPeer::Received answerTo(const UdpPeer& client) {
    UdpPeer::Received got;
    dispatcher_.runUntil([&] {
      got = client.receive(0);
      return got.from.family() != Address::Family::kNone;
    });
    return got;
  }
  int64_t stat(const std::string& name) const { return store_.valueOf(name, {{"listener", "l"}}); }

  EchoLog log_;
  event::FakeDispatcher dispatcher_;
  IoContext io_{dispatcher_, 0};
  stats::Store store_;
  base::ServiceMap services_;
  std::shared_ptr<ListenerConfig> config_;
  std::unique_ptr<ListenSocketSet> sockets_;
  std::unique_ptr<UdpListener> listener_;
};

TEST_P(UdpListenerTest, AnswersComeFromTheAddressThatWasAsked) {
  listen("0.0.0.0:0");
  const UdpPeer one, two("127.0.0.3:0");
  one.send("first", at("127.0.0.1"));
  two.send("second", at("127.0.0.2"));
  const auto first = answerTo(one);
  EXPECT_EQ(first.bytes, "first");
  EXPECT_EQ(first.from.toString(), at("127.0.0.1").toString());
  const auto second = answerTo(two);
  EXPECT_EQ(second.bytes, "second");
  EXPECT_EQ(second.from.toString(), at("127.0.0.2").toString());
}

TEST_P(UdpListenerTest, Ipv6WildcardAndOneAddress) {
  listen("[::]:0");
  const UdpPeer client("[::1]:0");
  client.send("six", at("[::1]"));
  const auto answer = answerTo(client);
  EXPECT_EQ(answer.bytes, "six");
  EXPECT_EQ(answer.from.toString(), at("[::1]").toString());
}

TEST_P(UdpListenerTest, LargeOnesAndEmptyOnes) {
  listen("127.0.0.1:0");
  const UdpPeer client;
  const std::string large(kMaxDatagramBytes, 'x');
  client.send(large, at("127.0.0.1"));
  EXPECT_EQ(answerTo(client).bytes, large);
  client.send("", at("127.0.0.1"));
  EXPECT_EQ(answerTo(client).bytes, "");
  EXPECT_EQ(log_.seen.size(), 2u);
  EXPECT_EQ(stat("udp_listener_received_total"), 2);
  EXPECT_EQ(stat("udp_listener_sent_bytes_total"), int64_t{kMaxDatagramBytes});
}

TEST_P(UdpListenerTest, ABatchIsBoundedAndNothingIsLost) {
  listen("127.0.0.1:0");
  const UdpPeer client;
  for (int i = 0; i < 100; ++i) client.send(std::to_string(i), at("127.0.0.1"));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(answerTo(client).bytes, std::to_string(i));
  EXPECT_GE(log_.batches, 100 / static_cast<int>(UdpReader::kBatch));
  EXPECT_EQ(stat("udp_listener_sent_total"), 100);
}

TEST_P(UdpListenerTest, MoreAnswersThanTheQueueHolds) {
  listen("127.0.0.1:0", /*copies=*/3 * static_cast<int>(UdpListener::kQueueBytes / 1000));
  UdpPeer client;
  const int room = 8 * 1024 * 1024;
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  client.send(std::string(1000, 'a'), at("127.0.0.1"));
  dispatcher_.runUntil([&] { return !log_.seen.empty(); });
  dispatcher_.runUntilIdle();
  EXPECT_EQ(stat("udp_listener_sent_total"),
            3 * static_cast<int64_t>(UdpListener::kQueueBytes / 1000));
}

TEST_P(UdpListenerTest, AnUpdateKeepsTheFilterOfTheSameKind) {
  listen("127.0.0.1:0");
  auto next = std::make_shared<ListenerConfig>(*config_);
  next->udp_filter = std::make_shared<EchoFactory>(log_, 1);
  listener_->update(next);
  EXPECT_EQ(log_.filters, 1);
  EXPECT_EQ(log_.followed, 1);
  EXPECT_EQ(listener_->sessions(), 1u);
  auto other = std::make_shared<ListenerConfig>(*config_);
  other->udp_filter = std::make_shared<EchoFactory>(log_, 1, /*kind=*/1);
  listener_->update(other);
  EXPECT_EQ(log_.filters, 2);
  EXPECT_EQ(listener_->sessions(), 1u);
}

TEST_P(UdpListenerTest, ReadsNoMoreOnceClosed) {
  listen("127.0.0.1:0");
  listener_->closeAll();
  const UdpPeer client;
  client.send("x", at("127.0.0.1"));
  dispatcher_.runUntilIdle();
  EXPECT_TRUE(log_.seen.empty());
  EXPECT_EQ(dispatcher_.watcherCount(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Offload, UdpListenerTest, testing::Bool());

TEST(UdpListenSockets, ATakenPortIsAnErrorAndTcpHasItsOwn) {
  EchoLog log;
  ListenerConfig config;
  config.name = "dns";
  config.address = *Address::parse("127.0.0.1:0");
  config.udp_filter = std::make_shared<EchoFactory>(log, 1);
  auto first = ListenSocketSet::bind(config, 2);
  ASSERT_TRUE(first.ok());
  EXPECT_NE((*first)->fd(0), (*first)->fd(1));
  config.address = (*first)->address();
  const auto second = ListenSocketSet::bind(config, 2);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().ToString().find("listener \"dns\": bind 127.0.0.1:"),
            std::string::npos);
}

TEST(UdpListenSockets, TcpHasPortsOfItsOwn) {
  EchoLog log;
  ListenerConfig config;
  config.name = "dns";
  const auto udp = std::make_shared<EchoFactory>(log, 1);
  // Somebody else on this machine may have the port for TCP.
  bool both = false;
  for (int attempt = 0; attempt < 20 && !both; ++attempt) {
    config.address = *Address::parse("127.0.0.1:0");
    config.udp_filter = udp;
    const auto datagrams = ListenSocketSet::bind(config, 1);
    ASSERT_TRUE(datagrams.ok());
    config.address = (*datagrams)->address();
    config.udp_filter = nullptr;
    both = ListenSocketSet::bind(config, 1).ok();
  }
  EXPECT_TRUE(both);
}

}  // namespace
}  // namespace weir::network
