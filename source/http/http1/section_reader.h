#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "source/base/arena.h"
#include "source/buffer/buffer.h"
#include "source/http/http1/head_scanner.h"
#include "source/http/stream_error.h"

namespace weir::http::http1 {

// Collects one head or one trailer section from a buffer, in as many calls as its bytes take to
// come, and puts it into an arena in one piece. Holds a copy only of what is incomplete.
// Worker-confined.
class SectionReader {
 public:
  enum class Result : uint8_t { kIncomplete, kComplete, kFailed };
  struct Limits {
    uint32_t first_line_bytes;  // without CRLF; over it kTargetTooLong
    uint32_t bytes;             // over it kHeadTooLarge
  };

  void begin(const Limits& limits, ErrorOrigin origin);
  // Drains from `data` what belongs to the section (all of it while kIncomplete).
  Result read(buffer::Buffer& data, base::Arena& arena);

  bool started() const { return !partial_.empty(); }
  std::string_view text() const { return text_; }  // kComplete: with the blank line, in the arena
  size_t firstLineBytes() const { return scanner_.firstLineBytes(); }
  const StreamError& error() const { return error_; }

 private:
  static constexpr size_t kKeptBytes = 8 * 1024;
  bool withinLimits(size_t bytes);
  Result fail(ErrorReason reason, std::string_view detail);
  void dropPartial();

  HeadScanner scanner_;
  Limits limits_{};
  ErrorOrigin origin_ = ErrorOrigin::kDownstream;
  std::string partial_;
  std::string_view text_;
  StreamError error_;
};

}  // namespace weir::http::http1
