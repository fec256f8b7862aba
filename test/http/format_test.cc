#include "source/http/format.h"

#include <chrono>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "source/base/concat.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/format_escape.h"
#include "source/http/path_template.h"
#include "source/http/route.h"
#include "source/http/trace_context.h"

namespace weir::http {
namespace {

using ::testing::HasSubstr;

class FormatTest : public ::testing::Test {
 protected:
  FormatTest() {
    request_.method = "GET";
    request_.path = "/a?b=c";
    request_.authority = "shop.example";
    request_.headers.add("User-Agent", "curl/8");
    request_.headers.add("X-Evil", "a\"b\\c\nd\x7f\xff");
    response_.headers.add("Content-Type", "text/plain");
    trailers_.add("grpc-status", "0");
    info_.start_time = event::SystemTime(std::chrono::milliseconds(1'700'000'000'123));
    info_.started = event::MonotonicTime(std::chrono::seconds(10));
    info_.ended = info_.started + std::chrono::milliseconds(42);
    info_.status = 503;
    info_.request_bytes = 7;
    info_.response_bytes = 99;
    info_.detail = "route_not_found";
    info_.addFlag(ResponseFlag::kNoHealthyUpstream);
    info_.addFlag(ResponseFlag::kUpstreamOverflow);
    info_.downstream_remote = &remote_;
    info_.downstream_local = &local_;
  }

  std::string text(std::string_view format) {
    auto parsed = Format::parse(format);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    std::string out;
    if (parsed.ok()) parsed->append(entry(), out);
    return out;
  }
  std::string json(const std::map<std::string, std::string>& fields) {
    auto parsed = JsonFormat::parse(fields);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    std::string out;
    if (parsed.ok()) parsed->append(entry(), out);
    return out;
  }
  LogEntry entry() { return {request_, response_, trailers_, info_}; }

  RequestHead request_;
  ResponseHead response_;
  base::Arena arena_;
  HeaderMap trailers_{arena_};
  StreamInfo info_;
  network::Address remote_ = *network::Address::parse("10.1.2.3:4567");
  network::Address local_ = *network::Address::parse("[::1]:443");
};

TEST_F(FormatTest, PrintsEveryKindOfOperator) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"%START_TIME%", "2023-11-14T22:13:20.123Z"},
      {"%START_TIME(%Y/%m/%d)%", "2023/11/14"},
      {"%REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)%", "GET /a?b=c shop.example"},
      {"%REQ(user-agent)%", "curl/8"},
      {"%REQ(User-Agent):4%", "curl"},
      {"%REQ(X-Original?User-Agent)%", "curl/8"},
      {"%REQ(X-Missing)%", "-"},
      {"%RESP(content-type)%", "text/plain"},
      {"%TRAILER(grpc-status)%", "0"},
      {"%PROTOCOL%", "HTTP/1.1"},
      {"%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%", "503 route_not_found"},
      {"%RESPONSE_FLAGS%", "UH,UO"},
      {"%BYTES_RECEIVED%/%BYTES_SENT%", "7/99"},
      {"%DURATION%", "42"},
      {"%RESPONSE_DURATION%", "-"},
      {"%UPSTREAM_HOST%", "-"},
      {"%DOWNSTREAM_REMOTE_ADDRESS%", "10.1.2.3:4567"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "10.1.2.3"},
      {"%DOWNSTREAM_LOCAL_ADDRESS%", "[::1]:443"},
      {"%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "::1"},
      {"%DOWNSTREAM_LOCAL_PORT%", "443"},
      {"100%% sure", "100% sure"},
      {"", ""},
  };
  for (const auto& [format, expected] : cases) EXPECT_EQ(text(format), expected) << format;
}

TEST_F(FormatTest, LooksIntoRequests) {
  request_.path = "/a?b=c&d=%20e&b=2&f";
  request_.headers.add("Cookie", "s=1; t=\"2\"");
  request_.headers.add("Referer", "https://x/y?z");
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"%QUERY(b)% %QUERY_PARAM(d)% %QUERY(f)% %QUERY(B)%", "c %20e  -"},
      {"%COOKIE(s)% %COOKIE(t)% %COOKIE(S)%", "1 2 -"},
      {"%REQ_WITHOUT_QUERY(:PATH)% %REQ_WITHOUT_QUERY(X?Referer)%", "/a https://x/y"},
      {"%QUERY(d):2%", "%2"},
      {"%DOWNSTREAM_REMOTE_PORT% %DOWNSTREAM_DIRECT_REMOTE_PORT% %UPSTREAM_REMOTE_PORT%",
       "4567 - -"},
      {"%UPSTREAM_PATH% %UPSTREAM_AUTHORITY%", "/a?b=c&d=%20e&b=2&f shop.example"},
  };
  for (const auto& [format, expected] : cases) EXPECT_EQ(text(format), expected) << format;
  info_.upstream_path = "/v2/a";
  info_.upstream_authority = "inner.example";
  EXPECT_EQ(text("%UPSTREAM_PATH% %UPSTREAM_AUTHORITY% %REQ(:PATH)%"),
            "/v2/a inner.example /a?b=c&d=%20e&b=2&f");
}

