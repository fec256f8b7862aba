#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::http::http1 {

// Finds the end of a head or a trailer section and refuses, on the way, every byte that has no
// place in one: bare CR, bare LF, NUL and other controls, line folding (RFC 9112 2.2, 5.2). One
// pass, sixteen bytes at a time, before any parser sees the text. Worker-confined.
class HeadScanner {
 public:
  enum class Result : uint8_t { kIncomplete, kComplete, kRefused };

  void reset() { *this = HeadScanner(); }
  // `text` begins where it began in the call before and is at least as long.
  Result scan(std::string_view text);

  size_t end() const { return end_; }  // kComplete: bytes up to and with the blank line
  size_t firstLineBytes() const { return first_line_; }  // with CRLF; 0: its end has not come
  std::string_view detail() const { return detail_; }    // kRefused: why

 private:
  Result refuse(std::string_view detail);

  size_t position_ = 0;  // where to go on
  size_t line_start_ = 0;
  size_t first_line_ = 0;
  size_t end_ = 0;
  std::string_view detail_;
};

}  // namespace weir::http::http1
