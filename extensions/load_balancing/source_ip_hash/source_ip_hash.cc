#include "extensions/load_balancing/source_ip_hash/source_ip_hash.h"

#include <algorithm>
#include <cstring>

#include "source/base/hash.h"

namespace weir::extensions::load_balancing::source_ip_hash {

namespace {

// Bits behind the first `bits` become zero.
void mask(uint8_t* bytes, size_t size, unsigned bits) {
  for (size_t i = 0; i < size; ++i) {
    const unsigned before = static_cast<unsigned>(i) * 8;
    if (bits >= before + 8) continue;
    bytes[i] &= bits <= before ? 0 : static_cast<uint8_t>(0xff00u >> (bits - before));
  }
}

}  // namespace

uint64_t hashOf(const network::Address& address, const SourceIpHashOptions& options) {
  uint8_t bytes[16];
  size_t size = 0;
  if (address.family() == network::Address::Family::kIpv4) {
    size = 4;
    std::memcpy(bytes, &reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr, size);
  } else if (address.family() == network::Address::Family::kIpv6) {
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6);
    size = mapped ? 4 : 16;
    std::memcpy(bytes, v6.s6_addr + (mapped ? 12 : 0), size);
  }
  mask(bytes, size, size == 4 ? options.ipv4_bits : options.ipv6_bits);
  return base::hash64({reinterpret_cast<const char*>(bytes), size});
}

void SourceIpHash::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                           const upstream::HostLoads&) {
  hosts_.clear();
  ends_.clear();
  uint64_t end = 0;
  for (uint32_t host : group.hosts) {
    end += hosts.hosts[host].endpoint->weight;
    hosts_.push_back(host);
    ends_.push_back(end);
  }
}

size_t SourceIpHash::at(uint64_t hash) const {
  const uint64_t point = hash % ends_.back();
  return static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), point) - ends_.begin());
}

upstream::Pick SourceIpHash::pick(const upstream::PickContext& context) {
  if (hosts_.empty()) return upstream::Pick::failure("no_eligible_endpoint");
  uint64_t hash = 0;
  if (context.hash) {
    hash = *context.hash;
  } else if (context.source != nullptr) {
    hash = hashOf(*context.source, options_);
  }
  const size_t first = at(hash);
  size_t chosen = first;
  for (int i = 0; i < kDraws && isTried(context, hosts_[chosen]); ++i) {
    // Of zero it would be zero for ever.
    hash = base::mix64(hash + 0x9e3779b97f4a7c15);
    chosen = at(hash);
  }
  for (size_t i = 0; i < hosts_.size() && isTried(context, hosts_[chosen]); ++i) {
    chosen = (first + i) % hosts_.size();
  }
  // All have been tried: better its own again than none.
  if (isTried(context, hosts_[chosen])) chosen = first;
  return upstream::Pick::endpoint(hosts_[chosen]);
}

}  // namespace weir::extensions::load_balancing::source_ip_hash
