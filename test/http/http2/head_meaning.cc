#include "test/http/http2/head_meaning.h"

#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::http::http2 {
namespace {

bool ofOneConnection(const HeaderMap::Field& field, bool upgrade) {
  switch (field.id) {
    case HeaderId::kConnection:
    case HeaderId::kContentLength:  // the framing says it
    case HeaderId::kHost:           // the authority says it
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return upgrade && (base::equalsIgnoreCase(field.name, "sec-websocket-key") ||
                         base::equalsIgnoreCase(field.name, "sec-websocket-accept"));
  }
}

std::string fieldsOf(const HeaderMap& headers, bool upgrade) {
  std::string cookie;
  headers.forEach(HeaderId::kCookie, [&](const HeaderMap::Field& field) {
    if (!cookie.empty() && !field.value.empty()) cookie += "; ";
    cookie += field.value;
  });
  std::string text;
  bool cookie_written = false;
  headers.forEach([&](const HeaderMap::Field& field) {
    if (ofOneConnection(field, upgrade)) return;
    std::string value(field.value);
    if (field.id == HeaderId::kCookie) {
      if (cookie_written) return;
      cookie_written = true;
      value = cookie;
    }
    text += base::lowered(field.name) + "=" + value + "\n";
  });
  return text;
}

std::string framingText(BodyFraming framing, uint64_t length) {
  switch (framing) {
    case BodyFraming::kNone:
      return "no body";
    case BodyFraming::kContentLength:
      return "body of " + std::to_string(length);
    case BodyFraming::kChunked:
    case BodyFraming::kUntilClose:
      return "body of unknown length";
    case BodyFraming::kTunnel:
      return "tunnel";
  }
  return "";
}

}  // namespace

std::string meaningOf(const RequestHead& head) {
  std::string text(head.method);
  text.append(" ").append(head.authority).append(" ").append(head.path).append(" upgrade ");
  text.append(head.upgrade).append(head.expects_continue ? " waits " : " ");
  text.append(framingText(head.framing, head.content_length)).append("\n");
  return text + fieldsOf(head.headers, !head.upgrade.empty());
}

std::string meaningOf(const ResponseHead& head, bool to_head) {
  BodyFraming framing = head.framing;
  const bool bodyless = to_head || statusHasNoBody(head.status);
  if (bodyless && framing != BodyFraming::kContentLength && framing != BodyFraming::kTunnel) {
    framing = BodyFraming::kNone;
  }
  return std::to_string(head.status) + " " + framingText(framing, head.content_length) + "\n" +
         fieldsOf(head.headers, head.status == 101);
}

}  // namespace weir::http::http2
