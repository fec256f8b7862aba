// What listener filters find out decides about connections, and nothing of their bytes is lost.

#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/network/proxy_protocol.h"
#include "test/network/client_hello_builder.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using network::test::clientHelloFor;
using test::InProcessProxy;
using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;
using ::testing::Not;

// A listener "edge" with these filters, then chains.
std::string edge(const std::vector<std::string>& filters, const std::string& chains,
                 const std::string& fields = {}) {
  std::string text = "listeners { name: \"edge\" address: \"127.0.0.1:0\" " + fields + "\n";
  for (const std::string& filter : filters) {
    text += "listener_filters { config { [listener_filters/" + filter + " } }\n";
  }
  return text + chains + "}\n" + test::runtime();
}

std::string chain(const std::string& match, const std::string& filter) {
  return "filter_chains { match { " + match + " } filters { config { [network_filters/" + filter +
         " } } }\n";
}

std::string saying(const std::string& match, const std::string& text) {
  return chain(match, "direct_response] { text: \"" + text + "\" }");
}

std::string echoing(const std::string& match) {
  return chain(match, "echo] {}");
}

std::string forwarding(const std::string& match) {
  return chain(match,
               "http_connection_manager] { virtual_hosts { name: \"all\" domains: \"*\" routes { "
               "route { cluster: \"origin\" } } } }");
}

std::string origin(const ScriptedOrigin& origin) {
  return test::cluster("origin", {origin.address()});
}

// All that the listener answers to `pieces`, which are sent one by one.
std::string answerTo(const InProcessProxy& proxy, const std::vector<std::string>& pieces) {
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  for (const std::string& piece : pieces) client.send(piece);
  return client.readAll();
}

std::vector<std::string> split(const std::string& bytes, size_t size) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < bytes.size(); at += size) pieces.push_back(bytes.substr(at, size));
  return pieces;
}

std::string v2Header(const std::string& source, const std::string& destination) {
  network::ProxyProtocolHeader header;
  header.source = *network::Address::parse(source);
  header.destination = *network::Address::parse(destination);
  header.tlvs = {{network::ProxyProtocolTlv::kAuthority, "shop.example"}};
  std::string bytes;
  EXPECT_TRUE(network::writeProxyProtocol(header, bytes, /*checksum=*/true).ok());
  return bytes;
}

constexpr char kGet[] = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

TEST(ListenerFilters, ServerNamesChooseChainsWithoutDecrypting) {
  InProcessProxy proxy(edge({"tls_inspector] {}"},
                            saying("server_names: \"a.example\"", "exact") +
                                saying("server_names: \"*.example\"", "wildcard") +
                                saying("application_protocols: \"xmpp-client\"", "protocol") +
                                saying("transport_protocol: TRANSPORT_PROTOCOL_TLS", "any TLS") +
                                saying("transport_protocol: TRANSPORT_PROTOCOL_RAW", "raw")));
  EXPECT_EQ(answerTo(proxy, {clientHelloFor("A.Example")}), "exact");
  EXPECT_EQ(answerTo(proxy, {clientHelloFor("b.example", {"h2"})}), "wildcard");
  EXPECT_EQ(answerTo(proxy, {clientHelloFor("other.test", {"xmpp-client"})}), "protocol");
  EXPECT_EQ(answerTo(proxy, {clientHelloFor("")}), "any TLS");
  EXPECT_EQ(answerTo(proxy, {kGet}), "raw");
  EXPECT_EQ(answerTo(proxy, {std::string("\x16\x03\x01\x00\x05\x02", 6)}), "");
  EXPECT_TRUE(proxy.waitForStat("tls_inspector_malformed_total", 1,
                                {{"listener", "edge"}, {"reason", "not_client_hello"}}));
}

TEST(ListenerFilters, TheHelloReachesTheTerminalFilterWhole) {
  InProcessProxy proxy(edge({"tls_inspector] {}"}, echoing("server_names: \"a.example\"")));
  const std::string hello = network::test::inRecords(
      network::test::helloMessage(network::test::browserExtensions("a.example", {"h2"})), 400);
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  for (const std::string& piece : split(hello, 333)) client.send(piece);
  EXPECT_EQ(client.readExactly(hello.size()), hello);
  client.send("and more");
  EXPECT_EQ(client.readExactly(8), "and more");
}

