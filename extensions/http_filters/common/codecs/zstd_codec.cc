#include <zstd.h>
#include <zstd_errors.h>

#include "extensions/http_filters/common/codecs/codec.h"

// Zstandard (RFC 8878).
namespace weir::extensions::http_filters::common::codecs {
namespace {

// Worker-confined.
class ZstdEncoder final : public Encoder {
 public:
  explicit ZstdEncoder(const EncoderSettings& settings) : context_(ZSTD_createCCtx()) {
    if (context_ == nullptr) return;
    made_ =
        set(ZSTD_c_compressionLevel, settings.level) && set(ZSTD_c_windowLog, settings.window_bits);
  }
  ~ZstdEncoder() override { ZSTD_freeCCtx(context_); }

  bool begin() override {
    return made_ && ZSTD_isError(ZSTD_CCtx_reset(context_, ZSTD_reset_session_only)) == 0;
  }

 private:
  bool set(ZSTD_cParameter parameter, int value) {
    return ZSTD_isError(ZSTD_CCtx_setParameter(context_, parameter, value)) == 0;
  }

  bool encodePiece(std::string_view in, Until until, buffer::Buffer& out) override {
    const ZSTD_EndDirective directive = until == Until::kLater     ? ZSTD_e_continue
                                        : until == Until::kFlushed ? ZSTD_e_flush
                                                                   : ZSTD_e_end;
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    while (true) {
      ZSTD_outBuffer to{scratch_.data(), scratch_.size(), 0};
      const size_t waiting = ZSTD_compressStream2(context_, &to, &from, directive);
      out.append(std::string_view(scratch_.data(), to.pos));
      if (ZSTD_isError(waiting) != 0) return false;
      const bool done = until == Until::kLater ? from.pos == from.size : waiting == 0;
      if (done) return true;
    }
  }

  ZSTD_CCtx* context_;
  bool made_ = false;
};

// Worker-confined.
class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    made_ = context_ != nullptr && ZSTD_isError(ZSTD_DCtx_setParameter(
                                       context_, ZSTD_d_windowLogMax, kZstdWindowBits)) == 0;
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }

  bool begin() override {
    between_frames_ = true;
    return made_ && ZSTD_isError(ZSTD_DCtx_reset(context_, ZSTD_reset_session_only)) == 0;
  }
  bool complete() const override { return between_frames_; }

 private:
  Result decodePiece(std::string_view in, Room& room) override {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    while (true) {
      ZSTD_outBuffer to{scratch_.data(), scratch_.size(), 0};
      const size_t wanted = ZSTD_decompressStream(context_, &to, &from);
      if (ZSTD_isError(wanted) != 0) return failure(wanted);
      if (!room.append({scratch_.data(), to.pos})) return Result::kTooLarge;
      between_frames_ = wanted == 0;
      // A full room means that more may wait inside, unless the frame has ended.
      const bool drained = to.pos < to.size || between_frames_;
      if (from.pos == from.size && drained) return Result::kGood;
    }
  }

  static Result failure(size_t code) {
    return ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation ? Result::kFailed
                                                                   : Result::kCorrupt;
  }

  ZSTD_DCtx* context_;
  bool made_ = false;
  bool between_frames_ = true;
};

}  // namespace

std::unique_ptr<Encoder> makeZstdEncoder(const EncoderSettings& settings) {
  return std::make_unique<ZstdEncoder>(settings);
}

std::unique_ptr<Decoder> makeZstdDecoder() {
  return std::make_unique<ZstdDecoder>();
}

}  // namespace weir::extensions::http_filters::common::codecs
