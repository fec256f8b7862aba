// Versions, suites, names, protocols: what a client and a listener agree on.

#include "test/extensions/transport_sockets/tls/server_fixture.h"

namespace weir::extensions::transport_sockets::tls {
namespace {

using HandshakeTest = ServerTest;
using certificates::TestKey;

TEST_F(HandshakeTest, CarriesBytesBothWays) {
  for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Pair pair = secured({.most = version});
    pair.peer->write("hello");
    EXPECT_EQ(pair.ours->read(), "hello");
    EXPECT_EQ(pair.ours->last.state, IoResult::State::kWouldBlock);
    EXPECT_EQ(pair.ours->write("hello yourself").state, IoResult::State::kOk);
    EXPECT_EQ(pair.peer->read(), "hello yourself");
  }
  EXPECT_EQ(stat("tls_handshakes_total", {{"version", "TLSv1.2"}}), 1);
  EXPECT_EQ(stat("tls_handshakes_total", {{"version", "TLSv1.3"}}), 1);
  EXPECT_EQ(stat("tls_handshakes_active"), 0);
}

TEST_F(HandshakeTest, TellsWhatItKnows) {
  options_->alpn = {"h2", "http/1.1"};
  Pair pair = secured({.server_name = "LocalHost", .alpn = {"http/1.1", "h2"}});
  const network::SecurityInfo* security = pair.ours->transport().security();
  ASSERT_NE(security, nullptr);
  EXPECT_EQ(security->tlsVersion(), "TLSv1.3");
  EXPECT_TRUE(security->cipher().starts_with("TLS_")) << security->cipher();
  EXPECT_EQ(security->requestedServerName(), "localhost");
  EXPECT_FALSE(security->resumed());
  EXPECT_EQ(security->peerCertificate(), nullptr);
  EXPECT_FALSE(security->peerVerified());
  ASSERT_NE(security->localCertificate(), nullptr);
  EXPECT_EQ(security->localCertificate()->dns_names, std::vector<std::string>{"localhost"});
  EXPECT_EQ(pair.ours->transport().applicationProtocol(), "h2");
}

TEST_F(HandshakeTest, KnowsNothingBeforeItIsDone) {
  Pair pair = connect();
  EXPECT_EQ(pair.ours->handshake().state, IoResult::State::kWouldBlock);
  EXPECT_EQ(pair.ours->transport().security(), nullptr);
  EXPECT_EQ(pair.ours->transport().applicationProtocol(), "");
  EXPECT_FALSE(pair.ours->transport().wantsWrite());
}

TEST_F(HandshakeTest, OldVersionsAreRefused) {
  EXPECT_EQ(refused({.most = TLS1_1_VERSION}), "no protocol version in common");
  EXPECT_EQ(last_peer_error_, "TLSV1_ALERT_PROTOCOL_VERSION");
  EXPECT_EQ(failures("version"), 1);
  options_->versions.least = TLS1_3_VERSION;
  bind();
  EXPECT_EQ(refused({.most = TLS1_2_VERSION}), "no protocol version in common");
  options_->versions = {.least = TLS1_2_VERSION, .most = TLS1_2_VERSION};
  bind();
  EXPECT_EQ(SSL_version(secured().peer->ssl()), TLS1_2_VERSION);
  EXPECT_EQ(refused({.least = TLS1_3_VERSION}), "no protocol version in common");
}

TEST_F(HandshakeTest, SuitesHaveForwardSecrecyAndAuthenticate) {
  EXPECT_EQ(
      refused({.most = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256"}),
      "no cipher suite in common");
  EXPECT_EQ(failures("cipher"), 1);
  for (const char* suite : {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                            "ECDHE-ECDSA-CHACHA20-POLY1305"}) {
    Pair pair = secured({.most = TLS1_2_VERSION, .ciphers = suite});
    EXPECT_STREQ(SSL_CIPHER_get_name(SSL_get_current_cipher(pair.peer->ssl())), suite);
  }
}

TEST_F(HandshakeTest, CertificateByName) {
  serve(leaf(root_, {.common_name = "shop", .dns = {"shop.example"}}));
  serve(leaf(root_, {.common_name = "any", .dns = {"*.shop.example"}}));
  for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto shownFor = [&](const std::string& name) {
      return shown(*secured({.most = version, .server_name = name}).peer);
    };
    EXPECT_EQ(shownFor("shop.example"), "CN=shop,O=Weir Test");
    EXPECT_EQ(shownFor("SHOP.example"), "CN=shop,O=Weir Test");
    EXPECT_EQ(shownFor("a.shop.example"), "CN=any,O=Weir Test");
    EXPECT_EQ(shownFor("a.b.shop.example"), "CN=server,O=Weir Test");
    EXPECT_EQ(shownFor(""), "CN=server,O=Weir Test");
  }
}

TEST_F(HandshakeTest, CertificateByWhatTheClientCanCheck) {
  serveOnly(leaf(root_, {.common_name = "rsa", .key = TestKey::kRsa2048, .dns = {"a.example"}}));
  serve(leaf(root_, {.common_name = "ecdsa", .dns = {"a.example"}}));
  const std::vector<uint16_t> rsa = {SSL_SIGN_RSA_PSS_RSAE_SHA256, SSL_SIGN_RSA_PKCS1_SHA256};
  for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_EQ(shown(*secured({.most = version, .server_name = "a.example"}).peer),
              "CN=ecdsa,O=Weir Test");
    EXPECT_EQ(
        shown(*secured({.most = version, .server_name = "a.example", .signatures = rsa}).peer),
        "CN=rsa,O=Weir Test");
  }
  // Of TLS 1.2 the suites say it as well.
  EXPECT_EQ(shown(*secured({.most = TLS1_2_VERSION,
                            .ciphers = "ECDHE-RSA-AES128-GCM-SHA256",
                            .server_name = "a.example"})
                       .peer),
            "CN=rsa,O=Weir Test");
}

TEST_F(HandshakeTest, ApplicationProtocols) {
  options_->alpn = {"http/1.1"};
  EXPECT_EQ(secured({.alpn = {"h2", "http/1.1"}}).ours->transport().applicationProtocol(),
            "http/1.1");
  EXPECT_EQ(secured().ours->transport().applicationProtocol(), "");
  EXPECT_EQ(refused({.alpn = {"h2"}}), "no application protocol (ALPN) in common");
  EXPECT_EQ(last_peer_error_, "TLSV1_ALERT_NO_APPLICATION_PROTOCOL");
  EXPECT_EQ(failures("application_protocol"), 1);
  options_->alpn.clear();
  bind();
  EXPECT_EQ(secured({.alpn = {"h2"}}).ours->transport().applicationProtocol(), "");
}

TEST_F(HandshakeTest, StaplesWhatIsFresh) {
  serveOnly(server_, certificates::makeOcspResponse(
                         root_, server_, {.this_update = kLongAgo, .next_update = kLongAfter}));
  const auto stapled = [](TlsPeer& peer) {
    const uint8_t* data = nullptr;
    size_t size = 0;
    SSL_get0_ocsp_response(peer.ssl(), &data, &size);
    return size;
  };
  EXPECT_GT(stapled(*secured({.staple = true}).peer), 100u);
  EXPECT_EQ(stapled(*secured().peer), 0u);
  worker_.dispatcher.advance(std::chrono::hours(24));
  EXPECT_GT(stapled(*secured({.staple = true}).peer), 100u);
}

TEST_F(HandshakeTest, OneByteAtATime) {
  for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Pair pair = connect({.most = version});
    bool up = false;
    for (int round = 0; round < 10 && !(up && pair.peer->state() == TlsPeer::State::kDone);
         ++round) {
      pair.peer->pull();
      std::string flight;
      pair.peer->change = [&flight](std::string& bytes) { flight = std::exchange(bytes, {}); };
      pair.peer->step();
      for (const char byte : flight) {
        pair.peer->put({&byte, 1});
        if (!up) up = pair.ours->handshake().state == IoResult::State::kOk;
      }
    }
    ASSERT_TRUE(up);
    std::string record;
    pair.peer->change = [&record](std::string& bytes) { record = std::exchange(bytes, {}); };
    pair.peer->write("dribble");
    std::string got;
    for (const char byte : record) {
      pair.peer->put({&byte, 1});
      got += pair.ours->read();
    }
    EXPECT_EQ(got, "dribble");
  }
}

