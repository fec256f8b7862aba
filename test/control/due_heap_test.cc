#include "source/control/due_heap.h"

#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"

namespace weir::control {
namespace {

using event::MonotonicTime;
using std::chrono::milliseconds;

struct Item : DueNode {};

MonotonicTime at(uint64_t ms) {
  return MonotonicTime(milliseconds(ms));
}

TEST(DueHeap, IsASortedSet) {
  base::Random random(1);
  std::vector<Item> items(200);
  DueHeap<Item> heap;
  std::multiset<MonotonicTime> expected;
  const auto drop = [&](Item& item) {
    if (item.waiting()) expected.erase(expected.find(item.due));
  };
  for (int step = 0; step < 20'000; ++step) {
    Item& item = items[random.uniform(items.size())];
    switch (random.uniform(4)) {
      case 0:
        drop(item);
        heap.remove(item);
        EXPECT_FALSE(item.waiting());
        break;
      case 1:
        if (heap.empty()) break;
        drop(heap.front());
        heap.remove(heap.front());
        break;
      default:
        drop(item);
        heap.put(item, at(random.uniform(1000)));
        expected.insert(item.due);
    }
    ASSERT_EQ(heap.size(), expected.size());
    ASSERT_EQ(heap.empty(), expected.empty());
    if (heap.empty()) continue;
    ASSERT_EQ(heap.front().due, *expected.begin());
  }
}

TEST(DueHeap, PostponesAll) {
  std::vector<Item> items(10);
  DueHeap<Item> heap;
  for (size_t i = 0; i < items.size(); ++i) heap.put(items[i], at(100 - i));
  heap.postpone(milliseconds(1000));
  size_t seen = 0;
  heap.forEach([&](Item&) { ++seen; });
  EXPECT_EQ(seen, items.size());
  for (uint64_t due = 1091; !heap.empty(); ++due) {
    EXPECT_EQ(heap.front().due, at(due));
    heap.remove(heap.front());
  }
}

}  // namespace
}  // namespace weir::control
