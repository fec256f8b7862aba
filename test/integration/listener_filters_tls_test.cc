// TLS that ends at the listener, behind listener filters that have read its first bytes.

#include <openssl/x509v3.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/network/proxy_protocol.h"
#include "test/extensions/transport_sockets/common/tls_peer.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/test_certificates.h"

namespace weir {
namespace {

using extensions::transport_sockets::test::TlsPeer;
using test::RawConnection;
using test::ScriptedOrigin;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ListenerFiltersTlsTest : public ::testing::Test {
 protected:
  static constexpr char kGet[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

  std::string config() {
    const auto root = test::makeAuthority();
    std::string text =
        R"(listeners { name: "edge" address: "127.0.0.1:0"
          listener_filters { config { [listener_filters/proxy_protocol] {
            allow_requests_without_proxy_protocol: true } } }
          listener_filters { config { [listener_filters/tls_inspector] {} } }
          listener_filters { config { [listener_filters/http_inspector] {} } })";
    for (const std::string name : {"one.example", "two.example"}) {
      const auto leaf = test::makeLeaf(root, {name});
      text +=
          "filter_chains { match { server_names: \"" + name +
          "\" } transport_socket { config { [transport_sockets/tls] { certificates { "
          "certificate_file: \"" +
          folder_.write(name + ".pem", leaf.pem()) + "\" private_key_file: \"" +
          folder_.write(name + ".key", leaf.keyPem()) +
          "\" } } } } filters { config { [network_filters/http_connection_manager] { "
          "virtual_hosts { name: \"all\" domains: \"*\" routes { route { cluster: \"origin\" } } } "
          "} } } }\n";
    }
    return text + "}\n" + test::cluster("origin", {origin_.address()}) + test::runtime();
  }
  // What the origin was asked by a client whose first bytes are `before` and then its ClientHello;
  // they leave `step` at a time.
  std::string ask(const std::string& name, const std::string& before, size_t step) {
    const RawConnection connection = RawConnection::connectTo(proxy_.port("edge"));
    TlsPeer peer(base::UniqueFd(::dup(connection.fd())), {.server_name = name});
    bool first = true;
    peer.change = [&](std::string& bytes) {
      if (!std::exchange(first, false)) return;
      bytes.insert(0, before);
      while (bytes.size() > step) {
        peer.put(std::string_view(bytes).substr(0, step));
        bytes.erase(0, step);
      }
    };
    if (!test::eventually([&] { return peer.step() != TlsPeer::State::kGoingOn; })) return "waits";
    if (peer.state() != TlsPeer::State::kDone) return peer.error;
    const bssl::UniquePtr<X509> shown(SSL_get_peer_certificate(peer.ssl()));
    EXPECT_EQ(X509_check_host(shown.get(), name.data(), name.size(), 0, nullptr), 1);
    peer.write(kGet);
    std::string answer;
    test::eventually([&] {
      answer += peer.read();
      return peer.ended() || peer.failed();
    });
    return answer;
  }

  test::TestFolder folder_;
  ScriptedOrigin origin_{ScriptedOrigin::echoing()};
  test::InProcessProxy proxy_{config()};
};

TEST_F(ListenerFiltersTlsTest, TheHandshakeHasAllOfItsBytes) {
  network::ProxyProtocolHeader header;
  header.source = *network::Address::parse("192.0.2.7:4711");
  header.destination = *network::Address::parse("192.0.2.1:443");
  std::string v2;
  ASSERT_TRUE(network::writeProxyProtocol(header, v2).ok());
  for (const size_t step : {1ul, 100ul, 100'000ul}) {
    for (const std::string name : {"one.example", "two.example"}) {
      EXPECT_THAT(ask(name, v2, step), AllOf(HasSubstr("x-forwarded-for: 192.0.2.7\n"),
                                             HasSubstr("x-forwarded-proto: https\n")))
          << step;
      EXPECT_THAT(ask(name, "", step), HasSubstr("x-forwarded-for: 127.0.0.1\n")) << step;
    }
  }
  EXPECT_EQ(proxy_.stat("tls_inspector_server_name_total", {{"listener", "edge"}}), 12);
}

TEST_F(ListenerFiltersTlsTest, WhatBeginsAsTlsAndIsNoneIsClosed) {
  RawConnection client = RawConnection::connectTo(proxy_.port("edge"));
  client.send(std::string("\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9));
  EXPECT_TRUE(client.closedByPeer());
  EXPECT_EQ(
      proxy_.stat("tls_inspector_malformed_total", {{"listener", "edge"}, {"reason", "too_long"}}),
      1);
}

}  // namespace
}  // namespace weir
