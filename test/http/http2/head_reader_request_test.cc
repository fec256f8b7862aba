// Requests from field blocks: each rule of RFC 9113 8.2, 8.3 and RFC 8441 4.
#include <string>

#include "gtest/gtest.h"

#include "source/http/http2/head_reader.h"
#include "test/http/http2/field_lists.h"

namespace weir::http::http2 {
namespace {

const FieldList kGet = {
    {":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}};
const FieldList kWebSocket = {{":method", "CONNECT"},
                              {":protocol", "websocket"},
                              {":scheme", "https"},
                              {":authority", "a"},
                              {":path", "/chat"}};

FieldList with(FieldList fields, FieldList more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

struct Row {
  const char* section;
  FieldList fields;
  bool accepted;
  bool end_stream = true;
};

void check(const Row* rows, size_t count) {
  HeadReader reader;
  RequestHead head;
  for (size_t i = 0; i < count; ++i) {
    const Row& row = rows[i];
    std::string text;
    for (const auto& [name, value] : row.fields) text += name + "=" + value + " ";
    const StreamError error = readRequest(reader, head, row.fields, row.end_stream);
    EXPECT_EQ(error.reason == ErrorReason::kNone, row.accepted)
        << row.section << ": " << text << "(" << error.detail() << ")";
    if (row.accepted) continue;
    EXPECT_EQ(error.reason, ErrorReason::kProtocol) << row.section << ": " << text;
    EXPECT_EQ(error.origin, ErrorOrigin::kDownstream) << row.section << ": " << text;
    EXPECT_FALSE(error.detail().empty()) << row.section << ": " << text;
  }
}

TEST(HeadReaderRequestTest, FieldsOfSection82) {
  const Row rows[] = {
      {"8.2.1", with(kGet, {{"x-a", "b"}}), true},
      {"8.2.1", with(kGet, {{"x-a", ""}}), true},
      {"8.2.1", with(kGet, {{"x!#$%&'*+-.^_`|~0z", "b"}}), true},
      {"8.2.1", with(kGet, {{"X-a", "b"}}), false},
      {"8.2.1", with(kGet, {{"x-A", "b"}}), false},
      {"8.2.1", with(kGet, {{"Host", "a"}}), false},
      {"8.2.1", with(kGet, {{"Cookie", "a=b"}}), false},
      {"8.2.1", with(kGet, {{"", "b"}}), false},
      {"8.2.1", with(kGet, {{"x a", "b"}}), false},
      {"8.2.1", with(kGet, {{"x:a", "b"}}), false},
      {"8.2.1", with(kGet, {{"x\x7f", "b"}}), false},
      {"8.2.1", with(kGet, {{"x\x80", "b"}}), false},
      {"8.2.1", with(kGet, {{std::string("x\0", 2), "b"}}), false},
      {"8.2.1", with(kGet, {{"x\r\ny", "b"}}), false},
      {"8.2.1", with(kGet, {{"x-a", "b\r\nc: d"}}), false},
      {"8.2.1", with(kGet, {{"x-a", "b\rc"}}), false},
      {"8.2.1", with(kGet, {{"x-a", "b\nc"}}), false},
      {"8.2.1", with(kGet, {{"x-a", std::string("b\0c", 3)}}), false},
      {"8.2.1", with(kGet, {{"x-a", "b\x01"}}), false},
      {"8.2.1", with(kGet, {{"x-a", "b\x7f"}}), false},
      {"8.2.1", with(kGet, {{"x-a", "b\tc \x80\xff"}}), true},
      {"8.2.1", with(kGet, {{"x-a", " b"}}), false},
      {"8.2.1", with(kGet, {{"x-a", "b "}}), false},
      {"8.2.1", with(kGet, {{"x-a", "\tb"}}), false},
      {"8.2.1", with(kGet, {{"x-a", "b\t"}}), false},
      {"8.2.1", with(kGet, {{"x-a", " "}}), false},
      {"8.2.2", with(kGet, {{"connection", "close"}}), false},
      {"8.2.2", with(kGet, {{"connection", ""}}), false},
      {"8.2.2", with(kGet, {{"keep-alive", "timeout=5"}}), false},
      {"8.2.2", with(kGet, {{"proxy-connection", "keep-alive"}}), false},
      {"8.2.2", with(kGet, {{"transfer-encoding", "chunked"}}), false, false},
      {"8.2.2", with(kGet, {{"upgrade", "websocket"}}), false},
      {"8.2.2", with(kGet, {{"te", "trailers"}}), true},
      {"8.2.2", with(kGet, {{"te", "Trailers"}}), true},
      {"8.2.2", with(kGet, {{"te", "trailers, gzip"}}), false},
      {"8.2.2", with(kGet, {{"te", "gzip"}}), false},
      {"8.2.2", with(kGet, {{"te", ""}}), false},
      {"8.2.2", with(kGet, {{"te", "trailers"}, {"te", "gzip"}}), false},
  };
  check(rows, std::size(rows));
}

TEST(HeadReaderRequestTest, PseudoFieldsOfSection83) {
  const Row rows[] = {
      {"8.3.1", kGet, true},
      {"8.3", {}, false},
      {"8.3", with(kGet, {{"x-a", "b"}, {":path", "/"}}), false},
      {"8.3",
       {{":method", "GET"},
        {"x-a", "b"},
        {":scheme", "https"},
        {":authority", "a"},
        {":path", "/"}},
       false},
      {"8.3", with(kGet, {{":method", "GET"}}), false},
      {"8.3", with(kGet, {{":scheme", "https"}}), false},
      {"8.3", with(kGet, {{":authority", "a"}}), false},
      {"8.3", with(kGet, {{":path", "/"}}), false},
      {"8.3", with(kGet, {{":unknown", "a"}}), false},
      {"8.3", with(kGet, {{":", "a"}}), false},
      {"8.3", with(kGet, {{":status", "200"}}), false},
      {"8.3", with(kGet, {{":Path", "/"}}), false},
      {"8.3.1", {{":scheme", "https"}, {":authority", "a"}, {":path", "/"}}, false},
      {"8.3.1", {{":method", "GET"}, {":authority", "a"}, {":path", "/"}}, false},
      {"8.3.1", {{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}}, false},
      {"8.3.1", {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}}, false},
      {"8.3.1", {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "a"}}, true},
      {"8.3.1", {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", ""}}, false},
      {"8.3.1", {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "u@a"}}, false},
      {"8.3.1", {{":method", ""}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}, false},
      {"8.3.1",
       {{":method", "G T"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}},
       false},
      {"8.3.1",
       {{":method", "get\r\n"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}},
       false},
      {"8.3.1",
       {{":method", "SHAZAM"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}},
       true},
      {"8.3.1",
       {{":method", "GET"}, {":scheme", "ftp"}, {":path", "/"}, {":authority", "a"}},
       false},
      {"8.3.1", {{":method", "GET"}, {":scheme", ""}, {":path", "/"}, {":authority", "a"}}, false},
      {"8.3.1",
       {{":method", "GET"}, {":scheme", "HTTPS"}, {":path", "/"}, {":authority", "a"}},
       true},
  };
  check(rows, std::size(rows));
}

TEST(HeadReaderRequestTest, PathAndAuthority) {
  const auto request = [](std::string method, std::string path, std::string authority,
                          FieldList more = {}) {
    return with({{":method", std::move(method)},
                 {":scheme", "https"},
                 {":authority", std::move(authority)},
                 {":path", std::move(path)}},
                std::move(more));
  };
  const Row rows[] = {
      {"8.3.1", request("GET", "/a?b=c|d", "a:80"), true},
      {"8.3.1", request("GET", "", "a"), false},
      {"8.3.1", request("GET", "a", "a"), false},
      {"8.3.1", request("GET", "http://a/", "a"), false},
      {"8.3.1", request("GET", "?b", "a"), false},
      {"8.3.1", request("GET", "*", "a"), false},
      {"8.3.1", request("OPTIONS", "*", "a"), true},
      {"8.3.1", request("OPTIONS", "*x", "a"), false},
      {"8.3.1", request("GET", "/a b", "a"), false},
      {"8.3.1", request("GET", "/a#b", "a"), false},
      {"8.3.1", request("GET", "/\x80", "a"), false},
      {"8.3.1", request("GET", "/\r\n", "a"), false},
      {"8.3.1", request("GET", std::string("/\0", 2), "a"), false},
      {"8.3.1", request("GET", "/", ""), false},
      {"8.3.1", request("GET", "/", "u@a"), false},
      {"8.3.1", request("GET", "/", "a/b"), false},
      {"8.3.1", request("GET", "/", "a,b"), false},
      {"8.3.1", request("GET", "/", "a:99999"), false},
      {"8.3.1", request("GET", "/", "[::1]:8080"), true},
      {"8.3.1", request("GET", "/", "[::1"), false},
      {"8.3.1", request("GET", "/", "a", {{"host", "a"}}), true},
      {"8.3.1", request("GET", "/", "a", {{"host", "A"}}), true},
      {"8.3.1", request("GET", "/", "a", {{"host", "a:443"}}), true},
      {"8.3.1", request("GET", "/", "a:443", {{"host", "a"}}), true},
      {"8.3.1", request("GET", "/", "a", {{"host", "a:80"}}), false},
      {"8.3.1", request("GET", "/", "a", {{"host", "b"}}), false},
      {"8.3.1", request("GET", "/", "a", {{"host", ""}}), false},
      {"8.3.1", request("GET", "/", "a", {{"host", "a"}, {"host", "a"}}), false},
  };
  check(rows, std::size(rows));
}

TEST(HeadReaderRequestTest, ContentLengthAndEnd) {
  const auto post = [](FieldList more) { return with(kGet, std::move(more)); };
  const Row rows[] = {
      {"8.1.1", post({{"content-length", "0"}}), true, true},
      {"8.1.1", post({{"content-length", "0"}}), true, false},
      {"8.1.1", post({{"content-length", "5"}}), true, false},
      {"8.1.1", post({{"content-length", "5"}}), false, true},
      {"9110 8.6", post({{"content-length", ""}}), false, false},
      {"9110 8.6", post({{"content-length", "+5"}}), false, false},
      {"9110 8.6", post({{"content-length", "5, 5"}}), false, false},
      {"9110 8.6", post({{"content-length", "5"}, {"content-length", "5"}}), false, false},
      {"9110 8.6", post({{"content-length", "5"}, {"content-length", "6"}}), false, false},
      {"9110 8.6", post({{"content-length", "9223372036854775808"}}), false, false},
      {"9110 8.6", post({{"content-length", "9223372036854775807"}}), true, false},
  };
  check(rows, std::size(rows));
}

TEST(HeadReaderRequestTest, Connect) {
  const Row rows[] = {
      {"8.5", {{":method", "CONNECT"}, {":authority", "a:443"}}, true, false},
      {"8.5", {{":method", "CONNECT"}, {":authority", "[::1]:443"}}, true, false},
      {"8.5", {{":method", "CONNECT"}, {":authority", "a:443"}, {"host", "a:443"}}, true, false},
      {"8.5", {{":method", "CONNECT"}, {":authority", "a:443"}, {"host", "b:443"}}, false, false},
      {"8.5", {{":method", "CONNECT"}, {":authority", "a"}}, false, false},
      {"8.5", {{":method", "CONNECT"}, {":authority", "[::1]"}}, false, false},
      {"8.5", {{":method", "CONNECT"}}, false, false},
      {"8.5", {{":method", "CONNECT"}, {"host", "a:443"}}, false, false},
      {"8.5", {{":method", "CONNECT"}, {":authority", "a:443"}, {":path", "/"}}, false, false},
      {"8.5", {{":method", "CONNECT"}, {":authority", "a:1"}, {":scheme", "http"}}, false, false},
      {"9110 9.3.6",
       {{":method", "CONNECT"}, {":authority", "a:1"}, {"content-length", "1"}},
       false,
       false},
  };
  check(rows, std::size(rows));
  HeadReader reader;
  RequestHead head;
  EXPECT_EQ(readRequest(reader, head, rows[0].fields, false).reason, ErrorReason::kNone);
  EXPECT_EQ(head.framing, BodyFraming::kTunnel);
  EXPECT_EQ(head.method, "CONNECT");
  EXPECT_EQ(head.authority, "a:443");
  EXPECT_EQ(head.path, "");
  EXPECT_EQ(readRequest(reader, head, rows[0].fields, false, true, kRoomy, false).reason,
            ErrorReason::kProtocol);
}

TEST(HeadReaderRequestTest, ExtendedConnectBecomesAnUpgrade) {
  const auto with_protocol = [](std::string protocol, std::string method) {
    FieldList fields = kWebSocket;
    fields[0].second = std::move(method);
    fields[1].second = std::move(protocol);
    return fields;
  };
  const Row rows[] = {
      {"8441 4", kWebSocket, true, false},
      {"8441 4", with_protocol("connect-udp", "CONNECT"), true, false},
      {"8441 4", with_protocol("", "CONNECT"), false, false},
      {"8441 4", with_protocol("web socket", "CONNECT"), false, false},
      {"8441 4", with_protocol("websocket", "GET"), false, false},
      {"8441 4", with(kWebSocket, {{":protocol", "websocket"}}), false, false},
      {"8441 4", {{":method", "CONNECT"}, {":protocol", "websocket"}, {":authority", "a"}}, false},
      {"8441 4",
       {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "https"}, {":path", "/"}},
       false},
      {"8441 4", with(kWebSocket, {{"content-length", "3"}}), false, false},
      {"8441 4", with(kWebSocket, {{"connection", "upgrade"}}), false, false},
  };
  check(rows, std::size(rows));

  HeadReader reader;
  RequestHead head;
  const FieldList fields =
      with(kWebSocket, {{"sec-websocket-version", "13"}, {"sec-websocket-key", "client's own"}});
  ASSERT_EQ(readRequest(reader, head, fields, false).reason, ErrorReason::kNone);
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.upgrade, "websocket");
  EXPECT_EQ(head.path, "/chat");
  EXPECT_EQ(head.framing, BodyFraming::kNone);
  EXPECT_EQ(listOf(head.headers), (FieldList{{"sec-websocket-version", "13"},
                                             {"host", "a"},
                                             {"connection", "Upgrade"},
                                             {"upgrade", "websocket"}}));
  // Nobody said that it is understood here.
  EXPECT_EQ(readRequest(reader, head, kWebSocket, false, false).reason, ErrorReason::kProtocol);
}

TEST(HeadReaderRequestTest, FillsTheHead) {
  HeadReader reader;
  RequestHead head;
  ASSERT_EQ(readRequest(reader, head,
                        {{":method", "POST"},
                         {":scheme", "HTTP"},
                         {":authority", "a:81"},
                         {":path", "/p?q"},
                         {"content-length", "7"},
                         {"expect", "100-Continue"},
                         {"x-a", "b"},
                         {"x-a", ""}},
                        false)
                .reason,
            ErrorReason::kNone);
  EXPECT_EQ(head.version, Version::kHttp2);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.scheme, "http");
  EXPECT_EQ(head.authority, "a:81");
  EXPECT_EQ(head.path, "/p?q");
  EXPECT_EQ(head.framing, BodyFraming::kContentLength);
  EXPECT_EQ(head.content_length, 7u);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_EQ(head.headers.get(HeaderId::kHost), "a:81");
  EXPECT_EQ(head.headers.count("x-a"), 2u);
  EXPECT_EQ(head.headers.get("x-a"), "b");

