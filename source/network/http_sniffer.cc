#include "source/network/http_sniffer.h"

#include <algorithm>

namespace weir::network {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";  // RFC 9110, 5.6.2

bool isTokenCharacter(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') || kTokenMarks.find(c) != std::string_view::npos;
}

// What the codec may still refuse or clean, but a request target may look like.
bool isTargetCharacter(char c) {
  return static_cast<unsigned char>(c) > ' ' && c != '\x7f';
}

}  // namespace

HttpSniffer::Answer HttpSniffer::sniff(std::string_view bytes) {
  const size_t end = std::min(bytes.size(), kMaxBytes);
  while (answer_ == Answer::kNeedMore && at_ < end) {
    const char c = bytes[at_];
    preface_ = preface_ && c == kPreface[at_];
    ++at_;
    answer_ = onByte(c);
  }
  if (answer_ == Answer::kNeedMore && at_ == kMaxBytes) answer_ = Answer::kNotHttp;
  return answer_;
}

// The preface begins like a request line that cannot be one, for "HTTP/2.0" is no version of
// HTTP/1. So both are followed, and only when neither goes on it is not HTTP.
HttpSniffer::Answer HttpSniffer::onByte(char c) {
  const Part before = part_;
  if (part_ == Part::kImpossible || !followRequestLine(c)) part_ = Part::kImpossible;
  if (part_ == Part::kDone) return Answer::kHttp1;
  if (preface_ && at_ == kPreface.size()) return Answer::kHttp2;
  if (part_ == Part::kImpossible && !preface_) return Answer::kNotHttp;
  part_bytes_ = part_ == before ? part_bytes_ + 1 : 0;
  return Answer::kNeedMore;
}

// False when `c` cannot stand where it does. part_bytes_: bytes of the part before `c`.
bool HttpSniffer::followRequestLine(char c) {
  switch (part_) {
    case Part::kStart:
      part_ = c == '\r' ? Part::kEmptyLine : Part::kMethod;
      return c == '\r' || isTokenCharacter(c);
    case Part::kEmptyLine:
      part_ = Part::kMethodStart;
      return c == '\n';
    case Part::kMethodStart:
      part_ = Part::kMethod;
      return isTokenCharacter(c);
    case Part::kMethod:
      // The first byte came with the part before.
      if (c != ' ') return isTokenCharacter(c) && part_bytes_ + 1 < kMaxMethodBytes;
      part_ = Part::kTarget;
      return true;
    case Part::kTarget:
      if (c != ' ') return isTargetCharacter(c);
      part_ = Part::kVersion;
      return part_bytes_ > 0;
    case Part::kVersion:
      if (part_bytes_ < kVersion.size()) return c == kVersion[part_bytes_];
      part_ = Part::kLineEnd;
      return c == '0' || c == '1';
    case Part::kLineEnd:
      part_ = Part::kDone;
      return c == '\r' || c == '\n';
    case Part::kDone:
    case Part::kImpossible:
      return false;
  }
  return false;
}

}  // namespace weir::network
