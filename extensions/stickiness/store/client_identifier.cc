#include "extensions/stickiness/store/client_identifier.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <utility>
#include <variant>

#include "extensions/stickiness/common/set_cookie.h"
#include "source/base/ascii.h"
#include "source/base/hash.h"
#include "source/http/cookies.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/message.h"
#include "source/http/query.h"
#include "source/http/stream_info.h"
#include "source/network/transport_socket.h"

namespace weir::extensions::stickiness::store {
namespace {

using std::optional;
using std::string_view;
using upstream::HashKey;
using Room = ClientIdentifier::Room;

// A text that may exist only in pieces: itself as long as it fits into the room, else 128 bits of
// hash in hexadecimal digits. Worker-confined.
class Text {
 public:
  explicit Text(Room& room) : room_(room) {}

  void add(char c) {
    if (used_ == room_.size()) fold();
    room_[used_++] = c;
  }
  void add(string_view text) {
    for (const char c : text) add(c);
  }
  // Nothing when there was no text.
  optional<string_view> end() {
    if (used_ == 0) return std::nullopt;
    if (folded_) {
      fold();
      writeHashes();
    }
    return string_view(room_.data(), used_);
  }

 private:
  void fold() {
    const string_view piece(room_.data(), used_);
    first_ = base::hash64(piece, first_);
    second_ = base::hash64(piece, second_);
    folded_ = true;
    used_ = 0;
  }
  void writeHashes() {
    constexpr string_view kDigits = "0123456789abcdef";
    for (const char c : string_view("xxh:")) room_[used_++] = c;
    for (const uint64_t hash : {first_, second_}) {
      for (int shift = 60; shift >= 0; shift -= 4) room_[used_++] = kDigits[hash >> shift & 15];
    }
  }

  Room& room_;
  size_t used_ = 0;
  uint64_t first_ = 0;
  uint64_t second_ = 0x9e3779b97f4a7c15;
  bool folded_ = false;
};

optional<string_view> textOf(optional<string_view> text, Room& room) {
  if (!text) return std::nullopt;
  Text out(room);
  out.add(*text);
  return out.end();
}

// All values, in order.
optional<string_view> headerText(const http::HeaderMap& headers, string_view name, Room& room) {
  Text out(room);
  bool some = false;
  headers.forEach([&](const http::HeaderMap::Field& field) {
    if (field.value.empty() || !base::equalsIgnoreCase(field.name, name)) return;
    if (some) out.add(',');
    some = true;
    out.add(field.value);
  });
  return out.end();
}

optional<string_view> queryText(string_view target, string_view name, Room& room) {
  const optional<string_view> value = http::queryValue(target, name);
  if (!value) return std::nullopt;
  Text out(room);
  for (http::PercentDecoder decoder(*value); !decoder.done();) out.add(decoder.next());
  return out.end();
}

optional<string_view> hostText(string_view authority, Room& room) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  const bool port = colon != string_view::npos && (bracket == string_view::npos || colon > bracket);
  Text out(room);
  for (const char c : port ? authority.substr(0, colon) : authority) out.add(base::toLower(c));
  return out.end();
}

void keepBits(uint8_t* bytes, unsigned size, unsigned bits) {
  for (unsigned i = 0; i < size; ++i) {
    const unsigned before = i * 8;
    if (bits >= before + 8) continue;
    bytes[i] &= bits <= before ? 0 : static_cast<uint8_t>(0xff00u >> (bits - before));
  }
}

sockaddr_in asIpv4(const uint8_t* bytes) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  std::memcpy(&v4.sin_addr, bytes, 4);
  return v4;
}

