#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "source/upstream/load_balancer.h"

namespace weir::upstream {

// One thing that a request or connection has, to be hashed.
struct HashKey {
  enum class Kind : uint8_t {
    kSourceAddress,  // its leading bits; none on a unix socket
    kFiveTuple,      // of the client's connection; without the protocol, which is the listener's
    kHeader,         // all its values, in order
    kCookie,
    kQueryParameter,  // the first of that name
    kPath,            // without the query
    kHost,
    kTlsSession,      // the id of the client's TLS session
    kDynamicMetadata  // of the exchange
  };
  Kind kind = Kind::kSourceAddress;
  std::string name = {};   // of header (lower case), cookie, parameter; namespace of the metadata
  std::string field = {};  // of the metadata
  uint8_t ipv4_bits = 32;
  uint8_t ipv6_bits = 64;
};

// What of a request or connection decides where it goes, for algorithms that hash: the first of a
// list of keys that it has. Immutable.
class HashPolicy {
 public:
  explicit HashPolicy(std::vector<HashKey> keys) : keys_(std::move(keys)) {}
  // The same in every process. Nothing when it has none of the keys. Does not allocate.
  std::optional<uint64_t> hash(const PickContext& context) const;

 private:
  const std::vector<HashKey> keys_;
};

}  // namespace weir::upstream
