// Endpoints learn of each client of an HTTP listener.

#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "source/network/proxy_protocol.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::test {
namespace {

// Reads a header, then answers each request.
class HeaderOrigin {
 public:
  std::vector<network::ProxyProtocolHeader> headers() {
    const std::lock_guard lock(mutex_);
    return headers_;
  }
  const ScriptedOrigin& origin() const { return origin_; }

 private:
  void serve(RawConnection& connection) {
    std::string bytes;
    network::ProxyProtocolResult result;
    while (result.state == network::ProxyProtocolResult::State::kNeedMore) {
      const std::string one = connection.readExactly(1);
      if (one.empty()) return;
      result = network::parseProxyProtocol(bytes += one);
    }
    {
      const std::lock_guard lock(mutex_);
      headers_.push_back(result.header);
    }
    while (connection.readMessage().complete) {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  }
  std::mutex mutex_;
  std::vector<network::ProxyProtocolHeader> headers_;
  ScriptedOrigin origin_{[this](RawConnection& connection, int) { serve(connection); }};
};

std::string transport(std::string_view fields) {
  return "transport_socket { config { [transport_sockets/proxy_protocol] { " + std::string(fields) +
         " } } }";
}

int get(RawConnection& client, const std::string& host) {
  client.send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  return client.readMessage().status();
}

uint16_t portOf(const RawConnection& client) {
  sockaddr_in own{};
  socklen_t length = sizeof own;
  ::getsockname(client.fd(), reinterpret_cast<sockaddr*>(&own), &length);
  return ntohs(own.sin_port);
}

TEST(ProxyProtocolToEndpoints, EachClientHasConnectionsOfItsOwn) {
  HeaderOrigin backend;
  InProcessProxy proxy(runtime(1) + edgeListener() +
                       cluster("origin", {backend.origin().address()}, transport("")));
  RawConnection one = RawConnection::connectTo(proxy.port("edge"));
  RawConnection two = RawConnection::connectTo(proxy.port("edge"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(get(one, "a.example"), 200);
    EXPECT_EQ(get(two, "a.example:80"), 200);
  }
  const auto headers = backend.headers();
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers[0].source.port(), portOf(one));
  EXPECT_EQ(headers[1].source.port(), portOf(two));
  for (const auto& header : headers) {
    EXPECT_EQ(header.version, 2);
    EXPECT_EQ(header.destination.port(), proxy.port("edge"));
    ASSERT_NE(header.tlv(network::ProxyProtocolTlv::kAuthority), nullptr);
    EXPECT_EQ(header.tlv(network::ProxyProtocolTlv::kAuthority)->value, "a.example");
  }
  // Another name is another header.
  EXPECT_EQ(get(one, "b.example"), 200);
  EXPECT_EQ(backend.headers().size(), 3u);
}

TEST(ProxyProtocolToEndpoints, Version1) {
  HeaderOrigin backend;
  InProcessProxy proxy(
      runtime(1) + edgeListener() +
      cluster("origin", {backend.origin().address()}, transport("version: VERSION_1")));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_EQ(get(client, "a.example"), 200);
  EXPECT_EQ(get(client, "b.example"), 200);
  const auto headers = backend.headers();
  ASSERT_EQ(headers.size(), 1u) << "names do not matter";
  EXPECT_EQ(headers[0].version, 1);
  EXPECT_EQ(headers[0].source.port(), portOf(client));
}

// Client → header → Weir → header: the first client, and what the front proxy said of it.
TEST(ProxyProtocolToEndpoints, WhatAFrontProxySaidIsPassedOn) {
  HeaderOrigin backend;
  InProcessProxy proxy(runtime(1) +
                       R"(listeners { name: "edge" address: "127.0.0.1:0"
      listener_filters { config { [listener_filters/proxy_protocol] { keep_tlvs: 0xe4 } } }
      filter_chains { filters { config { [network_filters/http_connection_manager] {
        virtual_hosts { name: "all" domains: "*" routes { route { cluster: "origin" } } }
      } } } } }
      )" +
                       cluster("origin", {backend.origin().address()},
                               transport("tlvs { type: 0xe5 value: \"w\" }")));
  network::ProxyProtocolHeader front;
  front.source = *network::Address::parse("203.0.113.7:5555");
  front.destination = *network::Address::parse("198.51.100.1:443");
  front.tlvs = {{0xe4, "zone-a"}, {0xe6, "not kept"}};
  std::string bytes;
  ASSERT_TRUE(network::writeProxyProtocol(front, bytes).ok());
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send(bytes);
  EXPECT_EQ(get(client, "a.example"), 200);
  const auto headers = backend.headers();
  ASSERT_EQ(headers.size(), 1u);
  EXPECT_EQ(headers[0].source, front.source);
  EXPECT_EQ(headers[0].destination, front.destination);
  ASSERT_NE(headers[0].tlv(0xe4), nullptr);
  EXPECT_EQ(headers[0].tlv(0xe4)->value, "zone-a");
  EXPECT_EQ(headers[0].tlv(0xe5)->value, "w");
  EXPECT_EQ(headers[0].tlv(0xe6), nullptr);
}

}  // namespace
}  // namespace weir::test
