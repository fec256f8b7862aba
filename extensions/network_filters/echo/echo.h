#pragma once

#include <memory>

#include "source/network/network_filter.h"

namespace weir::extensions::network_filters::echo {

// Sends back what comes and reads no faster than the client does. Worker-confined.
class EchoFilter final : public network::NetworkFilter {
 public:
  network::Verdict onData(buffer::Buffer& data, bool end_stream) override;
  void onBelowLowWatermark() override;
  void onClose(network::CloseReason) override {}
};

// Immutable.
class EchoFilterFactory final : public network::NetworkFilterFactory {
 public:
  std::unique_ptr<network::WorkerNetworkFilterFactory> bind(
      base::ServiceMap& services) const override;
};

}  // namespace weir::extensions::network_filters::echo
