#include "source/buffer/buffer.h"

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace weir::buffer {
namespace {

class BufferTest : public testing::Test {
 protected:
  ~BufferTest() override { EXPECT_EQ(pool_.bytesInUse(), 0u) << "something leaked"; }

  Slice sliceOf(std::string_view text) {
    Block& block = pool_.acquire(text.size());
    std::memcpy(block.data(), text.data(), text.size());
    block.used = static_cast<uint32_t>(text.size());
    return Slice(block, block.data(), block.used);
  }
  BlockPool pool_;
};

TEST_F(BufferTest, IsSmall) {
  EXPECT_EQ(sizeof(Buffer), 32u);
  EXPECT_EQ(sizeof(Slice), 24u);
}

TEST_F(BufferTest, AnEmptyOneHoldsNothing) {
  Buffer buffer(pool_);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.front(), "");
  EXPECT_EQ(buffer.linearize(0), "");
  EXPECT_EQ(pool_.bytesInUse(), 0u);
  buffer.append("x");
  buffer.drain(1);
  EXPECT_EQ(pool_.bytesInUse(), 0u);
}

TEST_F(BufferTest, SmallAppendsShareABlock) {
  Buffer buffer(pool_);
  for (int i = 0; i < 10; ++i) buffer.append("0123456789");
  EXPECT_EQ(buffer.front().size(), 100u);
  EXPECT_EQ(buffer.bytesPinned(), 512u);
}

TEST_F(BufferTest, HeadAndSmallBodyLeaveInOnePiece) {
  Buffer output(pool_);
  const std::span<char> room = output.reserve(300);
  ASSERT_GE(room.size(), 300u);
  std::memcpy(room.data(), "HTTP/1.1 200 OK\r\n\r\n", 19);
  output.commit(19);
  Buffer body(pool_);
  body.append(sliceOf("hello"));
  output.append(body);
  EXPECT_TRUE(body.empty());
  EXPECT_EQ(output.front(), "HTTP/1.1 200 OK\r\n\r\nhello");
}

TEST_F(BufferTest, LargeBodyMovesByReference) {
  Buffer output(pool_);
  output.append("head");
  const std::string large(5000, 'b');
  Buffer body(pool_);
  body.append(large);
  const char* bytes = body.front().data();
  output.append(body);
  iovec vectors[4];
  ASSERT_EQ(output.fill(vectors), 2u);
  EXPECT_EQ(vectors[1].iov_base, bytes);
  EXPECT_EQ(output.toString(), "head" + large);
}

TEST_F(BufferTest, SteadyReadingAllocatesNothing) {
  Block& read_block = pool_.acquire(BlockPool::kLargest);
  Buffer input(pool_);
  const auto readOnce = [&] {
    std::memcpy(read_block.data() + read_block.used, "request", 7);
    ++read_block.references;
    input.append(Slice(read_block, read_block.data() + read_block.used, 7));
    read_block.used += 7;
    input.drain(7);
  };
  readOnce();
  const size_t free = pool_.bytesFree();
  for (int i = 0; i < 1000; ++i) readOnce();
  EXPECT_EQ(pool_.bytesFree(), free);
  EXPECT_EQ(read_block.references, 1u);
  BlockPool::release(read_block);
}

TEST_F(BufferTest, NeverWritesBehindASharedSlice) {
  Buffer buffer(pool_);
  buffer.append("first");
  Slice kept = buffer.shareFront(buffer.front().data(), 5);
  buffer.append("second");
  EXPECT_EQ(kept.view(), "first");
  EXPECT_EQ(buffer.front(), "first");
  EXPECT_EQ(buffer.toString(), "firstsecond");
}

TEST_F(BufferTest, ReserveWithoutCommitLeavesNothing) {
  Buffer buffer(pool_);
  buffer.reserve(100);
  buffer.commit(0);
  EXPECT_EQ(pool_.bytesInUse(), 0u);
  buffer.reserve(100);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.front(), "");
  buffer.append(sliceOf("taken"));
  buffer.reserve(60000);
  buffer.prepend("well ");
  Buffer other(pool_);
  other.append(sliceOf(std::string(3000, 'z')));
  buffer.append(other);
  EXPECT_EQ(buffer.toString(), "well taken" + std::string(3000, 'z'));
}

TEST_F(BufferTest, PrependUsesDrainedRoom) {
  Buffer buffer(pool_);
  buffer.append("0123456789");
  buffer.drain(5);
  buffer.prepend("abc");
  EXPECT_EQ(buffer.front(), "abc56789");
  buffer.prepend("more than there is room for");
  buffer.prepend("! ");
  EXPECT_EQ(buffer.toString(), "! more than there is room forabc56789");
  EXPECT_EQ(buffer.front(), "! more than there is room for");
}

TEST_F(BufferTest, LinearizesMoreThanTheLargestBlock) {
  Buffer buffer(pool_);
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const std::string piece(5000, static_cast<char>('a' + i % 26));
    buffer.append(sliceOf(piece));
    expected += piece;
  }
  EXPECT_EQ(buffer.linearize(200'000), std::string_view(expected).substr(0, 200'000));
  EXPECT_EQ(buffer.toString(), expected);
}

TEST_F(BufferTest, CompactLetsGoOfALargeBlock) {
  Block& read_block = pool_.acquire(BlockPool::kLargest);
  std::memcpy(read_block.data(), "left over", 9);
  Buffer buffer(pool_);
  buffer.append(Slice(read_block, read_block.data(), 9));
  EXPECT_EQ(buffer.bytesPinned(), 65536u);
  buffer.compact();
  EXPECT_EQ(buffer.bytesPinned(), 512u);
  EXPECT_EQ(buffer.toString(), "left over");
}

