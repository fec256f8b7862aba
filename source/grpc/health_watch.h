#pragma once

#include <functional>
#include <memory>
#include <string>

#include "source/event/dispatcher.h"
#include "source/grpc/backoff.h"
#include "source/grpc/call.h"
#include "source/grpc/channel.h"
#include "source/grpc/health_probe.h"

namespace weir::grpc {

// Is told of a server's health whenever it changes (grpc.health.v1.Health/Watch), for as long as it
// lives: a stream that ends is begun again with growing pauses, unless the server has no health
// service, which is told once and is the end. Worker-confined.
class HealthWatch final : private CallHandler {
 public:
  // May destroy the watch.
  using Listener = std::function<void(const HealthResult& result)>;

  // `channel` outlives it.
  HealthWatch(ChannelContext& context, Channel& channel, std::string service, Listener listener);

 private:
  void onMessage(std::string_view message) override;
  void onClosed(const Status& status, const Metadata& trailers) override;
  void begin();

  Channel& channel_;
  const std::string service_;
  const Listener listener_;
  Backoff backoff_;
  event::WheelTimer timer_;
  std::unique_ptr<Call> call_;
};

}  // namespace weir::grpc
