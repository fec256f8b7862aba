#include "source/http/http1/field_parser.h"

#include <llhttp.h>

#include "source/http/semantics.h"

namespace weir::http::http1 {
namespace {

// What the callbacks of one parse share; llhttp carries a pointer to it.
struct Sink {
  HeaderMap& fields;
  uint32_t max_fields;
  ErrorOrigin origin;
  std::string_view name = {};
  StreamError error = {};

  int refuse(ErrorReason reason, std::string_view detail) {
    error = {origin, reason, false, detail};
    return -1;
  }
};

Sink& sinkOf(llhttp_t* parser) {
  return *static_cast<Sink*>(parser->data);
}

int onName(llhttp_t* parser, const char* at, size_t length) {
  sinkOf(parser).name = {at, length};
  return 0;
}

int onValue(llhttp_t* parser, const char* at, size_t length) {
  Sink& sink = sinkOf(parser);
  if (sink.fields.fields().size() >= sink.max_fields) {
    return sink.refuse(ErrorReason::kHeadTooLarge, "too many fields");
  }
  while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t')) --length;
  const HeaderId id = headerId(sink.name);
  if (id == HeaderId::kOther && !isToken(sink.name)) {
    return sink.refuse(ErrorReason::kProtocol, "illegal character in field name");
  }
  // The usual form can be written as it came. Behind the value stands at least the line's end.
  const char* const colon = sink.name.data() + sink.name.size();
  const bool as_written = colon + 2 == at && colon[1] == ' ' && at[length] == '\r';
  as_written ? sink.fields.addLine(id, sink.name, {at, length})
             : sink.fields.addView(id, sink.name, {at, length});
  sink.name = {};
  return 0;
}

int onEnd(llhttp_t*) {
  return HPE_PAUSED;
}

// Start lines are parsed apart (llhttp knows only registered methods, and its CONNECT, HEAD and
// upgrade rules are not wanted here); each parse begins as a copy of a parser that has just read
// one.
class PrimedParser {
 public:
  PrimedParser() {
    llhttp_settings_init(&settings_);
    settings_.on_header_field = onName;
    settings_.on_header_value = onValue;
    settings_.on_headers_complete = onEnd;
    llhttp_init(&parser_, HTTP_REQUEST, &settings_);
    constexpr std::string_view kLine = "GET / HTTP/1.1\r\n";
    llhttp_execute(&parser_, kLine.data(), kLine.size());
  }
  const llhttp_t& parser() const { return parser_; }

 private:
  llhttp_settings_t settings_;
  llhttp_t parser_;
};

StreamError errorOf(llhttp_errno_t code, ErrorOrigin origin) {
  std::string_view detail = "malformed field line";
  switch (code) {
    case HPE_UNEXPECTED_CONTENT_LENGTH:
      detail = "conflicting Content-Length";
      break;
    case HPE_INVALID_CONTENT_LENGTH:
      detail = "Content-Length is malformed";
      break;
    case HPE_INVALID_TRANSFER_ENCODING:
      detail = "illegal Transfer-Encoding";
      break;
    case HPE_INVALID_HEADER_TOKEN:
      detail = "illegal character in field";
      break;
    default:
      break;
  }
  return {origin, ErrorReason::kProtocol, false, detail};
}

}  // namespace

StreamError parseFields(std::string_view lines, uint32_t max_fields, ErrorOrigin origin,
                        HeaderMap& fields) {
  static const PrimedParser primed;
  Sink sink{fields, max_fields, origin};
  llhttp_t parser = primed.parser();
  parser.data = &sink;
  const llhttp_errno_t result = llhttp_execute(&parser, lines.data(), lines.size());
  if (sink.error.reason != ErrorReason::kNone) return sink.error;
  // Paused at the blank line: not before it, and never twice.
  const bool at_end = llhttp_get_error_pos(&parser) + 1 >= lines.data() + lines.size();
  if (result != HPE_PAUSED || !at_end) return errorOf(result, origin);
  return {};
}

}  // namespace weir::http::http1
