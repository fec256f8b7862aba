// Bodies that pass the filter chain by.

#include <sys/socket.h>
#include <unistd.h>

#include "test/router/router_fixture.h"

namespace weir::router {
namespace {

// The client's end of a raw downstream connection.
class RawClient final : public network::ConnectionHandler {
 public:
  explicit RawClient(TestWorker& worker) {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer_ = fds[1];
    connection =
        network::Connection::accepted(worker.io, fds[0], network::Address(), nullptr, nullptr);
    connection->setHandler(*this);
    connection->start();
  }
  ~RawClient() {
    connection.reset();
    ::close(peer_);
  }
  void onData(buffer::Buffer& data, bool) override { data.clear(); }
  void onClose(network::CloseReason) override {}
  void read() {
    char bytes[65536];
    for (int i = 0; i < 64; ++i) {
      const ssize_t count = ::recv(peer_, bytes, sizeof bytes, 0);
      if (count <= 0) return;
      text.append(bytes, static_cast<size_t>(count));
    }
  }

  std::unique_ptr<network::Connection> connection;
  std::string text;

 private:
  int peer_ = -1;
};

std::string pattern(size_t size) {
  std::string text(size, ' ');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 31 / 7 % 26);
  return text;
}

class RouterSpliceTest : public RouterTest {
 protected:
  // Sends the head with the first `first` bytes of `body` in one piece.
  std::unique_ptr<Stream> begin(RawClient& client, const std::string& body, size_t first) {
    apply();
    auto s = stream();
    s->sink.raw = client.connection.get();
    s->send();
    received(0);
    origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                       "\r\n\r\n" + body.substr(0, first));
    rest_ = std::string_view(body).substr(first);
    return s;
  }
  void sendMore() {
    const std::string_view piece = rest_.substr(0, 32 * 1024);
    origin.send(0, piece);
    rest_.remove_prefix(piece.size());
  }
  std::string_view rest_;
};

TEST_F(RouterSpliceTest, LongBodiesPassTheChainByAndTheConnectionIsReused) {
  const std::string body = pattern(1 << 20);
  for (const size_t first : {size_t{0}, size_t{5000}}) {
    RawClient client(worker);
    auto s = begin(client, body, first);
    EXPECT_TRUE(worker.until([&] {
      sendMore();
      client.read();
      return s->sink.ended && client.text.size() == body.size();
    }));
    EXPECT_TRUE(s->sink.body.empty()) << "it came through the chain";
    EXPECT_TRUE(client.text == body);
    EXPECT_EQ(s->sink.raw_bytes, body.size());
    EXPECT_TRUE(worker.until([&] { return worker.pool().idleConnections() == 1; }));
    EXPECT_EQ(origin.accepted(), 1u);
  }
}

TEST_F(RouterSpliceTest, AnEarlyEndOfTheOriginResets) {
  const std::string body = pattern(1 << 20);
  RawClient client(worker);
  auto s = begin(client, body, 5000);
  EXPECT_TRUE(worker.until([&] {
    client.read();
    return client.text.size() == 5000;
  }));
  origin.close(0);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kConnectionClosed);
}

TEST_F(RouterSpliceTest, ALeavingClientEndsTheOriginsConnection) {
  const std::string body = pattern(1 << 20);
  RawClient client(worker);
  auto s = begin(client, body, 5000);
  EXPECT_TRUE(worker.until([&] {
    client.read();
    return client.text.size() == 5000;
  }));
  s->end();
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
}

TEST_F(RouterSpliceTest, TheTimeoutEndsIt) {
  const std::string body = pattern(1 << 20);
  RawClient client(worker);
  auto s = begin(client, body, 5000);
  EXPECT_TRUE(worker.until([&] {
    client.read();
    return client.text.size() == 5000;
  }));
  worker.dispatcher.advance(milliseconds(1200));
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kRequestTimeout);
}

}  // namespace
}  // namespace weir::router
