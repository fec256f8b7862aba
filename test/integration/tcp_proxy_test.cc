// The TCP proxy in the whole process: real sockets, several workers, scripted peers.

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "test/extensions/transport_sockets/common/tls_peer.h"
#include "test/support/child_process.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/test_certificates.h"

namespace weir {
namespace {

using test::InProcessProxy;
using test::RawConnection;
using test::ScriptedOrigin;

// Listener "db" (port 0) with a TCP proxy; `proxy` are its fields, `chain` those before it.
std::string tcpListener(std::string_view proxy, std::string_view chain = {}) {
  return R"(listeners { name: "db" address: "127.0.0.1:0" filter_chains { )" + std::string(chain) +
         " filters { config { [network_filters/tcp_proxy] { " + std::string(proxy) + " } } } } }\n";
}

std::string config(const std::vector<std::string>& origins, std::string_view proxy = {},
                   std::string_view chain = {}) {
  return tcpListener("cluster: \"db\" " + std::string(proxy), chain) +
         test::cluster("db", origins, "connect_timeout { seconds: 2 }") + test::runtime();
}

stats::Labels kProxy = {{"proxy", "db"}};

// Sends back what comes, piece by piece, until the end.
ScriptedOrigin::Script echoing() {
  return [](RawConnection& connection, int) {
    for (std::string bytes; !(bytes = connection.readSome()).empty();) {
      if (!connection.send(bytes)) return;
    }
  };
}

std::string pattern(size_t bytes) {
  std::string text(bytes, '\0');
  uint32_t x = 1;
  for (char& c : text) c = static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  return text;
}

// Whether the next read fails because the peer has reset.
bool wasReset(RawConnection& connection) {
  char byte;
  ssize_t count;
  while ((count = ::recv(connection.fd(), &byte, 1, 0)) > 0) {
  }
  return count < 0 && errno == ECONNRESET;
}

TEST(TcpProxy, AConversation) {
  ScriptedOrigin origin(echoing());
  InProcessProxy proxy(config({origin.address()}));
  RawConnection client = RawConnection::connectTo(proxy.port("db"));
  for (int i = 0; i < 100; ++i) {
    const std::string message = "message " + std::to_string(i);
    client.send(message);
    ASSERT_EQ(client.readExactly(message.size()), message);
  }
  client.shutdownWrite();
  EXPECT_EQ(client.readAll(), "");
  EXPECT_TRUE(proxy.waitForStat("tcp_connections_active", 0, kProxy));
  EXPECT_EQ(proxy.stat("tcp_connections_total", kProxy), 1);
}

TEST(TcpProxy, MuchBothWays) {
  ScriptedOrigin origin(echoing());
  InProcessProxy proxy(config({origin.address()}));
  RawConnection client = RawConnection::connectTo(proxy.port("db"));
  const std::string bytes = pattern(50 << 20);
  std::thread writer([&] {
    client.send(bytes);
    client.shutdownWrite();
  });
  const std::string got = client.readAll();
  writer.join();
  EXPECT_TRUE(got == bytes);
}

TEST(TcpProxy, TheServerSpeaksFirstAndEndsFirst) {
  std::string heard;
  std::atomic<bool> over{false};
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    connection.send("220 hello\r\n");
    connection.shutdownWrite();
    heard = connection.readAll();
    over = true;
  });
  InProcessProxy proxy(config({origin.address()}));
  RawConnection client = RawConnection::connectTo(proxy.port("db"));
  EXPECT_EQ(client.readAll(), "220 hello\r\n");
  client.send("I go on ");
  client.send("for a while");
  client.shutdownWrite();
  ASSERT_TRUE(test::eventually([&] { return over.load(); }));
  EXPECT_EQ(heard, "I go on for a while");
  EXPECT_TRUE(proxy.waitForStat("tcp_connections_active", 0, kProxy));
  EXPECT_EQ(proxy.stat("tcp_half_closed_total", kProxy), 1);
}

