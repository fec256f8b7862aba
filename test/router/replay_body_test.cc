#include "source/router/replay_body.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace weir::router {
namespace {

class ReplayBodyTest : public testing::Test {
 protected:
  void send(std::string_view bytes) {
    buffer::Buffer data(blocks_);
    data.append(bytes);
    body_.sending(data);
    EXPECT_EQ(data.toString(), bytes);  // it is the sender's still
  }
  std::string restored(std::string_view waiting = "") {
    buffer::Buffer data(blocks_);
    data.append(waiting);
    body_.restore(data);
    return data.toString();
  }

  buffer::BlockPool blocks_;
  ReplayBody body_{blocks_};
};

TEST_F(ReplayBodyTest, WhatWasSentComesBeforeWhatWaits) {
  body_.keep(100);
  send("one ");
  send("two ");
  EXPECT_TRUE(body_.intact());
  EXPECT_EQ(restored("three"), "one two three");
  EXPECT_EQ(restored(), "");  // until it is sent again
  send("one two three");
  EXPECT_EQ(restored(), "one two three");
}

TEST_F(ReplayBodyTest, LargePiecesAreKeptByReference) {
  body_.keep(100'000);
  const size_t before = blocks_.bytesInUse();
  buffer::Buffer data(blocks_);
  data.append(std::string(50'000, 'x'));
  const size_t with_data = blocks_.bytesInUse();
  body_.sending(data);
  EXPECT_LT(blocks_.bytesInUse(), with_data + 1000);
  data.clear();
  EXPECT_GT(blocks_.bytesInUse(), before);
  body_.lose();
  EXPECT_EQ(blocks_.bytesInUse(), before);
}

TEST_F(ReplayBodyTest, WithoutLeaveNothingIsKept) {
  EXPECT_TRUE(body_.intact());
  send("");
  EXPECT_TRUE(body_.intact());
  send("x");
  EXPECT_FALSE(body_.intact());
  EXPECT_EQ(blocks_.bytesInUse(), 0u);
}

TEST_F(ReplayBodyTest, OverTheLimitItIsLostForGood) {
  body_.keep(5);
  send("12345");
  EXPECT_TRUE(body_.intact());
  send("6");
  EXPECT_FALSE(body_.intact());
  body_.keep(100);
  send("7");
  EXPECT_FALSE(body_.intact());
  EXPECT_EQ(blocks_.bytesInUse(), 0u);
}

// Pieces of 2 KiB in blocks of 64 KiB.
TEST_F(ReplayBodyTest, LittleOfMuchIsNotKept) {
  body_.keep(64 * 1024);
  for (int i = 0; i < 30 && body_.intact(); ++i) {
    buffer::Block& block = blocks_.acquire(64 * 1024);
    buffer::Buffer data(blocks_);
    data.append(buffer::Slice(block, block.data(), 2048));
    body_.sending(data);
    EXPECT_LE(blocks_.bytesInUse(), 5u * (64 * 1024 + 64));
  }
  EXPECT_FALSE(body_.intact());
}

}  // namespace
}  // namespace weir::router
