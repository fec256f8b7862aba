#include "extensions/transport_sockets/proxy_protocol/client_header.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

#include "source/network/address.h"
#include "source/network/connection_info.h"

namespace weir::extensions::transport_sockets::proxy_protocol {
namespace {

using network::Address;
using network::ProxyProtocolHeader;
using network::ProxyProtocolTlv;
using network::TransportTarget;

Address address(const std::string& text) {
  return *Address::parse(text);
}

// What a reader makes of the header; the whole of it must be one.
ProxyProtocolHeader sent(const ProxyProtocolConfig& config, const TransportTarget& target) {
  const std::string bytes = clientHeader(config, target);
  const auto result = network::parseProxyProtocol(bytes);
  EXPECT_EQ(result.state, network::ProxyProtocolResult::State::kDone);
  EXPECT_EQ(result.consumed, bytes.size());
  return result.header;
}

std::string tlv(const ProxyProtocolHeader& header, uint8_t type) {
  const ProxyProtocolTlv* found = header.tlv(type);
  return found == nullptr ? "none" : found->value;
}

// A client with a certificate.
class FakeSecurity final : public network::SecurityInfo {
 public:
  std::string_view tlsVersion() const override { return "TLSv1.3"; }
  std::string_view cipher() const override { return "TLS_AES_128_GCM_SHA256"; }
  std::string_view requestedServerName() const override { return "a.example"; }
  const network::CertificateFacts* peerCertificate() const override {
    return facts ? &*facts : nullptr;
  }
  bool peerVerified() const override { return verified; }
  bool resumed() const override { return was_resumed; }

