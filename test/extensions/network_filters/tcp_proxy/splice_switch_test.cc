#include "extensions/network_filters/tcp_proxy/splice_switch.h"

#include <sys/socket.h>

#include "gtest/gtest.h"

#include "source/network/pipe_pool.h"
#include "test/network/support.h"

namespace weir::extensions::network_filters::tcp_proxy {
namespace {

using network::test::drainSocket;
using network::test::fillSocket;
using network::test::pattern;

class SpliceSwitchTest : public testing::Test, public SpliceSwitch::Owner {
 protected:
  SpliceSwitchTest() {
    auto a = network::test::tcpPair();
    auto b = network::test::tcpPair();
    client_ = std::move(a.peer);
    server_ = std::move(b.peer);
    source_ = worker_.accept(std::move(a.ours), from_source_);
    target_ = worker_.accept(std::move(b.ours), from_target_);
    from_source_.on_data = [this](buffer::Buffer& data, bool end) {
      ++copies_;
      const size_t bytes = data.size();
      target_->write(data, end);
      if (!end) switch_.copied(bytes);
    };
    worker_.settle();
    switch_.allow(*source_, *target_);
  }
  void onSpliced(SpliceSwitch&, uint64_t bytes) override { spliced_ += bytes; }
  void onSpliceEnded(SpliceSwitch&) override {
    ++ended_;
    target_->outputReady(true);
  }
  // Through both; what came.
  std::string carry(std::string_view bytes) {
    std::string got;
    size_t sent = 0;
    EXPECT_TRUE(worker_.dispatcher.runUntil([&] {
      sent += fillSocket(client_.get(), bytes.substr(sent));
      worker_.act([] {});
      got += drainSocket(server_.get());
      return got.size() >= bytes.size();
    }));
    return got;
  }

  network::test::Worker worker_;
  network::test::RecordingHandler from_source_;
  network::test::RecordingHandler from_target_;
  base::UniqueFd client_;
  base::UniqueFd server_;
  std::unique_ptr<network::Connection> source_;
  std::unique_ptr<network::Connection> target_;
  SpliceSwitch switch_{*this};
  uint64_t spliced_ = 0;
  int copies_ = 0;
  int ended_ = 0;
};

TEST_F(SpliceSwitchTest, AConversationIsCopied) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(carry("hello"), "hello");
  EXPECT_FALSE(switch_.splicing());
  EXPECT_EQ(spliced_, 0u);
  EXPECT_EQ(copies_, 20);
}

TEST_F(SpliceSwitchTest, MuchAtOnceIsSpliced) {
  const std::string bytes = pattern(4 << 20);
  EXPECT_TRUE(carry(bytes) == bytes);
  EXPECT_TRUE(switch_.splicing());
  EXPECT_GT(spliced_, bytes.size() / 2);
}

TEST_F(SpliceSwitchTest, WhatBecomesAConversationIsCopiedAgain) {
  const std::string bytes = pattern(1 << 20);
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(carry(bytes) == bytes);
    EXPECT_TRUE(switch_.splicing());
    for (int i = 0; i < SpliceSwitch::kPatience; ++i) {
      EXPECT_TRUE(switch_.splicing());
      EXPECT_EQ(carry("hello"), "hello");
    }
    EXPECT_FALSE(switch_.splicing());
    EXPECT_EQ(carry("world"), "world");
    EXPECT_EQ(worker_.io.pipes().open(), worker_.io.pipes().idle());
  }
}

TEST_F(SpliceSwitchTest, TheEndIsToldOnce) {
  const std::string bytes = pattern(1 << 20);
  EXPECT_TRUE(carry(bytes) == bytes);
  ::shutdown(client_.get(), SHUT_WR);
  bool ended = false;
  EXPECT_TRUE(worker_.dispatcher.runUntil([&] {
    worker_.act([] {});
    drainSocket(server_.get(), &ended);
    return ended;
  }));
  EXPECT_EQ(ended_, 1);
  EXPECT_FALSE(switch_.splicing());
}

// The last message of a conversation and the end come together.
TEST_F(SpliceSwitchTest, TheEndThatComesWithLittle) {
  const std::string bytes = pattern(1 << 20);
  EXPECT_TRUE(carry(bytes) == bytes);
  for (int i = 1; i < SpliceSwitch::kPatience; ++i) EXPECT_EQ(carry("hello"), "hello");
  fillSocket(client_.get(), "bye");
  ::shutdown(client_.get(), SHUT_WR);
  bool ended = false;
  std::string got;
  EXPECT_TRUE(worker_.dispatcher.runUntil([&] {
    worker_.act([] {});
    got += drainSocket(server_.get(), &ended);
    return ended;
  }));
  EXPECT_EQ(got, "bye");
}

TEST_F(SpliceSwitchTest, StoppedItSplicesNoMore) {
  const std::string bytes = pattern(1 << 20);
  EXPECT_TRUE(carry(bytes) == bytes);
  worker_.act([&] { switch_.stop(); });
  const uint64_t before = spliced_;
  EXPECT_TRUE(carry(bytes) == bytes);
  EXPECT_EQ(spliced_, before);
}

TEST_F(SpliceSwitchTest, WithoutPipesItCopies) {
  std::vector<network::Pipe> taken;
  for (;;) {
    const network::Pipe pipe = worker_.io.pipes().acquire();
    if (!pipe.valid()) break;
    taken.push_back(pipe);
  }
  const std::string bytes = pattern(2 << 20);
  EXPECT_TRUE(carry(bytes) == bytes);
  EXPECT_EQ(spliced_, 0u);
  for (const network::Pipe& pipe : taken) worker_.io.pipes().release(pipe);
}

}  // namespace
}  // namespace weir::extensions::network_filters::tcp_proxy
