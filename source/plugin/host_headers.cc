#include <algorithm>
#include <charconv>
#include <iterator>

#include "source/http/semantics.h"
#include "source/plugin/handles.h"
#include "source/plugin/host_parts.h"
#include "source/plugin/structs.h"

// What weir_host says of heads, fields and trailers.
namespace weir::plugin {
namespace {

// ":method" and the like. Empty: no such one.
std::string_view pseudoField(const HeadersRef& headers, std::string_view name) {
  if (const http::RequestHead* const head = headers.request) {
    if (name == ":method") return head->method;
    if (name == ":path") return head->path;
    if (name == ":authority") return head->authority;
    if (name == ":scheme") return head->scheme;
    if (name == ":version") return http::versionText(head->version);
  }
  if (http::ResponseHead* const head = headers.response) {
    if (name == ":version") return http::versionText(head->version);
    if (name == ":status" && head->status != 0) {
      char digits[8];
      const auto end = std::to_chars(digits, std::end(digits), head->status).ptr;
      return head->arena.copy({digits, static_cast<size_t>(end - digits)});
    }
  }
  return {};
}

std::string_view firstValue(const HeadersRef& headers, std::string_view name) {
  return name.starts_with(':') ? pseudoField(headers, name) : headers.fields->get(name);
}

bool setAuthority(http::RequestHead& head, std::string_view value) {
  if (!http::isAuthority(value)) return false;
  head.authority = head.arena.copy(value);
  if (head.headers.has(http::HeaderId::kHost)) {
    head.headers.setView(http::HeaderId::kHost, head.authority);
  }
  return true;
}

bool setPseudoField(const HeadersRef& headers, std::string_view name, std::string_view value) {
  if (http::RequestHead* const head = headers.request) {
    if (name == ":authority") return setAuthority(*head, value);
    if (name == ":method" && http::isMethod(value) && !head->isConnect() &&
        !base::isExactly(value, "CONNECT")) {
      head->method = head->arena.copy(value);
      return true;
    }
    if (name == ":path" && http::isTarget(value) && (value[0] == '/' || value == "*") &&
        !head->path.empty()) {
      head->path = head->arena.copy(value);
      return true;
    }
    if (name == ":scheme" && (value == "http" || value == "https")) {
      head->scheme = value == "http" ? "http" : "https";
      return true;
    }
  }
  // What is no final response stays none, and the other way round: its framing depends on it.
  if (http::ResponseHead* const head = headers.response; head != nullptr && name == ":status") {
    uint16_t status = 0;
    if (!http::parseStatus(value, status) || status < 200 || status > 599) return false;
    if (head->status < 200 ||
        http::statusHasNoBody(status) != http::statusHasNoBody(head->status)) {
      return false;
    }
    head->status = status;
    head->reason = {};
    return true;
  }
  return false;
}

int32_t get(const weir_headers* handle, weir_str name, weir_str* out) {
  *out = {};
  const HeadersRef headers = headersOf(handle);
  if (headers.fields == nullptr) return 0;
  const std::string_view wanted = view(name);
  const std::string_view value = firstValue(headers, wanted);
  *out = str(value);
  return !value.empty() || (!wanted.starts_with(':') && headers.fields->has(wanted)) ? 1 : 0;
}

size_t values(const weir_headers* handle, weir_str name, weir_str* out, size_t capacity) {
  const HeadersRef headers = headersOf(handle);
  if (headers.fields == nullptr) return 0;
  const std::string_view wanted = view(name);
  size_t found = 0;
  const auto add = [&](std::string_view value) {
    if (found < capacity && out != nullptr) out[found] = str(value);
    ++found;
  };
  if (wanted.starts_with(':')) {
    const std::string_view value = pseudoField(headers, wanted);
    if (!value.empty()) add(value);
    return found;
  }
  headers.fields->forEach([&](const http::HeaderMap::Field& field) {
    if (base::equalsIgnoreCase(field.name, wanted)) add(field.value);
  });
  return found;
}

size_t sizeOf(const weir_headers* handle) {
  const HeadersRef headers = headersOf(handle);
  return headers.fields == nullptr ? 0 : headers.fields->size();
}

int32_t next(const weir_headers* handle, size_t* cursor, weir_field* out) {
  const HeadersRef headers = headersOf(handle);
  if (headers.fields == nullptr) return 0;
  const auto fields = headers.fields->fields();
  while (*cursor < fields.size()) {
    const http::HeaderMap::Field& field = fields[(*cursor)++];
    if (field.removed) continue;
    *out = {str(field.name), str(field.value)};
    return 1;
  }
  return 0;
}

int32_t add(weir_headers* handle, weir_str name, weir_str value) {
  const HeadersRef headers = headersOf(handle);
  if (headers.fields == nullptr || !maySetField(view(name), view(value))) return 0;
  headers.fields->add(view(name), view(value));
  return 1;
}

int32_t set(weir_headers* handle, weir_str name, weir_str value) {
  const HeadersRef headers = headersOf(handle);
  if (headers.fields == nullptr) return 0;
  const std::string_view wanted = view(name);
  if (wanted.starts_with(':')) return setPseudoField(headers, wanted, view(value)) ? 1 : 0;
  if (!maySetField(wanted, view(value))) return 0;
  headers.fields->set(wanted, view(value));
  return 1;
}

size_t remove(weir_headers* handle, weir_str name) {
  const HeadersRef headers = headersOf(handle);
  if (headers.fields == nullptr || isReservedField(view(name))) return 0;
  return headers.fields->remove(view(name));
}

}  // namespace

bool isReservedField(std::string_view name) {
  switch (http::headerId(name)) {
    case http::HeaderId::kConnection:
    case http::HeaderId::kContentLength:
    case http::HeaderId::kHost:
    case http::HeaderId::kKeepAlive:
    case http::HeaderId::kProxyConnection:
    case http::HeaderId::kTe:
    case http::HeaderId::kTrailer:
    case http::HeaderId::kTransferEncoding:
    case http::HeaderId::kUpgrade:
      return true;
    default:
      return name.starts_with(':');
  }
}

bool maySetField(std::string_view name, std::string_view value) {
  return !isReservedField(name) && http::isToken(name) && http::isFieldValue(value);
}

void fillHeaders(weir_host& host) {
  host.headers_get = get;
  host.headers_values = values;
  host.headers_size = sizeOf;
  host.headers_next = next;
  host.headers_add = add;
  host.headers_set = set;
  host.headers_remove = remove;
}

}  // namespace weir::plugin
