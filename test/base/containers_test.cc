#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/arena.h"
#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/base/service_map.h"

namespace weir::base {
namespace {

struct Item : ListNode<> {
  explicit Item(int value) : value(value) {}
  int value;
};

std::vector<int> valuesOf(IntrusiveList<Item>& list) {
  std::vector<int> values;
  for (Item* item = list.front(); item != nullptr; item = list.next(*item)) {
    values.push_back(item->value);
  }
  return values;
}

TEST(IntrusiveList, KeepsOrderAndMovesElements) {
  IntrusiveList<Item> list;
  Item a(1);
  Item b(2);
  Item c(3);
  list.pushBack(b);
  list.pushBack(c);
  list.pushFront(a);
  EXPECT_EQ(valuesOf(list), (std::vector<int>{1, 2, 3}));
  list.pushBack(c);
  list.pushBack(a);
  list.pushFront(b);
  EXPECT_EQ(valuesOf(list), (std::vector<int>{2, 3, 1}));
  EXPECT_EQ(list.back(), &a);
  EXPECT_EQ(list.popFront(), &b);
  EXPECT_FALSE(b.linked());
}

TEST(IntrusiveList, DestroyedElementsAndListsLetGo) {
  auto list = std::make_unique<IntrusiveList<Item>>();
  Item stays(1);
  list->pushBack(stays);
  {
    Item goes(2);
    list->pushBack(goes);
  }
  EXPECT_EQ(valuesOf(*list), std::vector<int>{1});
  list.reset();
  EXPECT_FALSE(stays.linked());
}

TEST(IntrusiveList, SplicesBehind) {
  IntrusiveList<Item> list;
  IntrusiveList<Item> other;
  Item a(1);
  Item b(2);
  Item c(3);
  list.pushBack(a);
  other.pushBack(b);
  other.pushBack(c);
  list.spliceBack(other);
  list.spliceBack(other);
  EXPECT_TRUE(other.empty());
  EXPECT_EQ(valuesOf(list), (std::vector<int>{1, 2, 3}));
}

struct Counted : LocalCounted {
  explicit Counted(int& alive) : alive(alive) { ++alive; }
  ~Counted() override { --alive; }
  int& alive;
};
struct Derived : Counted {
  using Counted::Counted;
};

TEST(LocalRef, DeletesWithTheLastReference) {
  int alive = 0;
  LocalRef<Derived> first = makeLocal<Derived>(alive);
  LocalRef<Counted> second = first;
  LocalRef<Derived> third = std::move(first);
  EXPECT_FALSE(first);
  third = third;  // NOLINT: to itself
  third.reset();
  EXPECT_EQ(alive, 1);
  second = LocalRef<Counted>();
  EXPECT_EQ(alive, 0);
}

TEST(ServiceMap, FindsByType) {
  ServiceMap services;
  int number = 7;
  std::string text = "text";
  services.put(number);
  services.put(text);
  EXPECT_EQ(services.find<int>(), &number);
  EXPECT_EQ(&services.get<std::string>(), &text);
  EXPECT_EQ(services.find<double>(), nullptr);
}

TEST(Arena, AlignsAndCopies) {
  Arena arena(64);
  arena.copy("x");
  auto* number = arena.create<uint64_t>(5u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(number) % alignof(uint64_t), 0u);
  const std::string large(10'000, 'y');
  EXPECT_EQ(arena.copy(large), large);
  EXPECT_EQ(*number, 5u);
  EXPECT_EQ(arena.copy(""), "");
}

TEST(Arena, HoldsAFixedAmountWhenReused) {
  Arena arena;
  const auto use = [&arena] {
    for (int i = 0; i < 50; ++i) arena.allocate(100);
    arena.clear();
  };
  use();
  const size_t held = arena.bytesHeld();
  EXPECT_GT(held, 0u);
  for (int i = 0; i < 10; ++i) use();
  EXPECT_EQ(arena.bytesHeld(), held);
  arena.allocate(1 << 20);
  arena.clear();
  EXPECT_LE(arena.bytesHeld(), 16u * 1024);
}

}  // namespace
}  // namespace weir::base