TEST_F(FormatTest, FractionsAndSecondsOfTime) {
  EXPECT_EQ(text("%START_TIME(%s.%3f %6f %1f %Y %%3f)%"), "1700000000.123 123000 1 2023 %3f");
}

// What routes look like to formats.
struct FakeRoute final : Route {
  std::string_view name() const override { return "r"; }
  std::string_view virtualHostName() const override { return "v"; }
  std::string_view clusterName() const override { return "c"; }
  const Metadata* metadata() const override { return own.get(); }
  const Metadata* virtualHostMetadata() const override { return host.get(); }
  const PathTemplate* pathTemplate() const override { return &shape; }
  std::unique_ptr<const Metadata> own;
  std::unique_ptr<const Metadata> host;
  PathTemplate shape = *PathTemplate::parse("/users/{id}/{rest=**}");
};

TEST_F(FormatTest, MetadataAndCaptures) {
  const std::string all =
      "%DYNAMIC_METADATA(jwt:sub)% %DYNAMIC_METADATA(jwt:age)% %DYNAMIC_METADATA(jwt:ok)% "
      "%DYNAMIC_METADATA(jwt:claims:roles)% %DYNAMIC_METADATA(jwt:claims:deep:er)% "
      "%METADATA(ROUTE:lua:tier)% %METADATA(VIRTUAL_HOST:lua:tier)% %PATH_CAPTURE(id)% "
      "%PATH_CAPTURE(rest)%";
  EXPECT_EQ(text(all), "- - - - - - - - -");
  DynamicMetadata dynamic(arena_);
  info_.dynamic_metadata = &dynamic;
  dynamic.set("jwt", "sub", std::string_view("a\"lice"));
  dynamic.set("jwt", "age", 41.5);
  dynamic.set("jwt", "ok", true);
  const MetadataField roles[] = {{"", MetadataValue::of("x")}, {"", MetadataValue::of(2.0)}};
  const MetadataField deep[] = {{"er", MetadataValue::of(false)}, {"nil", {}}};
  const MetadataField claims[] = {{"roles", MetadataValue::list(roles)},
                                  {"deep", MetadataValue::structure(deep)}};
  const MetadataValue value = MetadataValue::structure(claims);
  dynamic.set("jwt", "claims", &value);
  FakeRoute route;
  const MetadataField tier[] = {{"tier", MetadataValue::of("gold")}};
  const MetadataField spaces[] = {{"lua", MetadataValue::structure(tier)}};
  route.own = std::make_unique<Metadata>(MetadataValue::structure(spaces));
  info_.route = &route;
  info_.routed_path = "/users/7%2F/a/b?c";
  EXPECT_EQ(text(all), "a\\x22lice 41.5 true [\\x22x\\x22,2] false gold - 7%2F a/b");
  EXPECT_EQ(text("%DYNAMIC_METADATA(jwt:sub:x)% %DYNAMIC_METADATA(jwt:claims:deep:nil)%"), "- -");
  EXPECT_EQ(json({{"a", "%DYNAMIC_METADATA(jwt:claims)%"}, {"b", "%DYNAMIC_METADATA(jwt:sub)%"}}),
            R"({"a":{"roles":["x",2],"deep":{"er":false,"nil":null}},"b":"a\"lice"})");
}

TEST_F(FormatTest, TraceIds) {
  EXPECT_EQ(text("%TRACE_ID% %SPAN_ID%"), "- -");
  const TraceContext trace{.trace_id = "0af7651916cd43dd8448eb211c80319c",
                           .span_id = "b7ad6b7169203331"};
  info_.trace = &trace;
  EXPECT_EQ(text("%TRACE_ID% %SPAN_ID%"), "0af7651916cd43dd8448eb211c80319c b7ad6b7169203331");
}

TEST_F(FormatTest, FieldValuesAreRawButNeverBreakAHead) {
  request_.headers.set("X-Evil", std::string_view("a\"b\\c\r\nd\0e\x7f\t\xff", 13));
  std::string out;
  Format::parse("<%REQ(X-Evil)%|%REQ(X-Missing)%>")->appendFieldValue(entry(), out);
  EXPECT_EQ(out, "<a\"b\\c  d e \t\xff|>");
}

