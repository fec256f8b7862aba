#include "source/grpc/health_watch.h"

#include <utility>

#include "source/grpc/health_messages.h"

namespace weir::grpc {

HealthWatch::HealthWatch(ChannelContext& context, Channel& channel, std::string service,
                         Listener listener)
    : channel_(channel),
      service_(std::move(service)),
      listener_(std::move(listener)),
      backoff_({}, context.random()),
      timer_(context.dispatcher().wheel(), event::wheelCallback<&HealthWatch::begin>, this) {
  begin();
}

void HealthWatch::begin() {
  call_ = channel_.start(kHealthWatchPath, {.wait_for_ready = false}, *this);
  if (call_->send(healthRequest(service_))) call_->closeSend();
}

void HealthWatch::onMessage(std::string_view message) {
  backoff_.reset();
  const Listener listener = listener_;  // may destroy this
  listener(readHealth(message));
}

void HealthWatch::onClosed(const Status& status, const Metadata&) {
  call_.reset();
  HealthResult result = healthOf(status);
  if (status.ok()) result.reason = "the server ended the watch";
  if (result.health != Health::kUnimplemented) timer_.arm(backoff_.next());
  const Listener listener = listener_;
  listener(result);
}

}  // namespace weir::grpc
