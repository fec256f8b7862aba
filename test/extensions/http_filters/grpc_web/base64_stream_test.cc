#include "extensions/http_filters/grpc_web/base64_stream.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "test/extensions/http_filters/grpc_web/grpc_web_fixture.h"

namespace weir::extensions::http_filters::grpc_web {
namespace {

// What `pieces` say; nullopt: malformed, or not at its end.
std::optional<std::string> decode(const std::vector<std::string>& pieces) {
  buffer::BlockPool blocks;
  Base64Reader reader;
  buffer::Buffer out(blocks);
  for (const std::string& piece : pieces) {
    buffer::Buffer in(blocks);
    in.append(piece);
    if (!reader.read(in, out)) return std::nullopt;
    EXPECT_TRUE(in.empty());
  }
  if (!reader.complete()) return std::nullopt;
  return out.toString();
}

std::string encode(const std::vector<std::string>& pieces) {
  buffer::BlockPool blocks;
  Base64Writer writer;
  buffer::Buffer out(blocks);
  for (const std::string& piece : pieces) writer.write(piece, out);
  writer.flush(out);
  return out.toString();
}

std::vector<std::string> cut(const std::string& text, base::Random& random) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < text.size();) {
    const size_t count = 1 + random.uniform(random.uniform(4) == 0 ? 40'000 : 7);
    pieces.push_back(text.substr(at, count));
    at += pieces.back().size();
  }
  return pieces;
}

std::string randomBytes(size_t count, base::Random& random) {
  std::string bytes(count, '\0');
  for (char& c : bytes) c = static_cast<char>(random.uniform(256));
  return bytes;
}

// RFC 4648, 10.
TEST(Base64Stream, TheVectorsOfTheRfc) {
  const std::vector<std::pair<std::string, std::string>> vectors = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(encode({bytes}), text);
    EXPECT_EQ(decode({text}), bytes);
  }
  EXPECT_EQ(encode({"\xfb\xef\xff"}), "++//");
  EXPECT_EQ(decode({"++//"}), "\xfb\xef\xff");
}

TEST(Base64Stream, PaddingMayStandBetweenPieces) {
  EXPECT_EQ(decode({"Zg==Zm8=Zm9vZg=="}), "ffofoof");
  EXPECT_EQ(decode({"Zg=", "=Zg=", "="}), "ff");
}

TEST(Base64Stream, RefusesWhatIsNoBase64) {
  for (const char* text : {"Z",
                           "Zg",
                           "Zg=",
                           "Zm9vZ",
                           "=",
                           "====",
                           "Z===",
                           "Z=g=",
                           "Zg=g",
                           "Zg===",
                           "Zm9v\n",
                           "Zm 9v",
                           "Zm-v",
                           "Zm_v",
                           "Zm9v\r\nZm9v",
                           "Zm9\x80",
                           "\xff\xff\xff\xff",
                           "Zh==",
                           "Zm9=",
                           "Zm9v="}) {
    EXPECT_EQ(decode({text}), std::nullopt) << text;
    std::vector<std::string> single;
    for (const char c : std::string(text)) single.emplace_back(1, c);
    EXPECT_EQ(decode(single), std::nullopt) << text;
  }
  EXPECT_EQ(decode({std::string("Zm9\0", 4)}), std::nullopt);
}

TEST(Base64StreamProperty, EverySplitGivesTheSame) {
  base::Random random(1);
  for (int round = 0; round < 300; ++round) {
    const bool large = round % 20 == 0;
    const std::string bytes = randomBytes(random.uniform(large ? 300'000 : 40), random);
    const std::string text = encode(cut(bytes, random));
    if (!large) {
      EXPECT_EQ(text, toBase64(bytes));
    }
    EXPECT_EQ(decode(cut(text, random)), bytes);
  }
}

// The reader takes what the naive one takes, and nothing else.
TEST(Base64StreamProperty, AgreesWithANaiveReaderOnNoise) {
  base::Random random(2);
  constexpr std::string_view kNoise = "AZaz09+/==Qg";
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random.uniform(13), '\0');
    for (char& c : text) c = kNoise[random.uniform(kNoise.size())];
    const std::optional<std::string> got = decode(cut(text, random));
    const std::string naive = fromBase64(text);
    EXPECT_EQ(got.has_value(), naive != "!") << text;
    if (got && naive != "!") {
      EXPECT_EQ(*got, naive) << text;
    }
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_web
