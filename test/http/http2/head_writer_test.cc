#include "source/http/http2/head_writer.h"

#include <string>

#include "gtest/gtest.h"

#include "test/http/http2/field_lists.h"

namespace weir::http::http2 {
namespace {

void fill(RequestHead& head, std::string_view method, std::string_view path) {
  head.clear();
  head.method = method;
  head.scheme = "https";
  head.authority = "a";
  head.path = path;
}

// What flags a field of the list has; 255: it is not there.
unsigned flagsOf(std::span<const nghttp2_nv> fields, std::string_view name) {
  for (const nghttp2_nv& field : fields) {
    if (std::string_view(reinterpret_cast<const char*>(field.name), field.namelen) == name) {
      return field.flags;
    }
  }
  return 255;
}

TEST(HeadWriterTest, Request) {
  HeadWriter writer;
  RequestHead head;
  fill(head, "POST", "/p?q");
  head.framing = BodyFraming::kContentLength;
  head.content_length = 5;
  head.headers.add("Host", "other");
  head.headers.add("User-Agent", "U");
  head.headers.add("Content-Length", "77");
  head.headers.add("X-Mixed", "Kept As It Is");
  head.headers.add("x-lower", " \t spaces around\t ");
  head.headers.add("removed", "r");
  head.headers.remove("removed");
  EXPECT_EQ(listOf(writer.request(head, false)), (FieldList{{":method", "POST"},
                                                            {":scheme", "https"},
                                                            {":path", "/p?q"},
                                                            {":authority", "a"},
                                                            {"user-agent", "U"},
                                                            {"x-mixed", "Kept As It Is"},
                                                            {"x-lower", "spaces around"},
                                                            {"content-length", "5"}}));
  // Announced, and empty after all.
  EXPECT_EQ(listOf(writer.request(head, true)).back(),
            (FieldList::value_type{"content-length", "0"}));
  head.framing = BodyFraming::kChunked;
  EXPECT_EQ(listOf(writer.request(head, false)).back().first, "x-lower");
}

TEST(HeadWriterTest, WhatBelongsToAnHttp1ConnectionIsLeftOut) {
  HeadWriter writer;
  RequestHead head;
  fill(head, "GET", "/");
  for (const char* name :
       {"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "TE"}) {
    head.headers.add(name, "x");
  }
  EXPECT_EQ(writer.request(head, true).size(), 4u);
  head.headers.set(HeaderId::kTe, "Trailers");
  EXPECT_EQ(listOf(writer.request(head, true)).back(), (FieldList::value_type{"te", "Trailers"}));
}

TEST(HeadWriterTest, Connect) {
  HeadWriter writer;
  RequestHead head;
  fill(head, "CONNECT", "");
  head.authority = "a:443";
  head.framing = BodyFraming::kTunnel;
  head.headers.add("Host", "a:443");
  EXPECT_EQ(listOf(writer.request(head, false)),
            (FieldList{{":method", "CONNECT"}, {":authority", "a:443"}}));
}

TEST(HeadWriterTest, AnUpgradeBecomesAnExtendedConnect) {
  HeadWriter writer;
  RequestHead head;
  fill(head, "GET", "/chat");
  head.upgrade = "websocket";
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Upgrade", "websocket");
  head.headers.add("Sec-WebSocket-Key", "k");
  head.headers.add("Sec-WebSocket-Version", "13");
  EXPECT_EQ(listOf(writer.request(head, false)), (FieldList{{":method", "CONNECT"},
                                                            {":protocol", "websocket"},
                                                            {":scheme", "https"},
                                                            {":path", "/chat"},
                                                            {":authority", "a"},
                                                            {"sec-websocket-version", "13"}}));
  head.upgrade = {};  // declined: a request like any other
  EXPECT_EQ(listOf(writer.request(head, true)).front().second, "GET");

  ResponseHead answer;
  answer.status = 101;
  answer.framing = BodyFraming::kTunnel;
  answer.headers.add("Connection", "Upgrade");
  answer.headers.add("Upgrade", "websocket");
  answer.headers.add("Sec-WebSocket-Accept", "k");
  answer.headers.add("Sec-WebSocket-Protocol", "chat");
  EXPECT_EQ(listOf(writer.response(answer, false, false)),
            (FieldList{{":status", "200"}, {"sec-websocket-protocol", "chat"}}));
}

TEST(HeadWriterTest, NotEveryUpgradeFitsAnExtendedConnect) {
  RequestHead head;
  fill(head, "GET", "/");
  EXPECT_TRUE(HeadWriter::canCarry(head));
  head.upgrade = "websocket";
  EXPECT_TRUE(HeadWriter::canCarry(head));
  head.method = "POST";
  EXPECT_FALSE(HeadWriter::canCarry(head));
  head.method = "GET";
  head.upgrade = "a, b";
  EXPECT_FALSE(HeadWriter::canCarry(head));
}

TEST(HeadWriterTest, TeIsForRequestsOnly) {
  HeadWriter writer;
  ResponseHead head;
  head.status = 200;
  head.headers.add("TE", "trailers");
  EXPECT_EQ(listOf(writer.response(head, true, false)), (FieldList{{":status", "200"}}));
  EXPECT_TRUE(writer.trailers(head.headers).empty());
}

TEST(HeadWriterTest, LengthOfResponses) {
  struct Row {
    uint16_t status;
    BodyFraming framing;
    bool end_stream;
    bool to_head;
    const char* length;  // nullptr: none
  };
  constexpr auto kLength = BodyFraming::kContentLength;
  const Row rows[] = {
      {200, kLength, false, false, "5"},
      {200, kLength, true, false, "0"},
      {200, kLength, true, true, "5"},
      {304, kLength, true, false, "5"},
      {204, kLength, true, false, nullptr},
      {103, kLength, false, false, nullptr},
      {200, BodyFraming::kChunked, false, false, nullptr},
      {200, BodyFraming::kChunked, true, true, nullptr},
      {200, BodyFraming::kUntilClose, false, false, nullptr},
      {200, BodyFraming::kNone, true, false, nullptr},
      {200, BodyFraming::kTunnel, false, false, nullptr},
  };
  HeadWriter writer;
  for (const Row& row : rows) {
    ResponseHead head;
    head.status = row.status;
    head.framing = row.framing;
    head.content_length = 5;
    head.headers.add("Content-Length", "99");
    FieldList expected = {{":status", std::to_string(row.status)}};
    if (row.length != nullptr) expected.emplace_back("content-length", row.length);
    EXPECT_EQ(listOf(writer.response(head, row.end_stream, row.to_head)), expected);
  }
}

TEST(HeadWriterTest, SecretsAreNeverIndexed) {
  HeadWriter writer;
  RequestHead head;
  fill(head, "GET", "/");
  const std::string long_secret(20, 's');
  head.headers.add("Authorization", long_secret);
  head.headers.add("Proxy-Authorization", long_secret);
  head.headers.add("X-Request-Id", long_secret);
  head.headers.add("Cookie", "short");
  head.headers.add("X-Other", "short");
  auto fields = writer.request(head, true);
  for (const char* name : {"authorization", "proxy-authorization", "x-request-id", "cookie"}) {
    EXPECT_TRUE((flagsOf(fields, name) & NGHTTP2_NV_FLAG_NO_INDEX) != 0) << name;
  }
  EXPECT_EQ(flagsOf(fields, "x-other"), 0u);
  EXPECT_EQ(flagsOf(fields, ":path") & NGHTTP2_NV_FLAG_NO_INDEX, 0u);
  head.headers.set(HeaderId::kCookie, long_secret);
  fields = writer.request(head, true);
  EXPECT_EQ(flagsOf(fields, "cookie") & NGHTTP2_NV_FLAG_NO_INDEX, 0u);
}

TEST(HeadWriterTest, Trailers) {
  HeadWriter writer;
  base::Arena arena;
  HeaderMap trailers(arena);
  trailers.add("Grpc-Status", "0");
  trailers.add("Connection", "close");
  EXPECT_EQ(listOf(writer.trailers(trailers)), (FieldList{{"grpc-status", "0"}}));
}

}  // namespace
}  // namespace weir::http::http2
