// PROXY protocol with HAProxy at the other end: it understands what Weir sends, and Weir what it
// sends.

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Finished;
using test::ScriptedOrigin;
using ::testing::HasSubstr;
using ::testing::Not;

// Loopback addresses are all this host's: one that nobody else uses.
constexpr char kClient[] = "127.0.0.9";

constexpr char kDefaults[] =
    "global\n  maxconn 200\ndefaults\n  timeout connect 10s\n  timeout client 20s\n"
    "  timeout server 20s\n";

class HaproxyTest : public ::testing::Test {
 protected:
  // HAProxy with these sections of its configuration, listening on `port`.
  std::unique_ptr<test::ChildProcess> start(const std::string& sections, uint16_t port) {
    const std::string file =
        folder_.write("haproxy-" + std::to_string(port) + ".cfg", kDefaults + sections);
    auto process =
        std::make_unique<test::ChildProcess>(test::Command{"haproxy", "-db", "-f", file});
    EXPECT_TRUE(test::accepts(port, *process)) << process->err();
    return process;
  }

  // Expects a PROXY header, and says where it believes the client to be and to have gone.
  std::unique_ptr<test::ChildProcess> startTeller(uint16_t port) {
    return start("frontend teller\n  mode http\n  bind 127.0.0.1:" + std::to_string(port) +
                     " accept-proxy\n  http-request return status 200 content-type text/plain "
                     "lf-string \"%[src]:%[src_port] %[dst]:%[dst_port]\"\n",
                 port);
  }

  // Sends connections on to `target` with a PROXY header.
  std::unique_ptr<test::ChildProcess> startForwarder(uint16_t port, uint16_t target,
                                                     const std::string& header) {
    return start("listen forwarder\n  mode tcp\n  bind 127.0.0.1:" + std::to_string(port) +
                     "\n  server weir 127.0.0.1:" + std::to_string(target) + " " + header + "\n",
                 port);
  }

  // What the port answers to a client whose address is kClient; and that client's port.
  static Finished ask(uint16_t port) {
    Finished answer = test::curl({"--interface", kClient, "--write-out", "%{stderr}%{local_port}",
                                  "http://127.0.0.1:" + std::to_string(port) + "/"});
    return answer;
  }

  static std::string sender(const std::string& version, uint16_t endpoint) {
    return test::cluster("haproxy", {"127.0.0.1:" + std::to_string(endpoint)},
                         "transport_socket { config { [transport_sockets/proxy_protocol] { "
                         "version: " +
                             version + " } } }");
  }
  static constexpr char kReceiver[] =
      "listener_filters { config { [listener_filters/proxy_protocol] { "
      "trusted_sources: \"127.0.0.0/8\" } } }";

  test::TemporaryFolder folder_;
  uint16_t port_ = test::freePort();
};

TEST_F(HaproxyTest, HearsFromWeirWhoTheClientIs) {
  const auto haproxy = startTeller(port_);
  for (const std::string& version : {std::string("VERSION_1"), std::string("VERSION_2")}) {
    test::WeirProcess weir(
        test::tcpListener("edge", "[network_filters/tcp_proxy] { cluster: \"haproxy\" }") +
        sender(version, port_) + test::runtime());
    ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
    const Finished answer = ask(weir.port("edge"));
    EXPECT_EQ(answer.out, std::string(kClient) + ":" + answer.err +
                              " 127.0.0.1:" + std::to_string(weir.port("edge")))
        << version;
  }
}

TEST_F(HaproxyTest, TellsWeirWhoTheClientIs) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  const std::string edge = test::edgeListener();
  test::WeirProcess weir(
      std::string(edge).insert(edge.find("filter_chains"), std::string(kReceiver) + "\n  ") +
      test::cluster("origin", {origin.address()}) + test::runtime());
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  for (const std::string& header :
       {std::string("send-proxy"), std::string("send-proxy-v2"),
        std::string("send-proxy-v2-ssl-cn"),
        std::string("send-proxy-v2 proxy-v2-options unique-id,crc32c,authority")}) {
    const uint16_t port = test::freePort();
    const auto haproxy = startForwarder(port, weir.port("edge"), header);
    EXPECT_THAT(ask(port).out, HasSubstr(std::string("x-forwarded-for: ") + kClient + "\n"))
        << header;
  }
  // Nobody comes in without.
  EXPECT_NE(ask(weir.port("edge")).code, 0);
}

TEST_F(HaproxyTest, ItsHealthChecksSayLocalAndAreAnswered) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  const std::string edge = test::edgeListener();
  test::WeirProcess weir(
      std::string(edge).insert(edge.find("filter_chains"), std::string(kReceiver) + "\n  ") +
      test::cluster("origin", {origin.address()}) + test::runtime());
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  const auto haproxy =
      startForwarder(port_, weir.port("edge"),
                     "send-proxy-v2 check check-send-proxy inter 50ms fall 1\n  option httpchk");
  EXPECT_TRUE(test::eventually([&] { return weir.stat("http_requests_total") >= 5; }));
  EXPECT_THAT(haproxy->err(), Not(HasSubstr("DOWN")));
  EXPECT_EQ(ask(port_).code, 0);
}

TEST_F(HaproxyTest, WhatItSaidGoesOnThroughTwoProxies) {
  const auto teller = startTeller(port_);
  test::WeirProcess weir(
      test::tcpListener("edge", "[network_filters/tcp_proxy] { cluster: \"haproxy\" }", kReceiver) +
      sender("VERSION_2", port_) + test::runtime());
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  const uint16_t port = test::freePort();
  const auto forwarder = startForwarder(port, weir.port("edge"), "send-proxy-v2");
  const Finished answer = ask(port);
  EXPECT_EQ(answer.out,
            std::string(kClient) + ":" + answer.err + " 127.0.0.1:" + std::to_string(port));
}

}  // namespace
}  // namespace weir
