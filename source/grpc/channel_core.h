#pragma once

#include <memory>
#include <utility>

#include "source/base/local_ref.h"
#include "source/grpc/channel.h"

namespace weir::grpc {

// What a channel has in common with its calls and connections, which may outlive it by a little.
// Worker-confined.
struct ChannelCore final : public base::LocalCounted {
  ChannelCore(ChannelContext& context_in, ChannelConfig config_in)
      : context(context_in),
        config(std::move(config_in)),
        transport(config.bound_transport != nullptr || config.transport == nullptr
                      ? config.bound_transport
                      : config.transport->bind(context.services())),
        secure(config.transport != nullptr && config.transport->secure()) {}

  ChannelContext& context;
  const ChannelConfig config;
  const std::shared_ptr<network::WorkerTransportSocketFactory> transport;  // nullptr: plain
  const bool secure;
};

}  // namespace weir::grpc
