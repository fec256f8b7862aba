#include "source/grpc/health_probe.h"

#include <utility>

#include "source/grpc/health_messages.h"

namespace weir::grpc {

std::string_view healthName(Health health) {
  switch (health) {
    case Health::kServing:
      return "serving";
    case Health::kNotServing:
      return "not_serving";
    case Health::kUnknown:
      return "unknown";
    case Health::kServiceUnknown:
      return "service_unknown";
    case Health::kUnimplemented:
      return "unimplemented";
    case Health::kFailed:
      return "failed";
  }
  return "";
}

HealthProbe::HealthProbe(ChannelContext& context, HealthProbeConfig config)
    : context_(context), config_(std::move(config)) {}

HealthProbe::~HealthProbe() = default;

void HealthProbe::start(Done done) {
  cancel();
  done_ = std::move(done);
  if (channel_ == nullptr) channel_ = Channel::create(context_, config_.channel);
  channel_->connect();
  call_ = std::make_unique<UnaryCall>(*channel_, kHealthCheckPath, healthRequest(config_.service),
                                      CallOptions{.timeout = config_.timeout},
                                      [this](UnaryResult result) { onAnswer(std::move(result)); });
}

void HealthProbe::cancel() {
  call_.reset();
  done_ = nullptr;
}

void HealthProbe::onAnswer(UnaryResult result) {
  call_.reset();
  if (!config_.reuse_connection) channel_.reset();
  Done done = std::exchange(done_, nullptr);
  done(result.status.ok() ? readHealth(result.message) : healthOf(result.status));
}

}  // namespace weir::grpc
