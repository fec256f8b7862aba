#include "extensions/http_filters/common/request_key.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>
#include <variant>

#include "source/base/ascii.h"
#include "source/base/hash.h"
#include "source/http/cookies.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/query.h"
#include "source/network/transport_socket.h"

namespace weir::extensions::http_filters {
namespace {

using std::string_view;
using Part = RequestKeyPart;

constexpr string_view kHex = "0123456789abcdef";

// Writes the parts one behind the other, separated by "|". What could be taken for something else
// is written as "%XX", so different parts never make the same text. Worker-confined.
class KeyWriter {
 public:
  explicit KeyWriter(RequestKey::Room& room) : room_(room) {}

  void begin() {
    if (parts_++ > 0) room_[used_++] = '|';
    part_ = used_;
    read_ = 0;
    folded_ = false;
  }
  void add(char c) {
    ++read_;
    if (plain(c)) return put(c);
    const auto byte = static_cast<unsigned char>(c);
    put('%');
    put(kHex[byte >> 4]);
    put(kHex[byte & 15]);
  }
  void add(string_view text) {
    for (const char c : text) add(c);
  }
  // False: there was nothing in the part.
  bool end() {
    if (folded_) writeHash();
    return read_ > 0;
  }
  void missing() { room_[used_++] = '~'; }
  string_view text() const { return {room_.data(), used_}; }

 private:
  static bool plain(char c) {
    return c > ' ' && c < 0x7f && c != '|' && c != '%' && c != '~' && c != '{' && c != '}';
  }
  void put(char c) {
    if (used_ - part_ == RequestKey::kMaxPartBytes) fold();
    room_[used_++] = c;
  }
  void fold() {
    const string_view piece(room_.data() + part_, used_ - part_);
    if (!folded_) {
      first_ = 0;
      second_ = 0x9e3779b97f4a7c15;
    }
    first_ = base::hash64(piece, first_);
    second_ = base::hash64(piece, second_);
    folded_ = true;
    used_ = part_;
  }
  void writeHash() {
    fold();
    for (const char c : string_view("~xxh:")) room_[used_++] = c;
    for (const uint64_t hash : {first_, second_}) {
      for (int shift = 60; shift >= 0; shift -= 4) room_[used_++] = kHex[hash >> shift & 15];
    }
  }

  RequestKey::Room& room_;
  size_t used_ = 0;
  size_t parts_ = 0;
  size_t part_ = 0;  // where it begins
  size_t read_ = 0;  // bytes of it
  uint64_t first_ = 0;
  uint64_t second_ = 0;
  bool folded_ = false;
};

void keepBits(uint8_t* bytes, unsigned size, unsigned bits) {
  for (unsigned i = 0; i < size; ++i) {
    const unsigned before = i * 8;
    if (bits >= before + 8) continue;
    bytes[i] &= bits <= before ? 0 : static_cast<uint8_t>(0xff00u >> (bits - before));
  }
}

network::Address ipv4Network(const void* bytes, unsigned bits) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  std::memcpy(&v4.sin_addr, bytes, 4);
  keepBits(reinterpret_cast<uint8_t*>(&v4.sin_addr), 4, bits);
  return network::Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
}

network::Address networkOf(const network::Address& address, const Part& part) {
  if (address.family() == network::Address::Family::kIpv4) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(address.data());
    return ipv4Network(&v4->sin_addr, part.ipv4_bits);
  }
  sockaddr_in6 v6 = *reinterpret_cast<const sockaddr_in6*>(address.data());
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    return ipv4Network(v6.sin6_addr.s6_addr + 12, part.ipv4_bits);
  }
  keepBits(v6.sin6_addr.s6_addr, 16, part.ipv6_bits);
  v6.sin6_scope_id = 0;
  return network::Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

void addAddress(const network::Address* address, const Part& part, KeyWriter& to) {
  if (address == nullptr || !address->isIp()) return;
  char text[46];
  to.add(string_view(text, networkOf(*address, part).formatIp(text)));
}

void addHeader(const http::HeaderMap& headers, string_view name, KeyWriter& to) {
  bool some = false;
  headers.forEach([&](const http::HeaderMap::Field& field) {
    if (field.value.empty() || !base::equalsIgnoreCase(field.name, name)) return;
    if (some) to.add(',');
    some = true;
    to.add(field.value);
  });
}

void addQuery(string_view target, string_view name, KeyWriter& to) {
  const auto value = http::queryValue(target, name);
  if (!value) return;
  for (http::PercentDecoder decoder(*value); !decoder.done();) to.add(decoder.next());
}

void addPath(string_view path, uint32_t segments, KeyWriter& to) {
  if (segments == 0) return to.add(path);
  uint32_t begun = 0;
  for (const char c : path) {
    if (c == '/' && ++begun > segments) return;
    to.add(c);
  }
}