TEST(TcpProxy, ResetsArePassedOn) {
  std::atomic<bool> origin_saw_reset{false};
  ScriptedOrigin origin([&](RawConnection& connection, int number) {
    connection.readExactly(1);
    if (number == 0) {
      origin_saw_reset = wasReset(connection);
    } else {
      connection.abort();
    }
  });
  InProcessProxy proxy(config({origin.address()}));
  RawConnection first = RawConnection::connectTo(proxy.port("db"));
  first.send("x");
  ASSERT_TRUE(proxy.waitForStat("tcp_bytes_received_total", 1, kProxy));
  first.abort();
  EXPECT_TRUE(test::eventually([&] { return origin_saw_reset.load(); }));
  RawConnection second = RawConnection::connectTo(proxy.port("db"));
  second.send("x");
  EXPECT_TRUE(wasReset(second));
}

TEST(TcpProxy, ADeadEndpointIsPassedBy) {
  ScriptedOrigin origin(echoing());
  ScriptedOrigin dead(echoing());
  dead.kill();
  InProcessProxy proxy(config({dead.address(), origin.address()}));
  for (int i = 0; i < 8; ++i) {
    RawConnection client = RawConnection::connectTo(proxy.port("db"));
    client.send("hello");
    EXPECT_EQ(client.readExactly(5), "hello");
  }
  EXPECT_GT(proxy.stat("tcp_connect_retries_total", kProxy), 0);
  EXPECT_EQ(proxy.stat("tcp_connect_gave_up_total", kProxy), 0);
}

TEST(TcpProxy, AllDead) {
  ScriptedOrigin dead(echoing());
  dead.kill();
  test::TemporaryFolder folder;
  InProcessProxy proxy(
      config({dead.address()},
             "access_logs { config { [access_loggers/file] { path: \"" + folder.file("log") +
                 "\" format: \"%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% "
                 "%UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_CLUSTER% %BYTES_RECEIVED%\" } } }"));
  RawConnection client = RawConnection::connectTo(proxy.port("db"));
  EXPECT_TRUE(wasReset(client));
  EXPECT_TRUE(proxy.waitForStat("tcp_connect_gave_up_total", 1, kProxy));
  EXPECT_TRUE(test::eventually([&] {
    return test::readFile(folder.file("log")) == "UF,URX connect_failed 3 db 0\n";
  })) << test::readFile(folder.file("log"));
}

TEST(TcpProxy, TheUsualLogLine) {
  ScriptedOrigin origin(echoing());
  test::TemporaryFolder folder;
  InProcessProxy proxy(config(
      {origin.address()},
      "access_logs { config { [access_loggers/file] { path: \"" + folder.file("log") + "\" } } }"));
  {
    RawConnection client = RawConnection::connectTo(proxy.port("db"));
    client.send("hello");
    EXPECT_EQ(client.readExactly(5), "hello");
    client.shutdownWrite();
    EXPECT_EQ(client.readAll(), "");
  }
  std::string line;
  EXPECT_TRUE(test::eventually([&] {
    line = test::readFile(folder.file("log"));
    return line.ends_with('\n');
  }));
  EXPECT_NE(line.find(" \"127.0.0.1:" + std::to_string(proxy.port("db")) + "\" - - 5 5 "),
            std::string::npos)
      << line;
  EXPECT_TRUE(line.ends_with(" \"-\" \"db\" \"" + origin.address() + "\"\n")) << line;
}

TEST(TcpProxy, ASlowReaderCostsBoundedMemory) {
  std::atomic<uint64_t> sent{0};
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    const std::string bytes = pattern(1 << 20);
    for (int i = 0; i < 200 && connection.send(bytes); ++i) sent += bytes.size();
  });
  InProcessProxy proxy(config({origin.address()}));
  std::vector<RawConnection> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(RawConnection::connectTo(proxy.port("db")));
    clients.back().setReceiveBuffer(16 * 1024);
    EXPECT_FALSE(clients.back().readExactly(1000).empty());
  }
  // Until nothing moves any more for a second.
  uint64_t before = 0;
  while (test::eventually([&] { return sent != before; }, std::chrono::seconds(1))) before = sent;
  EXPECT_LT(sent, 4u * 64 << 20);
  EXPECT_LT(proxy.stat("buffer_bytes"), 4 << 20);
}

