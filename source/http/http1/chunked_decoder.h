#pragma once

#include <llhttp.h>

#include <cstdint>
#include <string_view>

#include "source/buffer/buffer.h"
#include "source/http/codec.h"
#include "source/http/http1/section_reader.h"

namespace weir::http::http1 {

// Decodes the chunked coding (RFC 9112 7.1) with llhttp, behind a gate that lets only the strict
// grammar of chunk lines pass: hexadecimal digits, extensions within the limit, CRLF. Both must
// agree. Worker-confined.
class ChunkedDecoder {
 public:
  void start(const CodecLimits& limits, ErrorOrigin origin);
  // Moves what it can from `data` to `body`, by reference where that pays. Trailers go to
  // `trailers`.
  StreamError decode(buffer::Buffer& data, buffer::Buffer& body, HeaderMap& trailers);
  bool complete() const { return state_ == State::kComplete; }

 private:
  enum class State : uint8_t {
    kSize,       // in the digits
    kExtension,  // between ';' and CR
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailers,
    kComplete,
  };
  StreamError readLine(buffer::Buffer& data);
  bool passByte(char c);
  StreamError feed(std::string_view bytes);
  StreamError readTrailers(buffer::Buffer& data, HeaderMap& trailers);
  StreamError refuse(std::string_view detail) const;

  llhttp_t parser_;
  const CodecLimits* limits_ = nullptr;
  ErrorOrigin origin_ = ErrorOrigin::kDownstream;
  State state_ = State::kComplete;
  uint32_t digits_ = 0;
  uint32_t extension_bytes_ = 0;
  uint64_t remaining_ = 0;  // of the chunk's data
  SectionReader section_;
};

}  // namespace weir::http::http1