  ASSERT_EQ(readRequest(reader, head, kGet, true).reason, ErrorReason::kNone);
  EXPECT_EQ(head.framing, BodyFraming::kNone);
  EXPECT_FALSE(head.expects_continue);
  EXPECT_EQ(head.headers.size(), 1u);  // Host
  ASSERT_EQ(readRequest(reader, head, kGet, false).reason, ErrorReason::kNone);
  EXPECT_EQ(head.framing, BodyFraming::kChunked);
}

TEST(HeadReaderRequestTest, HostSaysWhatTheAuthoritySays) {
  HeadReader reader;
  RequestHead head;
  ASSERT_EQ(readRequest(reader, head, with(kGet, {{"host", "A:443"}})).reason, ErrorReason::kNone);
  EXPECT_EQ(head.authority, "a");
  EXPECT_EQ(listOf(head.headers), (FieldList{{"host", "a"}}));
  ASSERT_EQ(readRequest(reader, head,
                        {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "b"}})
                .reason,
            ErrorReason::kNone);
  EXPECT_EQ(head.authority, "b");
  EXPECT_EQ(listOf(head.headers), (FieldList{{"host", "b"}}));
}

TEST(HeadReaderRequestTest, CrumbsOfACookieAreJoined) {
  HeadReader reader;
  RequestHead head;
  const FieldList fields =
      with(kGet, {{"cookie", "a=1"}, {"x-a", "b"}, {"cookie", "b=2"}, {"cookie", "c=\"3\""}});
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(readRequest(reader, head, fields).reason, ErrorReason::kNone);
    EXPECT_EQ(head.headers.count(HeaderId::kCookie), 1u);
    EXPECT_EQ(head.headers.get(HeaderId::kCookie), "a=1; b=2; c=\"3\"");
    ASSERT_EQ(readRequest(reader, head, with(kGet, {{"cookie", "one"}})).reason,
              ErrorReason::kNone);
    EXPECT_EQ(head.headers.get(HeaderId::kCookie), "one");
  }
}

