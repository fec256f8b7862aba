#pragma once

#include <cstdint>
#include <memory>

#include "source/upstream/stickiness.h"
#include "source/upstream/sticky_table.h"

namespace weir::extensions::stickiness::source_ip {

struct Options {
  // Leading bits that count.
  uint8_t ipv4_bits = 32;
  uint8_t ipv6_bits = 64;
  upstream::StickyLimits limits = {};
};

// Clients are known by their address.
std::shared_ptr<const upstream::StickinessFactory> makeFactory(const Options& options);

}  // namespace weir::extensions::stickiness::source_ip
