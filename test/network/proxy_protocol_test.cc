#include "source/network/proxy_protocol.h"

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::network {
namespace {

using ::testing::HasSubstr;
using State = ProxyProtocolResult::State;
using Error = ProxyProtocolError;
using Tlv = ProxyProtocolTlv;

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

Address at(std::string_view text) {
  return *Address::parse(text);
}

std::string big16(size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string tlv(uint8_t type, std::string_view value) {
  return std::string(1, static_cast<char>(type)) + big16(value.size()) + std::string(value);
}

// A version 2 header by hand.
std::string v2(int version_and_command, int family, std::string_view block,
               std::optional<size_t> length = std::nullopt) {
  return std::string(kSignature) + static_cast<char>(version_and_command) +
         static_cast<char>(family) + big16(length.value_or(block.size())) + std::string(block);
}

const std::string kIpv4Block("\x0a\0\0\x01\x0a\0\0\x02\x04\xd2\0\x50", 12);

ProxyProtocolResult parse(std::string_view bytes, size_t max = kMaxProxyProtocolBytes) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  return parseProxyProtocol({copy.data(), copy.size()}, max);
}

ProxyProtocolHeader parsed(std::string_view bytes) {
  const auto result = parse(bytes);
  EXPECT_EQ(result.state, State::kDone) << proxyProtocolErrorName(result.error);
  EXPECT_EQ(result.consumed, bytes.size());
  return result.header;
}

void expectMalformed(std::string_view bytes, Error error) {
  const auto result = parse(bytes);
  EXPECT_EQ(result.state, State::kMalformed) << bytes;
  EXPECT_EQ(proxyProtocolErrorName(result.error), proxyProtocolErrorName(error)) << bytes;
}

// All that is said, as text.
std::string describe(const ProxyProtocolResult& result) {
  std::string text = std::to_string(static_cast<int>(result.state)) + " " +
                     std::string(proxyProtocolErrorName(result.error)) + " " +
                     std::to_string(result.consumed) + " " + std::to_string(result.header.version) +
                     " " + std::to_string(result.header.local) +
                     std::to_string(result.header.datagram) + " " +
                     result.header.source.toString() + " " + result.header.destination.toString();
  for (const Tlv& tlv : result.header.tlvs) {
    text += " " + std::to_string(tlv.type) + ":" + tlv.value;
  }
  return text;
}

ProxyProtocolResult parseInSteps(std::string_view bytes, size_t step) {
  ProxyProtocolResult result;
  for (size_t end = step; result.state == State::kNeedMore; end += step) {
    result = parse(bytes.substr(0, end));
    if (end >= bytes.size()) break;
  }
  return result;
}

TEST(ProxyProtocolV1, ReadsAddresses) {
  const auto v4 = parsed("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
  EXPECT_EQ(v4.version, 1);
  EXPECT_EQ(v4.source.toString(), "192.168.0.1:56324");
  EXPECT_EQ(v4.destination.toString(), "192.168.0.11:443");
  EXPECT_FALSE(v4.local);
  const auto v6 = parsed("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n");
  EXPECT_EQ(v6.source.toString(), "[2001:db8::1]:0");
  EXPECT_EQ(v6.destination.toString(), "[::1]:65535");
  const std::string longest =
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
      "65535 65535\r\n";
  EXPECT_TRUE(parsed(longest).hasAddresses());
}

TEST(ProxyProtocolV1, UnknownTellsNothing) {
  EXPECT_FALSE(parsed("PROXY UNKNOWN\r\n").hasAddresses());
  EXPECT_FALSE(parsed("PROXY UNKNOWN ffff::1 ::1 1 2\r\n").hasAddresses());
  const std::string filled = "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n";
  ASSERT_EQ(filled.size(), kMaxProxyProtocolV1Bytes);
  EXPECT_FALSE(parsed(filled).hasAddresses());
}

TEST(ProxyProtocolV1, LeavesWhatFollows) {
  const std::string header = "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n";
  const auto result = parse(header + "GET / HTTP/1.1\r\n");
  EXPECT_EQ(result.state, State::kDone);
  EXPECT_EQ(result.consumed, header.size());
}

TEST(ProxyProtocolV1, IsStrict) {
  for (const char* bytes :
       {"PROXY \r\n", "PROXY TCP4\r\n", "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4\t5.6.7.8 1 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rx", "PROXY UNKNOWNX\r\n", "PROXY UNKNOWN \x80\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8  2\r\n"}) {
    expectMalformed(bytes, Error::kBadSyntax);
  }
  expectMalformed(std::string_view("PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n", 33), Error::kBadSyntax);
  for (const char* bytes :
       {"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2a\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 00 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 0x1 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 100000\r\n"}) {
    expectMalformed(bytes, Error::kBadPort);
  }
  for (const char* bytes :
       {"PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 ::1 1 2\r\n", "PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", "PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n",
        "PROXY TCP4 localhost 5.6.7.8 1 2\r\n", "PROXY TCP6 ::g ::1 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        "PROXY TCP6 1111:1111:1111:1111:1111:1111:1111:1111:1111 ::1 1 2\r\n"}) {
    expectMalformed(bytes, Error::kBadAddress);
  }
  expectMalformed("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", Error::kTooLong);
  expectMalformed("PROXY UNKNOWN " + std::string(93, 'x'), Error::kTooLong);
}

TEST(ProxyProtocol, IsAbsentAtTheFirstByteThatDiffers) {
  for (const char* bytes : {"G", "PO", "PROXX", "proxy ", "PROXY\r", "\n", "\r\r", "\x16"}) {
    EXPECT_EQ(parse(bytes).state, State::kAbsent) << bytes;
  }
  for (const char* bytes : {"", "P", "PROXY", "PROXY ", "\r", "\r\n\r\n"}) {
    EXPECT_EQ(parse(bytes).state, State::kNeedMore) << bytes;
  }
}

TEST(ProxyProtocolV2, ReadsAddresses) {
  const auto v4 = parsed(v2(0x21, 0x11, kIpv4Block));
  EXPECT_EQ(v4.version, 2);
  EXPECT_EQ(v4.source.toString(), "10.0.0.1:1234");
  EXPECT_EQ(v4.destination.toString(), "10.0.0.2:80");
  EXPECT_FALSE(v4.datagram);
  EXPECT_TRUE(parsed(v2(0x21, 0x12, kIpv4Block)).datagram);
  const std::string ip6 =
      std::string(15, '\0') + "\x01" + "\x20\x01" + std::string(13, '\0') + "\x02";
  const auto v6 = parsed(v2(0x21, 0x21, ip6 + big16(1) + big16(2)));
  EXPECT_EQ(v6.source.toString(), "[::1]:1");
  EXPECT_EQ(v6.destination.toString(), "[2001::2]:2");
}

TEST(ProxyProtocolV2, ReadsUnixNames) {
  std::string path = "/run/a.sock";
  path.resize(108);
  std::string abstract("\0weir", 5);
  abstract.resize(108);
  const auto header = parsed(v2(0x21, 0x31, path + abstract));
  EXPECT_EQ(header.source.toString(), "unix:/run/a.sock");
  EXPECT_EQ(header.destination.toString(), "unix:@weir");
  const auto unnamed = parsed(v2(0x21, 0x31, std::string(108, '\0') + std::string(108, 'x')));
  EXPECT_EQ(unnamed.source.toString(), "unix:");
  EXPECT_EQ(unnamed.destination.toString(), "unix:" + std::string(108, 'x'));
}

TEST(ProxyProtocolV2, LocalAndUnspecifiedKeepTheConnectionsAddresses) {
  for (const std::string& bytes :
       {v2(0x20, 0x00, ""), v2(0x20, 0x11, kIpv4Block), v2(0x20, 0xff, "any bytes"),
        v2(0x21, 0x00, "any bytes"), v2(0x21, 0x01, ""), v2(0x21, 0x10, "x")}) {
    const auto header = parsed(bytes);
    EXPECT_FALSE(header.hasAddresses());
    EXPECT_TRUE(header.tlvs.empty());
    EXPECT_EQ(header.local, bytes[12] == 0x20);
  }
}

TEST(ProxyProtocolV2, IsStrict) {
  for (const int byte : {0x00, 0x11, 0x31, 0xf1}) {
    expectMalformed(v2(byte, 0x11, kIpv4Block), Error::kBadVersion);
  }
  for (const int byte : {0x22, 0x2f}) {
    expectMalformed(v2(byte, 0x11, kIpv4Block), Error::kBadCommand);
  }
  for (const int byte : {0x41, 0x13, 0x1f, 0xf1, 0x03}) {
    expectMalformed(v2(0x21, byte, kIpv4Block), Error::kBadFamily);
  }
  expectMalformed(v2(0x21, 0x11, kIpv4Block.substr(1)), Error::kBadLength);
  expectMalformed(v2(0x21, 0x21, std::string(35, 'x')), Error::kBadLength);
  expectMalformed(v2(0x21, 0x31, std::string(215, 'x')), Error::kBadLength);
  expectMalformed(v2(0x21, 0x11, ""), Error::kBadLength);
  // What is wrong with version and command is known before the rest comes.
  expectMalformed(std::string(kSignature) + "\x11", Error::kBadVersion);
  EXPECT_EQ(parse(kSignature).state, State::kNeedMore);
}

TEST(ProxyProtocolV2, BoundsTheWhole) {
  const std::string bytes = v2(0x21, 0x11, kIpv4Block + tlv(0xe0, std::string(100, 'x')));
  EXPECT_EQ(parse(bytes, bytes.size()).state, State::kDone);
  EXPECT_EQ(parse(bytes, bytes.size() - 1).error, Error::kTooLong);
  EXPECT_EQ(parse(std::string_view(bytes).substr(0, 16), bytes.size() - 1).error, Error::kTooLong);
}

TEST(ProxyProtocolV2, ReadsTlvs) {
  const auto header =
      parsed(v2(0x21, 0x11,
                kIpv4Block + tlv(Tlv::kAlpn, "h2") + tlv(Tlv::kNoop, "pad") +
                    tlv(Tlv::kAuthority, "a.example") + tlv(0xe3, "") + tlv(Tlv::kAlpn, "again")));
  ASSERT_EQ(header.tlvs.size(), 4u);
  EXPECT_EQ(header.tlv(Tlv::kAlpn)->value, "h2");
  EXPECT_EQ(header.tlv(Tlv::kAuthority)->value, "a.example");
  EXPECT_EQ(header.tlv(0xe3)->value, "");
  EXPECT_EQ(header.tlv(Tlv::kNoop), nullptr);
}

TEST(ProxyProtocolV2, ChecksTlvs) {
  for (const std::string& tlvs :
       {std::string("\x01"), std::string("\x01\0", 2), std::string("\x01\0\x01", 3),
        tlv(1, "x") + "\x02",
        std::string("\x01\xff\xff"
                    "abc"),
        tlv(Tlv::kCrc32c, "abc"), tlv(Tlv::kCrc32c, "abcd") + tlv(Tlv::kCrc32c, "abcd"),
        tlv(Tlv::kSsl, "abcd"), tlv(Tlv::kSsl, std::string("\x01\0\0\0\0\x21\0\x09TLS", 11)),
        tlv(Tlv::kUniqueId, std::string(129, 'x'))}) {
    expectMalformed(v2(0x21, 0x11, kIpv4Block + tlvs), Error::kBadTlv);
  }
  expectMalformed(v2(0x21, 0x11, kIpv4Block + tlv(Tlv::kCrc32c, "abcd")), Error::kBadChecksum);
}

TEST(ProxyProtocolV2, ChecksTheChecksum) {
  ProxyProtocolHeader header;
  header.source = at("10.0.0.1:1");
  header.destination = at("10.0.0.2:2");
  header.tlvs = {{Tlv::kAuthority, "shop.example"}};
  std::string bytes;
  ASSERT_TRUE(writeProxyProtocol(header, bytes, /*checksum=*/true).ok());
  EXPECT_EQ(parsed(bytes).tlvs, header.tlvs);
  const size_t checksum_type = bytes.size() - 7;  // another type there: there is no checksum
  for (size_t i = 16; i < bytes.size(); ++i) {
    if (i == checksum_type) continue;
    std::string broken = bytes;
    broken[i] = static_cast<char>(broken[i] ^ 0x10);
    EXPECT_EQ(parse(broken).state, State::kMalformed) << i;
  }
}

// Against a sum made bit by bit.
TEST(ProxyProtocolV2, TheChecksumIsTheCastagnoliOne) {
  ProxyProtocolHeader header;
  std::string bytes;
  header.source = at("127.0.0.1:1");
  header.destination = at("127.0.0.1:2");
  ASSERT_TRUE(writeProxyProtocol(header, bytes, /*checksum=*/true).ok());
  uint32_t crc = ~0u;
  std::string zeroed = bytes;
  zeroed.replace(zeroed.size() - 4, 4, 4, '\0');
  for (const char c : zeroed) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  }
  crc = ~crc;
  const std::string sum = big16(crc >> 16) + big16(crc & 0xffff);
  EXPECT_EQ(bytes.substr(bytes.size() - 4), sum);
}

TEST(ProxyProtocolSslTlv, RoundTrips) {
  ProxyProtocolSsl ssl;
  ssl.over_tls = true;
  ssl.certificate_on_connection = true;
  ssl.verify = 0;
  ssl.version = "TLSv1.3";
  ssl.common_name = "client";
  ssl.cipher = "TLS_AES_128_GCM_SHA256";
  const Tlv written = ssl.toTlv();
  EXPECT_EQ(written.type, Tlv::kSsl);
  const auto read = ProxyProtocolSsl::parse(written.value);
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->over_tls);
  EXPECT_TRUE(read->certificate_on_connection);
  EXPECT_FALSE(read->certificate_in_session);
  EXPECT_EQ(read->verify, 0u);
  EXPECT_EQ(read->version, "TLSv1.3");
  EXPECT_EQ(read->common_name, "client");
  EXPECT_EQ(read->cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(read->key_algorithm, "");
  EXPECT_FALSE(ProxyProtocolSsl::parse("\x01\x02\x03\x04").has_value());
  EXPECT_TRUE(ProxyProtocolSsl::parse(written.value + tlv(0x77, "new")).has_value());
}

TEST(ProxyProtocolWriter, MapsMixedFamilies) {
  ProxyProtocolHeader header;
  header.source = at("10.0.0.1:1");
  header.destination = at("[2001:db8::1]:2");
  for (const uint8_t version : {1, 2}) {
    header.version = version;
    std::string bytes;
    ASSERT_TRUE(writeProxyProtocol(header, bytes).ok());
    EXPECT_EQ(parsed(bytes).source.toString(), "[::ffff:10.0.0.1]:1");
    EXPECT_EQ(parsed(bytes).destination, header.destination);
  }
}

TEST(ProxyProtocolWriter, WritesUnknownWhereItCannotTell) {
  ProxyProtocolHeader header;
  header.version = 1;
  std::string bytes;
  ASSERT_TRUE(writeProxyProtocol(header, bytes).ok());
  EXPECT_EQ(bytes, "PROXY UNKNOWN\r\n");
  header.source = at("unix:/a");
  header.destination = at("10.0.0.1:1");
  header.version = 2;
  bytes = "kept";
  ASSERT_TRUE(writeProxyProtocol(header, bytes, true).ok());
  EXPECT_EQ(bytes, "kept" + v2(0x21, 0x00, ""));
  header.local = true;
  bytes.clear();
  ASSERT_TRUE(writeProxyProtocol(header, bytes).ok());
  EXPECT_TRUE(parsed(bytes).local);
}

TEST(ProxyProtocolWriter, RefusesWhatDoesNotFit) {
  ProxyProtocolHeader header;
  header.source = at("10.0.0.1:1");
  header.destination = at("10.0.0.2:2");
  constexpr size_t kRoom = 65535 - 12 - 3;
  header.tlvs = {{0xe0, std::string(kRoom, 'x')}};
  std::string bytes;
  EXPECT_TRUE(writeProxyProtocol(header, bytes).ok());
  EXPECT_EQ(parsed(bytes).tlvs, header.tlvs);
  bytes.clear();
  const auto status = writeProxyProtocol(header, bytes, /*checksum=*/true);
  EXPECT_THAT(std::string(status.message()), HasSubstr("type 224"));
  header.tlvs[0].value += 'x';
  EXPECT_FALSE(writeProxyProtocol(header, bytes).ok());
  header.tlvs = {{0xe0, std::string(kRoom - 2, 'x')}, {0xe1, ""}};
  EXPECT_FALSE(writeProxyProtocol(header, bytes).ok());
  header.tlvs = {{Tlv::kUniqueId, std::string(129, 'x')}};
  EXPECT_FALSE(writeProxyProtocol(header, bytes).ok());
  EXPECT_EQ(bytes, "");
}

// What is written is what is read, whatever the split.
TEST(ProxyProtocolWriter, RoundTripsAnyHeader) {
  std::mt19937 random(9);
  const auto number = [&](uint32_t below) { return static_cast<uint32_t>(random()) % below; };
  for (int i = 0; i < 2000; ++i) {
    ProxyProtocolHeader header;
    header.version = number(3) == 0 ? 1 : 2;
    header.datagram = header.version == 2 && number(4) == 0;
    const std::string port = ":" + std::to_string(number(65536));
    switch (number(header.version == 2 ? 3 : 2)) {
      case 0:
        header.source = at("10.1." + std::to_string(number(256)) + ".7" + port);
        header.destination = at("127.0.0.1" + port);
        break;
      case 1:
        header.source = at("[2001:db8::" + std::to_string(number(9999)) + "]" + port);
        header.destination = at("[::1]" + port);
        break;
      default:
        header.source = at("unix:/run/" + std::to_string(number(9999)));
        header.destination = at("unix:@abstract");
    }
    for (uint32_t n = header.version == 2 ? number(4) : 0; n > 0; --n) {
      header.tlvs.push_back(
          {static_cast<uint8_t>(0xe0 + number(16)), std::string(number(300), 't')});
    }
    std::string bytes;
    ASSERT_TRUE(writeProxyProtocol(header, bytes, number(2) == 0).ok());
    const auto read = parsed(bytes);
    EXPECT_EQ(read.version, header.version);
    EXPECT_EQ(read.source, header.source);
    EXPECT_EQ(read.destination, header.destination);
    EXPECT_EQ(read.datagram, header.datagram);
    EXPECT_EQ(read.tlvs, header.tlvs);
    EXPECT_EQ(describe(parseInSteps(bytes, 1 + number(40))), describe(parse(bytes)));
  }
}

TEST(ProxyProtocol, EverySplitGivesTheSameAnswer) {
  const std::string inputs[] = {
      "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET",
      "PROXY TCP4 192.168.0.1 192.168.0.11 56324 x\r\nGET",
      "PROXY UNKNOWN\r\n",
      "PROXZ",
      v2(0x21, 0x11, kIpv4Block + tlv(1, "h2")) + "rest",
      v2(0x21, 0x11, kIpv4Block + "x"),
      v2(0x20, 0x00, ""),
  };
  for (const std::string& bytes : inputs) {
    const std::string whole = describe(parse(bytes));
    for (const size_t step : {1, 2, 3, 5, 11}) {
      EXPECT_EQ(describe(parseInSteps(bytes, step)), whole) << bytes;
    }
  }
}

TEST(ProxyProtocol, MutationsAreSafeAndSplitAlike) {
  std::mt19937 random(13);
  const std::string seeds[] = {
      "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET",
      "PROXY TCP6 2001:db8::1 ::1 1 2\r\n",
      v2(0x21, 0x11, kIpv4Block + tlv(1, "h2") + tlv(0x20, std::string(5, '\0') + tlv(0x21, "x"))),
      v2(0x21, 0x31, std::string(216, 'a')),
  };
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = seeds[i % 4];
    for (size_t edits = 1 + random() % 3; edits > 0; --edits) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    ASSERT_EQ(describe(parseInSteps(bytes, 1 + random() % 9)), describe(parse(bytes))) << i;
  }
}

}  // namespace
}  // namespace weir::network
