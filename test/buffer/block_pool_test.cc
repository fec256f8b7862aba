#include "source/buffer/block_pool.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace weir::buffer {
namespace {

TEST(BlockPool, GivesTheSmallestClassThatFits) {
  BlockPool pool;
  for (const auto& [wanted, capacity] : std::vector<std::pair<size_t, size_t>>{
           {1, 512}, {512, 512}, {513, 4096}, {4097, 16384}, {16385, 65536}, {65536, 65536}}) {
    Block& block = pool.acquire(wanted);
    EXPECT_EQ(block.capacity, capacity);
    EXPECT_EQ(block.used, 0u);
    EXPECT_EQ(block.references, 1u);
    EXPECT_EQ(pool.bytesInUse(), capacity);
    std::memset(block.data(), 'x', block.capacity);
    BlockPool::release(block);
  }
  EXPECT_EQ(pool.bytesInUse(), 0u);
  EXPECT_EQ(pool.bytesFree(), 512u + 4096 + 16384 + 65536);
}

TEST(BlockPool, UsesAFreedBlockAgain) {
  BlockPool pool;
  Block& first = pool.acquire(4096);
  first.used = 7;
  BlockPool::release(first);
  Block& second = pool.acquire(4096);
  EXPECT_EQ(&first, &second);
  EXPECT_EQ(second.used, 0u);
  EXPECT_EQ(pool.bytesFree(), 0u);
  BlockPool::release(second);
}

TEST(BlockPool, AReferenceKeepsTheBlock) {
  BlockPool pool;
  Block& block = pool.acquire(1);
  ++block.references;
  BlockPool::release(block);
  EXPECT_EQ(pool.bytesInUse(), 512u);
  BlockPool::release(block);
  EXPECT_EQ(pool.bytesInUse(), 0u);
}

TEST(BlockPool, KeepsNoMoreThanItsBound) {
  BlockPool pool;
  std::vector<Block*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.push_back(&pool.acquire(BlockPool::kLargest));
  for (Block* block : blocks) BlockPool::release(*block);
  EXPECT_EQ(pool.bytesInUse(), 0u);
  EXPECT_EQ(pool.bytesFree(), 8u << 20);
}

TEST(BlockPool, LargerOnesComeFromTheAllocatorAndGoBack) {
  BlockPool pool;
  Block& block = pool.acquire(1'000'000);
  EXPECT_EQ(block.capacity, 1'000'000u);
  EXPECT_EQ(pool.bytesInUse(), 1'000'000u);
  BlockPool::release(block);
  EXPECT_EQ(pool.bytesInUse(), 0u);
  EXPECT_EQ(pool.bytesFree(), 0u);
}

}  // namespace
}  // namespace weir::buffer
