#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::network {

// Tells from the first bytes of a connection whether they are HTTP: a request line of HTTP/1
// (RFC 9112, 3), one empty line before it allowed, or the preface of HTTP/2 (RFC 9113, 3.4).
// Decides at the first byte that cannot be, at the latest after kMaxBytes. Each byte is looked at
// once. Worker-confined.
class HttpSniffer {
 public:
  enum class Answer : uint8_t { kNeedMore, kHttp1, kHttp2, kNotHttp };
  // `bytes`: all that came so far; those of the last call stand at their places again. After
  // another answer than kNeedMore it stays the same.
  Answer sniff(std::string_view bytes);

  // A request line longer than this is not taken for HTTP.
  static constexpr size_t kMaxBytes = 8 * 1024;
  static constexpr size_t kMaxMethodBytes = 32;

 private:
  // Of a request line; kImpossible: it is none.
  enum class Part : uint8_t {
    kStart,
    kEmptyLine,
    kMethodStart,
    kMethod,
    kTarget,
    kVersion,
    kLineEnd,
    kDone,
    kImpossible,
  };
  Answer onByte(char c);
  bool followRequestLine(char c);

  size_t at_ = 0;          // bytes looked at
  size_t part_bytes_ = 0;  // of them in the current part, behind the one that began it
  Part part_ = Part::kStart;
  bool preface_ = true;  // the bytes so far begin the HTTP/2 preface
  Answer answer_ = Answer::kNeedMore;
};

}  // namespace weir::network