TEST_F(BufferTest, CompactLeavesWellFilledBlocksAlone) {
  Buffer buffer(pool_);
  buffer.append(std::string(60'000, 'x'));
  const char* where = buffer.front().data();
  buffer.compact();
  EXPECT_EQ(buffer.front().data(), where);
}

TEST_F(BufferTest, BytesPinnedCountsABlockOnce) {
  Buffer buffer(pool_);
  Slice whole = sliceOf(std::string(4000, 'x'));
  buffer.append(whole.share(0, 100));
  buffer.append(whole.share(200, 100));
  EXPECT_EQ(buffer.bytesPinned(), 4096u);
}

TEST_F(BufferTest, AppendPrefixSplitsAPiece) {
  Buffer from(pool_);
  from.append(sliceOf(std::string(6000, 'a') + std::string(6000, 'b')));
  Buffer to(pool_);
  to.appendPrefix(from, 6000);
  EXPECT_EQ(to.toString(), std::string(6000, 'a'));
  EXPECT_EQ(from.toString(), std::string(6000, 'b'));
  EXPECT_EQ(to.front().data() + 6000, from.front().data());
}

TEST_F(BufferTest, AppendSharedLeavesTheOther) {
  Buffer from(pool_);
  from.append(sliceOf(std::string(100, 'a')));
  from.append(sliceOf(std::string(5000, 'b')));
  Buffer to(pool_);
  to.appendShared(from);
  const std::string both = std::string(100, 'a') + std::string(5000, 'b');
  EXPECT_EQ(to.toString(), both);
  EXPECT_EQ(from.toString(), both);
  to.drain(100);
  from.drain(100);
  EXPECT_EQ(to.front().data(), from.front().data());
  // Neither writes behind what it shares.
  from.append("c");
  to.append("d");
  EXPECT_TRUE(from.toString().ends_with("bc"));
  EXPECT_TRUE(to.toString().ends_with("bd"));
}

TEST_F(BufferTest, MovedFromIsEmpty) {
  Buffer a(pool_);
  a.append("text");
  Buffer b(std::move(a));
  EXPECT_TRUE(a.empty());
  a.append("again");
  a = std::move(b);
  EXPECT_EQ(a.toString(), "text");
}

// Immutable; says how many there are.
class SharedText final : public SharedOwner {
 public:
  SharedText(std::string t, std::atomic<int>& count) : text(std::move(t)), count_(count) {
    ++count_;
  }
  ~SharedText() override { --count_; }
  const std::string text;

 private:
  std::atomic<int>& count_;
};

TEST_F(BufferTest, RefersToBytesOfASharedOwnerWithoutCopying) {
  std::atomic<int> owners = 0;
  const auto* const owner = new SharedText(std::string(100'000, 'x'), owners);
  {
    Buffer buffer(pool_);
    buffer.append("head");
    buffer.append(*owner, owner->text);
    owner->release();
    EXPECT_EQ(owners, 1);
    Buffer other(pool_);
    other.append(buffer);
    other.drain(4);
    EXPECT_EQ(other.front().data(), owner->text.data());
    EXPECT_EQ(other.bytesPinned(), 100'000u);
    EXPECT_LT(pool_.bytesInUse(), 2000u);  // that the owner's bytes are not the pool's
    other.drain(99'999);
    EXPECT_EQ(owners, 1);
    other.drain(1);
    EXPECT_EQ(owners, 0);
  }
}

TEST_F(BufferTest, NeverWritesToBytesOfASharedOwner) {
  std::atomic<int> owners = 0;
  const auto* const owner = new SharedText("0123456789", owners);
  {
    Buffer buffer(pool_);
    buffer.append(*owner, std::string_view(owner->text).substr(2, 4));
    owner->release();
    buffer.append("tail");
    buffer.prepend("front");
    EXPECT_EQ(buffer.toString(), "front2345tail");
    buffer.drain(6);
    buffer.prepend("x");
    EXPECT_EQ(buffer.toString(), "x345tail");
    EXPECT_EQ(buffer.linearize(5), "x345t");
    buffer.compact();
    EXPECT_EQ(buffer.toString(), "x345tail");
    std::span<char> room = buffer.reserve(3);
    room[0] = '!';
    buffer.commit(1);
    EXPECT_EQ(buffer.toString(), "x345tail!");
  }
  EXPECT_EQ(owners, 0);
}

TEST_F(BufferTest, SlicesOfASharedOwnerKeepItAlive) {
  std::atomic<int> owners = 0;
  const auto* const owner = new SharedText("0123456789", owners);
  Buffer buffer(pool_);
  buffer.append(*owner, owner->text);
  owner->release();
  {
    const Slice slice = buffer.shareFront(buffer.front().data() + 3, 2);
    buffer.clear();
    EXPECT_EQ(owners, 1);
    EXPECT_EQ(slice.view(), "34");
  }
  EXPECT_EQ(owners, 0);
}

TEST(SharedOwner, ServesTheBuffersOfManyThreads) {
  std::atomic<int> owners = 0;
  const auto* const owner = new SharedText(std::string(10'000, 'x'), owners);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([owner] {
      BlockPool pool;
      for (int i = 0; i < 2000; ++i) {
        Buffer buffer(pool);
        buffer.append(*owner, owner->text);
        buffer.drain(5000);
        EXPECT_EQ(buffer.size(), 5000u);
      }
      EXPECT_EQ(pool.bytesInUse(), 0u);
    });
  }
  for (std::thread& thread : threads) thread.join();
  owner->release();
  EXPECT_EQ(owners, 0);
}

}  // namespace
}  // namespace weir::buffer
