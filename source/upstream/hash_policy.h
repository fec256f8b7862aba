#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "source/http/header_map.h"
#include "source/upstream/load_balancer.h"

namespace weir::upstream {

// One thing that a request or connection has, to be hashed.
struct HashKey {
  enum class Kind : uint8_t {
    kSourceAddress,  // its leading bits; none on a unix socket
    kFiveTuple,      // of the client's connection; without the protocol, which is the listener's
    kHeader,         // all its values, in order
    kCookie,
    kQueryParameter,  // the first of that name, decoded
    kPath,            // without the query
    kHost,            // without the port, in lower case
    kTlsSession,      // the id of the client's TLS session
    kDynamicMetadata  // of the exchange
  };
  Kind kind = Kind::kSourceAddress;
  std::string name = {};   // of header (lower case), cookie, parameter; namespace of the metadata
  std::string field = {};  // of the metadata
  uint8_t ipv4_bits = 32;
  uint8_t ipv6_bits = 64;
};

// XXH64 of the leading bits; IPv4-mapped IPv6 addresses are IPv4. The same in every process. Every
// address that is not IP has the same hash.
uint64_t hashOf(const network::Address& address, uint8_t ipv4_bits, uint8_t ipv6_bits);

// What is hashed where nobody has said what: the client's address. Nothing when somebody has, or it
// has none.
std::optional<uint64_t> hashOfClient(const PickContext& context);

// What of a request or connection decides where it goes, for algorithms that hash: the first of a
// list of keys that it has. What is there but empty counts as not there. Immutable.
class HashPolicy {
 public:
  explicit HashPolicy(std::vector<HashKey> keys);
  // The same in every process. Nothing when it has none of the keys. Does not allocate, but for the
  // text of a TLS session's id, once per connection.
  std::optional<uint64_t> hash(const PickContext& context) const;
  // It looks at PickContext::local, which may cost a system call.
  bool usesLocal() const;

 private:
  struct Key : HashKey {
    http::HeaderId id = http::HeaderId::kOther;  // of the header
  };
  static std::optional<uint64_t> hashOfKey(const Key& key, const PickContext& context);
  static std::optional<uint64_t> hashOfHead(const Key& key, const http::RequestHead& head);

  std::vector<Key> keys_;
};

}  // namespace weir::upstream
