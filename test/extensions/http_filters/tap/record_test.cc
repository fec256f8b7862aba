#include "extensions/http_filters/tap/record.h"

#include <string>

#include "gtest/gtest.h"

namespace weir::extensions::http_filters::tap {
namespace {

std::string body(const RecordedBody& body, size_t limit = 100,
                 const Redaction& redaction = {{}, {}}) {
  std::string out;
  appendBody(body, limit, redaction, out);
  return out;
}

Redaction hiding(std::string_view pattern) {
  return {{}, {*base::Regex::compile(pattern)}};
}

TEST(TapRecordTest, Fields) {
  base::Arena arena;
  http::HeaderMap fields(arena);
  for (const char* name :
       {"Authorization", "Cookie", "SET-COOKIE", "Proxy-Authorization", "X-Key"}) {
    fields.add(name, "secret");
  }
  fields.add("X-Some", "thing \"quoted\"\t\xff");
  fields.add("X-Card", "no 1234-5678 here");
  std::string out;
  appendFields(fields, Redaction({"x-KEY"}, {*base::Regex::compile("[0-9]{4}-[0-9]{4}")}), out);
  EXPECT_EQ(out,
            "\"fields\":[[\"Authorization\",\"[redacted]\"],[\"Cookie\",\"[redacted]\"],"
            "[\"SET-COOKIE\",\"[redacted]\"],[\"Proxy-Authorization\",\"[redacted]\"],"
            "[\"X-Key\",\"[redacted]\"],[\"X-Some\",\"thing \\\"quoted\\\"\\t\xef\xbf\xbd\"],"
            "[\"X-Card\",\"no [redacted] here\"]]");
}

TEST(TapRecordTest, Bodies) {
  EXPECT_EQ(body({}), ",\"body_bytes\":0");
  EXPECT_EQ(body({.bytes = "text", .size = 4}), ",\"body_bytes\":4,\"body\":\"text\"");
  EXPECT_EQ(body({.bytes = "", .size = 4}, 0), ",\"body_bytes\":4");
  EXPECT_EQ(body({.bytes = "te", .size = 4}, 2),
            ",\"body_bytes\":4,\"body\":\"te\",\"body_truncated\":true");
  // The limit has cut through a character.
  EXPECT_EQ(body({.bytes = "a\xe2\x82", .size = 4}, 3),
            ",\"body_bytes\":4,\"body\":\"a\",\"body_truncated\":true");
  EXPECT_EQ(body({.bytes = "\xff", .size = 1}), ",\"body_bytes\":1,\"body_base64\":\"/w==\"");
  EXPECT_EQ(body({.bytes = "\xff\xfe", .size = 2}), ",\"body_bytes\":2,\"body_base64\":\"//4=\"");
  EXPECT_EQ(body({.bytes = "\xff\xfe\xfd", .size = 3}),
            ",\"body_bytes\":3,\"body_base64\":\"//79\"");
}

TEST(TapRecordTest, WhatPatternsHide) {
  const Redaction redaction = hiding("\"password\":\"[^\"]*(\"|$)");
  EXPECT_EQ(body({.bytes = "{\"password\":\"x\",\"a\":1}", .size = 22}, 100, redaction),
            ",\"body_bytes\":22,\"body\":\"{[redacted],\\\"a\\\":1}\"");
  EXPECT_EQ(body({.bytes = "{\"password\":\"xy", .size = 99}, 15, redaction),
            ",\"body_bytes\":99,\"body\":\"{[redacted]\",\"body_truncated\":true");
  // Nobody can tell what is in these.
  EXPECT_EQ(body({.bytes = "\xff", .size = 1}, 100, redaction),
            ",\"body_bytes\":1,\"body_omitted\":\"not text\"");
  EXPECT_EQ(body({.bytes = "text", .size = 4, .encoded = true}, 100, redaction),
            ",\"body_bytes\":4,\"body_omitted\":\"encoded\"");
}

}  // namespace
}  // namespace weir::extensions::http_filters::tap