TEST(TcpProxy, AThousandAtOnce) {
  ScriptedOrigin origin(echoing());
  InProcessProxy proxy(config({origin.address()}));
  std::vector<RawConnection> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.push_back(RawConnection::connectTo(proxy.port("db")));
    clients.back().send("hello " + std::to_string(i));
  }
  for (int i = 0; i < 1000; ++i) {
    const std::string expected = "hello " + std::to_string(i);
    ASSERT_EQ(clients[static_cast<size_t>(i)].readExactly(expected.size()), expected);
  }
  EXPECT_EQ(proxy.stat("tcp_connections_active", kProxy), 1000);
  clients.clear();
  EXPECT_TRUE(proxy.waitForStat("tcp_connections_active", 0, kProxy));
  EXPECT_TRUE(proxy.waitForStat("cluster_active_connections", 0, {{"cluster", "db"}}));
}

TEST(TcpProxy, ZeroBytes) {
  ScriptedOrigin origin([](RawConnection&, int) {});  // closes at once
  InProcessProxy proxy(config({origin.address()}));
  for (int i = 0; i < 50; ++i) {
    RawConnection client = RawConnection::connectTo(proxy.port("db"));
    if (i % 2 == 0) client.shutdownWrite();
    EXPECT_EQ(client.readAll(), "");
  }
  EXPECT_TRUE(proxy.waitForStat("tcp_connections_active", 0, kProxy));
}

// --- New configurations ---

TEST(TcpProxy, RunningConnectionsKeepTheirEndpoint) {
  const auto saying = [](std::string name) {
    return [name](RawConnection& connection, int) {
      for (std::string bytes; !(bytes = connection.readSome()).empty();) connection.send(name);
    };
  };
  ScriptedOrigin old_origin(saying("old"));
  ScriptedOrigin new_origin(saying("new"));
  InProcessProxy proxy(config({old_origin.address()}));
  RawConnection running = RawConnection::connectTo(proxy.port("db"));
  running.send("?");
  EXPECT_EQ(running.readExactly(3), "old");
  ASSERT_EQ(proxy.reload(config({new_origin.address()})), "");
  running.send("?");
  EXPECT_EQ(running.readExactly(3), "old");
  RawConnection fresh = RawConnection::connectTo(proxy.port("db"));
  fresh.send("?");
  EXPECT_EQ(fresh.readExactly(3), "new");
  // Another cluster by another name, and the old one gone.
  ASSERT_EQ(proxy.reload(tcpListener("cluster: \"other\"") +
                         test::cluster("other", {new_origin.address()}) + test::runtime()),
            "");
  running.send("?");
  EXPECT_EQ(running.readExactly(3), "old");
  RawConnection newest = RawConnection::connectTo(proxy.port("db"));
  newest.send("?");
  EXPECT_EQ(newest.readExactly(3), "new");
}

TEST(TcpProxy, DrainingLetsConnectionsFinish) {
  ScriptedOrigin origin(echoing());
  InProcessProxy proxy(config({origin.address()}));
  RawConnection client = RawConnection::connectTo(proxy.port("db"));
  client.send("a");
  EXPECT_EQ(client.readExactly(1), "a");
  std::thread ending([&] { proxy.shutdown(); });
  client.send("b");
  EXPECT_EQ(client.readExactly(1), "b");
  client.shutdownWrite();
  EXPECT_EQ(client.readAll(), "");
  ending.join();
}

// --- TLS ends here ---

TEST(TcpProxy, BehindTls) {
  using extensions::transport_sockets::test::TlsPeer;
  const test::TestPki pki;
  ScriptedOrigin origin(echoing());
  InProcessProxy proxy(config(
      {origin.address()}, {},
      "transport_socket { config { [transport_sockets/tls] { certificates { "
      "certificate_file: \"" +
          pki.serverCertificate() + "\" private_key_file: \"" + pki.serverKey() + "\" } } } }"));
  RawConnection connection = RawConnection::connectTo(proxy.port("db"));
  TlsPeer client(base::UniqueFd(::dup(connection.fd())), {.server_name = "localhost"});
  ASSERT_TRUE(test::eventually([&] { return client.step() != TlsPeer::State::kGoingOn; }));
  ASSERT_EQ(client.state(), TlsPeer::State::kDone) << client.error;
  const std::string bytes = pattern(200'000);
  size_t sent = 0;
  std::string got;
  EXPECT_TRUE(test::eventually([&] {
    if (sent < bytes.size()) {
      client.write(bytes.substr(sent, 10'000));
      sent += 10'000;
    }
    got += client.read();
    return got.size() >= bytes.size();
  }));
  EXPECT_TRUE(got == bytes);
}

}  // namespace
}  // namespace weir
