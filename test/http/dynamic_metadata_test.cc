#include "source/http/dynamic_metadata.h"

#include <gtest/gtest.h>

#include <string>

#include "source/http/stream_info.h"

namespace weir::http {
namespace {

using Value = DynamicMetadata::Value;

std::string text(const Value* value) {
  if (value == nullptr) return "none";
  if (const auto* string = std::get_if<std::string_view>(value)) return std::string(*string);
  if (const auto* flag = std::get_if<bool>(value)) return *flag ? "yes" : "no";
  return std::to_string(std::get<double>(*value));
}

TEST(DynamicMetadata, KeepsStringsNumbersAndBools) {
  base::Arena arena;
  DynamicMetadata metadata(arena);
  std::string tenant = "acme";
  EXPECT_TRUE(metadata.set("auth", "tenant", std::string_view(tenant)));
  EXPECT_TRUE(metadata.set("auth", "level", 2.5));
  EXPECT_TRUE(metadata.set("auth", "admin", true));
  EXPECT_TRUE(metadata.set("geo", "tenant", false));
  tenant = "????";
  EXPECT_EQ(text(metadata.find("auth", "tenant")), "acme") << "it is a copy";
  EXPECT_EQ(text(metadata.find("auth", "level")), "2.500000");
  EXPECT_EQ(text(metadata.find("auth", "admin")), "yes");
  EXPECT_EQ(text(metadata.find("geo", "tenant")), "no");
  EXPECT_EQ(metadata.find("geo", "admin"), nullptr);
  EXPECT_EQ(metadata.find("", ""), nullptr);
}

TEST(DynamicMetadata, ReplacesRemovesAndKeepsTheOrder) {
  base::Arena arena;
  DynamicMetadata metadata(arena);
  metadata.set("a", "1", std::string_view("x"));
  metadata.set("a", "2", 1.0);
  metadata.set("a", "3", true);
  metadata.set("a", "1", std::string_view("longer than before"));
  metadata.remove("a", "2");
  metadata.remove("a", "not there");
  std::string seen;
  const auto show = [&](std::string_view name_space, std::string_view key, const Value& value) {
    seen += std::string(name_space) + "." + std::string(key) + "=" + text(&value) + " ";
  };
  metadata.forEach(show);
  EXPECT_EQ(seen, "a.1=longer than before a.3=yes ");
  metadata.set("a", "2", std::string_view());
  EXPECT_EQ(text(metadata.find("a", "2")), "");
}

// What another value was made of may be set again.
TEST(DynamicMetadata, TakesPartsOfItself) {
  base::Arena arena;
  DynamicMetadata metadata(arena);
  metadata.set("a", "k", std::string_view("0123456789"));
  metadata.set("a", "k", std::get<std::string_view>(*metadata.find("a", "k")).substr(3));
  EXPECT_EQ(text(metadata.find("a", "k")), "3456789");
}

TEST(DynamicMetadata, IsBounded) {
  base::Arena arena;
  DynamicMetadata metadata(arena);
  const std::string large(DynamicMetadata::kMaxBytes - 10, 'x');
  EXPECT_TRUE(metadata.set("ns", "key", std::string_view(large)));
  EXPECT_FALSE(metadata.set("ns", "other", std::string_view("0123456789")));
  EXPECT_EQ(metadata.find("ns", "other"), nullptr);
  EXPECT_TRUE(metadata.set("ns", "k", true)) << "there are 5 bytes left";
  // The same again and again costs nothing.
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(metadata.set("ns", "key", std::string_view(large).substr(i)));
    EXPECT_TRUE(metadata.set("ns", "k", 1.0 * i));
  }
  EXPECT_LT(arena.bytesHeld(), 4 * DynamicMetadata::kMaxBytes);
}

TEST(DynamicMetadata, HoldsAtMostSoManyValues) {
  base::Arena arena;
  DynamicMetadata metadata(arena);
  for (size_t i = 0; i < DynamicMetadata::kMaxValues; ++i) {
    EXPECT_TRUE(metadata.set("n", std::to_string(i), true));
  }
  EXPECT_FALSE(metadata.set("n", "one more", true));
  EXPECT_TRUE(metadata.set("n", "0", false));
}

TEST(DynamicMetadata, IsMadeWhenFirstAskedFor) {
  base::Arena arena;
  StreamInfo info;
  EXPECT_EQ(info.dynamic_metadata, nullptr);
  DynamicMetadata& made = dynamicMetadata(info, arena);
  EXPECT_EQ(&dynamicMetadata(info, arena), &made);
  EXPECT_EQ(info.dynamic_metadata, &made);
}

TEST(DynamicMetadata, KeepsListsAndStructs) {
  base::Arena arena;
  DynamicMetadata metadata(arena);
  {
    std::string role = "admin";
    const MetadataField roles[] = {{"", MetadataValue::of(std::string_view(role))}};
    const MetadataField fields[] = {{"roles", MetadataValue::list(roles)},
                                    {"age", MetadataValue::of(7.0)}};
    const MetadataValue user = MetadataValue::structure(fields);
    EXPECT_TRUE(metadata.set("auth", "user", &user));
    role = "xxxxx";
  }
  const auto* const found = std::get_if<const MetadataValue*>(metadata.find("auth", "user"));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ((*found)->find("roles")->members()[0].value.text, "admin");
  EXPECT_EQ((*found)->find("age")->number, 7);
  EXPECT_TRUE(metadata.set("auth", "user", std::string_view("text")));
  EXPECT_EQ(text(metadata.find("auth", "user")), "text");
}

TEST(DynamicMetadata, ListsAndStructsCountWithAllTheyHave) {
  base::Arena arena;
  DynamicMetadata metadata(arena);
  const std::string large(DynamicMetadata::kMaxBytes / 2, 'x');
  const MetadataField fields[] = {{"large", MetadataValue::of(std::string_view(large))}};
  const MetadataValue value = MetadataValue::structure(fields);
  EXPECT_TRUE(metadata.set("n", "k", &value));
  EXPECT_FALSE(metadata.set("n", "k", &value)) << "what was replaced stays in the arena";
  EXPECT_NE(metadata.find("n", "k"), nullptr);
}

}  // namespace
}  // namespace weir::http
