#include "source/http/metadata.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

namespace weir::http {
namespace {

TEST(MetadataTest, ACopyHasAllOfItsOwn) {
  std::optional<Metadata> metadata;
  {
    auto text = std::make_unique<std::string>("a text that fits into no small string");
    const MetadataField list[] = {{"", MetadataValue::of(1.5)}, {"", MetadataValue::of(true)}};
    const MetadataField inner[] = {{"text", MetadataValue::of(std::string_view(*text))},
                                   {"list", MetadataValue::list(list)},
                                   {"null", MetadataValue()}};
    const MetadataField outer[] = {{"lua", MetadataValue::structure(inner)}};
    metadata.emplace(MetadataValue::structure(outer));
  }
  const MetadataValue* lua = metadata->root().find("lua");
  ASSERT_NE(lua, nullptr);
  EXPECT_EQ(lua->find("text")->text, "a text that fits into no small string");
  ASSERT_EQ(lua->find("list")->members().size(), 2u);
  EXPECT_EQ(lua->find("list")->members()[0].value.number, 1.5);
  EXPECT_TRUE(lua->find("list")->members()[1].value.flag);
  EXPECT_EQ(lua->find("null")->kind, MetadataValue::Kind::kNull);
  EXPECT_EQ(lua->find("other"), nullptr);
  EXPECT_EQ(lua->find("text")->find("text"), nullptr);  // no struct
}

TEST(MetadataTest, WhatIsEmptyStaysEmpty) {
  const Metadata metadata(MetadataValue::structure({}));
  EXPECT_EQ(metadata.root().kind, MetadataValue::Kind::kStruct);
  EXPECT_TRUE(metadata.root().members().empty());
}

TEST(MetadataTest, BytesCountTextsAndMembers) {
  const MetadataField members[] = {{"key", MetadataValue::of("value")}};
  EXPECT_EQ(metadataBytes(MetadataValue::structure(members)), 8 + sizeof(MetadataField));
}

}  // namespace
}  // namespace weir::http
