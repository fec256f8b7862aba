// What scripts learn of an exchange, its connection and its route, and what they may say of them.
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/http/dynamic_metadata.h"
#include "source/http/metadata.h"
#include "source/http/route.h"
#include "source/network/address.h"
#include "source/network/connection_info.h"
#include "test/extensions/http_filters/lua/lua_chain.h"

namespace weir::extensions::http_filters::lua {
namespace {

using http::MetadataField;
using http::MetadataValue;
using ::testing::HasSubstr;

class Route final : public http::Route {
 public:
  std::string_view name() const override { return "books"; }
  std::string_view virtualHostName() const override { return "shop"; }
  std::string_view clusterName() const override { return "web"; }
  const http::Metadata* metadata() const override { return of_route; }
  const http::Metadata* virtualHostMetadata() const override { return of_host; }
  const http::Metadata* of_route = nullptr;
  const http::Metadata* of_host = nullptr;
};

class Security final : public network::SecurityInfo {
 public:
  std::string_view tlsVersion() const override { return "TLSv1.3"; }
  std::string_view cipher() const override { return "TLS_AES_128_GCM_SHA256"; }
  std::string_view cipherOpenSslName() const override { return "AEAD-AES128-GCM-SHA256"; }
  uint16_t cipherId() const override { return 0x1301; }
  std::string_view requestedServerName() const override { return "a.test"; }
  std::string_view sessionId() const override { return "00ff"; }
  std::string_view peerChainPem() const override { return "leaf\nca\n"; }
  const network::CertificateFacts* peerCertificate() const override { return peer; }
  bool peerVerified() const override { return peer != nullptr; }
  const network::CertificateFacts* localCertificate() const override { return local; }
  const network::CertificateFacts* peer = nullptr;
  const network::CertificateFacts* local = nullptr;
};

class LuaFacts : public ::testing::Test {
 protected:
  // What `expression` of a request's script is, as text.
  std::string eval(const std::string& expression) { return run("return " + expression); }
  // What the function's `body` returns; "error: …" when it fails.
  std::string run(const std::string& body) {
    const std::string script = "local function f(handle) " + body +
                               " end\n"
                               "function envoy_on_request(handle)\n"
                               "  local good, value = pcall(f, handle)\n"
                               "  handle:headers():add('r', (good and '' or 'error: ') .. "
                               "tostring(value))\n"
                               "end\n";
    EXPECT_EQ(proxy_.load(script), "");
    begin();
    std::string headers = proxy_.seen().headers;
    if (!headers.starts_with("r: ")) return headers;
    headers.pop_back();
    return headers.substr(3);
  }
  void begin() {
    proxy_.clear();
    proxy_.terminal = proxy_.arena.create<http::FakeTerminal>(proxy_.script, proxy_.chain);
    if (prepare) prepare(proxy_.info);
    proxy_.begin(*proxy_.terminal, {}, true);
  }

