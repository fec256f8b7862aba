// The codecs against each other and against zlib: any split, any flushes, broken input.
#include "extensions/http_filters/common/codecs/codec.h"

#include <zlib.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/http_filters/common/codecs/codec_pool.h"
#include "source/base/random.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::common::codecs {
namespace {

using Result = Decoder::Result;
using Until = Encoder::Until;

constexpr size_t kPlenty = size_t{1} << 30;
constexpr std::array kEncoded = {Coding::kGzip, Coding::kBrotli, Coding::kZstd};

EncoderSettings settingsOf(Coding coding) {
  switch (coding) {
    case Coding::kBrotli:
      return {coding, 4, 18};
    case Coding::kZstd:
      return {coding, 3, 19};
    default:
      return {coding, 5, 15, 8};
  }
}

// Half words of a small alphabet, half noise: both kinds of blocks come.
std::string content(base::Random& random, size_t size) {
  std::string text;
  while (text.size() < size) {
    const bool noise = random.uniform(8) == 0;
    const size_t run = 1 + random.uniform(2000);
    for (size_t i = 0; i < run; ++i) {
      text += noise ? static_cast<char>(random.next()) : "the quick brown fox "[random.uniform(20)];
    }
  }
  text.resize(size);
  return text;
}

class CodecTest : public ::testing::Test {
 protected:
  std::string encode(Encoder& encoder, std::string_view text, size_t step = kPlenty,
                     Until between = Until::kLater) {
    EXPECT_TRUE(encoder.begin());
    buffer::Buffer out(blocks_);
    do {
      buffer::Buffer in(blocks_);
      in.append(text.substr(0, step));
      text.remove_prefix(std::min(step, text.size()));
      EXPECT_TRUE(encoder.encode(in, text.empty() ? Until::kEnd : between, out));
      EXPECT_TRUE(in.empty());
    } while (!text.empty());
    return out.toString();
  }
  // What came out; `result` and `complete` tell how it ended.
  std::string decode(Decoder& decoder, std::string_view bytes, size_t step = kPlenty,
                     size_t most = kPlenty) {
    EXPECT_TRUE(decoder.begin());
    buffer::Buffer out(blocks_);
    result_ = Result::kGood;
    while (!bytes.empty() && result_ == Result::kGood) {
      buffer::Buffer in(blocks_);
      in.append(bytes.substr(0, step));
      bytes.remove_prefix(std::min(step, bytes.size()));
      result_ = decoder.decode(in, most - out.size(), out);
    }
    complete_ = decoder.complete();
    return out.toString();
  }
  bool whole() const { return result_ == Result::kGood && complete_; }

