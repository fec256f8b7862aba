#include "extensions/http_filters/static_files/response_plan.h"

#include <string>

#include "gtest/gtest.h"

#include "extensions/http_filters/static_files/file_path.h"
#include "extensions/http_filters/static_files/media_types.h"

namespace weir::extensions::http_filters::static_files {
namespace {

const std::string kFile = "0123456789abcdefghij";

ResponsePlan plan(std::string_view range) {
  return planResponse(common::readByteRanges(range, kFile.size()), kFile.size(), "text/plain", "B");
}

std::string bodyOf(const ResponsePlan& plan) {
  std::string body;
  for (const Segment& s : plan.body) body += s.text + kFile.substr(s.offset, s.size);
  EXPECT_EQ(body.size(), plan.length);
  return body;
}

TEST(ResponsePlan, Whole) {
  const ResponsePlan whole = plan("");
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(bodyOf(whole), kFile);
  EXPECT_EQ(whole.content_type, "text/plain");
  EXPECT_EQ(planResponse({}, 0, "text/plain", "B").body.size(), 0u);
}

TEST(ResponsePlan, OnePart) {
  const ResponsePlan part = plan("bytes=-5");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.content_range, "bytes 15-19/20");
  EXPECT_EQ(part.content_type, "text/plain");
  EXPECT_EQ(bodyOf(part), "fghij");
}

TEST(ResponsePlan, SeveralParts) {
  const ResponsePlan parts = plan("bytes=0-1, 18-");
  EXPECT_EQ(parts.status, 206);
  EXPECT_EQ(parts.content_range, "");
  EXPECT_EQ(parts.content_type, "multipart/byteranges; boundary=B");
  EXPECT_EQ(bodyOf(parts),
            "--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/20\r\n\r\n01"
            "\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 18-19/20\r\n\r\nij"
            "\r\n--B--\r\n");
}

TEST(ResponsePlan, None) {
  const ResponsePlan none = plan("bytes=20-");
  EXPECT_EQ(none.status, 416);
  EXPECT_EQ(none.content_range, "bytes */20");
  EXPECT_EQ(none.length, 0u);
}

TEST(FilePath, WhatMayBeMeant) {
  const auto path = [](std::string_view text, bool hidden = false) {
    return filePath(text, hidden).value_or("-");
  };
  EXPECT_EQ(path(""), "");
  EXPECT_EQ(path("a/b.txt"), "a/b.txt");
  EXPECT_EQ(path("a/"), "a/");
  EXPECT_EQ(path("a%20b%C3%A4"), "a b\xc3\xa4");
  for (const char* bad : {"..", "../a", "a/../b", "a/..", "./a", "a//b", "/a", "%2e%2e/a", "a%2fb",
                          "a%2F..%2Fb", "a%00b", "a%", "a%4", "a%zz", ".git/config", "a/.hidden"}) {
    EXPECT_EQ(path(bad), "-") << bad;
  }
  EXPECT_EQ(path(".git/config", true), ".git/config");
  EXPECT_EQ(path("..", true), "-");
  EXPECT_EQ(path("a/%2e%2e/b", true), "-");
  EXPECT_EQ(path(std::string(256, 'a')), "-");
  EXPECT_EQ(path(std::string(255, 'a')), std::string(255, 'a'));
}

TEST(MediaTypeTable, ByExtension) {
  MediaTypeTable table;
  table.set("csv", "text/x-own");
  EXPECT_EQ(table.of("a/b.html"), "text/html; charset=utf-8");
  EXPECT_EQ(table.of("B.HTML"), "text/html; charset=utf-8");
  EXPECT_EQ(table.of("a.b/c"), "application/octet-stream");
  EXPECT_EQ(table.of("c."), "application/octet-stream");
  EXPECT_EQ(table.of("x.tar.gz"), "application/gzip");
  EXPECT_EQ(table.of("x.csv"), "text/x-own");
  EXPECT_EQ(table.of("x." + std::string(300, 'h')), "application/octet-stream");
  table.setDefault("text/plain");
  EXPECT_EQ(table.of("README"), "text/plain");
  for (const char* name : {"a.7z", "a.zst", "a.woff2", "a.js", "a.json", "a.svg"}) {
    EXPECT_NE(table.of(name), "text/plain") << name;  // the table is sorted
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::static_files