  LuaChain proxy_;
  std::function<void(http::StreamInfo&)> prepare;
};

TEST_F(LuaFacts, StreamInfo) {
  const auto address = [](const char* text) { return *network::Address::parse(text); };
  const network::Address remote = address("203.0.113.1:1000");
  const network::Address direct = address("[2001:db8::1]:2000");
  const network::Address local = address("10.0.0.1:443");
  network::ConnectionInfo connection;
  connection.original_destination = address("10.9.9.9:80");
  prepare = [&](http::StreamInfo& info) {
    info.downstream_remote = &remote;
    info.downstream_direct = &direct;
    info.downstream_local = &local;
    info.connection_info = &connection;
    info.requested_server_name = "a.test";
  };
  Route route;
  proxy_.client.route = &route;
  EXPECT_EQ(eval("handle:streamInfo():protocol()"), "HTTP/1.1");
  EXPECT_EQ(eval("handle:streamInfo():routeName()"), "books");
  EXPECT_EQ(eval("'<' .. handle:streamInfo():virtualClusterName() .. '>'"), "<>");
  EXPECT_EQ(eval("handle:streamInfo():downstreamRemoteAddress()"), "203.0.113.1:1000");
  EXPECT_EQ(eval("handle:streamInfo():downstreamDirectRemoteAddress()"), "[2001:db8::1]:2000");
  EXPECT_EQ(eval("handle:streamInfo():downstreamLocalAddress()"), "10.9.9.9:80");
  EXPECT_EQ(eval("handle:streamInfo():downstreamDirectLocalAddress()"), "10.0.0.1:443");
  EXPECT_EQ(eval("handle:streamInfo():requestedServerName()"), "a.test");
  EXPECT_EQ(eval("handle:streamInfo():upstreamHost()"), "nil");
  EXPECT_EQ(eval("handle:streamInfo():dynamicTypedMetadata('x')"), "nil");
  EXPECT_EQ(eval("handle:streamInfo():downstreamSslConnection()"), "nil");
  EXPECT_EQ(eval("handle:connection():ssl()"), "nil");
}

TEST_F(LuaFacts, WithoutARouteOrAddresses) {
  EXPECT_EQ(eval("'<' .. handle:streamInfo():routeName() .. '>'"), "<>");
  EXPECT_EQ(eval("handle:streamInfo():downstreamRemoteAddress()"), "nil");
  EXPECT_EQ(eval("handle:route():metadata():get('a')"), "nil");
  EXPECT_EQ(eval("handle:virtualHost():metadata():get('a')"), "nil");
  EXPECT_EQ(eval("handle:connectionStreamInfo():dynamicMetadata():get('a')"), "nil");
}

TEST_F(LuaFacts, MetadataOfRouteAndVirtualHost) {
  const auto metadata = [](std::string_view text) {
    const MetadataField inner[] = {{"who", MetadataValue::of(text)}};
    const MetadataField outer[] = {{"lua", MetadataValue::structure(inner)}};
    return std::make_unique<http::Metadata>(MetadataValue::structure(outer));
  };
  const auto of_route = metadata("route");
  const auto of_host = metadata("host");
  Route route;
  route.of_route = of_route.get();
  route.of_host = of_host.get();
  proxy_.client.route = &route;
  EXPECT_EQ(eval("handle:metadata():get('who')"), "route");
  EXPECT_EQ(eval("handle:route():metadata():get('who')"), "route");
  EXPECT_EQ(eval("handle:virtualHost():metadata():get('who')"), "host");
  run("for i = 1, 100000 do handle:route():metadata() end");
  EXPECT_EQ(proxy_.client.status, 500) << "its copies would fill the memory";
}

TEST_F(LuaFacts, DynamicMetadata) {
  EXPECT_EQ(eval("handle:streamInfo():dynamicMetadata():get('none')"), "nil");
  EXPECT_EQ(run(R"(
    local all = handle:streamInfo():dynamicMetadata()
    all:set("a", "text", "x")
    all:set("a", "number", 1.5)
    all:set("a", "flag", true)
    all:set("a", "gone", 1)
    all:set("a", "gone", nil)
    all:set("b", "table", {list = {1, "two", {three = 3}}, [7] = "seven", empty = {}})
    local a, b = all:get("a"), all:get("b").table
    return a.text .. a.number .. tostring(a.flag) .. tostring(a.gone) .. b.list[2] ..
           b.list[3].three .. b["7"] .. type(b.empty))"),
            "x1.5truenil"
            "two3seventable");
  EXPECT_EQ(run(R"(
    local all = handle:streamInfo():dynamicMetadata()
    all:set("a", "x", 1) all:set("b", "y", 2) all:set("a", "z", 3)
    local sum = {}
    for name, values in pairs(all) do
      for key, value in pairs(values) do sum[#sum + 1] = name .. key .. value end
    end
    table.sort(sum)
    return table.concat(sum, " "))"),
            "ax1 az3 by2");
  EXPECT_NE(proxy_.info.dynamic_metadata->find("a", "x"), nullptr) << "other filters see it";
}

TEST_F(LuaFacts, DynamicMetadataIsBounded) {
  const std::string set = "local all = handle:streamInfo():dynamicMetadata() ";
  EXPECT_THAT(run(set + "all:set('a', 'k', function() end)"), HasSubstr("can be a table"));
  EXPECT_THAT(run(set + "all:set('a', 'k', {[true] = 1})"), HasSubstr("keys of metadata"));
  EXPECT_THAT(run(set + "local t = {} t.t = t all:set('a', 'k', t)"), HasSubstr("too deeply"));
  EXPECT_THAT(run(set + "local t = {} for i = 1, 5000 do t[i] = i end all:set('a', 'k', t)"),
              HasSubstr("too many fields"));
  EXPECT_THAT(run(set + "all:set('a', 'k', ('x'):rep(70000))"), HasSubstr("too large"));
  EXPECT_THAT(run(set + "for i = 1, 1000 do all:set('a', 'k' .. i, i) end"), HasSubstr("no room"));
  EXPECT_THAT(run(set + "for i = 1, 100000 do all:set('a', 'k', {i}) end"), HasSubstr("no room"));
  EXPECT_LT(proxy_.arena.bytesHeld(), size_t{1} << 20);
  EXPECT_THAT(run(set + "all:set('a', 'k')"), HasSubstr("value expected"));
}

TEST_F(LuaFacts, FilterState) {
  const std::string set =
      "local info = handle:streamInfo() local all = info:dynamicMetadata() "
      "local state = info:filterState() ";
  EXPECT_EQ(run(set + "return state:get('user')"), "nil");
  EXPECT_EQ(run(set + "all:set('filter_state', 'user', true) return state:get('user')"), "true");
  EXPECT_EQ(run(set + "all:set('filter_state', 'user', 7) return type(state:get('user'))"),
            "string");
  EXPECT_EQ(run(set + "all:set('filter_state', 'user', {name = 'ann'}) "
                      "return state:get('user', 'name') .. tostring(state:get('user', 'x')) .. "
                      "tostring(state:get('user'))"),
            "annnilnil");
  EXPECT_EQ(run(set + "all:set('auth', 'level', 'high') return state:get('auth', 'level')"),
            "high");
}

TEST_F(LuaFacts, ConnectionStreamInfo) {
  network::ConnectionInfo connection;
  connection.metadata = {
      {"sniffed", "kind", std::string("h2")}, {"sniffed", "bytes", 7.0}, {"geo", "eu", true}};
  connection.proxy_tlvs = {{0xe0, "blue"}};
  prepare = [&](http::StreamInfo& info) { info.connection_info = &connection; };
  const std::string info = "local c = handle:connectionStreamInfo() ";
  EXPECT_EQ(run(info + "local m = c:dynamicMetadata():get('sniffed') return m.kind .. m.bytes"),
            "h27");
  EXPECT_EQ(run(info + "local n = 0 for k, v in pairs(c:dynamicMetadata()) do n = n + 1 end "
                       "return n"),
            "2");
  EXPECT_EQ(run(info + "return c:proxyTlv(0xe0) .. tostring(c:proxyTlv(1))"), "bluenil");
  EXPECT_EQ(run(info + "return c:dynamicTypedMetadata('x')"), "nil");
  EXPECT_THAT(run(info + "return c:dynamicMetadata():set('a', 'b', 1)"), HasSubstr("error: "));
}

TEST_F(LuaFacts, Tls) {
  network::CertificateFacts peer;
  peer.subject = "CN=a\\,b \\C3\\A4,OU=x,O=One,O=Two\\+";
  peer.issuer = "CN=ca";
  peer.serial = "0a";
  peer.sha256 = "ff";
  peer.dns_names = {"a.test", "b.test"};
  peer.uris = {"spiffe://a"};
  peer.oids = {"2.5.29.17"};
  peer.pem = "-----BEGIN A+/=\n";
  peer.not_before = std::chrono::system_clock::time_point(std::chrono::seconds(1000));
  peer.not_after = std::chrono::system_clock::time_point(std::chrono::seconds(2000));
  network::CertificateFacts local;
  local.subject = "CN=me";
  local.uris = {"spiffe://me"};
  Security security;
  prepare = [&](http::StreamInfo& info) { info.downstream_tls = &security; };
  const auto tls = [this](const std::string& call) {
    return eval("handle:connection():ssl():" + call);
  };
  EXPECT_EQ(tls("peerCertificatePresented()"), "false");
  EXPECT_EQ(tls("peerCertificateValidated()"), "false");
  EXPECT_EQ(tls("subjectPeerCertificate()"), "");
  EXPECT_EQ(tls("parsedSubjectPeerCertificate()"), "nil");
  EXPECT_EQ(eval("#handle:connection():ssl():uriSanPeerCertificate()"), "0");
  EXPECT_EQ(tls("validFromPeerCertificate()"), "0");
  EXPECT_EQ(tls("urlEncodedPemEncodedPeerCertificate()"), "");
  security.peer = &peer;
  security.local = &local;
  EXPECT_EQ(tls("peerCertificatePresented()"), "true");
  EXPECT_EQ(tls("peerCertificateValidated()"), "true");
  EXPECT_EQ(tls("sha256PeerCertificateDigest()"), "ff");
  EXPECT_EQ(tls("serialNumberPeerCertificate()"), "0a");
  EXPECT_EQ(tls("issuerPeerCertificate()"), "CN=ca");
  EXPECT_EQ(tls("subjectLocalCertificate()"), "CN=me");
  EXPECT_EQ(tls("uriSanLocalCertificate()[1]"), "spiffe://me");
  EXPECT_EQ(tls("uriSanPeerCertificate()[1]"), "spiffe://a");
  EXPECT_EQ(tls("dnsSansPeerCertificate()[2]"), "b.test");
  EXPECT_EQ(eval("#handle:connection():ssl():dnsSansLocalCertificate()"), "0");
  EXPECT_EQ(tls("oidsPeerCertificate()[1]"), "2.5.29.17");
  EXPECT_EQ(tls("validFromPeerCertificate()"), "1000");
  EXPECT_EQ(tls("expirationPeerCertificate()"), "2000");
  EXPECT_EQ(tls("urlEncodedPemEncodedPeerCertificate()"), "-----BEGIN%20A%2B%2F%3D%0A");
  EXPECT_EQ(tls("urlEncodedPemEncodedPeerCertificateChain()"), "leaf%0Aca%0A");
  EXPECT_EQ(tls("sessionId()"), "00ff");
  EXPECT_EQ(tls("ciphersuiteId()"), "0x1301");
  EXPECT_EQ(tls("ciphersuiteString()"), "AEAD-AES128-GCM-SHA256");
  EXPECT_EQ(tls("tlsVersion()"), "TLSv1.3");
  EXPECT_EQ(tls("parsedSubjectPeerCertificate():commonName()"), "a,b \xc3\xa4");
  EXPECT_EQ(eval("table.concat(handle:streamInfo():downstreamSslConnection():"
                 "parsedSubjectPeerCertificate():organizationName(), '|')"),
            "One|Two+");
}

TEST_F(LuaFacts, HandlesDieWithTheirStream) {
  ASSERT_EQ(proxy_.load(R"(
local kept
function envoy_on_request(handle)
  if kept then kept:get("a") end
  kept = handle:streamInfo():dynamicMetadata()
end)"),
            "");
  begin();
  begin();
  EXPECT_EQ(proxy_.client.status, 500);
  EXPECT_EQ(proxy_.metric("lua_misuses_total"), 1);
}

TEST_F(LuaFacts, OverrideHost) {
  EXPECT_EQ(run("handle:setUpstreamOverrideHost('10.0.0.1:80', true)"), "nil");
  EXPECT_EQ(proxy_.info.override_host, "10.0.0.1:80");
  EXPECT_TRUE(proxy_.info.override_strict);
  EXPECT_EQ(run("handle:setUpstreamOverrideHost('2001:db8::1')"), "nil");
  EXPECT_FALSE(proxy_.info.override_strict);
  for (const char* wrong : {"", "web-1", "10.0.0.0/8", "unix:/x", "10.0.0.1:99999"}) {
    EXPECT_THAT(run("handle:setUpstreamOverrideHost('" + std::string(wrong) + "')"),
                HasSubstr("not a valid IP address"))
        << wrong;
  }
}

TEST_F(LuaFacts, DrainsTheConnection) {
  EXPECT_EQ(run("handle:streamInfo():drainConnectionUponCompletion()"), "nil");
  EXPECT_TRUE(proxy_.chain.closeAfterResponse());
  EXPECT_EQ(run("return nil"), "nil");
  EXPECT_FALSE(proxy_.chain.closeAfterResponse());
}

TEST_F(LuaFacts, Sleeps) {
  ASSERT_EQ(proxy_.load("function envoy_on_request(handle) handle:sleep(500) "
                        "handle:headers():add('a', '1') end"),
            "");
  begin();
  EXPECT_FALSE(proxy_.arrived());
  proxy_.dispatcher.advance(std::chrono::milliseconds(490));
  EXPECT_FALSE(proxy_.arrived());
  proxy_.dispatcher.advance(std::chrono::milliseconds(40));
  EXPECT_EQ(proxy_.seen().headers, "a: 1\n");
  begin();
  proxy_.clear();  // while it sleeps
  proxy_.dispatcher.advance(std::chrono::seconds(1));
  EXPECT_THAT(run("handle:sleep(-1)"), HasSubstr("milliseconds >= 0"));
}

TEST_F(LuaFacts, SleepsWithABodyAndInResponses) {
  ASSERT_EQ(proxy_.load("function envoy_on_request(handle) local b = handle:body() "
                        "handle:sleep(100) b:setBytes('new') end\n"
                        "function envoy_on_response(handle) handle:sleep(100) end"),
            "");
  proxy_.request();
  proxy_.sendBody("old", true);
  EXPECT_FALSE(proxy_.arrived());
  proxy_.dispatcher.advance(std::chrono::milliseconds(200));
  EXPECT_EQ(proxy_.seen().body, "new");
  proxy_.terminal->respond(200, "answer");
  EXPECT_EQ(proxy_.client.status, 0);
  proxy_.dispatcher.advance(std::chrono::milliseconds(200));
  EXPECT_EQ(proxy_.client.status, 200);
  EXPECT_EQ(proxy_.client.body, "answer");
}

}  // namespace
}  // namespace weir::extensions::http_filters::lua