TEST_F(HandshakeTest, BytesReadBeforeComeFirst) {
  Pair pair = connect();
  pair.peer->step();
  char bytes[4096];
  const ssize_t count = ::recv(pair.ours->fd(), bytes, 100, 0);
  ASSERT_EQ(count, 100);
  buffer::Buffer early(worker_.io.blocks());
  early.append({bytes, 100});
  pair.ours->transport().unread(early);
  EXPECT_TRUE(early.empty());
  EXPECT_TRUE(shake(pair));
}

TEST_F(HandshakeTest, TheRequestMayComeWithTheLastFlight) {
  Pair pair = connect();
  pair.peer->step();
  pair.ours->handshake();
  std::string flight;
  pair.peer->change = [&](std::string& bytes) { flight += std::exchange(bytes, {}); };
  pair.peer->step();
  pair.peer->write("GET / HTTP/1.1\r\n\r\n");
  pair.peer->put(flight);
  ASSERT_EQ(pair.ours->handshake().state, IoResult::State::kOk);
  EXPECT_EQ(pair.ours->read(), "GET / HTTP/1.1\r\n\r\n");
}

TEST_F(HandshakeTest, PeerThatLeavesOrStays) {
  {
    Pair pair = connect();
    pair.ours->handshake();
    pair.peer->close();
    EXPECT_EQ(pair.ours->handshake().state, IoResult::State::kEnd);
  }
  {
    Pair pair = connect();
    pair.peer->step();
    pair.ours->handshake();
    EXPECT_EQ(stat("tls_handshakes_active"), 1);
    pair.peer->pull();
    pair.peer->close();
    EXPECT_EQ(pair.ours->handshake().state, IoResult::State::kEnd);
    EXPECT_EQ(pair.ours->transport().reason(), "the peer closed during the handshake");
    EXPECT_EQ(failures("peer_closed"), 1);
  }
  {
    Pair pair = connect();
    pair.peer->step();
    pair.ours->handshake();
  }
  EXPECT_EQ(failures("abandoned"), 1);
  EXPECT_EQ(stat("tls_handshakes_active"), 0);
}

TEST_F(HandshakeTest, CountsAlerts) {
  Pair pair = secured();
  pair.ours->transport().shutdownWrite();
  pair.peer->read();
  EXPECT_TRUE(pair.peer->ended());
  EXPECT_EQ(stat("tls_alerts_sent_total"), 1);
  SSL_shutdown(pair.peer->ssl());
  pair.peer->push();
  EXPECT_EQ(pair.ours->read(), "");
  EXPECT_EQ(pair.ours->last.state, IoResult::State::kEnd);
  EXPECT_EQ(stat("tls_alerts_received_total"), 1);
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::tls
