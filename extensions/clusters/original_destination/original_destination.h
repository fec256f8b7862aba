#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "source/network/address.h"
#include "source/upstream/cluster.h"

namespace weir::extensions::clusters::original_destination {

// What the configuration says. Immutable.
struct OriginalDestinationConfig {
  std::vector<network::Prefix> allowed;  // empty: all
  uint16_t port = 0;                     // instead of the address's own; 0: that
  bool use_http_header = false;
  uint32_t max_endpoints = 1024;
};

inline constexpr std::string_view kHeader = "x-weir-original-destination";

// The address that a client wanted before it was redirected. A connection that was not redirected
// has none: to forward it to where it was accepted would bring it back here, for ever. Immutable.
class OriginalDestination final : public upstream::EndpointSource {
 public:
  explicit OriginalDestination(OriginalDestinationConfig config) : config_(std::move(config)) {}

  Named name(const upstream::PickContext& context) const override;
  uint32_t maxEndpoints() const override { return config_.max_endpoints; }

 private:
  bool allows(const network::Address& address) const;

  const OriginalDestinationConfig config_;
};

}  // namespace weir::extensions::clusters::original_destination
