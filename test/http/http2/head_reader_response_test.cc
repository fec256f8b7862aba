// Responses from field blocks: RFC 9113 8.2, 8.3.2, 8.5, 8.6 and RFC 8441 5.
#include <string>

#include "gtest/gtest.h"

#include "source/http/http2/head_reader.h"
#include "test/http/http2/field_lists.h"

namespace weir::http::http2 {
namespace {

constexpr HeadReader::Asked kGet{};
constexpr HeadReader::Asked kHead{.head = true};
constexpr HeadReader::Asked kConnect{.connect = true};

struct Row {
  const char* section;
  FieldList fields;
  bool end_stream;
  HeadReader::Asked asked;
  bool accepted;
  BodyFraming framing = BodyFraming::kNone;
  uint64_t length = 0;
};

TEST(HeadReaderResponseTest, Rows) {
  const auto status = [](std::string code, FieldList more = {}) {
    more.insert(more.begin(), {":status", std::move(code)});
    return more;
  };
  const FieldList five = {{"content-length", "5"}};
  constexpr auto kLength = BodyFraming::kContentLength;
  const Row rows[] = {
      {"8.3.2", status("200"), true, kGet, true, BodyFraming::kNone},
      {"8.3.2", status("200"), false, kGet, true, BodyFraming::kChunked},
      {"8.3.2", {}, true, kGet, false},
      {"8.3.2", {{"x-a", "b"}}, true, kGet, false},
      {"8.3.2", {{"x-a", "b"}, {":status", "200"}}, true, kGet, false},
      {"8.3", {{":status", "200"}, {":status", "200"}}, true, kGet, false},
      {"8.3", {{":status", "200"}, {":path", "/"}}, true, kGet, false},
      {"8.3", {{":status", "200"}, {":unknown", "/"}}, true, kGet, false},
      {"8.3.2", status(""), true, kGet, false},
      {"8.3.2", status("20"), true, kGet, false},
      {"8.3.2", status("2000"), true, kGet, false},
      {"8.3.2", status("099"), true, kGet, false},
      {"8.3.2", status("2x0"), true, kGet, false},
      {"8.3.2", status("200 "), true, kGet, false},
      {"8.3.2", status("+20"), true, kGet, false},
      {"8.3.2", status("599"), true, kGet, true},
      {"8.2.1", status("200", {{"X-a", "b"}}), true, kGet, false},
      {"8.2.1", status("200", {{"x-a", "b\n"}}), true, kGet, false},
      {"8.2.2", status("200", {{"connection", "close"}}), true, kGet, false},
      {"8.2.2", status("200", {{"transfer-encoding", "chunked"}}), false, kGet, false},
      {"8.2.2", status("200", {{"te", "trailers"}}), true, kGet, false},
      {"8.1.1", status("200", five), false, kGet, true, kLength, 5},
      {"8.1.1", status("200", five), true, kGet, false},
      {"8.1.1", status("200", five), true, kHead, true, kLength, 5},
      {"8.1.1", status("200"), true, kHead, true, BodyFraming::kNone},
      {"8.1.1", status("304", five), true, kGet, true, kLength, 5},
      {"8.1.1", status("304"), true, kGet, true, BodyFraming::kNone},
      {"8.1.1", status("304"), false, kGet, true, BodyFraming::kNone},
      {"8.1.1", status("204"), true, kGet, true, BodyFraming::kNone},
      {"8.1.1", status("204"), false, kGet, true, BodyFraming::kNone},
      {"8.1.1", status("204", five), true, kGet, false},
      {"8.1.1", status("204", {{"content-length", "0"}}), true, kGet, true, BodyFraming::kNone},
      {"8.1.1", status("200", {{"content-length", "0"}}), true, kGet, true, kLength, 0},
      {"9110 8.6", status("200", {{"content-length", "5"}, {"content-length", "5"}}), false, kGet,
       false},
      {"8.1", status("100"), false, kGet, true},
      {"8.1", status("103", {{"link", "</a>"}}), false, kGet, true},
      {"8.1", status("100"), true, kGet, false},
      {"8.1", status("103", five), false, kGet, false},
      {"8.6", status("101"), false, kGet, false},
      {"8.6", status("101"), true, kGet, false},
      {"8.5", status("200"), false, kConnect, true, BodyFraming::kTunnel},
      {"8.5", status("299", five), false, kConnect, true, BodyFraming::kTunnel},
      {"8.5", status("407", five), false, kConnect, true, kLength, 5},
  };
  HeadReader reader;
  ResponseHead head;
  for (const Row& row : rows) {
    std::string text;
    for (const auto& [name, value] : row.fields) text += name + "=" + value + " ";
    const StreamError error = readResponse(reader, head, row.fields, row.end_stream, row.asked);
    EXPECT_EQ(error.reason == ErrorReason::kNone, row.accepted)
        << row.section << ": " << text << "(" << error.detail() << ")";
    if (row.accepted) {
      EXPECT_EQ(head.framing, row.framing) << row.section << ": " << text;
      EXPECT_EQ(head.content_length, row.length) << row.section << ": " << text;
      EXPECT_EQ(head.version, Version::kHttp2);
    } else {
      EXPECT_EQ(statusFor(error), 502) << row.section << ": " << text;
      EXPECT_FALSE(error.detail().empty()) << row.section << ": " << text;
    }
  }
}

TEST(HeadReaderResponseTest, SuccessOfAnExtendedConnectSwitchesProtocols) {
  HeadReader reader;
  ResponseHead head;
  // The example of RFC 6455 1.3.
  const HeadReader::Asked asked{.upgrade = "websocket",
                                .websocket_key = "dGhlIHNhbXBsZSBub25jZQ=="};
  ASSERT_EQ(readResponse(reader, head,
                         {{":status", "200"},
                          {"sec-websocket-protocol", "chat"},
                          {"sec-websocket-accept", "not asked for"}},
                         false, asked)
                .reason,
            ErrorReason::kNone);
  EXPECT_EQ(head.status, 101);
  EXPECT_EQ(head.framing, BodyFraming::kTunnel);
  EXPECT_EQ(listOf(head.headers),
            (FieldList{{"sec-websocket-protocol", "chat"},
                       {"connection", "Upgrade"},
                       {"upgrade", "websocket"},
                       {"sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}}));

  ASSERT_EQ(readResponse(reader, head, {{":status", "403"}}, true, asked).reason,
            ErrorReason::kNone);
  EXPECT_EQ(head.status, 403);
  EXPECT_EQ(head.framing, BodyFraming::kNone);
  EXPECT_TRUE(head.headers.empty());
}

TEST(HeadReaderResponseTest, WhatIsOverTheBoundsIsTheOriginsFault) {
  HeadReader reader;
  ResponseHead head;
  const FieldList fields = {{":status", "200"}, {"a", "b"}, {"c", "d"}};
  EXPECT_EQ(statusFor(readResponse(reader, head, fields, true, kGet, {1000, 1, 0})), 502);
  EXPECT_TRUE(reader.tooManyFields());
  EXPECT_EQ(statusFor(readResponse(reader, head, fields, true, kGet, {80, 10, 0})), 502);
  EXPECT_FALSE(reader.tooManyFields());
  EXPECT_EQ(readResponse(reader, head, fields).reason, ErrorReason::kNone);
}

}  // namespace
}  // namespace weir::http::http2
