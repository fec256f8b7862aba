#include "extensions/transport_sockets/proxy_protocol/config.h"

#include <gtest/gtest.h>

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::transport_sockets::proxy_protocol {
namespace {

class ProxyProtocolConfigTest : public testing::Test {
 protected:
  ProxyProtocolConfigTest() {
    EXPECT_TRUE(registry_.add(std::make_unique<ProxyProtocolExtension>()).ok());
    EXPECT_TRUE(
        registry_.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<plain::PlainExtension>()).ok());
  }
  // The findings; empty: the cluster has the transport.
  std::string findings(std::string_view fields) {
    config::Diagnostics diagnostics;
    snapshot_ = loader_.loadText(
        base::concat("admin { address: \"127.0.0.1:1\" }\n"
                     "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } "
                     "transport_socket { config { [transport_sockets/proxy_protocol] {\n",
                     fields, " } } } }"),
        "w.textproto", 1, diagnostics);
    return diagnostics.toString();
  }
  network::TransportNeeds needs() { return snapshot_->clusters.at(0)->transport->needs(); }

  base::Registry registry_;
  stats::Store store_;
  config::Loader loader_{registry_, store_};
  std::shared_ptr<const config::Snapshot> snapshot_;
};

TEST_F(ProxyProtocolConfigTest, ConnectionsAreForOneClientEach) {
  EXPECT_EQ(findings(""), "");
  EXPECT_TRUE(needs().client);
  EXPECT_TRUE(needs().server_name) << "the authority is in the header";
  EXPECT_EQ(findings("authority: false"), "");
  EXPECT_TRUE(needs().client);
  EXPECT_FALSE(needs().server_name);
  EXPECT_EQ(findings("version: VERSION_1"), "");
  EXPECT_FALSE(needs().server_name);
}

TEST_F(ProxyProtocolConfigTest, TakesWhatCanBeSent) {
  EXPECT_EQ(findings("version: VERSION_2 alpn: true pass_tlvs: false ssl: true checksum: true "
                     "tlvs { type: 0xe0 value: \"a\\x00b\" } tlvs { type: 0 } "
                     "transport_socket { config { [transport_sockets/plain] {} } }"),
            "");
  EXPECT_FALSE(snapshot_->clusters.at(0)->transport->secure());
  EXPECT_EQ(findings("version: VERSION_1 authority: false"), "");
}

TEST_F(ProxyProtocolConfigTest, RefusesTlvsThatCannotBe) {
  EXPECT_EQ(findings("tlvs { type: 256 }"),
            "w.textproto:3:14: clusters[0].transport_socket.config.tlvs[0].type: 256 is out of "
            "range; it must be 0 to 255\n");
  EXPECT_EQ(findings("tlvs { type: 3 }"),
            "w.textproto:3:14: clusters[0].transport_socket.config.tlvs[0].type: a TLV of type 3 "
            "is made of facts; set checksum or ssl, or choose another type\n");
  EXPECT_EQ(findings(base::concat("tlvs { type: 5 value: \"", std::string(129, 'x'), "\" }")),
            "w.textproto:3:23: clusters[0].transport_socket.config.tlvs[0].value: has 129 bytes; "
            "at most 128 can be sent\n");
  std::string many;
  for (int i = 0; i < 33; ++i) many += "tlvs { type: 0xe0 }\n";
  EXPECT_NE(findings(many).find("33 TLVs are too many; write at most 32"), std::string::npos);
}

TEST_F(ProxyProtocolConfigTest, Version1HasNoTlvs) {
  EXPECT_EQ(findings("version: VERSION_1 ssl: true"),
            "w.textproto:3:25: clusters[0].transport_socket.config.ssl: version 1 has no TLVs; "
            "send version 2, or remove it\n");
  EXPECT_NE(findings("version: VERSION_1 tlvs { type: 0xe0 }"), "");
  EXPECT_NE(findings("version: VERSION_1 authority: true"), "");
}

TEST_F(ProxyProtocolConfigTest, ErrorsOfTheTransportInsideAreFound) {
  EXPECT_NE(findings("transport_socket { config { [load_balancing/round_robin] {} } }"), "");
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::proxy_protocol
