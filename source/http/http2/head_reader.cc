#include "source/http/http2/head_reader.h"

#include <cstring>

#include "source/base/ascii.h"
#include "source/http/semantics.h"
#include "source/http/websocket.h"

namespace weir::http::http2 {
namespace {

constexpr uint32_t kFieldOverhead = 32;  // RFC 9113 10.5.1
constexpr std::string_view kUpgradeToken = "Upgrade";

bool failed(const StreamError& error) {
  return error.reason != ErrorReason::kNone;
}

// The fields by which HTTP/1 says what :protocol says.
void addUpgradeFields(HeaderMap& headers, std::string_view protocol) {
  headers.addView(HeaderId::kConnection, headerName(HeaderId::kConnection), kUpgradeToken);
  headers.addView(HeaderId::kUpgrade, headerName(HeaderId::kUpgrade), protocol);
}

}  // namespace

// ---- begin ----------------------------------------------------------------------------------

void HeadReader::begin(Kind kind, HeaderMap& fields, const Bounds& bounds, ErrorOrigin origin) {
  kind_ = kind;
  origin_ = origin;
  allow_connect_ = extended_connect_ = regular_seen_ = too_many_fields_ = false;
  seen_ = 0;
  bounds_ = bounds;
  bytes_ = 0;
  count_ = 0;
  request_ = nullptr;
  response_ = nullptr;
  fields_ = &fields;
  error_ = {};
  cookies_.clear();
}

void HeadReader::beginRequest(RequestHead& head, const Bounds& bounds, bool allow_connect,
                              bool extended_connect) {
  begin(Kind::kRequest, head.headers, bounds, ErrorOrigin::kDownstream);
  head.clear();
  head.version = Version::kHttp2;
  request_ = &head;
  allow_connect_ = allow_connect;
  extended_connect_ = extended_connect;
}

void HeadReader::beginResponse(ResponseHead& head, const Bounds& bounds, const Asked& asked) {
  begin(Kind::kResponse, head.headers, bounds, ErrorOrigin::kUpstream);
  head.clear();
  head.version = Version::kHttp2;
  response_ = &head;
  asked_ = asked;
}

void HeadReader::beginTrailers(HeaderMap& trailers, const Bounds& bounds, ErrorOrigin origin) {
  begin(Kind::kTrailers, trailers, bounds, origin);
}

// ---- fields ---------------------------------------------------------------------------------

void HeadReader::fail(ErrorReason reason, std::string_view detail) {
  error_ = {origin_, reason, false, detail};
}

bool HeadReader::withinBounds(size_t bytes) {
  bytes_ += bytes + kFieldOverhead;
  if (bytes_ <= bounds_.max_bytes) return true;
  fail(ErrorReason::kHeadTooLarge, "head is too large");
  return false;
}

void HeadReader::field(std::string_view name, std::string_view value, bool never_indexed) {
  if (failed(error_) || !withinBounds(name.size() + value.size())) return;
  if (!name.empty() && name.front() == ':') return pseudoField(name, value);
  regularField(name, value, never_indexed);
}

bool HeadReader::firstTime(Pseudo which) {
  if ((seen_ & which) != 0) return false;
  seen_ |= which;
  return true;
}

void HeadReader::takePseudo(Pseudo which, std::string_view value, std::string_view& into) {
  if (!firstTime(which)) return fail(ErrorReason::kProtocol, "pseudo-field is repeated");
  // No pseudo-field may be empty, so that an empty text is one that has not come.
  if (value.empty()) return fail(ErrorReason::kProtocol, "pseudo-field is empty");
  into = fields_->arena().copy(value);
}

void HeadReader::pseudoField(std::string_view name, std::string_view value) {
  if (regular_seen_) return fail(ErrorReason::kProtocol, "pseudo-field behind other fields");
  if (kind_ == Kind::kRequest) {
    if (name == ":method") return takePseudo(kMethod, value, request_->method);
    if (name == ":scheme") return takePseudo(kScheme, value, request_->scheme);
    if (name == ":authority") return takePseudo(kAuthority, value, request_->authority);
    if (name == ":protocol" && extended_connect_) {
      return takePseudo(kProtocol, value, request_->upgrade);
    }
    if (name == ":path") {
      if (bounds_.max_target_bytes != 0 && value.size() > bounds_.max_target_bytes) {
        return fail(ErrorReason::kTargetTooLong, ":path is too long");
      }
      return takePseudo(kPath, value, request_->path);
    }
  } else if (kind_ == Kind::kResponse && name == ":status") {
    if (!firstTime(kStatus)) return fail(ErrorReason::kProtocol, "pseudo-field is repeated");
    if (!parseStatus(value, response_->status)) {
      fail(ErrorReason::kProtocol, ":status is malformed");
    }
    return;
  }
  fail(ErrorReason::kProtocol, kind_ == Kind::kTrailers ? "pseudo-field in trailers"
                                                        : "pseudo-field that is not known here");
}

void HeadReader::regularField(std::string_view name, std::string_view value, bool never_indexed) {
  regular_seen_ = true;
  const HeaderId id = headerId(name);
  if (const StreamError error = validateHttp2Field(id, name, value, origin_); failed(error)) {
    error_ = error;
    return;
  }
  if (id == HeaderId::kCookie && fields_->has(id)) return addCrumb(value, never_indexed);
  if (++count_ > bounds_.max_fields) {
    too_many_fields_ = true;
    return fail(ErrorReason::kHeadTooLarge, "too many fields");
  }
  addLine(id, name, value);
  if (never_indexed) fields_->markLastNeverIndexed();
}

// One crumb that is a secret makes one of the whole.
void HeadReader::addCrumb(std::string_view value, bool never_indexed) {
  if (never_indexed) fields_->markNeverIndexed(HeaderId::kCookie);
  if (value.empty()) return;  // says nothing, and "; " at the end would be half lost in HTTP/1
  if (cookies_.empty()) cookies_.assign(fields_->get(HeaderId::kCookie));
  if (!cookies_.empty()) cookies_.append("; ");
  cookies_.append(value);
}

void HeadReader::addLine(HeaderId id, std::string_view name, std::string_view value) {
  char* const line =
      static_cast<char*>(fields_->arena().allocate(name.size() + value.size() + 4, 1));
  char* at = line;
  at += name.copy(at, name.size());
  *at++ = ':';
  *at++ = ' ';
  char* const value_at = at;
  at += value.copy(at, value.size());
  *at++ = '\r';
  *at = '\n';
  fields_->addLine(id, {line, name.size()}, {value_at, value.size()});
}

// ---- finish ---------------------------------------------------------------------------------

StreamError HeadReader::finish(bool end_stream) {
  if (!cookies_.empty()) {
    if (!failed(error_)) fields_->set(HeaderId::kCookie, cookies_);
    cookies_.clear();
    if (cookies_.capacity() > kKeptCookieBytes) std::string().swap(cookies_);
  }
  if (failed(error_)) return error_;
  switch (kind_) {
    case Kind::kRequest:
      return finishRequest(end_stream);
    case Kind::kResponse:
      return finishResponse(end_stream);
    case Kind::kTrailers:
      return finishTrailers(end_stream);
  }
  return {};
}

StreamError HeadReader::finishRequest(bool end_stream) {
  RequestHead& head = *request_;
  const StreamError error = validateHttp2Request(head, end_stream, allow_connect_);
  if (failed(error) || head.upgrade.empty()) return error;
  head.method = "GET";
  head.headers.remove("sec-websocket-key");
  addUpgradeFields(head.headers, head.upgrade);
  return {};
}

StreamError HeadReader::finishResponse(bool end_stream) {
  ResponseHead& head = *response_;
  if ((seen_ & kStatus) == 0) {
    return {origin_, ErrorReason::kProtocol, false, ":status is missing"};
  }
  const bool upgrade = !asked_.upgrade.empty();
  const StreamError error =
      validateHttp2Response(head, end_stream, asked_.head, asked_.connect || upgrade);
  if (failed(error) || !upgrade || head.framing != BodyFraming::kTunnel) return error;
  head.status = 101;
  head.headers.remove("sec-websocket-accept");
  addUpgradeFields(head.headers, head.headers.arena().copy(asked_.upgrade));
  if (!asked_.websocket_key.empty()) {
    const auto accept = webSocketAccept(asked_.websocket_key);
    head.headers.add("sec-websocket-accept", {accept.data(), accept.size()});
  }
  return {};
}

StreamError HeadReader::finishTrailers(bool end_stream) {
  StreamError error = validateTrailers(*fields_);
  if (!failed(error) && !end_stream) {
    error = {origin_, ErrorReason::kProtocol, false, "trailers that do not end the stream"};
  }
  if (failed(error)) error.origin = origin_;
  return error;
}

}  // namespace weir::http::http2
