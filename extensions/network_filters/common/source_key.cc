#include "extensions/network_filters/common/source_key.h"

#include <cstring>

namespace weir::extensions::network_filters {
namespace {

SourceKey ofIpv4(const void* bytes) {
  uint32_t address;
  std::memcpy(&address, bytes, sizeof address);
  return {0, uint64_t{1} << 32 | address};
}

}  // namespace

std::optional<SourceKey> sourceKey(const network::Address& source) {
  switch (source.family()) {
    case network::Address::Family::kIpv4:
      return ofIpv4(&reinterpret_cast<const sockaddr_in*>(source.data())->sin_addr);
    case network::Address::Family::kIpv6: {
      const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(source.data())->sin6_addr;
      if (IN6_IS_ADDR_V4MAPPED(&address)) return ofIpv4(&address.s6_addr[12]);
      SourceKey key{};
      std::memcpy(key.data(), &address, sizeof key[0]);
      key[1] = uint64_t{2} << 32;
      return key;
    }
    case network::Address::Family::kNone:
    case network::Address::Family::kUnix:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace weir::extensions::network_filters
