#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "test/network/udp_peer.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"

// A proxy for datagrams on listener "dns", its origin and its clients.
namespace weir::test_udp {

using network::Address;
using network::UdpPeer;

inline std::string udpListener(std::string_view fields = {}, std::string_view name = "dns") {
  return "listeners { name: \"" + std::string(name) +
         "\" address: \"127.0.0.1:0\" udp_filter { config { [udp_filters/udp_proxy] { cluster: "
         "\"origin\" " +
         std::string(fields) + " } } } }\n";
}

inline Address listenerOf(const test::InProcessProxy& proxy) {
  return Address::parse("127.0.0.1:1")->withPort(proxy.port("dns"));
}

inline std::string config(const UdpPeer& origin, std::string_view fields = {}) {
  return udpListener(fields) + test::cluster("origin", {origin.address().toString()}) +
         test::runtime();
}

// The client's question and the origin's answer.
inline void exchange(const UdpPeer& client, const UdpPeer& origin, const Address& to,
                     const std::string& text) {
  client.send(text, to);
  const auto asked = origin.receive();
  ASSERT_EQ(asked.bytes, text);
  origin.send(text, asked.from);
  const auto answer = client.receive();
  ASSERT_EQ(answer.bytes, text);
  ASSERT_EQ(answer.from, to);
}

}  // namespace weir::test_udp
