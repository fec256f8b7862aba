#pragma once

#include <cstdint>
#include <span>

#include "source/network/dns_resolver.h"

namespace weir::network {

// Reads the SRV records (RFC 2782) of a DNS answer, which c-ares would give without their time to
// live. Records of another kind are passed over, aliases but for their time to live; a target that
// is no host name is left out, and so is ".", which says that there is no such service. Pure.
DnsServices parseSrvAnswer(std::span<const uint8_t> answer);

// Times with the highest bit set count as zero (RFC 2181, 8).
std::chrono::seconds dnsTtl(uint32_t seconds);

}  // namespace weir::network
