#include "extensions/listener_filters/proxy_protocol/proxy_protocol.h"

#include <memory>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace weir::extensions::listener_filters::proxy_protocol {
namespace {

using Step = network::ListenerFilter::Step;
using network::Address;

constexpr std::string_view kV1 = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";

class ProxyProtocolFilterTest : public ::testing::Test {
 protected:
  ProxyProtocolFilterTest() {
    services_.put(store_);
    services_.put(store_.block(1));
    connection_.remote = *Address::parse("10.0.0.1:1000");
    connection_.local = std::make_shared<const Address>(*Address::parse("10.0.0.2:80"));
    connection_.info = std::make_unique<network::ConnectionInfo>();
    config_.listener = "edge";
  }
  // All of `bytes` to a filter of its own.
  Step inspect(std::string_view bytes) {
    ProxyProtocolFactory factory(config_);
    const auto worker = factory.bind(services_);
    const auto filter = worker->create();
    max_bytes_ = filter->maxBytes(connection_);
    consumed_ = 0;
    return filter->inspect(bytes, false, connection_, consumed_);
  }
  std::string remote() const { return connection_.remote.toString(); }
  std::string local() { return connection_.localAddress().toString(); }
  int64_t stat(const char* name, const std::string& label = {}, const std::string& value = {}) {
    stats::Labels labels = {{"listener", "edge"}};
    if (!label.empty()) labels.emplace_back(label, value);
    return store_.valueOf(name, labels);
  }
  int64_t malformed(const std::string& reason) {
    return stat("proxy_protocol_malformed_total", "reason", reason);
  }
  static std::string v2(const network::ProxyProtocolHeader& header) {
    std::string bytes;
    EXPECT_TRUE(network::writeProxyProtocol(header, bytes, /*checksum=*/true).ok());
    return bytes;
  }
  static network::ProxyProtocolHeader header() {
    network::ProxyProtocolHeader header;
    header.source = *Address::parse("[2001:db8::7]:4711");
    header.destination = *Address::parse("[2001:db8::1]:443");
    return header;
  }

