#include "source/http/grpc_frames.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace weir::http {
namespace {

using Result = GrpcFrameReader::Result;

class GrpcFramesTest : public testing::Test {
 protected:
  static std::string frame(std::string_view message, bool compressed = false) {
    const auto prefix = grpcPrefix(static_cast<uint32_t>(message.size()), compressed);
    return std::string(prefix.data(), prefix.size()) + std::string(message);
  }
  void add(std::string_view bytes) {
    buffer::Buffer data(blocks_);
    data.append(bytes);
    reader_.add(data);
    EXPECT_TRUE(data.empty());
  }
  // What is complete; the result that is no message is in result_.
  std::vector<std::string> messages() {
    std::vector<std::string> out;
    for (;;) {
      buffer::Buffer message(blocks_);
      result_ = reader_.next(message, compressed_);
      if (result_ != Result::kMessage) return out;
      out.push_back(message.toString());
    }
  }

  buffer::BlockPool blocks_;
  GrpcFrameReader reader_{blocks_, 1000};
  bool compressed_ = false;
  Result result_ = Result::kMore;
};

TEST_F(GrpcFramesTest, Prefix) {
  const auto prefix = grpcPrefix(0x01020304, true);
  EXPECT_EQ(std::string(prefix.data(), prefix.size()), std::string("\1\1\2\3\4", 5));
}

TEST_F(GrpcFramesTest, SeveralInOnePiece) {
  add(frame("one") + frame("") + frame("three", true));
  EXPECT_EQ(messages(), (std::vector<std::string>{"one", "", "three"}));
  EXPECT_TRUE(compressed_);
  EXPECT_EQ(result_, Result::kMore);
  EXPECT_TRUE(reader_.betweenMessages());
}

TEST_F(GrpcFramesTest, ByteByByte) {
  const std::string bytes = frame("hello") + frame(std::string(700, 'x'));
  std::vector<std::string> got;
  for (const char c : bytes) {
    add({&c, 1});
    for (std::string& message : messages()) got.push_back(std::move(message));
    EXPECT_EQ(result_, Result::kMore);
  }
  EXPECT_EQ(got, (std::vector<std::string>{"hello", std::string(700, 'x')}));
  EXPECT_TRUE(reader_.betweenMessages());
}

TEST_F(GrpcFramesTest, EndInTheMidst) {
  add(frame("hello").substr(0, 7));
  EXPECT_TRUE(messages().empty());
  EXPECT_FALSE(reader_.betweenMessages());
  EXPECT_EQ(reader_.bytesHeld(), 7u);
  reader_.clear();
  EXPECT_TRUE(reader_.betweenMessages());
}

// Said when its prefix has come, before any of it is held.
TEST_F(GrpcFramesTest, TooLarge) {
  add(frame(std::string(1000, 'x')));
  EXPECT_EQ(messages().size(), 1u);
  add(frame(std::string(1001, 'x')).substr(0, 5));
  EXPECT_TRUE(messages().empty());
  EXPECT_EQ(result_, Result::kTooLarge);
  EXPECT_TRUE(messages().empty());
  EXPECT_EQ(result_, Result::kTooLarge);
}

TEST_F(GrpcFramesTest, LengthOfFourGigabytes) {
  add(std::string_view("\0\xff\xff\xff\xff", 5));
  EXPECT_TRUE(messages().empty());
  EXPECT_EQ(result_, Result::kTooLarge);
}

// A body that is no gRPC at all shows at its first byte.
TEST_F(GrpcFramesTest, Malformed) {
  add("{");
  EXPECT_TRUE(messages().empty());
  EXPECT_EQ(result_, Result::kMalformed);
}

}  // namespace
}  // namespace weir::http