TEST(ListenerFilters, TheSourceOfTheProxyProtocolIsTheClient) {
  const ScriptedOrigin echo(ScriptedOrigin::echoing());
  InProcessProxy proxy(edge({"proxy_protocol] {}"}, forwarding("")) + origin(echo));
  const std::string v1 = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
  EXPECT_THAT(answerTo(proxy, {v1 + kGet}), HasSubstr("x-forwarded-for: 192.0.2.7\n"));
  EXPECT_THAT(answerTo(proxy, {v2Header("192.0.2.8:1", "192.0.2.1:2"), kGet}),
              HasSubstr("x-forwarded-for: 192.0.2.8\n"));
  EXPECT_THAT(answerTo(proxy, split(v2Header("[2001:db8::9]:1", "[::1]:2") + kGet, 5)),
              HasSubstr("x-forwarded-for: 2001:db8::9\n"));
  EXPECT_THAT(answerTo(proxy, {std::string("PROXY UNKNOWN\r\n") + kGet}),
              HasSubstr("x-forwarded-for: 127.0.0.1\n"));
  EXPECT_EQ(answerTo(proxy, {kGet}), "") << "a header is a must";
  EXPECT_EQ(answerTo(proxy, {"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\n"}), "");
  EXPECT_TRUE(proxy.waitForStat("proxy_protocol_malformed_total", 1,
                                {{"listener", "edge"}, {"reason", "bad_syntax"}}));
  EXPECT_TRUE(proxy.waitForStat("proxy_protocol_absent_total", 1, {{"listener", "edge"}}));
}

TEST(ListenerFilters, ChainsAreChosenByTheSourceOfTheProxyProtocol) {
  InProcessProxy proxy(edge({"proxy_protocol] { allow_requests_without_proxy_protocol: true }"},
                            saying("source_prefixes: \"192.0.2.0/24\"", "documentation") +
                                saying("destination_port: 4443", "port") + saying("", "other")));
  EXPECT_EQ(answerTo(proxy, {"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n"}), "documentation");
  EXPECT_EQ(answerTo(proxy, {"PROXY TCP4 10.0.0.7 10.0.0.1 1 4443\r\n"}), "port");
  EXPECT_EQ(answerTo(proxy, {"anything"}), "other");
}

TEST(ListenerFilters, UntrustedSourcesAreNotBelieved) {
  const ScriptedOrigin echo(ScriptedOrigin::echoing());
  InProcessProxy closing(
      edge({"proxy_protocol] { trusted_sources: \"192.0.2.0/24\" }"}, forwarding("")) +
      origin(echo));
  EXPECT_EQ(answerTo(closing, {"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n", kGet}), "");
  InProcessProxy passing(edge({"proxy_protocol] { trusted_sources: \"192.0.2.0/24\" "
                               "untrusted_sources: UNTRUSTED_ACTION_PASS }"},
                              forwarding("")) +
                         origin(echo));
  EXPECT_THAT(answerTo(passing, {kGet}), HasSubstr("x-forwarded-for: 127.0.0.1\n"));
  EXPECT_THAT(answerTo(passing, {"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n", kGet}),
              HasSubstr("HTTP/1.1 400"))
      << "the header is the request then";
}

TEST(ListenerFilters, HttpIsFoundOnAPortThatCarriesEither) {
  const ScriptedOrigin echo(ScriptedOrigin::echoing());
  InProcessProxy proxy(edge({"tls_inspector] { raw_after { nanos: 20000000 } }",
                             "http_inspector] { timeout { nanos: 20000000 } }"},
                            forwarding("application_protocols: \"http/1.1\" "
                                       "transport_protocol: TRANSPORT_PROTOCOL_RAW") +
                                saying("transport_protocol: TRANSPORT_PROTOCOL_TLS", "TLS") +
                                saying("application_protocols: \"h2c\"", "HTTP/2") +
                                saying("", "220 ready")) +
                       origin(echo));
  EXPECT_THAT(answerTo(proxy, split(kGet, 3)), HasSubstr("GET /a HTTP/1.1"));
  EXPECT_EQ(answerTo(proxy, {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}), "HTTP/2");
  EXPECT_EQ(answerTo(proxy, {clientHelloFor("a", {"http/1.1"})}), "TLS");
  EXPECT_EQ(answerTo(proxy, {"EHLO mail.example\r\n"}), "220 ready");
  RawConnection silent = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_EQ(silent.readAll(), "220 ready") << "the server speaks first";
}

