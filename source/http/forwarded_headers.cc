#include "source/http/forwarded_headers.h"

#include <string_view>

#include "source/base/ascii.h"

namespace weir::http {

namespace {

// Longest text of an IP address with brackets, zone and port.
constexpr size_t kMaxAddressText = 80;

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80".
bool parseForwardedAddress(std::string_view text, network::Address& out) {
  if (text.empty() || text.size() > kMaxAddressText) return false;
  const bool bracketed = text.front() == '[';
  const size_t colon = text.find(':');
  const bool bare_v6 = !bracketed && colon != text.npos && text.find(':', colon + 1) != text.npos;
  const bool has_port = bracketed ? text.back() != ']' : !bare_v6 && colon != text.npos;
  char buffer[kMaxAddressText + 4];
  size_t size = 0;
  const auto put = [&](std::string_view piece) { size += piece.copy(buffer + size, piece.size()); };
  if (bare_v6) put("[");
  put(text);
  if (bare_v6) put("]");
  if (!has_port) put(":0");
  auto parsed = network::Address::parse({buffer, size});
  if (!parsed.ok() || !parsed->isIp()) return false;
  out = *std::move(parsed);
  return true;
}

// All lines of the field as one list, with `last` behind it.
void appendToList(HeaderMap& headers, HeaderId id, std::string_view last) {
  if (!headers.has(id)) return headers.set(id, last);
  size_t size = last.size();
  headers.forEach(id, [&](const HeaderMap::Field& field) { size += field.value.size() + 2; });
  char* text = static_cast<char*>(headers.arena().allocate(size, 1));
  char* end = text;
  headers.forEach(id, [&](const HeaderMap::Field& field) {
    end += field.value.copy(end, field.value.size());
    *end++ = ',';
    *end++ = ' ';
  });
  last.copy(end, last.size());
  headers.remove(id);
  headers.addView(id, headerName(id), {text, size});
}

void applyForwardedFor(const ForwardedHeaders& options, HeaderMap& headers, StreamInfo& info,
                       network::Address& client) {
  const bool trusted = options.trusted_hops > 0;
  if (trusted) {
    const auto text = nthFromRight(headers, HeaderId::kXForwardedFor, options.trusted_hops);
    if (parseForwardedAddress(text, client)) info.downstream_remote = &client;
  } else if (!options.add_forwarded_for) {
    headers.remove(HeaderId::kXForwardedFor);
  }
  if (!options.add_forwarded_for) return;
  if (!info.downstream_direct->isIp()) {
    if (!trusted) headers.remove(HeaderId::kXForwardedFor);
    return;
  }
  char text[64];
  const std::string_view ip(text, info.downstream_direct->formatIp(text));
  trusted ? appendToList(headers, HeaderId::kXForwardedFor, ip)
          : headers.set(HeaderId::kXForwardedFor, ip);
}

// A field that says one thing: kept from a trusted peer, else ours. `value` lives with the head.
void applyFact(bool trusted, bool add, HeaderMap& headers, HeaderId id, std::string_view value) {
  if (trusted && headers.has(id)) return;
  add && !value.empty() ? headers.setView(id, value) : static_cast<void>(headers.remove(id));
}

}  // namespace

void appendForwardedFor(HeaderMap& headers, const network::Address& address) {
  if (!address.isIp()) return;
  char text[64];
  appendToList(headers, HeaderId::kXForwardedFor, {text, address.formatIp(text)});
}

void appendForwardedHost(HeaderMap& headers, std::string_view host) {
  appendToList(headers, HeaderId::kXForwardedHost, host);
}

std::string_view nthFromRight(const HeaderMap& headers, HeaderId id, uint32_t n) {
  if (!headers.has(id) || n == 0) return {};
  std::string_view found;
  uint32_t left = n;
  const auto& fields = headers.fields();
  for (size_t i = fields.size(); i-- > 0;) {
    if (fields[i].removed || fields[i].id != id) continue;
    std::string_view rest = fields[i].value;
    while (!rest.empty()) {
      const size_t comma = rest.rfind(',');
      const size_t start = comma == rest.npos ? 0 : comma + 1;
      const std::string_view element = base::trimOws(rest.substr(start));
      rest = comma == rest.npos ? std::string_view() : rest.substr(0, comma);
      if (element.empty()) continue;
      found = element;
      if (--left == 0) return found;
    }
  }
  return found;
}

void applyForwardedHeaders(const ForwardedHeaders& options, RequestHead& head, StreamInfo& info,
                           network::Address& client) {
  const bool trusted = options.trusted_hops > 0;
  applyForwardedFor(options, head.headers, info, client);
  applyFact(trusted, options.add_forwarded_proto, head.headers, HeaderId::kXForwardedProto,
            head.scheme);
  applyFact(trusted, options.add_forwarded_host, head.headers, HeaderId::kXForwardedHost,
            head.authority);
}

}  // namespace weir::http
