#include <ctime>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/ascii.h"
#include "source/base/hash.h"
#include "source/base/random.h"
#include "source/base/suggest.h"
#include "source/base/time.h"

namespace weir::base {
namespace {

TEST(Ascii, LowersEveryByteRight) {
  for (int offset = 0; offset < 9; ++offset) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(16, 'Z');
      text[static_cast<size_t>(offset)] = static_cast<char>(byte);
      std::string expected;
      for (const char c : text) expected += (c >= 'A' && c <= 'Z') ? static_cast<char>(c + 32) : c;
      ASSERT_EQ(lowered(text), expected) << byte;
      ASSERT_TRUE(equalsIgnoreCase(text, expected));
    }
  }
}

TEST(Ascii, ComparesIgnoringCaseOnly) {
  EXPECT_TRUE(equalsIgnoreCase("Transfer-Encoding", "tRANSFER-eNCODING"));
  EXPECT_FALSE(equalsIgnoreCase("Transfer-Encoding", "Transfer-Encodin"));
  EXPECT_FALSE(equalsIgnoreCase("aaaaaaaa[", "aaaaaaaa{"));
  EXPECT_FALSE(equalsIgnoreCase("[aaaaaaa", "{aaaaaaa"));
  EXPECT_TRUE(startsWithIgnoreCase("Bearer x", "bearer "));
  EXPECT_FALSE(startsWithIgnoreCase("B", "bearer"));
  EXPECT_TRUE(endsWithIgnoreCase("a.EXAMPLE", ".example"));
}

TEST(Ascii, TrimsOws) {
  EXPECT_EQ(trimOws(" \ta b\t "), "a b");
  EXPECT_EQ(trimOws(" \t"), "");
  EXPECT_EQ(trimOws("\va"), "\va");
}

// From the reference implementation of xxHash.
TEST(Hash, IsXxh64) {
  EXPECT_EQ(hash64(""), 0xef46db3751d8e999u);
  EXPECT_EQ(hash64("a"), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(hash64("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(hash64("The quick brown fox jumps over the lazy dog"), 0x0b242d361fda71bcu);
  EXPECT_NE(hash64("abc", 1), hash64("abc"));
}

TEST(Random, SameSeedSameNumbers) {
  Random a(42);
  Random b(42);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(Random().next(), Random().next());
}

TEST(Random, UniformCoversItsRangeEvenly) {
  Random random(7);
  std::vector<int> counts(10);
  for (int i = 0; i < 100'000; ++i) ++counts[random.uniform(10)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
  EXPECT_EQ(random.uniform(0), 0u);
  EXPECT_EQ(random.uniform(1), 0u);
  for (int i = 0; i < 1000; ++i) {
    const double unit = random.unit();
    EXPECT_TRUE(unit >= 0 && unit < 1);
  }
}

TEST(Random, MakesVersion4Uuids) {
  Random random(3);
  for (int i = 0; i < 200; ++i) {
    char text[36];
    random.uuid4(text);
    for (size_t at = 0; at < 36; ++at) {
      const std::string_view allowed = at == 8 || at == 13 || at == 18 || at == 23 ? "-"
                                       : at == 14                                  ? "4"
                                       : at == 19                                  ? "89ab"
                                                  : "0123456789abcdef";
      ASSERT_NE(allowed.find(text[at]), std::string_view::npos) << std::string(text, 36);
    }
  }
}

TEST(Time, AgreesWithTheCLibrary) {
  Random random(11);
  for (int i = 0; i < 2000; ++i) {
    const auto seconds = static_cast<std::time_t>(random.uniform(9'000'000'000)) - 1'000'000'000;
    const auto time = std::chrono::system_clock::time_point(std::chrono::seconds(seconds)) +
                      std::chrono::milliseconds(789);
    std::tm civil{};
    gmtime_r(&seconds, &civil);
    char expected[64];
    std::strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.789Z", &civil);
    char text[kRfc3339Size];
    ASSERT_EQ(formatRfc3339(time, text), expected);
    std::strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &civil);
    char date[kHttpDateSize];
    ASSERT_EQ(formatHttpDate(time, date), expected);
  }
}

TEST(Suggest, FindsWhatWasMeant) {
  const std::vector<std::string> known = {"round_robin", "least_request", "random", "maglev"};
  EXPECT_EQ(closest("round_robbin", known), "round_robin");
  EXPECT_EQ(closest("Least_Requets", known), "least_request");
  EXPECT_EQ(closest("mgalev", known), "maglev");
  EXPECT_EQ(closest("RANDOM", known), "random");
  EXPECT_EQ(closest("ring_hash", known), "");
  EXPECT_EQ(closest("", known), "");
  EXPECT_EQ(closest("x", std::vector<std::string>{"y"}), "");
  EXPECT_EQ(didYouMean("randon", known), "; did you mean \"random\"?");
}

}  // namespace
}  // namespace weir::base
