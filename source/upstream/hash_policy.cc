#include "source/upstream/hash_policy.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>
#include <variant>

#include "source/base/ascii.h"
#include "source/base/hash.h"
#include "source/http/cookies.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/message.h"
#include "source/http/query.h"
#include "source/http/stream_info.h"
#include "source/network/connection.h"
#include "source/network/transport_socket.h"

namespace weir::upstream {
namespace {

using std::string_view;

// Up to 16 bytes of an address, and a port. Value.
class Bytes {
 public:
  void addIp(const network::Address& address) {
    const auto add = [this](const void* from, size_t size) {
      std::memcpy(bytes_.data() + size_, from, size);
      size_ += size;
    };
    if (address.family() == network::Address::Family::kIpv4) {
      add(&reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr, 4);
    } else if (address.family() == network::Address::Family::kIpv6) {
      const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr;
      const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6);
      add(v6.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
    }
  }
  void addPort(uint16_t port) {
    bytes_[size_++] = static_cast<uint8_t>(port >> 8);
    bytes_[size_++] = static_cast<uint8_t>(port);
  }
  // Bits behind the first `bits` become zero.
  void keepBits(unsigned bits) {
    for (size_t i = 0; i < size_; ++i) {
      const unsigned before = static_cast<unsigned>(i) * 8;
      if (bits >= before + 8) continue;
      bytes_[i] &= bits <= before ? 0 : static_cast<uint8_t>(0xff00u >> (bits - before));
    }
  }
  size_t size() const { return size_; }
  uint64_t hash() const {
    return base::hash64({reinterpret_cast<const char*>(bytes_.data()), size_});
  }

 private:
  std::array<uint8_t, 36> bytes_;
  size_t size_ = 0;
};

// Of text that exists only byte by byte: hash64() of it when it is short, else that of its pieces,
// each with the one before as its seed. Worker-confined.
class TextHash {
 public:
  void add(char c) {
    if (used_ == piece_.size()) flush();
    piece_[used_++] = c;
  }
  // Nothing when there was no text.
  std::optional<uint64_t> end() {
    if (used_ == 0) return std::nullopt;
    flush();
    return hash_;
  }