void addHost(string_view authority, KeyWriter& to) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  const bool port = colon != string_view::npos && (bracket == string_view::npos || colon > bracket);
  for (const char c : port ? authority.substr(0, colon) : authority) to.add(base::toLower(c));
}

void addNumber(double number, KeyWriter& to) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, number);
  to.add(string_view(text, static_cast<size_t>(end - text)));
}

void addValue(const http::MetadataValue& value, KeyWriter& to) {
  switch (value.kind) {
    case http::MetadataValue::Kind::kText:
      return to.add(value.text);
    case http::MetadataValue::Kind::kNumber:
      return addNumber(value.number, to);
    case http::MetadataValue::Kind::kBool:
      return to.add(value.flag ? "true" : "false");
    case http::MetadataValue::Kind::kNull:
    case http::MetadataValue::Kind::kList:
    case http::MetadataValue::Kind::kStruct:
      return;  // are no key
  }
}

// `path` leads on from a value that a filter has set; empty: it is meant itself.
void addInside(const http::DynamicMetadata::Value& value, string_view path, KeyWriter& to) {
  if (path.empty()) {
    if (const auto* text = std::get_if<string_view>(&value)) return to.add(*text);
    if (const auto* flag = std::get_if<bool>(&value)) return to.add(*flag ? "true" : "false");
    if (const auto* number = std::get_if<double>(&value)) return addNumber(*number, to);
  }
  const auto* const tree = std::get_if<const http::MetadataValue*>(&value);
  const http::MetadataValue* at = tree == nullptr ? nullptr : *tree;
  while (at != nullptr && !path.empty()) {
    if (const auto* whole = at->find(path)) return addValue(*whole, to);
    const size_t dot = path.find('.');
    if (dot == string_view::npos) return;
    at = at->find(path.substr(0, dot));
    path.remove_prefix(dot + 1);
  }
  if (at != nullptr) addValue(*at, to);
}

void addMetadata(const http::DynamicMetadata* metadata, const Part& part, KeyWriter& to) {
  if (metadata == nullptr) return;
  const string_view key = part.field;
  for (size_t end = key.size(); end != string_view::npos && end > 0;
       end = key.rfind('.', end - 1)) {
    const auto* const value = metadata->find(part.name, key.substr(0, end));
    if (value != nullptr) return addInside(*value, key.substr(std::min(end + 1, key.size())), to);
  }
}

void addIdentity(const network::SecurityInfo* security, KeyWriter& to) {
  if (security == nullptr || !security->peerVerified()) return;
  const network::CertificateFacts* const peer = security->peerCertificate();
  if (peer == nullptr) return;
  if (!peer->uris.empty()) return to.add(peer->uris.front());
  to.add(peer->dns_names.empty() ? peer->subject : peer->dns_names.front());
}

void addPart(const KeyedRequest& request, const Part& part, KeyWriter& to) {
  switch (part.kind) {
    case Part::Kind::kClientAddress:
      return addAddress(request.info.downstream_remote, part, to);
    case Part::Kind::kDirectAddress:
      return addAddress(request.info.downstream_direct, part, to);
    case Part::Kind::kHeader:
      return addHeader(request.head.headers, part.name, to);
    case Part::Kind::kCookie:
      return to.add(http::cookieValue(request.head.headers, part.name).value_or(string_view()));
    case Part::Kind::kQueryParameter:
      return addQuery(request.head.path, part.name, to);
    case Part::Kind::kPath:
      return addPath(request.head.pathWithoutQuery(), part.segments, to);
    case Part::Kind::kMethod:
      return to.add(request.head.method);
    case Part::Kind::kHost:
      return addHost(request.head.authority, to);
    case Part::Kind::kRoute:
      return request.route == nullptr ? void() : to.add(request.route->name());
    case Part::Kind::kVirtualHost:
      return request.route == nullptr ? void() : to.add(request.route->virtualHostName());
    case Part::Kind::kMetadata:
      return addMetadata(request.info.dynamic_metadata, part, to);
    case Part::Kind::kTlsIdentity:
      return addIdentity(request.info.downstream_tls, to);
    case Part::Kind::kText:
      return to.add(part.name);
  }
}

bool dependsOnRoute(const Part& part) {
  return part.kind == Part::Kind::kRoute || part.kind == Part::Kind::kVirtualHost;
}

}  // namespace

RequestKey::RequestKey(std::vector<RequestKeyPart> parts, bool limit_missing)
    : parts_(std::move(parts)),
      limit_missing_(limit_missing),
      needs_route_(std::any_of(parts_.begin(), parts_.end(), dependsOnRoute)) {}

std::optional<string_view> RequestKey::build(const KeyedRequest& request, Room& room) const {
  KeyWriter to(room);
  for (const RequestKeyPart& part : parts_) {
    to.begin();
    addPart(request, part, to);
    if (to.end()) continue;
    if (!limit_missing_) return std::nullopt;
    to.missing();
  }
  return to.text();
}

}  // namespace weir::extensions::http_filters
