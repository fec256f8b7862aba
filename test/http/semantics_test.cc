#include "source/http/semantics.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace weir::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct RequestRow {
  const char* section;
  std::string method;
  std::string target;
  Version version;
  Fields fields;
  bool accepted;
};

constexpr Version k10 = Version::kHttp10;
constexpr Version k11 = Version::kHttp11;

StreamError check(const RequestRow& row, RequestHead& head, bool allow_connect = true) {
  head.method = head.arena.copy(row.method);
  head.version = row.version;
  for (const auto& [name, value] : row.fields) head.headers.add(name, value);
  return validateRequest(head, head.arena.copy(row.target), allow_connect);
}

TEST(ValidateRequestTest, Rows) {
  const RequestRow rows[] = {
      {"9112 3.2.1", "GET", "/", k11, {{"Host", "a"}}, true},
      {"9112 3.2.1", "GET", "/a?b=c|d", k11, {{"Host", "a:80"}}, true},
      {"9110 9.1", "SHAZAM", "/", k11, {{"Host", "a"}}, true},
      {"9110 9.1", "G@T", "/", k11, {{"Host", "a"}}, false},
      {"9110 9.1", "", "/", k11, {{"Host", "a"}}, false},
      {"9112 3.2", "GET", "", k11, {{"Host", "a"}}, false},
      {"9112 3.2", "GET", "a", k11, {{"Host", "a"}}, false},
      {"9112 3.2", "GET", "/a b", k11, {{"Host", "a"}}, false},
      {"9112 3.2", "GET", "/a#b", k11, {{"Host", "a"}}, false},
      {"9112 3.2", "GET", "/\x80", k11, {{"Host", "a"}}, false},
      {"9112 3.2", "GET", "/\x7f", k11, {{"Host", "a"}}, false},
      {"9112 3.2", "GET", std::string("/\0", 2), k11, {{"Host", "a"}}, false},
      {"9112 3.2.4", "OPTIONS", "*", k11, {{"Host", "a"}}, true},
      {"9112 3.2.4", "GET", "*", k11, {{"Host", "a"}}, false},
      // Host
      {"9112 3.2", "GET", "/", k11, {}, false},
      {"9112 3.2", "GET", "/", k10, {}, true},
      {"9112 3.2", "GET", "/", k11, {{"Host", ""}}, false},
      {"9112 3.2", "GET", "/", k11, {{"Host", "a"}, {"host", "a"}}, false},
      {"9112 3.2", "GET", "/", k10, {{"Host", "a"}, {"host", "b"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "a,b"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "a b"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "u@a"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "a/b"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "a:"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "a:99999"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "a:8x"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "[::1]:8080"}}, true},
      {"9110 7.2", "GET", "/", k11, {{"Host", "[::1"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "[::g]"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "[::1]x"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "::1"}}, false},
      {"9110 7.2", "GET", "/", k11, {{"Host", "a%2eb"}}, false},
      // absolute-form
      {"9112 3.2.2", "GET", "http://a/x", k11, {{"Host", "a"}}, true},
      {"9112 3.2.2", "GET", "HTTP://A:80/x", k11, {{"Host", "a"}}, true},
      {"9112 3.2.2", "GET", "https://a/x", k11, {{"Host", "a:443"}}, true},
      {"9112 3.2.2", "GET", "http://b/x", k11, {{"Host", "a"}}, false},
      {"9112 3.2.2", "GET", "http://a:81/x", k11, {{"Host", "a"}}, false},
      {"9112 3.2.2", "GET", "http://a/x", k11, {}, false},
      {"9112 3.2.2", "GET", "http:///x", k11, {{"Host", "a"}}, false},
      {"9112 3.2.2", "GET", "http://u@a/x", k11, {{"Host", "a"}}, false},
      {"9112 3.2.2", "GET", "ftp://a/x", k11, {{"Host", "a"}}, false},
      // CONNECT
      {"9112 3.2.3", "CONNECT", "a:443", k11, {{"Host", "a:443"}}, true},
      {"9112 3.2.3", "CONNECT", "a", k11, {{"Host", "a"}}, false},
      {"9112 3.2.3", "CONNECT", "/", k11, {{"Host", "a"}}, false},
      {"9112 3.2.3", "CONNECT", "[::1]", k11, {{"Host", "[::1]"}}, false},
      {"9112 3.2.3", "CONNECT", "[::1]:1", k11, {{"Host", "[::1]:1"}}, true},
      {"9112 3.2.3", "CONNECT", "b:443", k11, {{"Host", "a:443"}}, false},
      {"9110 9.3.6", "CONNECT", "a:1", k11, {{"Host", "a:1"}, {"Content-Length", "1"}}, false},
      // framing
      {"9110 8.6", "POST", "/", k11, {{"Host", "a"}, {"Content-Length", "5"}}, true},
      {"9110 8.6", "POST", "/", k11, {{"Host", "a"}, {"Content-Length", ""}}, false},
      {"9110 8.6", "POST", "/", k11, {{"Host", "a"}, {"Content-Length", "+5"}}, false},
      {"9110 8.6", "POST", "/", k11, {{"Host", "a"}, {"Content-Length", "-5"}}, false},
      {"9110 8.6", "POST", "/", k11, {{"Host", "a"}, {"Content-Length", "5, 5"}}, false},
      {"9110 8.6", "POST", "/", k11, {{"Host", "a"}, {"Content-Length", "0x5"}}, false},
      {"9110 8.6", "POST", "/", k11, {{"Host", "a"}, {"Content-Length", "5 "}}, false},
      {"9110 8.6",
       "POST",
       "/",
       k11,
       {{"Host", "a"}, {"Content-Length", "9223372036854775807"}},
       true},
      {"9110 8.6",
       "POST",
       "/",
       k11,
       {{"Host", "a"}, {"Content-Length", "9223372036854775808"}},
       false},
      {"9110 8.6",
       "POST",
       "/",
       k11,
       {{"Host", "a"}, {"Content-Length", "18446744073709551621"}},
       false},
      {"9112 6.3",
       "POST",
       "/",
       k11,
       {{"Host", "a"}, {"Content-Length", "5"}, {"Content-Length", "6"}},
       false},
      {"9112 6.3",
       "POST",
       "/",
       k11,
       {{"Host", "a"}, {"Content-Length", "5"}, {"Content-Length", "5"}},
       false},
      {"9112 6.1", "POST", "/", k11, {{"Host", "a"}, {"Transfer-Encoding", "CHUNKED"}}, true},
      {"9112 6.1", "POST", "/", k10, {{"Host", "a"}, {"Transfer-Encoding", "chunked"}}, false},
      {"9112 6.1", "POST", "/", k11, {{"Host", "a"}, {"Transfer-Encoding", "xchunked"}}, false},
      {"9112 6.1", "POST", "/", k11, {{"Host", "a"}, {"Transfer-Encoding", ""}}, false},
      {"9112 6.1", "POST", "/", k11, {{"Host", "a"}, {"Transfer-Encoding", "identity"}}, false},
      {"9112 6.1",
       "POST",
       "/",
       k11,
       {{"Host", "a"}, {"Transfer-Encoding", "gzip, chunked"}},
       false},
      {"9112 6.1",
       "POST",
       "/",
       k11,
       {{"Host", "a"}, {"Transfer-Encoding", "chunked, chunked"}},
       false},
      {"9112 6.1", "POST", "/", k11, {{"Host", "a"}, {"Transfer-Encoding", "chunked;q=1"}}, false},
      {"9112 6.1",
       "POST",
       "/",
       k11,
       {{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
       false},
      {"9112 6.3",
       "POST",
       "/",
       k11,
       {{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}},
       false},
  };
  for (const RequestRow& row : rows) {
    RequestHead head;
    const StreamError error = check(row, head);
    EXPECT_EQ(error.reason == ErrorReason::kNone, row.accepted)
        << "RFC " << row.section << ": " << row.method << " " << row.target << " "
        << error.detail();
    if (!row.accepted) {
      EXPECT_EQ(statusFor(error), 400);
      EXPECT_FALSE(error.detail().empty());
    }
  }
}

TEST(ValidateRequestTest, ConnectIsRefusedUnlessEnabled) {
  RequestHead head;
  const RequestRow row{"9110 9.3.6", "CONNECT", "a:1", k11, {{"Host", "a:1"}}, false};
  EXPECT_EQ(check(row, head, false).reason, ErrorReason::kProtocol);
  RequestHead allowed;
  EXPECT_EQ(check(row, allowed, true).reason, ErrorReason::kNone);
  EXPECT_EQ(allowed.framing, BodyFraming::kTunnel);
  EXPECT_EQ(allowed.authority, "a:1");
  EXPECT_EQ(allowed.path, "");
}

TEST(ValidateRequestTest, FillsTheHead) {
  RequestHead head;
  check({"",
         "POST",
         "http://A.example?q",
         k11,
         {{"Host", "a.example"}, {"Content-Length", "007"}, {"Expect", "100-Continue"}},
         true},
        head);
  EXPECT_EQ(head.authority, "A.example");
  EXPECT_EQ(head.path, "/?q");
  EXPECT_EQ(head.framing, BodyFraming::kContentLength);
  EXPECT_EQ(head.content_length, 7u);
  EXPECT_TRUE(head.expects_continue);
  RequestHead options;
  check({"", "OPTIONS", "http://a", k11, {{"Host", "a"}}, true}, options);
  EXPECT_EQ(options.path, "*");
}

TEST(ValidateRequestTest, UpgradeCountsOnlyWhenAskedForProperly) {
  struct Row {
    Version version;
    Fields fields;
    const char* upgrade;
  };
  const Row rows[] = {
      {k11, {{"Connection", "keep-alive, Upgrade"}, {"Upgrade", "websocket"}}, "websocket"},
      {k11, {{"Upgrade", "websocket"}}, ""},
      {k11, {{"Connection", "close"}, {"Upgrade", "websocket"}}, ""},
      {k10, {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}, ""},
      {k11, {{"Connection", "Upgrade"}, {"Upgrade", "h2c"}, {"Content-Length", "3"}}, ""},
      {k11, {{"Connection", "Upgrade"}, {"Upgrade", "a"}, {"Upgrade", "b"}}, ""},
  };
  for (const Row& row : rows) {
    Fields fields = row.fields;
    fields.emplace_back("Host", "a");
    RequestHead head;
    EXPECT_EQ(check({"9110 7.8", "GET", "/", row.version, fields, true}, head).reason,
              ErrorReason::kNone);
    EXPECT_EQ(head.upgrade, row.upgrade);
  }
}

struct ResponseRow {
  const char* section;
  uint16_t status;
  Version version;
  Fields fields;
  bool to_head;
  bool to_connect;
  bool accepted;
  BodyFraming framing = BodyFraming::kNone;
};

TEST(ValidateResponseTest, Rows) {
  using enum BodyFraming;
  const ResponseRow rows[] = {
      {"9112 6.3", 200, k11, {{"Content-Length", "5"}}, false, false, true, kContentLength},
      {"9112 6.3", 200, k11, {{"Transfer-Encoding", "chunked"}}, false, false, true, kChunked},
      {"9112 6.3", 200, k11, {}, false, false, true, kUntilClose},
      {"9112 6.3", 200, k10, {}, false, false, true, kUntilClose},
      {"9112 6.3", 200, k11, {}, true, false, true, kNone},
      {"9112 6.3", 200, k11, {{"Content-Length", "5"}}, true, false, true, kContentLength},
      {"9112 6.3", 304, k11, {{"Content-Length", "5"}}, false, false, true, kContentLength},
      {"9112 6.3", 304, k11, {}, false, false, true, kNone},
      {"9112 6.3", 204, k11, {}, false, false, true, kNone},
      {"9110 8.6", 204, k11, {{"Content-Length", "0"}}, false, false, true, kNone},
      {"9110 8.6", 204, k11, {{"Content-Length", "5"}}, false, false, false},
      {"9112 6.1", 204, k11, {{"Transfer-Encoding", "chunked"}}, false, false, false},
      {"9112 6.1", 100, k11, {{"Transfer-Encoding", "chunked"}}, false, false, false},
      {"9110 7.8", 101, k11, {{"Upgrade", "websocket"}}, false, false, true, kTunnel},
      {"9110 9.3.6", 200, k11, {{"Content-Length", "5"}}, false, true, true, kTunnel},
      {"9110 9.3.6", 403, k11, {{"Content-Length", "5"}}, false, true, true, kContentLength},
      {"9112 6.3",
       200,
       k11,
       {{"Content-Length", "5"}, {"Content-Length", "6"}},
       false,
       false,
       false},
      {"9112 6.3", 200, k11, {{"Content-Length", "5, 5"}}, false, false, false},
      {"9112 6.3", 200, k11, {{"Content-Length", "x"}}, true, false, false},
      {"9112 6.3",
       200,
       k11,
       {{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
       false,
       false,
       false},
      {"9112 6.1", 200, k11, {{"Transfer-Encoding", "gzip"}}, false, false, false},
      {"9112 6.1", 200, k11, {{"Transfer-Encoding", "gzip, chunked"}}, false, false, false},
      {"9112 6.1", 200, k10, {{"Transfer-Encoding", "chunked"}}, false, false, false},
  };
  for (const ResponseRow& row : rows) {
    ResponseHead head;
    head.status = row.status;
    head.version = row.version;
    for (const auto& [name, value] : row.fields) head.headers.add(name, value);
    const StreamError error = validateResponse(head, row.to_head, row.to_connect);
    EXPECT_EQ(error.reason == ErrorReason::kNone, row.accepted)
        << "RFC " << row.section << ": " << row.status << " " << error.detail();
    if (row.accepted) {
      EXPECT_EQ(head.framing, row.framing) << "RFC " << row.section << ": " << row.status;
    } else {
      EXPECT_EQ(statusFor(error), 502);
    }
  }
}

std::string stripped(const Fields& fields, bool keep_upgrade = false) {
  base::Arena arena;
  HeaderMap map(arena);
  for (const auto& [name, value] : fields) map.add(name, value);
  if (removeHopByHop(map, keep_upgrade).reason != ErrorReason::kNone) return "refused";
  std::string out;
  map.forEach([&](const HeaderMap::Field& f) {
    out.append(f.name).append(":").append(f.value).append(";");
  });
  return out;
}

TEST(RemoveHopByHopTest, Rows) {
  EXPECT_EQ(stripped({{"A", "1"}, {"Connection", "keep-alive"}, {"Keep-Alive", "5"}}), "A:1;");
  EXPECT_EQ(stripped({{"Foo", "1"}, {"Connection", "foo , close"}, {"Bar", "2"}}), "Bar:2;");
  EXPECT_EQ(stripped({{"Foo", "1"}, {"Connection", "close"}, {"Connection", "FOO"}}), "");
  EXPECT_EQ(stripped({{"Proxy-Connection", "x"}, {"Transfer-Encoding", "chunked"}}), "");
  EXPECT_EQ(stripped({{"TE", "trailers, deflate"}, {"Connection", "TE"}}), "te:trailers;");
  EXPECT_EQ(stripped({{"TE", "deflate"}}), "");
  EXPECT_EQ(stripped({{"Upgrade", "websocket"}, {"Connection", "Upgrade"}}), "");
  EXPECT_EQ(stripped({{"Upgrade", "websocket"}, {"Connection", "Upgrade"}}, true),
            "Upgrade:websocket;connection:Upgrade;");
  EXPECT_EQ(stripped({{"Connection", ",,"}, {"A", "1"}}), "A:1;");
  for (const char* named :
       {"Host", "content-length", "Transfer-Encoding", "Authorization", "Cookie", "X-Forwarded-For",
        "x-forwarded-proto", "Forwarded", "X-Request-Id", "X-Real-IP", "a b", ":path"}) {
    EXPECT_EQ(stripped({{"Connection", std::string("close, ") + named}}), "refused") << named;
  }
}

TEST(ValidateTrailersTest, RefusesWhatFramesRoutesOrAuthenticates) {
  for (const char* name : {"Content-Length", "Transfer-Encoding", "Host", "Authorization", "Cookie",
                           "Trailer", "TE", "Content-Type", "X-Forwarded-For", "Forwarded"}) {
    base::Arena arena;
    HeaderMap map(arena);
    map.add(name, "x");
    EXPECT_NE(validateTrailers(map).reason, ErrorReason::kNone) << name;
  }
  base::Arena arena;
  HeaderMap map(arena);
  map.add("Digest", "x");
  map.add("ETag", "x");
  map.add("grpc-status", "0");
  EXPECT_EQ(validateTrailers(map).reason, ErrorReason::kNone);
}

TEST(KeepAliveTest, Rows) {
  const auto keeps = [](Version version, const char* connection) {
    base::Arena arena;
    HeaderMap map(arena);
    if (connection != nullptr) map.add("Connection", connection);
    return wantsKeepAlive(version, map);
  };
  EXPECT_TRUE(keeps(k11, nullptr));
  EXPECT_FALSE(keeps(k11, "Close"));
  EXPECT_FALSE(keeps(k11, "upgrade, close"));
  EXPECT_FALSE(keeps(k10, nullptr));
  EXPECT_TRUE(keeps(k10, "Keep-Alive"));
  EXPECT_FALSE(keeps(k10, "keep-alive, close"));
}

TEST(GrammarTest, NamesInLowerCase) {
  EXPECT_TRUE(isLowerCaseToken("!#$%&'*+-.^_`|~09az"));
  for (int c = 0; c < 256; ++c) {
    const std::string text = std::string("abcd") + static_cast<char>(c);
    const bool upper = c >= 'A' && c <= 'Z';
    EXPECT_EQ(isLowerCaseToken(text), isToken(text) && !upper) << c;
  }
  EXPECT_FALSE(isLowerCaseToken(""));
}

TEST(GrammarTest, Statuses) {
  uint16_t status = 0;
  EXPECT_TRUE(parseStatus("100", status));
  EXPECT_EQ(status, 100);
  EXPECT_TRUE(parseStatus("999", status));
  EXPECT_EQ(status, 999);
  for (const char* bad : {"", "1", "20", "099", "000", "2000", "2 0", "-10", "+10", "20x"}) {
    EXPECT_FALSE(parseStatus(bad, status)) << bad;
  }
}

TEST(GrammarTest, OneBadCharacterIsFoundWhereverItStands) {
  for (size_t size = 1; size <= 20; ++size) {
    EXPECT_TRUE(isToken(std::string(size, 'a'))) << size;
    for (size_t at = 0; at < size; ++at) {
      std::string text(size, 'a');
      text[at] = ' ';
      EXPECT_FALSE(isToken(text)) << at << " of " << size;
    }
  }
}

TEST(GrammarTest, Words) {
  EXPECT_TRUE(isToken("!#$%&'*+-.^_`|~09azAZ"));
  for (const char* bad : {"", "a b", "a:b", "a\tb", "\"a\"", "a(b)", "\x80", "a,b"}) {
    EXPECT_FALSE(isToken(bad)) << bad;
  }
  EXPECT_TRUE(isFieldValue("a\tb \x80\xff"));
  for (const std::string& bad : {std::string("a\rb"), std::string("a\nb"), std::string("a\0b", 3),
                                 std::string("\x7f"), std::string("\x1f")}) {
    EXPECT_FALSE(isFieldValue(bad));
  }
  EXPECT_TRUE(methodIsIdempotent("PUT"));
  EXPECT_FALSE(methodIsIdempotent("POST"));
}

}  // namespace
}  // namespace weir::http