  std::optional<network::CertificateFacts> facts;
  bool verified = false;
  bool was_resumed = false;
};

class ClientHeaderTest : public testing::Test {
 protected:
  ClientHeaderTest() {
    target.server_name = "a.example";
    target.source = &source;
    target.destination = &destination;
    target.info = &info;
  }
  Address source = address("192.0.2.1:4000");
  Address destination = address("198.51.100.2:443");
  network::ConnectionInfo info;
  TransportTarget target;
  ProxyProtocolConfig config;
};

TEST_F(ClientHeaderTest, Version2SaysWhoTheClientIs) {
  info.application_protocols = {"h2"};
  const ProxyProtocolHeader header = sent(config, target);
  EXPECT_EQ(header.version, 2);
  EXPECT_FALSE(header.local);
  EXPECT_EQ(header.source, source);
  EXPECT_EQ(header.destination, destination);
  EXPECT_EQ(tlv(header, ProxyProtocolTlv::kAuthority), "a.example");
  EXPECT_EQ(tlv(header, ProxyProtocolTlv::kAlpn), "h2");
  EXPECT_EQ(header.tlvs.size(), 2u);
}

TEST_F(ClientHeaderTest, Version1IsALine) {
  config.version = 1;
  EXPECT_EQ(clientHeader(config, target), "PROXY TCP4 192.0.2.1 198.51.100.2 4000 443\r\n");
  source = address("[2001:db8::1]:4000");
  destination = address("[2001:db8::2]:443");
  EXPECT_EQ(clientHeader(config, target), "PROXY TCP6 2001:db8::1 2001:db8::2 4000 443\r\n");
}

TEST_F(ClientHeaderTest, NobodyIsLocal) {
  for (const TransportTarget& nobody : {TransportTarget{}, TransportTarget{.source = &source},
                                        TransportTarget{.destination = &destination}}) {
    config.version = 2;
    const ProxyProtocolHeader header = sent(config, nobody);
    EXPECT_TRUE(header.local);
    EXPECT_FALSE(header.hasAddresses());
    config.version = 1;
    EXPECT_EQ(clientHeader(config, nobody), "PROXY UNKNOWN\r\n");
  }
}

TEST_F(ClientHeaderTest, UnixClients) {
  source = destination = address("unix:/run/weir");
  const ProxyProtocolHeader header = sent(config, target);
  EXPECT_EQ(header.source, source);
  EXPECT_FALSE(header.local);
  config.version = 1;
  EXPECT_EQ(clientHeader(config, target), "PROXY UNKNOWN\r\n");
  // One of each kind cannot be said.
  destination = address("198.51.100.2:443");
  config.version = 2;
  EXPECT_FALSE(sent(config, target).hasAddresses());
}

TEST_F(ClientHeaderTest, BothFamiliesTravelAsIpv6) {
  destination = address("[2001:db8::2]:443");
  const ProxyProtocolHeader header = sent(config, target);
  EXPECT_EQ(header.destination, destination);
  EXPECT_TRUE(header.hasAddresses());
}

TEST_F(ClientHeaderTest, ConfiguredStandBeforeKeptBeforeOwn) {
  info.proxy_tlvs = {{0xe1, "kept"}, {0xe2, "kept"}, {ProxyProtocolTlv::kAuthority, "front"}};
  info.application_protocols = {"h2"};
  config.tlvs = {{0xe1, "configured"}, {ProxyProtocolTlv::kAlpn, "configured"}};
  ProxyProtocolHeader header = sent(config, target);
  EXPECT_EQ(tlv(header, 0xe1), "configured");
  EXPECT_EQ(tlv(header, 0xe2), "kept");
  EXPECT_EQ(tlv(header, ProxyProtocolTlv::kAuthority), "front");
  EXPECT_EQ(tlv(header, ProxyProtocolTlv::kAlpn), "configured");
  EXPECT_EQ(header.tlvs.size(), 4u) << "each type once";
  config.pass_tlvs = false;
  header = sent(config, target);
  EXPECT_EQ(tlv(header, 0xe2), "none");
  EXPECT_EQ(tlv(header, ProxyProtocolTlv::kAuthority), "a.example");
}

TEST_F(ClientHeaderTest, KeptOnesOfOneTypeAllTravel) {
  info.proxy_tlvs = {{0xe2, "one"}, {0xe2, "two"}};
  const ProxyProtocolHeader header = sent(config, target);
  ASSERT_EQ(header.tlvs.size(), 3u);
  EXPECT_EQ(header.tlvs[1].value, "two");
}

TEST_F(ClientHeaderTest, WhatIsNotKnownOrNotWantedIsNotSaid) {
  info.application_protocols = {"h2", "http/1.1"};  // offered: nobody knows which
  EXPECT_EQ(tlv(sent(config, target), ProxyProtocolTlv::kAlpn), "none");
  info.application_protocols = {"h2"};
  config.authority = config.alpn = false;
  EXPECT_TRUE(sent(config, target).tlvs.empty());
  config.authority = true;
  const std::string longest(255, 'a'), too_long(256, 'a');
  target.server_name = longest;
  EXPECT_EQ(tlv(sent(config, target), ProxyProtocolTlv::kAuthority), longest);
  target.server_name = too_long;
  EXPECT_EQ(tlv(sent(config, target), ProxyProtocolTlv::kAuthority), "none");
  target.info = nullptr;
  target.server_name = {};
  EXPECT_TRUE(sent(config, target).tlvs.empty());
}

TEST_F(ClientHeaderTest, TlsOfTheClientIsSaidWhenAskedFor) {
  FakeSecurity security;
  target.client_security = &security;
  EXPECT_EQ(tlv(sent(config, target), ProxyProtocolTlv::kSsl), "none") << "off by default";
  config.ssl = true;
  auto ssl = network::ProxyProtocolSsl::parse(tlv(sent(config, target), ProxyProtocolTlv::kSsl));
  ASSERT_TRUE(ssl);
  EXPECT_TRUE(ssl->over_tls);
  EXPECT_FALSE(ssl->certificate_in_session);
  EXPECT_EQ(ssl->version, "TLSv1.3");
  EXPECT_EQ(ssl->cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_NE(ssl->verify, 0u);
  security.facts.emplace().subject = "CN=web\\, one,O=Example";
  security.verified = true;
  ssl = network::ProxyProtocolSsl::parse(tlv(sent(config, target), ProxyProtocolTlv::kSsl));
  EXPECT_TRUE(ssl->certificate_on_connection);
  EXPECT_TRUE(ssl->certificate_in_session);
  EXPECT_EQ(ssl->verify, 0u);
  EXPECT_EQ(ssl->common_name, "web, one");
  security.was_resumed = true;
  security.verified = false;
  ssl = network::ProxyProtocolSsl::parse(tlv(sent(config, target), ProxyProtocolTlv::kSsl));
  EXPECT_FALSE(ssl->certificate_on_connection);
  EXPECT_NE(ssl->verify, 0u);
  target.client_security = nullptr;
  EXPECT_EQ(tlv(sent(config, target), ProxyProtocolTlv::kSsl), "none") << "a plain client";
}

TEST_F(ClientHeaderTest, WhatDoesNotFitIsLeftOut) {
  config.tlvs = {{0xe0, "mine"}};
  for (int i = 0; i < 3; ++i) info.proxy_tlvs.push_back({0xe2, std::string(30'000, 'x')});
  const ProxyProtocolHeader header = sent(config, target);
  EXPECT_EQ(header.source, source);
  EXPECT_EQ(tlv(header, 0xe0), "mine");
  EXPECT_EQ(header.tlvs.size(), 1u);
}

TEST_F(ClientHeaderTest, AChecksumIsThatOfTheHeader) {
  config.checksum = true;
  std::string bytes = clientHeader(config, target);
  EXPECT_EQ(network::parseProxyProtocol(bytes).state, network::ProxyProtocolResult::State::kDone);
  bytes[20] ^= 1;
  EXPECT_EQ(network::parseProxyProtocol(bytes).error, network::ProxyProtocolError::kBadChecksum);
}

TEST(CommonNameTest, IsTheFirstOne) {
  EXPECT_EQ(commonName("CN=web,O=Example"), "web");
  EXPECT_EQ(commonName("O=Example,CN=web"), "web");
  EXPECT_EQ(commonName("OU=a+CN=web,O=Example"), "web");
  EXPECT_EQ(commonName("CN=a,CN=b"), "a");
  EXPECT_EQ(commonName("CN=a\\,b\\+c\\\\d\\22,O=x"), "a,b+c\\d\"");
  EXPECT_EQ(commonName("CN=\\C3\\A4"), "\xc3\xa4");
  EXPECT_EQ(commonName("O=not\\,CN=this"), "");
  EXPECT_EQ(commonName("XCN=web"), "");
  EXPECT_EQ(commonName("CN="), "");
  EXPECT_EQ(commonName("CN=a\\"), "a\\");
  EXPECT_EQ(commonName(""), "");
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::proxy_protocol
