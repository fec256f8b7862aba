// What scripts say of connections and endpoints, in a whole proxy; and what TLS they see.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/http2_peer.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/test_certificates.h"
#include "test/support/weir_process.h"

namespace weir::extensions::http_filters::lua {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;

// A filter that runs `body` on requests.
std::string onRequest(const std::string& body) {
  return "http_filters { config { [http_filters/lua] { script { inline: \"function "
         "envoy_on_request(handle) " +
         body + " end\" } } } }";
}

RawMessage get(RawConnection& client, const std::string& fields = "") {
  client.send("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
  return client.readMessage();
}

const std::string kDrain =
    "if handle:headers():get('x-last') then "
    "handle:streamInfo():drainConnectionUponCompletion() end";

TEST(LuaFactsProxy, DrainClosesTheConnectionAfterTheResponse) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(test::runtime(1) + test::edgeListener(onRequest(kDrain)) +
                             test::cluster("origin", {origin.address()}));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_EQ(get(client).header("connection"), "");
  const RawMessage last = get(client, "X-Last: 1\r\n");
  EXPECT_EQ(last.status(), 200);
  EXPECT_EQ(last.header("connection"), "close");
  EXPECT_TRUE(client.closedByPeer());
}

TEST(LuaFactsProxy, DrainTellsHttp2ToGoAway) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(test::runtime(1) + test::edgeListener(onRequest(kDrain)) +
                             test::cluster("origin", {origin.address()}));
  auto peer = test::http2::Http2Peer::connectTo(proxy.port("edge"));
  ASSERT_TRUE(peer.start());
  EXPECT_TRUE(peer.responds(peer.request(), 200));
  EXPECT_TRUE(peer.goaways().empty());
  EXPECT_TRUE(peer.responds(peer.request(test::http2::get("/", {{"x-last", "1"}})), 200));
  EXPECT_TRUE(peer.until([&peer] { return !peer.goaways().empty(); }));
}

TEST(LuaFactsProxy, OverrideHost) {
  ScriptedOrigin first(
      ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"));
  ScriptedOrigin second(
      ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"));
  const std::string script =
      "local h = handle:headers() if h:get('x-host') then "
      "handle:setUpstreamOverrideHost(h:get('x-host'), h:get('x-strict') ~= nil) end";
  const std::string balancing =
      "load_balancing { config { [load_balancing/override] { load_balancing { config { "
      "[load_balancing/first] {} } } } } }";
  for (const bool follows : {true, false}) {
    test::InProcessProxy proxy(
        test::runtime(1) + test::edgeListener(onRequest(script)) +
        test::cluster(
            "origin", {first.address(), second.address()},
            follows ? balancing : "load_balancing { config { [load_balancing/first] {} } }"));
    auto client = RawConnection::connectTo(proxy.port("edge"));
    EXPECT_EQ(get(client).body, "first");
    EXPECT_EQ(get(client, "X-Host: " + second.address() + "\r\n").body,
              follows ? "second" : "first");
    EXPECT_EQ(get(client, "X-Host: 127.0.0.9:1\r\n").body, "first");
    EXPECT_EQ(get(client, "X-Strict: 1\r\nX-Host: 127.0.0.9:1\r\n").status(), 503);
    EXPECT_EQ(get(client, "X-Strict: 1\r\nX-Host: " + second.address() + "\r\n").status(),
              follows ? 200 : 503);
    EXPECT_EQ(get(client, "X-Strict: 1\r\nX-Host: " + first.address() + "\r\n").body, "first");
  }
}

TEST(LuaFactsProxy, SeesTheClientsCertificate) {
  const test::TestPki pki;
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  const std::string script =
      "local s = handle:connection():ssl() "
      "handle:respond({[':status'] = '200'}, table.concat({tostring(s:peerCertificateValidated()), "
      "s:uriSanPeerCertificate()[1], s:tlsVersion(), s:ciphersuiteId(), "
      "#s:sha256PeerCertificateDigest(), #s:oidsPeerCertificate() > 0 and 'oids' or 'none', "
      "s:urlEncodedPemEncodedPeerCertificateChain():sub(1, 34), "
      "s:parsedSubjectPeerCertificate():commonName(), "
      "s:dnsSansLocalCertificate()[1]}, '|'))";
  std::string listener = test::edgeListener(onRequest(script));
  const std::string tls =
      "transport_socket { config { [transport_sockets/tls] { certificates { certificate_file: \"" +
      pki.serverCertificate() + "\" private_key_file: \"" + pki.serverKey() +
      "\" } client_certificate { ca_files: \"" + pki.ca() + "\" } } } }\n filters {";
  listener.replace(listener.find("filters {"), std::string("filters {").size(), tls);
  test::InProcessProxy proxy(test::runtime(1) + listener +
                             test::cluster("origin", {origin.address()}));
  const test::Finished answer =
      test::curl({"--cacert", pki.ca(), "--cert", pki.clientCertificate(), "--key", pki.clientKey(),
                  "https://localhost:" + std::to_string(proxy.port("edge")) + "/"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, ::testing::StartsWith("true|spiffe://example.com/client|TLSv1.3|0x13"));
  EXPECT_THAT(answer.out, HasSubstr("|64|oids|-----BEGIN%20CERTIFICATE-----%0AMI"));
  EXPECT_THAT(answer.out, HasSubstr("localhost"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::lua
