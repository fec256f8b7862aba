#include "extensions/transport_sockets/proxy_protocol/proxy_protocol.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "gtest/gtest.h"

#include "source/base/fd.h"
#include "source/buffer/block_pool.h"
#include "test/fakes/fake_transport.h"

namespace weir::extensions::transport_sockets::proxy_protocol {
namespace {

using network::IoResult;
using network::test::FakeTransport;
using network::test::FakeWire;

class NoHost final : public network::TransportHost {
 public:
  void transportReady() override {}
};

// Both ends of a socket pair, non-blocking, with small buffers.
struct Pair {
  Pair() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    near.reset(fds[0]);
    far.reset(fds[1]);
    const int small = 1;
    ::setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  }
  std::string read() {
    std::string text;
    char bytes[4096];
    for (ssize_t count; (count = ::recv(far.get(), bytes, sizeof bytes, 0)) > 0;) {
      text.append(bytes, static_cast<size_t>(count));
    }
    return text;
  }
  base::UniqueFd near, far;
  NoHost host;
};

TEST(ProxyProtocolSocketTest, TheHeaderGoesFirstThenThePlainBytes) {
  Pair pair;
  ProxyProtocolSocket socket("PROXY header", nullptr);
  socket.attach(pair.near.get(), pair.host);
  EXPECT_TRUE(socket.wantsWrite());
  EXPECT_EQ(socket.handshake().state, IoResult::State::kOk);
  EXPECT_FALSE(socket.wantsWrite());
  EXPECT_EQ(pair.read(), "PROXY header");
  EXPECT_TRUE(socket.bytesAreRaw()) << "so that splice may follow";
  buffer::BlockPool blocks;
  buffer::Buffer data(blocks);
  data.append("body");
  EXPECT_EQ(socket.write(data).bytes, 4u);
  EXPECT_EQ(pair.read(), "body");
  ::send(pair.far.get(), "answer", 6, 0);
  char room[16];
  EXPECT_EQ(socket.read(room).bytes, 6u);
  EXPECT_EQ(socket.shutdownWrite().state, IoResult::State::kOk);
}

TEST(ProxyProtocolSocketTest, AFullSocketMakesItWait) {
  Pair pair;
  const std::string header(65'000, 'h');
  ProxyProtocolSocket socket(header, nullptr);
  socket.attach(pair.near.get(), pair.host);
  std::string text;
  int rounds = 0;
  while (socket.handshake().state == IoResult::State::kWouldBlock && ++rounds < 1000) {
    EXPECT_TRUE(socket.wantsWrite());
    text += pair.read();
  }
  EXPECT_GT(rounds, 0);
  EXPECT_EQ(text + pair.read(), header);
}

TEST(ProxyProtocolSocketTest, APeerThatHasGoneIsAnError) {
  Pair pair;
  pair.far.reset();
  ProxyProtocolSocket socket("header", nullptr);
  socket.attach(pair.near.get(), pair.host);
  const IoResult result = socket.handshake();
  EXPECT_EQ(result.state, IoResult::State::kError);
  EXPECT_EQ(result.error, EPIPE);
}

TEST(ProxyProtocolSocketTest, TheHandshakeInsideFollows) {
  Pair pair;
  auto wire = std::make_shared<FakeWire>();
  wire->handshake_steps = 2;
  ProxyProtocolSocket socket("header", std::make_unique<FakeTransport>(wire));
  socket.attach(pair.near.get(), pair.host);
  EXPECT_EQ(socket.handshake().state, IoResult::State::kWouldBlock);
  EXPECT_EQ(pair.read(), "header");
  EXPECT_FALSE(socket.wantsWrite()) << "as the one inside says";
  wire->wants_write = true;
  EXPECT_TRUE(socket.wantsWrite());
  EXPECT_EQ(socket.handshake().state, IoResult::State::kWouldBlock);
  EXPECT_EQ(socket.handshake().state, IoResult::State::kOk);
  EXPECT_EQ(pair.read(), "") << "once only";
  EXPECT_FALSE(socket.bytesAreRaw());
  EXPECT_EQ(socket.reason(), "fake");
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::proxy_protocol
