#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "source/base/string_map.h"

namespace weir::router {

// Finds the virtual host of an authority by the most specific domain: exact, then the longest
// "*.suffix", then the longest "prefix.*", then "*". A wildcard stands for one or more whole
// labels. Case does not matter, nor does one trailing dot of the host; a port in the authority
// matters only to domains that have one, which go before those of the same kind without. A host
// longer than kMaxDomainBytes can only be matched by "*". Immutable once filled.
class HostIndex {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr size_t kMaxDomainBytes = 261;  // 255 of a name, ":65535"

  // The error says what is wrong with the domain, or that it is taken.
  absl::Status add(std::string_view domain, uint32_t host);
  // Does not allocate.
  uint32_t find(std::string_view authority) const;

 private:
  // Whole-label suffixes (or prefixes) with the lengths that occur, so that others are not looked
  // up.
  struct Wildcards {
    base::StringMap<uint32_t> hosts;
    std::bitset<kMaxDomainBytes + 1> lengths;
    bool add(std::string_view text, uint32_t host);
    uint32_t find(std::string_view text) const;
  };
  uint32_t findExact(std::string_view host) const;
  uint32_t findSuffix(std::string_view host) const;
  uint32_t findPrefix(std::string_view host) const;

  base::StringMap<uint32_t> exact_;
  Wildcards suffixes_;  // ".shop.example", also ".shop.example:8080"
  Wildcards prefixes_;  // "shop."
  uint32_t any_ = kNone;
  bool has_ports_ = false;
};

}  // namespace weir::router