  buffer::BlockPool blocks_;
  Result result_ = Result::kGood;
  bool complete_ = false;
};

TEST_F(CodecTest, WhatIsEncodedInAnyPiecesIsDecodedInAnyPieces) {
  base::Random random(7);
  for (const Coding coding : kEncoded) {
    const auto encoder = makeEncoder(settingsOf(coding));
    const auto decoder = makeDecoder(coding);
    for (int i = 0; i < 40; ++i) {
      const std::string text = content(random, random.uniform(i % 4 == 0 ? 300'000 : 3000));
      const size_t step = 1 + random.uniform(i % 3 == 0 ? 100 : 40'000);
      const bool flushes = step > 10 && random.uniform(2) == 0;
      const std::string bytes =
          encode(*encoder, text, step, flushes ? Until::kFlushed : Until::kLater);
      ASSERT_TRUE(decode(*decoder, bytes, 1 + random.uniform(5000)) == text) << codingName(coding);
      EXPECT_TRUE(whole());
    }
  }
}

TEST_F(CodecTest, FlushedIsReadableAtOnce) {
  for (const Coding coding : kEncoded) {
    const auto encoder = makeEncoder(settingsOf(coding));
    const auto decoder = makeDecoder(coding);
    ASSERT_TRUE(encoder->begin());
    ASSERT_TRUE(decoder->begin());
    std::string all;
    for (const std::string_view event : {"data: one\n\n", "data: two\n\n", "data: three\n\n"}) {
      buffer::Buffer in(blocks_);
      buffer::Buffer out(blocks_);
      buffer::Buffer text(blocks_);
      in.append(event);
      EXPECT_TRUE(encoder->encode(in, Until::kFlushed, out));
      EXPECT_EQ(decoder->decode(out, kPlenty, text), Result::kGood);
      EXPECT_EQ(text.toString(), event) << codingName(coding);
      EXPECT_FALSE(decoder->complete());
    }
    buffer::Buffer nothing(blocks_);
    buffer::Buffer out(blocks_);
    EXPECT_TRUE(encoder->encode(nothing, Until::kFlushed, out));
    EXPECT_TRUE(encoder->encode(nothing, Until::kEnd, out));
    buffer::Buffer text(blocks_);
    EXPECT_EQ(decoder->decode(out, kPlenty, text), Result::kGood);
    EXPECT_TRUE(decoder->complete());
  }
}

TEST_F(CodecTest, MoreThanIsAllowedIsNotMade) {
  for (const Coding coding : kEncoded) {
    const std::string bytes =
        encode(*makeEncoder(settingsOf(coding)), std::string(3'000'000, '\0'));
    EXPECT_LT(bytes.size(), 5000u);
    const auto decoder = makeDecoder(coding);
    EXPECT_EQ(decode(*decoder, bytes, kPlenty, 100'000).size(), 100'000u) << codingName(coding);
    EXPECT_EQ(result_, Result::kTooLarge);
    EXPECT_EQ(decode(*decoder, bytes, 1, 3'000'000).size(), 3'000'000u);
    EXPECT_TRUE(whole()) << codingName(coding);
    decode(*decoder, bytes, 1, 2'999'999);
    EXPECT_EQ(result_, Result::kTooLarge);
  }
}

TEST_F(CodecTest, WhatIsCutOffIsIncomplete) {
  base::Random random(3);
  for (const Coding coding : kEncoded) {
    const std::string text = content(random, 5000);
    const std::string bytes = encode(*makeEncoder(settingsOf(coding)), text);
    const auto decoder = makeDecoder(coding);
    for (size_t size = 1; size < bytes.size(); size += 7) {
      const std::string got = decode(*decoder, bytes.substr(0, size));
      EXPECT_TRUE(text.starts_with(got));
      EXPECT_EQ(result_, Result::kGood);
      EXPECT_FALSE(complete_) << codingName(coding) << size;
    }
    EXPECT_EQ(decode(*decoder, ""), "");
    EXPECT_TRUE(whole());
  }
}

TEST_F(CodecTest, GarbageIsCorrupt) {
  for (const Coding coding : {Coding::kGzip, Coding::kDeflate, Coding::kBrotli, Coding::kZstd}) {
    const auto decoder = makeDecoder(coding);
    decode(*decoder, "\xff\xff\xff\xff this is not it at all, and never was");
    EXPECT_EQ(result_, Result::kCorrupt) << codingName(coding);
  }
  for (const Coding coding : kEncoded) {
    const auto decoder = makeDecoder(coding);
    const std::string bytes = encode(*makeEncoder(settingsOf(coding)), "hello");
    for (const size_t step : {size_t{1}, kPlenty}) {
      EXPECT_EQ(decode(*decoder, bytes + "garbage", step), "hello");
      EXPECT_EQ(result_, Result::kCorrupt) << codingName(coding);
    }
  }
}

TEST_F(CodecTest, MembersAndFramesBehindEachOther) {
  for (const Coding coding : {Coding::kGzip, Coding::kZstd}) {
    const auto encoder = makeEncoder(settingsOf(coding));
    const std::string one = encode(*encoder, "one ");
    const std::string bytes = one + encode(*encoder, "") + encode(*encoder, "two");
    for (const size_t step : {size_t{1}, size_t{7}, kPlenty}) {
      EXPECT_EQ(decode(*makeDecoder(coding), bytes, step), "one two") << codingName(coding);
      EXPECT_TRUE(whole());
    }
    decode(*makeDecoder(coding), bytes.substr(0, one.size() + 3));
    EXPECT_EQ(result_, Result::kGood);
    EXPECT_FALSE(complete_);
  }
}

TEST_F(CodecTest, DeflateWithAndWithoutItsHeader) {
  const std::string text(1000, 'd');
  for (const int bits : {15, -15}) {
    z_stream stream{};
    ASSERT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string bytes(2000, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
    stream.avail_out = static_cast<uInt>(bytes.size());
    ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    bytes.resize(stream.total_out);
    deflateEnd(&stream);
    EXPECT_EQ(decode(*makeDecoder(Coding::kDeflate), bytes, 1), text);
    EXPECT_TRUE(whole());
  }
}

TEST_F(CodecTest, UsedAgainTheyAllocateNothing) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  base::Random random(5);
  const std::string text = content(random, 40'000);
  for (const Coding coding : kEncoded) {
    CodecPool<Encoder> encoders([&] { return makeEncoder(settingsOf(coding)); }, 2);
    CodecPool<Decoder> decoders([&] { return makeDecoder(coding); }, 2);
    uint64_t allocations = 0;
    for (int i = 0; i < 10; ++i) {
      buffer::Buffer in(blocks_);
      in.append(text);
      buffer::Buffer bytes(blocks_);
      buffer::Buffer out(blocks_);
      const test::AllocationCounter counter("");
      const auto encoder = encoders.lend();
      const auto decoder = decoders.lend();
      ASSERT_TRUE(encoder->encode(in, Until::kEnd, bytes));
      ASSERT_EQ(decoder->decode(bytes, kPlenty, out), Result::kGood);
      if (i >= 5) allocations += counter.count();
      EXPECT_EQ(out.size(), text.size());
    }
    EXPECT_EQ(allocations, 0u) << codingName(coding);
  }
}

TEST_F(CodecTest, APoolLendsNoMoreThanItMay) {
  CodecPool<Encoder> pool([] { return makeEncoder({}); }, 2);
  auto one = pool.lend();
  const auto two = pool.lend();
  EXPECT_TRUE(one && two);
  EXPECT_FALSE(pool.lend());
  one.reset();
  EXPECT_TRUE(pool.lend());
  EXPECT_EQ(pool.out(), 1u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::common::codecs
