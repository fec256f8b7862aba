#include "extensions/http_filters/lua/pseudo_headers.h"

#include <charconv>

#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::lua {

using http::HeaderId;
using weir::lua::pushText;

Pseudo pseudoOf(const Fields& fields, std::string_view name) {
  if (name.empty() || fields.kind == Fields::Kind::kTrailers) return Pseudo::kNone;
  if (fields.kind == Fields::Kind::kResponse) {
    return base::equalsIgnoreCase(name, ":status") ? Pseudo::kStatus : Pseudo::kNone;
  }
  if (name.front() != ':') {
    const bool host = name.size() == 4 && base::equalsIgnoreCase(name, "host");
    return host ? Pseudo::kAuthority : Pseudo::kNone;
  }
  for (size_t i = 1; i < static_cast<size_t>(Pseudo::kStatus); ++i) {
    if (base::equalsIgnoreCase(name, kPseudoNames[i])) return static_cast<Pseudo>(i);
  }
  return Pseudo::kNone;
}

void pushPseudo(lua_State* L, const Fields& fields, Pseudo part) {
  if (part == Pseudo::kStatus) {
    std::array<char, 8> text;
    const uint16_t status = fields.stream->handle().responseHead().status;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), status).ptr;
    return pushText(L, {text.data(), static_cast<size_t>(end - text.data())});
  }
  const http::RequestHead& head = fields.stream->handle().requestHead();
  const std::string_view value = part == Pseudo::kMethod   ? head.method
                                 : part == Pseudo::kScheme ? head.scheme
                                 : part == Pseudo::kPath   ? head.path
                                                           : head.authority;
  value.empty() ? lua_pushnil(L) : pushText(L, value);
}

const char* setPseudo(Fields& fields, Pseudo part, std::string_view value) {
  if (part == Pseudo::kStatus) {
    uint16_t status = 0;
    if (!http::parseStatus(value, status) || status < 200 || status > 599) {
      return ":status must be between 200 and 599";
    }
    http::ResponseHead& head = fields.stream->handle().responseHead();
    if (head.status != status) head.reason = {};
    head.status = status;
    return nullptr;
  }
  http::RequestHead& head = fields.stream->handle().requestHead();
  if (head.isConnect() || !head.upgrade.empty()) {
    if (part == Pseudo::kMethod) return "the method of a request for a tunnel cannot be changed";
  }
  switch (part) {
    case Pseudo::kMethod:
      if (!http::isMethod(value) || value == "CONNECT") return ":method is no method";
      head.method = head.arena.copy(value);
      return nullptr;
    case Pseudo::kScheme:
      if (value != "http" && value != "https") return ":scheme must be \"http\" or \"https\"";
      head.scheme = head.arena.copy(value);
      return nullptr;
    case Pseudo::kAuthority:
      if (!http::isAuthority(value)) return ":authority is no host or host:port";
      head.authority = head.arena.copy(value);
      if (head.headers.has(HeaderId::kHost)) head.headers.setView(HeaderId::kHost, head.authority);
      return nullptr;
    case Pseudo::kPath:
      if (!http::isTarget(value) || (value.front() != '/' && value != "*")) {
        return ":path must begin with \"/\" and have neither spaces nor \"#\"";
      }
      head.path = head.arena.copy(value);
      return nullptr;
    case Pseudo::kStatus:
    case Pseudo::kNone:
      break;
  }
  return nullptr;
}

}  // namespace weir::extensions::http_filters::lua
