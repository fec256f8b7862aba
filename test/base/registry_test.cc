#include "source/base/registry.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::base {
namespace {

using testing::HasSubstr;

struct Fruit : Extension {
  static constexpr std::string_view kCategory = "fruits";
  Fruit(std::string name, std::string type) : name_(std::move(name)), type_(std::move(type)) {}
  std::string_view category() const override { return kCategory; }
  std::string_view name() const override { return name_; }
  std::string_view configType() const override { return type_; }
  std::string name_, type_;
};
struct Tree : Fruit {
  using Fruit::Fruit;
  std::string_view category() const override { return "trees"; }
};

std::string messageOf(const absl::Status& status) {
  return std::string(status.message());
}

TEST(Registry, FindsByNameAndConfigType) {
  Registry registry;
  ASSERT_TRUE(registry.add(std::make_unique<Fruit>("pear", "f.Pear")).ok());
  ASSERT_TRUE(registry.add(std::make_unique<Fruit>("apple", "")).ok());
  ASSERT_TRUE(registry.add(std::make_unique<Fruit>("plum", "")).ok());
  ASSERT_TRUE(registry.add(std::make_unique<Tree>("apple", "f.Pear")).ok());
  EXPECT_EQ(registry.find<Fruit>("pear")->name_, "pear");
  EXPECT_EQ(registry.findByConfigType<Fruit>("f.Pear")->name_, "pear");
  EXPECT_EQ((*registry.require<Fruit>("apple"))->name_, "apple");
  EXPECT_EQ(registry.find("trees", "pear"), nullptr);
  EXPECT_EQ(registry.findByConfigType("fruits", ""), nullptr);
  std::string order;
  for (const Extension* entry : registry.entries()) {
    order += std::string(entry->category()) + "/" + std::string(entry->name()) + " ";
  }
  EXPECT_EQ(order, "fruits/apple fruits/pear fruits/plum trees/apple ");
}

TEST(Registry, RefusesDuplicatesAndNamelessOnes) {
  Registry registry;
  ASSERT_TRUE(registry.add(std::make_unique<Fruit>("pear", "f.Pear")).ok());
  EXPECT_THAT(messageOf(registry.add(std::make_unique<Fruit>("pear", "f.Other"))),
              HasSubstr("\"pear\" is registered twice in category fruits"));
  EXPECT_THAT(messageOf(registry.add(std::make_unique<Fruit>("apple", "f.Pear"))),
              HasSubstr("\"pear\" and \"apple\""));
  EXPECT_FALSE(registry.add(std::make_unique<Fruit>("", "")).ok());
  EXPECT_EQ(registry.entries().size(), 1u);
}

TEST(Registry, SaysWhatIsKnown) {
  Registry registry;
  EXPECT_THAT(messageOf(registry.require("fruits", "x").status()), HasSubstr("which has none"));
  ASSERT_TRUE(registry.add(std::make_unique<Fruit>("pear", "")).ok());
  ASSERT_TRUE(registry.add(std::make_unique<Fruit>("apple", "")).ok());
  const absl::Status near = registry.require<Fruit>("aple").status();
  EXPECT_EQ(near.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(messageOf(near),
            "unknown extension \"aple\" in category fruits; did you mean \"apple\"? "
            "known: apple, pear");
  EXPECT_EQ(messageOf(registry.require("fruits", "banana").status()),
            "unknown extension \"banana\" in category fruits; known: apple, pear");
}

}  // namespace
}  // namespace weir::base
