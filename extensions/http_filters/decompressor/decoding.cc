#include "extensions/http_filters/decompressor/decoding.h"

#include <algorithm>
#include <utility>

namespace weir::extensions::http_filters::decompressor {

using common::codecs::Decoder;

bool Decoding::begin(std::span<DecoderPool* const> pools, const Bounds& bounds) {
  bounds_ = bounds;
  for (auto pool = pools.rbegin(); pool != pools.rend(); ++pool) {
    decoders_[count_] = (*pool)->lend();
    if (decoders_[count_] == nullptr) {
      finish();
      return false;
    }
    ++count_;
  }
  return true;
}

void Decoding::finish() {
  for (DecoderPool::Lease& decoder : decoders_) decoder.reset();
  count_ = 0;
}

size_t Decoding::mostFrom(size_t stage) const {
  const uint64_t by_ratio = std::max(bounds_.free_bytes, taken_ * bounds_.ratio);
  const uint64_t most = std::min(bounds_.bytes, by_ratio);
  return static_cast<size_t>(most - std::min(most, made_[stage]));
}

Decoding::Result Decoding::decode(buffer::Buffer& data, bool end) {
  taken_ += data.size();
  for (size_t i = 0; i < count_; ++i) {
    buffer::Buffer out(data.pool());
    const Decoder::Result result = decoders_[i]->decode(data, mostFrom(i), out);
    if (result == Decoder::Result::kTooLarge) return Result::kTooLarge;
    if (result != Decoder::Result::kGood) return Result::kCorrupt;
    if (end && !decoders_[i]->complete()) return Result::kCorrupt;
    made_[i] += out.size();
    data = std::move(out);
  }
  return Result::kGood;
}

}  // namespace weir::extensions::http_filters::decompressor