TEST(HeadReaderRequestTest, EmptyCrumbsSayNothing) {
  HeadReader reader;
  RequestHead head;
  const std::pair<std::vector<const char*>, const char*> rows[] = {{{""}, ""},
                                                                   {{"", ""}, ""},
                                                                   {{"", "a=1"}, "a=1"},
                                                                   {{"a=1", ""}, "a=1"},
                                                                   {{"a=1", "", "b"}, "a=1; b"}};
  for (const auto& [crumbs, joined] : rows) {
    FieldList fields = kGet;
    for (const char* crumb : crumbs) fields.emplace_back("cookie", crumb);
    ASSERT_EQ(readRequest(reader, head, fields).reason, ErrorReason::kNone);
    EXPECT_EQ(head.headers.get(HeaderId::kCookie), joined);
    EXPECT_EQ(head.headers.count(HeaderId::kCookie), 1u);
  }
}

TEST(HeadReaderRequestTest, FieldsStandInOnePiece) {
  HeadReader reader;
  RequestHead head;
  ASSERT_EQ(readRequest(reader, head,
                        with(kGet, {{"accept", "*/*"}, {"x-long-name", "v"}, {"user-agent", ""}}))
                .reason,
            ErrorReason::kNone);
  const std::string_view as_http1_writes_them = "accept: */*\r\nx-long-name: v\r\nuser-agent: \r\n";
  const char* const first = head.headers.fields()[0].name.data();
  EXPECT_EQ(std::string_view(first, as_http1_writes_them.size()), as_http1_writes_them);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(head.headers.fields()[i].line);
}

