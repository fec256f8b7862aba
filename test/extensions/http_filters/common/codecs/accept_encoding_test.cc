#include "extensions/http_filters/common/codecs/accept_encoding.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/arena.h"

namespace weir::extensions::http_filters::common::codecs {
namespace {

constexpr std::array kOffered = {Coding::kZstd, Coding::kBrotli, Coding::kGzip};

struct Case {
  std::vector<std::string> fields;
  std::string_view chosen;  // "-": none
  bool identity = true;
};

TEST(AcceptEncoding, ChoosesByWeightThenByOrder) {
  const std::vector<Case> cases = {
      {{}, "-"},
      {{""}, "-"},
      {{"gzip"}, "gzip"},
      {{"x-gzip"}, "gzip"},
      {{"GZIP ; q=1"}, "gzip"},
      {{"gzip, deflate, br, zstd"}, "zstd"},
      {{"gzip, deflate, br"}, "br"},
      {{"gzip", "br"}, "br"},
      {{"gzip;q=0.8, br;q=0.7"}, "gzip"},
      {{"gzip;q=0.801, br;q=0.8"}, "gzip"},
      {{"gzip;q=0"}, "-"},
      {{"gzip;q=0.000, br"}, "br"},
      {{"*"}, "zstd"},
      {{"*;q=0"}, "-", false},
      {{"*;q=0, gzip"}, "gzip", false},
      {{"*;q=0.5, zstd;q=0, gzip;q=0.5"}, "br"},
      {{"identity"}, "-"},
      {{"identity;q=0"}, "-", false},
      {{"identity;q=0, gzip;q=0.1"}, "gzip", false},
      {{"identity;q=1, gzip;q=0.5"}, "-"},
      {{"identity;q=0.5, gzip;q=0.5"}, "gzip"},
      {{"*;q=0, identity;q=0.2"}, "-"},
      {{"deflate"}, "-"},
      {{"gzip;q=2"}, "-"},
      {{"gzip;q=1.001"}, "-"},
      {{"gzip;q=0.1234"}, "-"},
      {{"gzip;q="}, "-"},
      {{"gzip;x=1"}, "-"},
      {{",, gzip ,,"}, "gzip"},
      {{"gzipp, brr"}, "-"},
      {{std::string(500, ',') + "gzip"}, "gzip"},
  };
  for (const Case& c : cases) {
    base::Arena arena;
    http::HeaderMap headers(arena);
    std::string text;
    for (const std::string& field : c.fields) {
      headers.add("Accept-Encoding", field);
      text += field + " | ";
    }
    const AcceptEncoding accepted = AcceptEncoding::parse(headers);
    const auto chosen = accepted.choose(kOffered);
    EXPECT_EQ(chosen ? codingName(*chosen) : "-", c.chosen) << text;
    EXPECT_EQ(accepted.identityAcceptable(), c.identity) << text;
  }
}

TEST(AcceptEncoding, ALongListIsCutOff) {
  base::Arena arena;
  http::HeaderMap headers(arena);
  std::string text;
  for (int i = 0; i < 64; ++i) text += "x,";
  headers.add("accept-encoding", text + "gzip");
  EXPECT_FALSE(AcceptEncoding::parse(headers).choose(kOffered));
}

TEST(AcceptEncoding, VaryIsMerged) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "accept-encoding"},
      {{"origin"}, "origin, accept-encoding"},
      {{"Origin, ACCEPT-Encoding"}, "Origin, ACCEPT-Encoding"},
      {{"*"}, "*"},
      {{"origin", "cookie"}, "origin|cookie|accept-encoding"},
      {{"origin", "accept-encoding"}, "origin|accept-encoding"},
      {{"accept-encoding-x"}, "accept-encoding-x, accept-encoding"},
  };
  for (const auto& [fields, expected] : cases) {
    base::Arena arena;
    http::HeaderMap headers(arena);
    for (const std::string& field : fields) headers.add("Vary", field);
    addVary(headers, "accept-encoding");
    std::string all;
    headers.forEach(http::HeaderId::kVary, [&](const http::HeaderMap::Field& field) {
      all.append(all.empty() ? "" : "|").append(field.value);
    });
    EXPECT_EQ(all, expected);
  }
}

TEST(AcceptEncoding, ETagsBecomeWeak) {
  for (const auto& [before, after] : std::vector<std::pair<std::string, std::string>>{
           {"\"a\"", "W/\"a\""}, {"W/\"a\"", "W/\"a\""}, {"", ""}}) {
    base::Arena arena;
    http::HeaderMap headers(arena);
    if (!before.empty()) headers.add("etag", before);
    weakenETag(headers);
    EXPECT_EQ(headers.get(http::HeaderId::kETag), after);
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::common::codecs
