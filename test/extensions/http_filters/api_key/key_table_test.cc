#include "extensions/http_filters/api_key/key_table.h"

#include "gtest/gtest.h"

#include "source/base/concat.h"

namespace weir::extensions::http_filters::api_key {
namespace {

constexpr char kKey[] = "0123456789abcdef";
// printf 0123456789abcdef | sha256sum
constexpr char kHash[] = "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";

TEST(KeyTable, KnowsKeysByTheirHashes) {
  KeyTable table;
  ASSERT_TRUE(table.addHashed("shop", kHash).ok());
  ASSERT_TRUE(table.add("blog", "another key of the blog").ok());
  EXPECT_EQ(*table.find(kKey), "shop");
  EXPECT_EQ(*table.find("another key of the blog"), "blog");
  EXPECT_EQ(table.find("0123456789abcdeF"), nullptr);
  EXPECT_EQ(table.find(""), nullptr);
  EXPECT_EQ(table.find(std::string(5000, 'x')), nullptr);
  EXPECT_TRUE(table.add("shop", kKey).ok());  // again
  EXPECT_FALSE(table.add("blog", kKey).ok());
}

TEST(KeyTable, ReadsLines) {
  KeyTable table;
  const std::string text =
      base::concat("# clients\nshop ", kKey, "\r\n\nblog\tsha256:", std::string(64, 'A'), "\n");
  ASSERT_TRUE(table.addLines("keys", text).ok());
  EXPECT_EQ(table.size(), 2u);
  EXPECT_TRUE(table.knows("blog"));
  for (const auto& [line, part] : {std::pair{"shop", "keys:1: has no key"},
                                   std::pair{"shop short", "keys:1: the key is too short"},
                                   std::pair{"shop sha256:12", "keys:1: is no SHA-256"}}) {
    const absl::Status status = KeyTable().addLines("keys", line);
    EXPECT_NE(base::view(status.message()).find(part), std::string_view::npos) << status;
    EXPECT_EQ(base::view(status.message()).find("short;"), std::string_view::npos);
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::api_key
