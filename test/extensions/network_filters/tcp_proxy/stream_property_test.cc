// Whatever the sizes, pauses and ends: both byte streams come out as they went in.

#include <sys/socket.h>

#include <algorithm>
#include <random>
#include <string>

#include "gtest/gtest.h"

#include "test/extensions/network_filters/tcp_proxy/proxy_host.h"

namespace weir::extensions::network_filters::tcp_proxy {
namespace {

using network::test::FilterHost;

// One direction as the test drives it: writes in pieces, ends, and reads at the other end.
class Stream {
 public:
  Stream(std::string bytes, std::mt19937& random) : bytes_(std::move(bytes)), random_(random) {}

  // Some step, of a random kind and size.
  void step(int from, int to) {
    const size_t most = pick({1, 100, 5'000, 70'000, 400'000});
    if (random_() % 3 != 0 && sent_ < bytes_.size()) {
      sent_ += network::test::fillSocket(from, std::string_view(bytes_).substr(sent_, most));
    }
    if (sent_ == bytes_.size() && !ended_ && random_() % 4 == 0) {
      ::shutdown(from, SHUT_WR);
      ended_ = true;
    }
    if (random_() % 3 != 0) read(to, most);
  }
  bool over() const { return end_seen_ || error_ != 0; }
  bool whole() const { return end_seen_ && error_ == 0 && got_ == bytes_; }

 private:
  size_t pick(std::initializer_list<size_t> sizes) {
    return 1 + random_() % *(sizes.begin() + random_() % sizes.size());
  }
  void read(int fd, size_t most) {
    std::string room(most, '\0');
    const ssize_t count = ::recv(fd, room.data(), room.size(), 0);
    if (count > 0) got_.append(room, 0, static_cast<size_t>(count));
    if (count == 0) end_seen_ = true;
    if (count < 0 && errno != EAGAIN) error_ = errno;
  }

  const std::string bytes_;
  std::mt19937& random_;
  std::string got_;
  size_t sent_ = 0;
  bool ended_ = false;
  bool end_seen_ = false;
  int error_ = 0;
};

class StreamPropertyTest : public testing::TestWithParam<uint32_t> {};

TEST_P(StreamPropertyTest, BytesAreTheSame) {
  std::mt19937 random(GetParam());
  ProxyHost host;
  Server server;
  host.cluster({server.address()});
  FilterHost::Client& client = host.connect();
  const int there = server.fd(host);
  ASSERT_GE(there, 0);
  for (int fd : {client.fd(), there}) {
    if (random() % 2 == 0) network::test::setSendBuffer(fd, 4096 << (random() % 8));
    if (random() % 2 == 0) network::test::setReceiveBuffer(fd, 16384 << (random() % 6));
  }
  const auto size = [&] { return random() % 4 == 0 ? random() % 20 : random() % (3 << 20); };
  Stream up(network::test::pattern(size(), GetParam()), random);
  Stream down(network::test::pattern(size(), GetParam() + 1), random);
  EXPECT_TRUE(host.dispatcher.runUntil(
      [&] {
        host.run();
        if (!up.over()) up.step(client.fd(), there);
        if (!down.over()) down.step(there, client.fd());
        return up.over() && down.over();
      },
      std::chrono::seconds(60)));
  EXPECT_TRUE(up.whole());
  EXPECT_TRUE(down.whole());
  EXPECT_TRUE(host.closes(client));
  EXPECT_EQ(host.lines.at(0).detail, "");
  EXPECT_EQ(host.io.bytesInUse(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, StreamPropertyTest, testing::Range(1u, 61u));

}  // namespace
}  // namespace weir::extensions::network_filters::tcp_proxy