 private:
  void flush() {
    hash_ = base::hash64({piece_.data(), used_}, hash_);
    used_ = 0;
  }
  std::array<char, 256> piece_;
  size_t used_ = 0;
  uint64_t hash_ = 0;
};

std::optional<uint64_t> hashOfText(std::optional<string_view> text) {
  if (!text || text->empty()) return std::nullopt;
  return base::hash64(*text);
}

std::optional<uint64_t> hashOfHeader(http::HeaderId id, string_view name,
                                     const http::HeaderMap& headers) {
  std::optional<uint64_t> hash;
  const auto add = [&](const http::HeaderMap::Field& field) {
    if (!field.value.empty()) hash = base::hash64(field.value, hash.value_or(0));
  };
  if (id != http::HeaderId::kOther) {
    headers.forEach(id, add);
  } else {
    headers.forEach([&](const http::HeaderMap::Field& field) {
      const bool same = field.id == id && base::equalsIgnoreCase(field.name, name);
      if (same) add(field);
    });
  }
  return hash;
}

std::optional<uint64_t> hashOfQuery(string_view target, string_view name) {
  const std::optional<string_view> value = http::queryValue(target, name);
  if (!value) return std::nullopt;
  TextHash hash;
  for (http::PercentDecoder decoder(*value); !decoder.done();) hash.add(decoder.next());
  return hash.end();
}

std::optional<uint64_t> hashOfHost(string_view authority) {
  // In brackets colons are no port's.
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  const bool port = colon != string_view::npos && (bracket == string_view::npos || colon > bracket);
  TextHash hash;
  for (const char c : port ? authority.substr(0, colon) : authority) hash.add(base::toLower(c));
  return hash.end();
}

std::optional<uint64_t> hashOfFiveTuple(const PickContext& context) {
  const network::Address* source = context.source;
  const network::Address* local = context.local;
  if (context.info != nullptr) {
    // The connection's own ends: who is behind other proxies has no port.
    source = context.info->downstream_direct;
    if (local == nullptr) local = context.info->downstream_local;
    if (local == nullptr && context.info->downstream_connection != nullptr) {
      local = &context.info->downstream_connection->localAddress();
    }
  }
  if (source == nullptr || !source->isIp()) return std::nullopt;
  Bytes bytes;
  for (const network::Address* end : {source, local}) {
    if (end == nullptr || !end->isIp()) continue;
    bytes.addIp(*end);
    bytes.addPort(end->port());
  }
  return bytes.hash();
}

std::optional<uint64_t> hashOfTlsSession(const PickContext& context) {
  const network::SecurityInfo* security = context.security;
  if (security == nullptr && context.info != nullptr) security = context.info->downstream_tls;
  if (security == nullptr) return std::nullopt;
  return hashOfText(security->sessionId());
}

std::optional<uint64_t> hashOfMetadata(const HashKey& key, const PickContext& context) {
  if (context.info == nullptr || context.info->dynamic_metadata == nullptr) return std::nullopt;
  const http::DynamicMetadata::Value* value =
      context.info->dynamic_metadata->find(key.name, key.field);
  if (value == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<string_view>(value)) return hashOfText(*text);
  if (const auto* flag = std::get_if<bool>(value)) return hashOfText(*flag ? "true" : "false");
  const auto* const found = std::get_if<double>(value);
  if (found == nullptr) return std::nullopt;  // lists and structs are no key
  const double number = *found + 0.0;         // there is only one zero
  return base::hash64({reinterpret_cast<const char*>(&number), sizeof number});
}

}  // namespace

uint64_t hashOf(const network::Address& address, uint8_t ipv4_bits, uint8_t ipv6_bits) {
  Bytes bytes;
  bytes.addIp(address);
  bytes.keepBits(bytes.size() == 4 ? ipv4_bits : ipv6_bits);
  return bytes.hash();
}

std::optional<uint64_t> hashOfClient(const PickContext& context) {
  const bool said = context.hash_policy != nullptr;
  if (said || context.source == nullptr || !context.source->isIp()) return std::nullopt;
  const HashKey usual;
  return hashOf(*context.source, usual.ipv4_bits, usual.ipv6_bits);
}

HashPolicy::HashPolicy(std::vector<HashKey> keys) {
  for (HashKey& key : keys) {
    Key& added = keys_.emplace_back();
    static_cast<HashKey&>(added) = std::move(key);
    if (added.kind == HashKey::Kind::kHeader) added.id = http::headerId(added.name);
  }
}

bool HashPolicy::usesLocal() const {
  return std::any_of(keys_.begin(), keys_.end(),
                     [](const Key& key) { return key.kind == HashKey::Kind::kFiveTuple; });
}

std::optional<uint64_t> HashPolicy::hash(const PickContext& context) const {
  for (const Key& key : keys_) {
    if (const std::optional<uint64_t> hash = hashOfKey(key, context)) return hash;
  }
  return std::nullopt;
}

std::optional<uint64_t> HashPolicy::hashOfKey(const Key& key, const PickContext& context) {
  switch (key.kind) {
    case HashKey::Kind::kSourceAddress:
      if (context.source == nullptr || !context.source->isIp()) return std::nullopt;
      return hashOf(*context.source, key.ipv4_bits, key.ipv6_bits);
    case HashKey::Kind::kFiveTuple:
      return hashOfFiveTuple(context);
    case HashKey::Kind::kTlsSession:
      return hashOfTlsSession(context);
    case HashKey::Kind::kDynamicMetadata:
      return hashOfMetadata(key, context);
    case HashKey::Kind::kHeader:
    case HashKey::Kind::kCookie:
    case HashKey::Kind::kQueryParameter:
    case HashKey::Kind::kPath:
    case HashKey::Kind::kHost:
      return context.request == nullptr ? std::nullopt : hashOfHead(key, *context.request);
  }
  return std::nullopt;
}

std::optional<uint64_t> HashPolicy::hashOfHead(const Key& key, const http::RequestHead& head) {
  switch (key.kind) {
    case HashKey::Kind::kHeader:
      return hashOfHeader(key.id, key.name, head.headers);
    case HashKey::Kind::kCookie:
      return hashOfText(http::cookieValue(head.headers, key.name));
    case HashKey::Kind::kQueryParameter:
      return hashOfQuery(head.path, key.name);
    case HashKey::Kind::kPath:
      return hashOfText(head.pathWithoutQuery());
    case HashKey::Kind::kHost:
      return hashOfHost(head.authority);
    case HashKey::Kind::kSourceAddress:
    case HashKey::Kind::kFiveTuple:
    case HashKey::Kind::kTlsSession:
    case HashKey::Kind::kDynamicMetadata:
      break;
  }
  return std::nullopt;
}

}  // namespace weir::upstream
