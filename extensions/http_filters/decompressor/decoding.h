#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "extensions/http_filters/common/codecs/codec.h"
#include "extensions/http_filters/common/codecs/codec_pool.h"
#include "source/buffer/buffer.h"

namespace weir::extensions::http_filters::decompressor {

using DecoderPool = common::codecs::CodecPool<common::codecs::Decoder>;

// How much one body may become. Value.
struct Bounds {
  uint64_t bytes;
  uint32_t ratio;  // beyond free_bytes
  uint64_t free_bytes;
};

// Takes up to four codings off one body, the outermost first, each within the bounds: what one of
// them makes is input of the next. Worker-confined.
class Decoding {
 public:
  enum class Result : uint8_t { kGood, kCorrupt, kTooLarge };
  static constexpr size_t kMost = 4;

  // `pools` as the codings were applied; false: no decoder is to be had.
  bool begin(std::span<DecoderPool* const> pools, const Bounds& bounds);
  bool active() const { return count_ > 0; }
  // `data` becomes what it says; with `end`, something missing is corrupt too.
  Result decode(buffer::Buffer& data, bool end);
  void finish();

 private:
  size_t mostFrom(size_t stage) const;

  std::array<DecoderPool::Lease, kMost> decoders_;  // in order of use
  std::array<uint64_t, kMost> made_{};
  size_t count_ = 0;
  uint64_t taken_ = 0;
  Bounds bounds_{};
};

}  // namespace weir::extensions::http_filters::decompressor
