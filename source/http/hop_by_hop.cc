// What is said of one connection or hop: lists of tokens, hop-by-hop fields, trailers (RFC
// 9110 7.6.1, 6.5.1). Part of semantics.h.
#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::http {
namespace {

using base::equalsIgnoreCase;

bool failed(const StreamError& error) {
  return error.reason != ErrorReason::kNone;
}

StreamError badRequest(std::string_view detail) {
  return {ErrorOrigin::kDownstream, ErrorReason::kProtocol, false, detail};
}

// Calls visit(element) for each non-empty element of a comma-separated list until it returns false.
template <class F>
bool forEachElement(std::string_view list, F&& visit) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view element = base::trimOws(list.substr(0, comma));
    if (!element.empty() && !visit(element)) return false;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return true;
}

// Connection-level fields: what removeHopByHop takes away by itself, and Connection may name.
bool isHopByHop(HeaderId id) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

// Every field that the proxy knows by name means something end to end; the last few do to others.
bool mayBeNamedByConnection(std::string_view name) {
  const HeaderId id = headerId(name);
  if (id != HeaderId::kOther) return isHopByHop(id);
  return !equalsIgnoreCase(name, "forwarded") && !equalsIgnoreCase(name, "x-real-ip") &&
         !equalsIgnoreCase(name, "proxy-authorization") && !equalsIgnoreCase(name, "origin");
}

// "close", "keep-alive" and "upgrade" are options that name no end-to-end field (the latter two
// hop-by-hop ones).
StreamError removeNamed(HeaderMap& headers, std::string_view connection) {
  StreamError error;
  forEachElement(connection, [&](std::string_view name) {
    if (equalsIgnoreCase(name, "close") || equalsIgnoreCase(name, "keep-alive")) return true;
    if (!isToken(name)) {
      error = badRequest("Connection is malformed");
    } else if (!mayBeNamedByConnection(name)) {
      error = badRequest("Connection names a field that is not hop-by-hop");
    } else if (headerId(name) == HeaderId::kOther) {
      headers.remove(name);
    }
    return !failed(error);
  });
  return error;
}

bool forbiddenInTrailers(HeaderId id) {
  switch (id) {
    case HeaderId::kOther:
    case HeaderId::kDate:
    case HeaderId::kETag:
    case HeaderId::kLastModified:
    case HeaderId::kServer:
    case HeaderId::kXRequestId:
      return false;
    default:
      return true;
  }
}

}  // namespace

bool hasListToken(const HeaderMap& headers, HeaderId id, std::string_view token) {
  if (!headers.has(id)) return false;
  bool found = false;
  headers.forEach(id, [&](const HeaderMap::Field& field) {
    if (found) return;
    forEachElement(field.value, [&](std::string_view element) {
      found = equalsIgnoreCase(element, token);
      return !found;
    });
  });
  return found;
}

StreamError validateTrailers(const HeaderMap& trailers) {
  bool allowed = true;
  trailers.forEach([&](const HeaderMap::Field& field) {
    if (forbiddenInTrailers(field.id)) allowed = false;
    if (field.id == HeaderId::kOther && !mayBeNamedByConnection(field.name)) allowed = false;
  });
  return allowed ? StreamError{} : badRequest("field is not allowed in trailers");
}

StreamError removeHopByHop(HeaderMap& headers, bool keep_upgrade) {
  if (headers.has(HeaderId::kConnection)) {
    StreamError error;
    headers.forEach(HeaderId::kConnection, [&](const HeaderMap::Field& field) {
      if (!failed(error)) error = removeNamed(headers, field.value);
    });
    if (failed(error)) return error;
    headers.remove(HeaderId::kConnection);
  }
  headers.remove(HeaderId::kKeepAlive);
  headers.remove(HeaderId::kProxyConnection);
  headers.remove(HeaderId::kTransferEncoding);
  if (headers.has(HeaderId::kTe)) {
    const bool trailers = hasListToken(headers, HeaderId::kTe, "trailers");
    headers.remove(HeaderId::kTe);
    if (trailers) headers.addView(HeaderId::kTe, headerName(HeaderId::kTe), "trailers");
  }
  if (keep_upgrade && headers.has(HeaderId::kUpgrade)) {
    headers.addView(HeaderId::kConnection, headerName(HeaderId::kConnection), "Upgrade");
  } else {
    headers.remove(HeaderId::kUpgrade);
  }
  return {};
}

}  // namespace weir::http
