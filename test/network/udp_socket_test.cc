#include "source/network/udp_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "source/network/udp_reader.h"
#include "source/network/udp_send_queue.h"
#include "test/network/udp_peer.h"

namespace weir::network {
namespace {

// Whether the kernel is asked to take and give whole runs.
class UdpSocket : public testing::TestWithParam<bool> {
 protected:
  UdpOffload offload_{.receive = GetParam(), .send_limit = GetParam() ? kMaxDatagramBytes : 0};
};

std::string pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

TEST_P(UdpSocket, RunsArriveAsTheDatagramsTheyAre) {
  const UdpPeer receiver, sender;
  const Address to = receiver.address();
  const std::string bytes = pattern(10 * 500 + 7);
  const std::string other = pattern(700);
  const std::vector<UdpDatagrams> list = {
      {.peer = &to, .local = nullptr, .bytes = bytes, .segment_bytes = 500},
      {.peer = &to, .local = nullptr, .bytes = {}, .segment_bytes = 0},
      {.peer = &to, .local = nullptr, .bytes = other, .segment_bytes = 0},
      {.peer = &to, .local = nullptr, .bytes = other, .segment_bytes = 0},
  };
  const UdpSendResult result = sendDatagrams(sender.fd(), list, offload_, false);
  EXPECT_EQ(result.entry, list.size());
  EXPECT_EQ(result.sent, 14u);
  EXPECT_EQ(result.sent_bytes, bytes.size() + 2 * other.size());
  EXPECT_EQ(result.failed, 0u);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(receiver.receive().bytes, bytes.substr(i * 500u, 500));
  EXPECT_EQ(receiver.receive().bytes, bytes.substr(5000));
  const auto empty = receiver.receive();
  EXPECT_EQ(empty.bytes, "");
  EXPECT_EQ(empty.from, sender.address());
  EXPECT_EQ(receiver.receive().bytes, other);
  EXPECT_EQ(receiver.receive().bytes, other);
  EXPECT_EQ(receiver.receive(0).from.family(), Address::Family::kNone);
}

TEST_P(UdpSocket, MoreThanFitsIntoOneCall) {
  const UdpPeer receiver, sender;
  const int room = 4 * 1024 * 1024;
  ::setsockopt(receiver.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  const Address to = receiver.address();
  const std::string bytes = pattern(150 * 10);
  std::vector<UdpDatagrams> list(
      1, {.peer = &to, .local = nullptr, .bytes = bytes, .segment_bytes = 10});
  EXPECT_EQ(sendDatagrams(sender.fd(), list, offload_, false).sent, 150u);
  for (int i = 0; i < 150; ++i) ASSERT_EQ(receiver.receive().bytes, bytes.substr(i * 10u, 10)) << i;
}

TEST_P(UdpSocket, ReaderTellsRunsPeersAndDestinations) {
  const UdpPeer receiver("0.0.0.0:0"), sender;
  const Address bound = receiver.address();
  ASSERT_EQ(enablePacketInfo(receiver.fd(), bound), 0);
  const bool runs = offload_.receive && enableUdpGro(receiver.fd());
  const Address to = Address::parse("127.0.0.2:1")->withPort(bound.port());
  const std::string bytes = pattern(3 * 400 + 1);
  const UdpDatagrams run{.peer = &to, .local = nullptr, .bytes = bytes, .segment_bytes = 400};
  ASSERT_EQ(sendDatagrams(sender.fd(), {&run, 1}, offload_, false).sent, 4u);
  UdpReader reader;
  std::string seen;
  uint32_t datagrams = 0;
  int error = 0;
  while (datagrams < 4) {
    const auto batch =
        reader.read(receiver.fd(), {.peer = true, .bound = &bound, .runs = runs}, error);
    if (error != 0) break;
    for (const UdpDatagrams& got : batch) {
      EXPECT_EQ(*got.peer, sender.address());
      ASSERT_NE(got.local, nullptr);
      EXPECT_EQ(got.local->toString(), to.toString());
      datagrams += got.count();
      seen += got.bytes;
    }
  }
  EXPECT_EQ(error, 0);
  EXPECT_EQ(seen, bytes);
  EXPECT_TRUE(
      reader.read(receiver.fd(), {.peer = true, .bound = &bound, .runs = runs}, error).empty());
  EXPECT_EQ(error, EAGAIN);
}

TEST_P(UdpSocket, TheLargestDatagram) {
  const UdpPeer receiver, sender;
  const Address to = receiver.address();
  const std::string bytes = pattern(kMaxDatagramBytes);
  const UdpDatagrams one{.peer = &to, .local = nullptr, .bytes = bytes, .segment_bytes = 0};
  EXPECT_EQ(sendDatagrams(sender.fd(), {&one, 1}, offload_, false).sent, 1u);
  EXPECT_EQ(receiver.receive().bytes, bytes);
}

TEST_P(UdpSocket, WhatIsTooLargeIsSkipped) {
  const UdpPeer receiver, sender;
  const Address to = receiver.address();
  const std::string bytes = pattern(kMaxDatagramBytes + 10);
  const std::vector<UdpDatagrams> list = {
      {.peer = &to, .local = nullptr, .bytes = bytes, .segment_bytes = 0},
      {.peer = &to, .local = nullptr, .bytes = "after", .segment_bytes = 0}};
  const UdpSendResult result = sendDatagrams(sender.fd(), list, offload_, false);
  EXPECT_EQ(result.failed, 1u);
  EXPECT_EQ(result.error, EMSGSIZE);
  EXPECT_EQ(result.sent, 1u);
  EXPECT_EQ(receiver.receive().bytes, "after");
}

INSTANTIATE_TEST_SUITE_P(Offload, UdpSocket, testing::Bool());

TEST(UdpDatagrams, Counts) {
  const UdpDatagrams run{.peer = nullptr, .local = nullptr, .bytes = "abcdefg", .segment_bytes = 3};
  EXPECT_EQ(run.count(), 3u);
  EXPECT_EQ(run.first(2).bytes, "abcdef");
  EXPECT_EQ(run.first(2).count(), 2u);
  EXPECT_EQ(run.first(9).bytes, "abcdefg");
  EXPECT_EQ(run.last().bytes, "g");
  EXPECT_EQ(run.last().count(), 1u);
  EXPECT_EQ(UdpDatagrams{}.count(), 1u);
}

// Unix datagram sockets say EAGAIN when the receiver is slow, which loopback never does.
class UdpBlocked : public testing::Test {
 protected:
  UdpBlocked() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
    near_.reset(fds[0]);
    far_.reset(fds[1]);
  }
  std::string take() const {
    char bytes[100];
    const ssize_t size = ::recv(far_.get(), bytes, sizeof bytes, 0);
    return size < 0 ? "-" : std::string(bytes, static_cast<size_t>(size));
  }
  base::UniqueFd near_, far_;
  UdpOffload offload_{.receive = false, .send_limit = 0};
};

TEST_F(UdpBlocked, QueueKeepsOrderAndItsBounds) {
  UdpSendQueue queue(UdpSendQueue::kLeastBytes * 1000);
  int added = 0;
  while (
      queue.add({.peer = nullptr, .local = nullptr, .bytes = "0123456789", .segment_bytes = 4})) {
    ++added;
  }
  EXPECT_EQ(added, 1000);
  const char* const kParts[] = {"0123", "4567", "89"};
  int taken = 0;
  uint32_t sent = 0;
  for (int rounds = 0; !queue.empty() && rounds < 10'000; ++rounds) {
    const UdpSendResult result = queue.flush(near_.get(), offload_);
    EXPECT_EQ(result.failed, 0u);
    sent += result.sent;
    for (std::string part = take(); part != "-"; part = take()) {
      ASSERT_EQ(part, kParts[taken++ % 3]);
    }
  }
  EXPECT_EQ(taken, 3000);
  EXPECT_EQ(sent, 3000u);
  EXPECT_TRUE(queue.add({.peer = nullptr, .local = nullptr, .bytes = "again", .segment_bytes = 0}));
}

TEST_F(UdpBlocked, RoomOfWhatWasSentIsUsedAgain) {
  UdpSendQueue queue(UdpSendQueue::kLeastBytes * 5000);
  const UdpDatagrams one{.peer = nullptr, .local = nullptr, .bytes = "x", .segment_bytes = 0};
  while (queue.add(one)) {
  }
  const UdpSendResult first = queue.flush(near_.get(), offload_);
  ASSERT_FALSE(queue.empty()) << "the kernel has taken all";
  for (uint32_t i = 0; i < first.sent; ++i) EXPECT_TRUE(queue.add(one));
  EXPECT_FALSE(queue.add(one));
  EXPECT_EQ(queue.clear(), 5000u);
  EXPECT_TRUE(queue.empty());
}

TEST(UdpRefused, StopsThereWhenAsked) {
  UdpPeer gone;
  const UdpPeer sender;
  const Address to = gone.address();
  gone.close();
  ASSERT_EQ(::connect(sender.fd(), to.data(), to.length()), 0);
  UdpOffload offload;
  const UdpDatagrams one{.peer = nullptr, .local = nullptr, .bytes = "x", .segment_bytes = 0};
  EXPECT_EQ(sendDatagrams(sender.fd(), {&one, 1}, offload, true).sent, 1u);
  const std::vector<UdpDatagrams> two(2, one);
  const UdpSendResult result = sendDatagrams(sender.fd(), two, offload, true);
  EXPECT_EQ(result.error, ECONNREFUSED);
  EXPECT_EQ(result.entry, 0u);
}

}  // namespace
}  // namespace weir::network
