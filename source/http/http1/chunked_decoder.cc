#include "source/http/http1/chunked_decoder.h"

#include <algorithm>

#include "source/http/http1/field_parser.h"
#include "source/http/semantics.h"

namespace weir::http::http1 {
namespace {

bool isHex(char c) {
  const char lower = static_cast<char>(c | 0x20);
  return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
}

// A parser that has just read the head of a chunked message and expects a chunk size.
class PrimedParser {
 public:
  PrimedParser() {
    llhttp_settings_init(&settings_);
    llhttp_init(&parser_, HTTP_REQUEST, &settings_);
    constexpr std::string_view kHead = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    settings_.on_chunk_header = [](llhttp_t* parser) {
      *static_cast<uint64_t*>(parser->data) = parser->content_length;
      return 0;
    };
    llhttp_execute(&parser_, kHead.data(), kHead.size());
  }
  const llhttp_t& parser() const { return parser_; }

 private:
  llhttp_settings_t settings_;
  llhttp_t parser_;
};

}  // namespace

void ChunkedDecoder::start(const CodecLimits& limits, ErrorOrigin origin) {
  static const PrimedParser primed;
  parser_ = primed.parser();
  parser_.data = &remaining_;
  limits_ = &limits;
  origin_ = origin;
  state_ = State::kSize;
  digits_ = extension_bytes_ = 0;
  remaining_ = 0;
}

StreamError ChunkedDecoder::refuse(std::string_view detail) const {
  return {origin_, ErrorReason::kProtocol, false, detail};
}

StreamError ChunkedDecoder::decode(buffer::Buffer& data, buffer::Buffer& body,
                                   HeaderMap& trailers) {
  StreamError error;
  while (!data.empty() && state_ != State::kComplete && error.reason == ErrorReason::kNone) {
    if (state_ == State::kData) {
      const std::string_view piece = data.front().substr(0, remaining_);
      remaining_ -= piece.size();
      error = feed(piece);
      body.appendPrefix(data, piece.size());
      if (remaining_ == 0) state_ = State::kDataCr;
    } else if (state_ == State::kTrailers) {
      error = readTrailers(data, trailers);
    } else {
      error = readLine(data);
    }
  }
  return error;
}

// Passes bytes of chunk lines to llhttp, up to the end of the line or of what is at hand.
StreamError ChunkedDecoder::readLine(buffer::Buffer& data) {
  const std::string_view text = data.front();
  size_t count = 0;
  bool line_ended = false;
  while (count < text.size() && !line_ended) {
    line_ended = state_ == State::kSizeLf;
    if (!passByte(text[count++])) return refuse("malformed chunk");
  }
  const StreamError error = feed(text.substr(0, count));
  data.drain(count);
  if (error.reason != ErrorReason::kNone || !line_ended) return error;
  state_ = remaining_ > 0 ? State::kData : State::kTrailers;
  if (state_ == State::kTrailers) {
    section_.begin({limits_->max_trailer_bytes, limits_->max_trailer_bytes}, origin_);
  }
  return {};
}

// The strict grammar; moves state_ within a line.
bool ChunkedDecoder::passByte(char c) {
  constexpr uint32_t kMaxDigits = 16;
  switch (state_) {
    case State::kSize:
      if (isHex(c)) return ++digits_ <= kMaxDigits;
      if (digits_ == 0 || (c != '\r' && c != ';')) return false;
      state_ = c == ';' ? State::kExtension : State::kSizeLf;
      return true;
    case State::kExtension:
      if (c == '\r') {
        state_ = State::kSizeLf;
        return true;
      }
      return ++extension_bytes_ <= limits_->max_chunk_extension_bytes &&
             isFieldValue(std::string_view(&c, 1));
    case State::kDataCr:
      state_ = State::kDataLf;
      return c == '\r';
    case State::kDataLf:
      state_ = State::kSize;
      digits_ = 0;
      return c == '\n';
    case State::kSizeLf:
      return c == '\n';
    case State::kData:
    case State::kTrailers:
    case State::kComplete:
      return false;
  }
  return false;
}

StreamError ChunkedDecoder::feed(std::string_view bytes) {
  const llhttp_errno_t result = llhttp_execute(&parser_, bytes.data(), bytes.size());
  return result == HPE_OK ? StreamError{} : refuse("malformed chunk");
}

StreamError ChunkedDecoder::readTrailers(buffer::Buffer& data, HeaderMap& trailers) {
  switch (section_.read(data, trailers.arena())) {
    case SectionReader::Result::kIncomplete:
      return {};
    case SectionReader::Result::kFailed: {
      StreamError error = section_.error();
      if (error.reason == ErrorReason::kTargetTooLong) error.reason = ErrorReason::kHeadTooLarge;
      return error;
    }
    case SectionReader::Result::kComplete:
      break;
  }
  state_ = State::kComplete;
  StreamError error = parseFields(section_.text(), limits_->max_header_fields, origin_, trailers);
  if (error.reason == ErrorReason::kNone) error = validateTrailers(trailers);
  if (error.reason != ErrorReason::kNone) error.origin = origin_;
  return error;
}

}  // namespace weir::http::http1
