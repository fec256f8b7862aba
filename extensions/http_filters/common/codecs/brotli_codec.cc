#include <brotli/decode.h>
#include <brotli/encode.h>

#include "extensions/http_filters/common/codecs/codec.h"
#include "extensions/http_filters/common/codecs/recycling_memory.h"

// Brotli (RFC 7932). Its states cannot be begun again, but their memory can be used again.
namespace weir::extensions::http_filters::common::codecs {
namespace {

const uint8_t* bytesOf(std::string_view in) {
  return reinterpret_cast<const uint8_t*>(in.data());
}

// Worker-confined.
class BrotliEncoder final : public Encoder {
 public:
  explicit BrotliEncoder(const EncoderSettings& settings) : settings_(settings) {}
  ~BrotliEncoder() override { BrotliEncoderDestroyInstance(state_); }

  bool begin() override {
    BrotliEncoderDestroyInstance(state_);
    state_ =
        BrotliEncoderCreateInstance(RecyclingMemory::allocate, RecyclingMemory::release, &memory_);
    if (state_ == nullptr) return false;
    return BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY,
                                     static_cast<uint32_t>(settings_.level)) != BROTLI_FALSE &&
           BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN,
                                     static_cast<uint32_t>(settings_.window_bits)) != BROTLI_FALSE;
  }

 private:
  bool encodePiece(std::string_view in, Until until, buffer::Buffer& out) override {
    const BrotliEncoderOperation operation = until == Until::kLater     ? BROTLI_OPERATION_PROCESS
                                             : until == Until::kFlushed ? BROTLI_OPERATION_FLUSH
                                                                        : BROTLI_OPERATION_FINISH;
    const uint8_t* next = bytesOf(in);
    size_t left = in.size();
    bool more = true;
    while (more) {
      size_t no_room = 0;
      if (BrotliEncoderCompressStream(state_, operation, &left, &next, &no_room, nullptr,
                                      nullptr) == BROTLI_FALSE) {
        return false;
      }
      // Until a call leaves nothing to be taken.
      more = left > 0 || BrotliEncoderHasMoreOutput(state_) != BROTLI_FALSE;
      takeOutput(out);
    }
    return until != Until::kEnd || BrotliEncoderIsFinished(state_) != BROTLI_FALSE;
  }

  void takeOutput(buffer::Buffer& out) {
    while (BrotliEncoderHasMoreOutput(state_) != BROTLI_FALSE) {
      size_t size = 0;
      const uint8_t* const made = BrotliEncoderTakeOutput(state_, &size);
      out.append(std::string_view(reinterpret_cast<const char*>(made), size));
    }
  }

  const EncoderSettings settings_;
  RecyclingMemory memory_;
  BrotliEncoderState* state_ = nullptr;
};

// Worker-confined.
class BrotliDecoder final : public Decoder {
 public:
  ~BrotliDecoder() override { BrotliDecoderDestroyInstance(state_); }

  bool begin() override {
    BrotliDecoderDestroyInstance(state_);
    started_ = false;
    state_ =
        BrotliDecoderCreateInstance(RecyclingMemory::allocate, RecyclingMemory::release, &memory_);
    return state_ != nullptr;
  }
  bool complete() const override {
    return !started_ || BrotliDecoderIsFinished(state_) != BROTLI_FALSE;
  }

 private:
  Result decodePiece(std::string_view in, Room& room) override {
    started_ = true;
    const uint8_t* next = bytesOf(in);
    size_t left = in.size();
    while (true) {
      size_t free = scratch_.size();
      auto* to = reinterpret_cast<uint8_t*>(scratch_.data());
      const auto status = BrotliDecoderDecompressStream(state_, &left, &next, &free, &to, nullptr);
      if (!room.append({scratch_.data(), scratch_.size() - free})) return Result::kTooLarge;
      switch (status) {
        case BROTLI_DECODER_RESULT_SUCCESS:
          return left == 0 ? Result::kGood : Result::kCorrupt;
        case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
          return Result::kGood;
        case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
          continue;
        case BROTLI_DECODER_RESULT_ERROR:
          return outOfMemory() ? Result::kFailed : Result::kCorrupt;
      }
    }
  }

  bool outOfMemory() const {
    const BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(state_);
    return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
           code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
  }

  RecyclingMemory memory_;
  BrotliDecoderState* state_ = nullptr;
  bool started_ = false;
};

}  // namespace

std::unique_ptr<Encoder> makeBrotliEncoder(const EncoderSettings& settings) {
  return std::make_unique<BrotliEncoder>(settings);
}

std::unique_ptr<Decoder> makeBrotliDecoder() {
  return std::make_unique<BrotliDecoder>();
}

}  // namespace weir::extensions::http_filters::common::codecs
