#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "source/buffer/buffer.h"

namespace weir::extensions::http_filters::common::codecs {

// Content codings (RFC 9110 8.4.1, RFC 7932, RFC 8878). "deflate" is only read: what clients take
// it for differs.
enum class Coding : uint8_t { kGzip, kDeflate, kBrotli, kZstd };
inline constexpr size_t kCodings = 4;

// "gzip", "br"…
std::string_view codingName(Coding coding);
// Case-insensitive, also "x-gzip"; nothing when it is not known.
std::optional<Coding> codingOf(std::string_view name);

// How to encode. The ranges are those of the libraries, which config.cc checks. Value.
struct EncoderSettings {
  Coding coding = Coding::kGzip;  // not kDeflate
  int level = 5;
  int window_bits = 15;  // 2^n bytes are searched
  int memory_level = 8;  // of gzip: 1 to 9
};

inline constexpr size_t kScratchBytes = 16 * 1024;

// Compresses one message at a time, in bounded memory. Worker-confined.
class Encoder {
 public:
  // How far what was given has to come out.
  enum class Until : uint8_t { kLater, kFlushed, kEnd };

  virtual ~Encoder() = default;
  // Ready for another message; false: out of memory, as below.
  virtual bool begin() = 0;
  // Takes all of `in`; what is ready goes to `out`.
  [[nodiscard]] bool encode(buffer::Buffer& in, Until until, buffer::Buffer& out);

 protected:
  virtual bool encodePiece(std::string_view in, Until until, buffer::Buffer& out) = 0;
  std::array<char, kScratchBytes> scratch_;  // where the library writes
};

// Decompresses one message at a time. Takes hostile input. Worker-confined.
class Decoder {
 public:
  enum class Result : uint8_t {
    kGood,
    kCorrupt,   // or something behind the end
    kTooLarge,  // would give more than was allowed
    kFailed,    // out of memory
  };

  virtual ~Decoder() = default;
  virtual bool begin() = 0;
  // Takes all of `in` unless something is wrong; appends at most `most` bytes to `out`.
  [[nodiscard]] Result decode(buffer::Buffer& in, size_t most, buffer::Buffer& out);
  // The message may end here. So it may when nothing came at all.
  virtual bool complete() const = 0;

 protected:
  // Room for output, of which the caller has allowed so much.
  struct Room {
    buffer::Buffer& out;
    size_t left;

    // False: more than was allowed.
    bool append(std::string_view bytes) {
      out.append(bytes.substr(0, left));
      if (bytes.size() > left) return false;
      left -= bytes.size();
      return true;
    }
  };
  virtual Result decodePiece(std::string_view in, Room& room) = 0;
  std::array<char, kScratchBytes> scratch_;
};

std::unique_ptr<Encoder> makeEncoder(const EncoderSettings& settings);
std::unique_ptr<Decoder> makeDecoder(Coding coding);

// By library; makeEncoder() and makeDecoder() are made of these.
std::unique_ptr<Encoder> makeGzipEncoder(const EncoderSettings& settings);
std::unique_ptr<Encoder> makeBrotliEncoder(const EncoderSettings& settings);
std::unique_ptr<Encoder> makeZstdEncoder(const EncoderSettings& settings);
std::unique_ptr<Decoder> makeZlibDecoder(Coding coding);
std::unique_ptr<Decoder> makeBrotliDecoder();
std::unique_ptr<Decoder> makeZstdDecoder();

// Windows that a sender may ask the decoders for: 8 MiB (RFC 9659 3) and 16 MiB (RFC 7932 9.1).
inline constexpr int kZstdWindowBits = 23;

}  // namespace weir::extensions::http_filters::common::codecs