TEST_F(FormatTest, OfAResponseThatHasNotComeNothingHasAValue) {
  info_ = StreamInfo();
  response_.clear();
  trailers_.clear();
  std::string out;
  Format::parse(
      "%RESPONSE_CODE%%RESPONSE_CODE_DETAILS%%RESPONSE_FLAGS%%RESP(content-type)%"
      "%TRAILER(grpc-status)%%DURATION%%RESPONSE_DURATION%%UPSTREAM_HOST%")
      ->appendFieldValue(entry(), out);
  EXPECT_EQ(out, "");
}

TEST_F(FormatTest, GrpcStatuses) {
  EXPECT_EQ(text("%GRPC_STATUS% %GRPC_STATUS_NUMBER%"), "- -");
  info_.grpc_status = GrpcStatus::kUnavailable;
  EXPECT_EQ(text("%GRPC_STATUS% %GRPC_STATUS_NUMBER%"), "UNAVAILABLE 14");
  EXPECT_EQ(json({{"n", "%GRPC_STATUS_NUMBER%"}, {"s", "%GRPC_STATUS%"}}),
            R"({"n":14,"s":"UNAVAILABLE"})");
}

TEST_F(FormatTest, EveryOperatorPrintsSomething) {
  for (const std::string& name : Format::operatorNames()) {
    const bool named = name.starts_with("REQ")
                           ? !name.starts_with("REQUEST")
                           : name == "RESP" || name == "TRAILER" || name.starts_with("QUERY") ||
                                 name == "COOKIE" || name == "PATH_CAPTURE";
    const char* argument = named                          ? "(x)"
                           : name == "PROXY_PROTOCOL_TLV" ? "(2)"
                           : name == "DYNAMIC_METADATA"   ? "(a:b)"
                           : name == "METADATA"           ? "(ROUTE:a:b)"
                                                          : "";
    EXPECT_FALSE(text(base::concat("%", name, argument, "%")).empty()) << name;
  }
}

TEST_F(FormatTest, PrintsWhatListenerFiltersFound) {
  EXPECT_EQ(text("%DOWNSTREAM_ORIGINAL_DESTINATION% %PROXY_PROTOCOL_TLV(2)%"), "- -");
  network::ConnectionInfo connection;
  info_.connection_info = &connection;
  EXPECT_EQ(text("%DOWNSTREAM_ORIGINAL_DESTINATION% %PROXY_PROTOCOL_TLV(2)%"), "- -");
  connection.original_destination = *network::Address::parse("[2001:db8::1]:80");
  connection.proxy_tlvs = {{2, "shop.example"}, {0xe0, "a\n\xff"}, {2, "again"}};
  EXPECT_EQ(text("%DOWNSTREAM_ORIGINAL_DESTINATION%"), "[2001:db8::1]:80");
  EXPECT_EQ(text("%PROXY_PROTOCOL_TLV(2)% %PROXY_PROTOCOL_TLV(0x02):4%"), "shop.example shop");
  EXPECT_EQ(text("%PROXY_PROTOCOL_TLV(224)% %PROXY_PROTOCOL_TLV(0xE0)%"),
            "a\\x0a\\xff a\\x0a\\xff");
  EXPECT_EQ(json({{"none", "%PROXY_PROTOCOL_TLV(3)%"}}), "{\"none\":null}");
  for (const char* bad :
       {"%PROXY_PROTOCOL_TLV%", "%PROXY_PROTOCOL_TLV()%", "%PROXY_PROTOCOL_TLV(256)%",
        "%PROXY_PROTOCOL_TLV(0x100)%", "%PROXY_PROTOCOL_TLV(-1)%", "%PROXY_PROTOCOL_TLV(x)%"}) {
    const auto parsed = Format::parse(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("with TYPE from 0 to 255"));
  }
}

TEST_F(FormatTest, EscapesWhatAPeerSent) {
  EXPECT_EQ(text("\"%REQ(X-Evil)%\""), "\"a\\x22b\\x5cc\\x0ad\\x7f\\xff\"");
}

TEST_F(FormatTest, JsonHasNumbersNullsAndStrings) {
  EXPECT_EQ(json({{"code", "%RESPONSE_CODE%"},
                  {"host", "%UPSTREAM_HOST%"},
                  {"line", "%REQ(:METHOD)% %REQ(X-Missing)%"}}),
            R"({"code":503,"host":null,"line":"GET -"})");
}