TEST(HeadReaderRequestTest, WhatIsOverTheBoundsIsNotKept) {
  HeadReader reader;
  RequestHead head;
  FieldList fields = kGet;
  for (int i = 0; i < 11; ++i) fields.emplace_back("x-" + std::to_string(i), "v");
  StreamError error = readRequest(reader, head, fields, true, true, {10'000, 10, 0});
  EXPECT_EQ(error.reason, ErrorReason::kHeadTooLarge);
  EXPECT_EQ(statusFor(error), 431);
  EXPECT_TRUE(reader.tooManyFields());
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.path, "/");
  EXPECT_EQ(head.headers.size(), 10u);
  EXPECT_EQ(readRequest(reader, head, fields, true, true, {10'000, 11, 0}).reason,
            ErrorReason::kNone);

  error = readRequest(reader, head, with(kGet, {{"x-a", std::string(900, 'v')}}), true, true,
                      {1000, 10, 0});
  EXPECT_EQ(error.reason, ErrorReason::kHeadTooLarge);
  EXPECT_FALSE(reader.tooManyFields());
  // :method GET, :scheme https, :authority a, :path /: 24 + 33 and 32 for each.
  const uint32_t exact = 4 * 32 + 7 + 3 + 7 + 5 + 10 + 1 + 5 + 1;
  EXPECT_EQ(readRequest(reader, head, kGet, true, true, {exact, 10, 0}).reason, ErrorReason::kNone);
  EXPECT_EQ(readRequest(reader, head, kGet, true, true, {exact - 1, 10, 0}).reason,
            ErrorReason::kHeadTooLarge);

  FieldList crumbs = kGet;
  for (int i = 0; i < 100; ++i) crumbs.emplace_back("cookie", "c=" + std::to_string(i));
  EXPECT_EQ(readRequest(reader, head, crumbs, true, true, {10'000, 1, 0}).reason,
            ErrorReason::kNone);
  EXPECT_EQ(readRequest(reader, head, crumbs, true, true, {3'000, 1, 0}).reason,
            ErrorReason::kHeadTooLarge);
  EXPECT_EQ(head.headers.size(), 1u);

  fields = kGet;
  fields[3].second = "/" + std::string(100, 'p');
  error = readRequest(reader, head, fields, true, true, {10'000, 10, 100});
  EXPECT_EQ(statusFor(error), 414);
  EXPECT_EQ(readRequest(reader, head, fields, true, true, {10'000, 10, 101}).reason,
            ErrorReason::kNone);
}

TEST(HeadReaderRequestTest, Trailers) {
  HeadReader reader;
  base::Arena arena;
  HeaderMap trailers(arena);
  EXPECT_EQ(readTrailers(reader, trailers, {{"x-sum", "1"}, {"grpc-status", "0"}}).reason,
            ErrorReason::kNone);
  EXPECT_EQ(listOf(trailers), (FieldList{{"x-sum", "1"}, {"grpc-status", "0"}}));
  const FieldList refused[] = {
      {{":path", "/"}},         {{":status", "200"}},         {{"x-a", "b"}, {":path", "/"}},
      {{"X-a", "b"}},           {{"connection", "close"}},    {{"content-length", "1"}},
      {{"host", "a"}},          {{"transfer-encoding", "a"}}, {{"te", "trailers"}},
      {{"authorization", "a"}}, {{"trailer", "x"}},           {{"x-a", "b\r\n"}},
  };
  for (const FieldList& fields : refused) {
    for (const ErrorOrigin origin : {ErrorOrigin::kDownstream, ErrorOrigin::kUpstream}) {
      trailers.clear();
      const StreamError error = readTrailers(reader, trailers, fields, true, origin);
      EXPECT_EQ(error.reason, ErrorReason::kProtocol) << fields[0].first;
      EXPECT_EQ(error.origin, origin) << fields[0].first;
    }
  }
  trailers.clear();
  EXPECT_EQ(readTrailers(reader, trailers, {{"x-sum", "1"}}, false).reason, ErrorReason::kProtocol);
}

}  // namespace
}  // namespace weir::http::http2
