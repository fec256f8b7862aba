#pragma once

#include <memory>
#include <vector>

#include "source/network/transport_socket.h"

namespace weir::upstream {

// Plain bytes, with the needs of another transport. Immutable.
class FakeNeeds final : public network::TransportSocketFactory {
 public:
  explicit FakeNeeds(network::TransportNeeds needs) : needs_(needs) {}
  std::unique_ptr<network::WorkerTransportSocketFactory> bind(base::ServiceMap&) const override {
    return nullptr;
  }
  network::TransportNeeds needs() const override { return needs_; }

 private:
  const network::TransportNeeds needs_;
};

}  // namespace weir::upstream
