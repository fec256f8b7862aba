#include <zlib.h>

#include "extensions/http_filters/common/codecs/codec.h"

// gzip (RFC 1952) and deflate (RFC 1950, and RFC 1951 as some send it).
namespace weir::extensions::http_filters::common::codecs {
namespace {

constexpr int kGzipWrapper = 16;  // added to window bits
constexpr unsigned char kGzipFirst = 0x1f;

Bytef* bytesOf(std::string_view in) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
}

// Worker-confined.
class GzipEncoder final : public Encoder {
 public:
  explicit GzipEncoder(const EncoderSettings& settings) {
    made_ = deflateInit2(&stream_, settings.level, Z_DEFLATED, settings.window_bits + kGzipWrapper,
                         settings.memory_level, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~GzipEncoder() override {
    if (made_) deflateEnd(&stream_);
  }
  bool begin() override { return made_ && deflateReset(&stream_) == Z_OK; }

 private:
  bool encodePiece(std::string_view in, Until until, buffer::Buffer& out) override {
    stream_.next_in = bytesOf(in);
    stream_.avail_in = static_cast<uInt>(in.size());
    const int flush = until == Until::kLater     ? Z_NO_FLUSH
                      : until == Until::kFlushed ? Z_SYNC_FLUSH
                                                 : Z_FINISH;
    while (true) {
      stream_.next_out = reinterpret_cast<Bytef*>(scratch_.data());
      stream_.avail_out = static_cast<uInt>(scratch_.size());
      const int result = deflate(&stream_, flush);
      out.append(std::string_view(scratch_.data(), scratch_.size() - stream_.avail_out));
      if (result == Z_STREAM_END) return true;
      if (result != Z_OK && result != Z_BUF_ERROR) return false;
      if (stream_.avail_out != 0) return until != Until::kEnd && stream_.avail_in == 0;
    }
  }

  z_stream stream_{};
  bool made_ = false;
};

// Worker-confined.
class ZlibDecoder final : public Decoder {
 public:
  explicit ZlibDecoder(Coding coding) : coding_(coding) {
    made_ = inflateInit2(&stream_, MAX_WBITS + kGzipWrapper) == Z_OK;
  }
  ~ZlibDecoder() override {
    if (made_) inflateEnd(&stream_);
  }
  bool begin() override {
    state_ = State::kStart;
    pending_ = false;
    return made_;
  }
  bool complete() const override { return state_ == State::kStart || state_ == State::kEnd; }

 private:
  // kEnd: of a member of gzip, which another may follow.
  enum class State : uint8_t { kStart, kInside, kEnd };

  // Some send "deflate" without the header of zlib: its first byte has the method and window in it
  // (RFC 1950 2.2), which in plain deflate would be a stored block of odd length.
  int windowBits(unsigned char first) const {
    if (coding_ == Coding::kGzip) return MAX_WBITS + kGzipWrapper;
    const bool zlib = (first & 0x0f) == Z_DEFLATED && first >> 4 <= MAX_WBITS - 8;
    return zlib ? MAX_WBITS : -MAX_WBITS;
  }

  bool startMember(std::string_view in) {
    const auto first = static_cast<unsigned char>(in.front());
    const bool more = state_ == State::kEnd;
    if (more && (coding_ != Coding::kGzip || first != kGzipFirst)) return false;
    state_ = State::kInside;
    return inflateReset2(&stream_, windowBits(first)) == Z_OK;
  }

  Result decodePiece(std::string_view in, Room& room) override {
    stream_.next_in = bytesOf(in);
    stream_.avail_in = static_cast<uInt>(in.size());
    while (stream_.avail_in > 0 || pending_) {
      if (state_ != State::kInside &&
          !startMember({reinterpret_cast<const char*>(stream_.next_in), stream_.avail_in})) {
        return Result::kCorrupt;
      }
      const Result result = step(room);
      if (result != Result::kGood) return result;
    }
    return Result::kGood;
  }

  Result step(Room& room) {
    stream_.next_out = reinterpret_cast<Bytef*>(scratch_.data());
    stream_.avail_out = static_cast<uInt>(scratch_.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    const size_t made = scratch_.size() - stream_.avail_out;
    if (!room.append({scratch_.data(), made})) return Result::kTooLarge;
    pending_ = status == Z_OK && stream_.avail_out == 0;
    switch (status) {
      case Z_STREAM_END:
        state_ = State::kEnd;
        return Result::kGood;
      case Z_OK:
      case Z_BUF_ERROR:
        return Result::kGood;
      case Z_MEM_ERROR:
        return Result::kFailed;
      default:
        return Result::kCorrupt;
    }
  }

  const Coding coding_;
  z_stream stream_{};
  bool made_ = false;
  bool pending_ = false;  // output may wait inside
  State state_ = State::kStart;
};

}  // namespace

std::unique_ptr<Encoder> makeGzipEncoder(const EncoderSettings& settings) {
  return std::make_unique<GzipEncoder>(settings);
}

std::unique_ptr<Decoder> makeZlibDecoder(Coding coding) {
  return std::make_unique<ZlibDecoder>(coding);
}

}  // namespace weir::extensions::http_filters::common::codecs