  stats::Store store_;
  base::ServiceMap services_;
  ProxyProtocolConfig config_;
  network::InspectedConnection connection_;
  size_t consumed_ = 0;
  size_t max_bytes_ = 0;
};

TEST_F(ProxyProtocolFilterTest, TheAddressesOfTheHeaderReplaceTheSockets) {
  EXPECT_EQ(inspect(std::string(kV1) + "GET"), Step::kContinue);
  EXPECT_EQ(consumed_, kV1.size());
  EXPECT_EQ(remote(), "192.0.2.7:4711");
  EXPECT_EQ(local(), "198.51.100.1:443");
  EXPECT_EQ(connection_.info->direct_source->toString(), "10.0.0.1:1000");
  EXPECT_EQ(inspect(v2(header())), Step::kContinue);
  EXPECT_EQ(remote(), "[2001:db8::7]:4711");
  EXPECT_EQ(stat("proxy_protocol_headers_total", "version", "1"), 1);
  EXPECT_EQ(stat("proxy_protocol_headers_total", "version", "2"), 1);
}

TEST_F(ProxyProtocolFilterTest, WithoutAddressesTheSocketsStand) {
  auto local_header = header();
  local_header.local = true;
  for (const std::string& bytes : {std::string("PROXY UNKNOWN\r\n"), v2(local_header)}) {
    EXPECT_EQ(inspect(bytes), Step::kContinue);
    EXPECT_EQ(consumed_, bytes.size());
    EXPECT_EQ(remote(), "10.0.0.1:1000");
    EXPECT_EQ(local(), "10.0.0.2:80");
  }
  EXPECT_EQ(stat("proxy_protocol_local_total"), 2);
}

TEST_F(ProxyProtocolFilterTest, WaitsForTheWhole) {
  EXPECT_EQ(inspect(""), Step::kNeedMore);
  EXPECT_EQ(inspect(kV1.substr(0, kV1.size() - 1)), Step::kNeedMore);
  EXPECT_EQ(max_bytes_, 4096u);
}

TEST_F(ProxyProtocolFilterTest, MalformedOnesCloseWithAReason) {
  EXPECT_EQ(inspect("PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n"), Step::kClose);
  EXPECT_EQ(malformed("bad_port"), 1);
  std::string broken = v2(header());
  broken.back() = static_cast<char>(broken.back() ^ 1);
  EXPECT_EQ(inspect(broken), Step::kClose);
  EXPECT_EQ(malformed("bad_checksum"), 1);
  auto long_header = header();
  long_header.tlvs = {{0xe0, std::string(5000, 'x')}};
  EXPECT_EQ(inspect(v2(long_header)), Step::kClose);
  EXPECT_EQ(malformed("too_long"), 1);
  EXPECT_EQ(remote(), "10.0.0.1:1000");
}

TEST_F(ProxyProtocolFilterTest, WithoutAHeaderItClosesUnlessAllowed) {
  EXPECT_EQ(inspect("GET / HTTP/1.1\r\n"), Step::kClose);
  EXPECT_EQ(stat("proxy_protocol_absent_total"), 1);
  config_.allow_absent = true;
  EXPECT_EQ(inspect("GET / HTTP/1.1\r\n"), Step::kContinue);
  EXPECT_EQ(consumed_, 0u);
  EXPECT_EQ(remote(), "10.0.0.1:1000");
  EXPECT_EQ(inspect("PROXY nonsense\r\n"), Step::kClose) << "a bad header is not an absent one";
}

TEST_F(ProxyProtocolFilterTest, AVersionCanBeChosen) {
  config_.version_1 = false;
  EXPECT_EQ(inspect(kV1), Step::kClose);
  EXPECT_EQ(inspect(v2(header())), Step::kContinue);
  config_.version_1 = true;
  config_.version_2 = false;
  EXPECT_EQ(inspect(v2(header())), Step::kClose);
  EXPECT_EQ(inspect(kV1), Step::kContinue);
  EXPECT_EQ(malformed("version_not_taken"), 2);
}

TEST_F(ProxyProtocolFilterTest, OnlyTrustedSourcesAreBelieved) {
  config_.trusted_sources = {*network::Prefix::parse("10.9.0.0/16"),
                             *network::Prefix::parse("10.0.0.1/32")};
  EXPECT_EQ(inspect(kV1), Step::kContinue);
  EXPECT_EQ(remote(), "192.0.2.7:4711");
  EXPECT_EQ(inspect(kV1), Step::kClose) << "192.0.2.7 is nobody to trust";
  EXPECT_EQ(max_bytes_, 0u) << "closed before any byte is waited for";
  EXPECT_EQ(stat("proxy_protocol_untrusted_total"), 1);
  config_.pass_untrusted = true;
  EXPECT_EQ(inspect(kV1), Step::kContinue);
  EXPECT_EQ(consumed_, 0u);
  EXPECT_EQ(remote(), "192.0.2.7:4711");
  EXPECT_EQ(stat("proxy_protocol_untrusted_total"), 2);
}

TEST_F(ProxyProtocolFilterTest, KeepsTheTlvsThatAreWanted) {
  config_.keep_tlvs.set(0x02);
  config_.keep_tlvs.set(0xe1);
  auto with_tlvs = header();
  with_tlvs.tlvs = {{0x01, "h2"}, {0x02, "shop.example"}, {0xe1, std::string("\0x", 2)}};
  EXPECT_EQ(inspect(v2(with_tlvs)), Step::kContinue);
  const auto& kept = connection_.info->proxy_tlvs;
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].type, 0x02);
  EXPECT_EQ(kept[0].value, "shop.example");
  EXPECT_EQ(kept[1].value, std::string("\0x", 2));
}

}  // namespace
}  // namespace weir::extensions::listener_filters::proxy_protocol
