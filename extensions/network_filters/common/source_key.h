#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "source/network/address.h"

namespace weir::extensions::network_filters {

// What counts as one source: an IPv4 address (also one mapped into IPv6), or the /64 of an IPv6
// address, because a host has that many to choose from. Nothing for unix sockets.
using SourceKey = std::array<uint64_t, 2>;
std::optional<SourceKey> sourceKey(const network::Address& source);

}  // namespace weir::extensions::network_filters