// Whatever a peer sends, a JSON line is one line and parses.
TEST_F(FormatTest, JsonStaysJsonForAnyBytes) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    request_.headers.set("X-Evil", bytes);
    const std::string line = json({{"v", "%REQ(X-Evil)%"}});
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  }
}

TEST_F(FormatTest, JsonKeepsValidUtf8) {
  request_.headers.set("X-Evil", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \xed\xa0\x80");
  EXPECT_EQ(json({{"v", "%REQ(X-Evil)%"}}),
            "{\"v\":\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \\ufffd\\ufffd\\ufffd\"}");
}

TEST(FormatErrors, SayWhatIsWrongAndWhatWouldBeRight) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"%RESPONSE_COD%",
       "operator \"%RESPONSE_COD%\" is not known; did you mean \"%RESPONSE_CODE%\"?"},
      {"%REQ%", "operator \"%REQ%\" needs the name of a header; write \"%REQ(NAME)%\""},
      {"%REQ()%", "has an empty header name"},
      {"%COOKIE%", "operator \"%COOKIE%\" needs a name; write \"%COOKIE(NAME)%\""},
      {"%QUERY()%", "needs a name"},
      {"%DYNAMIC_METADATA(a)%", "needs a namespace and a key"},
      {"%DYNAMIC_METADATA(a::b)%", "needs a namespace and a key"},
      {"%METADATA(CLUSTER:a:b)%", "needs ROUTE or VIRTUAL_HOST"},
      {"%METADATA(ROUTE:a)%", "needs ROUTE or VIRTUAL_HOST"},
      {"%PROTOCOL(x)%", "operator \"%PROTOCOL(x)%\" takes no argument; write \"%PROTOCOL%\""},
      {"%REQ(a):x%", "operator \"%REQ(a):x%\" has a bad length; write \":N\" with N of 1 or more"},
      {"%REQ(a):0%", "has a bad length"},
      {"a %DURATION", "operator \"%DURATION\" has no end"},
      {"%REQ(a", "has no end"},
      {"%", "has no end"},
  };
  for (const auto& [format, expected] : cases) {
    const auto parsed = Format::parse(format);
    ASSERT_FALSE(parsed.ok()) << format;
    EXPECT_THAT(std::string(base::view(parsed.status().message())),
                HasSubstr(std::string(expected)));
  }
}

TEST(FormatErrors, NameTheJsonField) {
  const auto parsed = JsonFormat::parse({{"code", "%NOPE%"}});
  ASSERT_FALSE(parsed.ok());
  EXPECT_THAT(std::string(base::view(parsed.status().message())), HasSubstr("field \"code\""));
}

// What a TLS connection would tell. Worker-confined.
class FakeSecurity final : public network::SecurityInfo {
 public:
  std::string_view tlsVersion() const override { return "TLSv1.3"; }
  std::string_view cipher() const override { return "TLS_AES_128_GCM_SHA256"; }
  std::string_view requestedServerName() const override { return ""; }
  std::string_view sessionId() const override { return "0a0b"; }
  const network::CertificateFacts* peerCertificate() const override { return &peer; }
  network::CertificateFacts peer;
};

TEST_F(FormatTest, TlsFactsOfTheClient) {
  const std::string all =
      "%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% %DOWNSTREAM_TLS_SESSION_ID% "
      "%DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_ISSUER% %DOWNSTREAM_PEER_SERIAL% "
      "%DOWNSTREAM_PEER_FINGERPRINT_256% %DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_PEER_DNS_SAN% "
      "%DOWNSTREAM_PEER_CERT_V_START% %DOWNSTREAM_PEER_CERT_V_END(%Y)% "
      "%DOWNSTREAM_LOCAL_SUBJECT% %DOWNSTREAM_LOCAL_URI_SAN%";
  EXPECT_EQ(text(all), "- - - - - - - - - - - - -") << "a plain connection";
  FakeSecurity security;
  security.peer.subject = "CN=a\"b";
  security.peer.issuer = "CN=ca";
  security.peer.serial = "01ff";
  security.peer.sha256 = "ab";
  security.peer.uris = {"spiffe://a", "spiffe://b"};
  security.peer.not_before = event::SystemTime(std::chrono::milliseconds(1'700'000'000'000));
  security.peer.not_after = event::SystemTime(std::chrono::milliseconds(1'800'000'000'000));
  info_.downstream_tls = &security;
  EXPECT_EQ(text(all),
            "TLSv1.3 TLS_AES_128_GCM_SHA256 0a0b CN=a\\x22b CN=ca 01ff ab "
            "spiffe://a,spiffe://b - 2023-11-14T22:13:20.000Z 2027 - -");
}

}  // namespace
}  // namespace weir::http