TEST(ListenerFilters, OneBehindTheOther) {
  InProcessProxy proxy(
      edge({"proxy_protocol] {}", "tls_inspector] {}", "http_inspector] {}"},
           saying("server_names: \"a.example\" source_prefixes: \"192.0.2.0/24\"", "TLS") +
               saying("application_protocols: \"http/1.1\"", "HTTP")));
  for (const size_t size : {1ul, 50ul, 5000ul}) {
    const std::string header = v2Header("192.0.2.7:1", "10.0.0.1:2");
    EXPECT_EQ(answerTo(proxy, split(header + clientHelloFor("a.example"), size)), "TLS") << size;
    EXPECT_EQ(answerTo(proxy, split(header + kGet, size)), "HTTP") << size;
  }
}

TEST(ListenerFilters, ConnectionsToTheListenerItselfHaveNoOriginalDestination) {
  InProcessProxy proxy(edge({"original_dst] {}"}, saying("", "hello")));
  EXPECT_EQ(answerTo(proxy, {}), "hello");
  EXPECT_TRUE(proxy.waitForStat("original_dst_own_address_total", 1, {{"listener", "edge"}}));
}

TEST(ListenerFilters, SilentClientsAreClosed) {
  InProcessProxy proxy(edge({"tls_inspector] {}"}, saying("", "hello"),
                            "listener_filters_timeout { nanos: 50000000 }"));
  RawConnection silent = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_TRUE(silent.closedByPeer());
  EXPECT_EQ(proxy.stat("listener_filter_timeouts_total", {{"listener", "edge"}}), 1);
}

TEST(ListenerFilters, ManyHalfOpenOnesDoNotHoldUpOthers) {
  InProcessProxy proxy(edge({"tls_inspector] {}"}, saying("", "hello")));
  std::vector<RawConnection> half_open;
  for (int i = 0; i < 2000; ++i) {
    half_open.push_back(RawConnection::connectTo(proxy.port("edge")));
    if (i % 2 == 0) half_open.back().send(clientHelloFor("a.example").substr(0, 40));
  }
  EXPECT_TRUE(proxy.waitForStat("listener_connections_inspecting", 2000, {{"listener", "edge"}}));
  EXPECT_EQ(answerTo(proxy, {clientHelloFor("a.example")}), "hello");
  half_open.clear();
  EXPECT_TRUE(proxy.waitForStat("listener_connections_active", 0, {{"listener", "edge"}}));
}

TEST(ListenerFilters, AReloadDoesNotDisturbThoseInspected) {
  const std::string filters = "tls_inspector] {}";
  InProcessProxy proxy(edge({filters}, saying("", "old")));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  const std::string hello = clientHelloFor("a.example");
  client.send(hello.substr(0, 20));
  EXPECT_TRUE(proxy.waitForStat("listener_connections_inspecting", 1, {{"listener", "edge"}}));
  EXPECT_EQ(proxy.reload(edge({}, saying("server_names: \"a.example\"", "new"))), "");
  client.send(hello.substr(20));
  EXPECT_EQ(client.readAll(), "new");
}

TEST(ListenerFilters, ShutdownDoesNotWaitForTheSilent) {
  InProcessProxy proxy(edge({"tls_inspector] {}"}, saying("", "hello")));
  RawConnection silent = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_TRUE(proxy.waitForStat("listener_connections_inspecting", 1, {{"listener", "edge"}}));
  EXPECT_EQ(proxy.shutdown(), 0);
  EXPECT_TRUE(silent.closedByPeer());
}

}  // namespace
}  // namespace weir