network::Address networkOf(const network::Address& address, const HashKey& key) {
  const auto ipv4 = [&key](sockaddr_in v4) {
    keepBits(reinterpret_cast<uint8_t*>(&v4.sin_addr), 4, key.ipv4_bits);
    return network::Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  };
  if (address.family() == network::Address::Family::kIpv4) {
    return ipv4(*reinterpret_cast<const sockaddr_in*>(address.data()));
  }
  sockaddr_in6 v6 = *reinterpret_cast<const sockaddr_in6*>(address.data());
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return ipv4(asIpv4(v6.sin6_addr.s6_addr + 12));
  keepBits(v6.sin6_addr.s6_addr, 16, key.ipv6_bits);
  v6.sin6_scope_id = 0;
  return network::Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

optional<string_view> addressText(const network::Address* address, const HashKey& key, Room& room) {
  if (address == nullptr || !address->isIp()) return std::nullopt;
  return string_view(room.data(), networkOf(*address, key).formatIp(room.data()));
}

optional<string_view> sessionText(const upstream::PickContext& context, Room& room) {
  const network::SecurityInfo* security = context.security;
  if (security == nullptr && context.info != nullptr) security = context.info->downstream_tls;
  if (security == nullptr) return std::nullopt;
  return textOf(security->sessionId(), room);
}

optional<string_view> metadataText(const upstream::PickContext& context, const HashKey& key,
                                   Room& room) {
  if (context.info == nullptr || context.info->dynamic_metadata == nullptr) return std::nullopt;
  const http::DynamicMetadata::Value* value =
      context.info->dynamic_metadata->find(key.name, key.field);
  if (value == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<string_view>(value)) return textOf(*text, room);
  if (const auto* flag = std::get_if<bool>(value)) return textOf(*flag ? "true" : "false", room);
  const auto* const number = std::get_if<double>(value);
  if (number == nullptr) return std::nullopt;  // lists and structs are no identifier
  const auto [end, error] = std::to_chars(room.data(), room.data() + room.size(), *number);
  return string_view(room.data(), static_cast<size_t>(end - room.data()));
}

optional<string_view> requestText(const http::RequestHead* head, const HashKey& key, Room& room) {
  if (head == nullptr) return std::nullopt;
  switch (key.kind) {
    case HashKey::Kind::kHeader:
      return headerText(head->headers, key.name, room);
    case HashKey::Kind::kCookie:
      return textOf(http::cookieValue(head->headers, key.name), room);
    case HashKey::Kind::kQueryParameter:
      return queryText(head->path, key.name, room);
    case HashKey::Kind::kPath:
      return textOf(head->pathWithoutQuery(), room);
    case HashKey::Kind::kHost:
      return hostText(head->authority, room);
    case HashKey::Kind::kSourceAddress:
    case HashKey::Kind::kFiveTuple:
    case HashKey::Kind::kTlsSession:
    case HashKey::Kind::kDynamicMetadata:
      break;
  }
  return std::nullopt;
}

optional<string_view> textOfKey(const upstream::PickContext& context, const HashKey& key,
                                Room& room) {
  switch (key.kind) {
    case HashKey::Kind::kSourceAddress:
      return addressText(context.source, key, room);
    case HashKey::Kind::kTlsSession:
      return sessionText(context, room);
    case HashKey::Kind::kDynamicMetadata:
      return metadataText(context, key, room);
    case HashKey::Kind::kFiveTuple:  // refused by the configuration: nobody comes back with it
      return std::nullopt;
    case HashKey::Kind::kHeader:
    case HashKey::Kind::kCookie:
    case HashKey::Kind::kQueryParameter:
    case HashKey::Kind::kPath:
    case HashKey::Kind::kHost:
      return requestText(context.request, key, room);
  }
  return std::nullopt;
}

}  // namespace

ClientIdentifier::ClientIdentifier(std::vector<HashKey> keys) : keys_(std::move(keys)) {}

optional<string_view> ClientIdentifier::find(const upstream::PickContext& context,
                                             Room& room) const {
  for (const HashKey& key : keys_) {
    if (const optional<string_view> text = textOfKey(context, key, room)) return text;
  }
  return std::nullopt;
}

optional<string_view> ClientIdentifier::learn(const http::HeaderMap& answer, Room& room) const {
  for (const HashKey& key : keys_) {
    optional<string_view> text;
    if (key.kind == HashKey::Kind::kCookie) text = textOf(setCookieValue(answer, key.name), room);
    if (key.kind == HashKey::Kind::kHeader) text = headerText(answer, key.name, room);
    if (text) return text;
  }
  return std::nullopt;
}

bool ClientIdentifier::servesConnections() const {
  return std::any_of(keys_.begin(), keys_.end(), [](const HashKey& key) {
    return key.kind == HashKey::Kind::kSourceAddress || key.kind == HashKey::Kind::kTlsSession;
  });
}

}  // namespace weir::extensions::stickiness::store
