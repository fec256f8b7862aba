#include "source/http/http2/head_writer.h"

#include <algorithm>
#include <charconv>

#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::http::http2 {
namespace {

// A shorter one can be guessed byte by byte from what the compression gives away.
constexpr size_t kSafeSecretBytes = 20;

// What is left out of every list: it belongs to an HTTP/1 connection, or is written from elsewhere.
bool leftOut(HeaderId id) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kContentLength:
    case HeaderId::kHost:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

// Secrets that are short, and values that come once: not for the dynamic table.
uint8_t flagsOf(const HeaderMap::Field& field, std::string_view value) {
  if (field.never_indexed) return NGHTTP2_NV_FLAG_NO_INDEX;
  switch (field.id) {
    case HeaderId::kAuthorization:
    case HeaderId::kXRequestId:
      return NGHTTP2_NV_FLAG_NO_INDEX;
    case HeaderId::kCookie:
    case HeaderId::kSetCookie:
      return value.size() < kSafeSecretBytes ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    default:
      return NGHTTP2_NV_FLAG_NONE;
  }
}

bool isHandshakeField(std::string_view name) {
  return base::equalsIgnoreCase(name, "sec-websocket-key") ||
         base::equalsIgnoreCase(name, "sec-websocket-accept");
}

// nghttp2 takes bytes it may not write to through a pointer that would let it.
uint8_t* bytesOf(std::string_view text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

nghttp2_nv pairOf(std::string_view name, std::string_view value, uint8_t flags) {
  return {bytesOf(name), bytesOf(value), name.size(), value.size(), flags};
}

// Space at either end makes a field malformed in HTTP/2; HTTP/1 takes it off on receipt.
std::string_view trimmed(std::string_view value) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  if (value.empty() || (!is_space(value.front()) && !is_space(value.back()))) return value;
  return base::trimOws(value);
}

}  // namespace

void HeadWriter::begin(size_t fields) {
  fields_.clear();
  fields_.reserve(fields + 6);  // pseudo-fields and Content-Length
  arena_.clear();
}

void HeadWriter::add(std::string_view name, std::string_view value, uint8_t flags) {
  fields_.push_back(
      pairOf(name, value, static_cast<uint8_t>(flags | NGHTTP2_NV_FLAG_NO_COPY_NAME)));
}

void HeadWriter::addNumber(std::string_view name, uint64_t number) {
  constexpr size_t kDigits = 20;
  char* const text = static_cast<char*>(arena_.allocate(kDigits, 1));
  const char* const end = std::to_chars(text, text + kDigits, number).ptr;
  add(name, {text, static_cast<size_t>(end - text)});
}

void HeadWriter::addOther(const HeaderMap::Field& field) {
  std::string_view name = field.name;
  if (std::any_of(name.begin(), name.end(), base::isUpper)) {
    char* const lower = static_cast<char*>(arena_.allocate(name.size(), 1));
    std::transform(name.begin(), name.end(), lower, base::toLower);
    name = {lower, name.size()};
  }
  const bool secret = field.never_indexed || name == "proxy-authorization";
  const uint8_t flags = secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
  fields_.push_back(pairOf(name, trimmed(field.value), flags));
}

void HeadWriter::addFields(const HeaderMap& headers, Omit omit) {
  headers.forEach([&](const HeaderMap::Field& field) {
    if (field.id == HeaderId::kOther) {
      if (!omit.handshake || !isHandshakeField(field.name)) addOther(field);
      return;
    }
    if (leftOut(field.id)) return;
    const std::string_view value = trimmed(field.value);
    if (field.id == HeaderId::kTe && (omit.te || !base::equalsIgnoreCase(value, "trailers")))
      return;
    add(headerName(field.id), value, flagsOf(field, value));
  });
}

bool HeadWriter::canCarry(const RequestHead& head) {
  if (head.upgrade.empty() || head.isConnect()) return true;
  return head.method == "GET" && isToken(head.upgrade);
}

std::span<const nghttp2_nv> HeadWriter::request(const RequestHead& head, bool end_stream) {
  begin(head.headers.size());
  const bool upgrade = !head.upgrade.empty() && !head.isConnect();
  add(":method", upgrade ? "CONNECT" : head.method);
  if (upgrade) add(":protocol", head.upgrade);
  if (!head.isConnect()) {
    add(":scheme", head.scheme.empty() ? "http" : head.scheme);
    add(":path", head.path);
  }
  if (!head.authority.empty()) add(":authority", head.authority);
  addFields(head.headers, {.te = false, .handshake = upgrade});
  if (head.framing == BodyFraming::kContentLength && !upgrade) {
    addNumber(headerName(HeaderId::kContentLength), end_stream ? 0 : head.content_length);
  }
  return fields_;
}

std::span<const nghttp2_nv> HeadWriter::response(const ResponseHead& head, bool end_stream,
                                                 bool to_head) {
  begin(head.headers.size());
  const bool switches = head.status == 101;
  addNumber(":status", switches ? 200 : head.status);
  addFields(head.headers, {.handshake = switches});
  const bool may_announce = head.status >= 200 && head.status != 204;  // RFC 9110 8.6
  if (head.framing == BodyFraming::kContentLength && may_announce) {
    const bool announces_only = to_head || statusHasNoBody(head.status);
    const bool none_comes = end_stream && !announces_only;
    addNumber(headerName(HeaderId::kContentLength), none_comes ? 0 : head.content_length);
  }
  return fields_;
}

std::span<const nghttp2_nv> HeadWriter::trailers(const HeaderMap& trailers) {
  begin(trailers.size());
  addFields(trailers, {});
  return fields_;
}

}  // namespace weir::http::http2
