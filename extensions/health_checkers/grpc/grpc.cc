#include "extensions/health_checkers/grpc/grpc.h"

#include <chrono>
#include <optional>

#include "source/base/concat.h"
#include "source/grpc/channel_context.h"
#include "source/grpc/health_probe.h"

namespace weir::extensions::health_checkers::grpc {
namespace {

using upstream::ProbeResult;
using Verdict = upstream::ProbeResult::Verdict;

// Whoever started a probe gives it up before: the timeout of a check is at most 24 h.
constexpr std::chrono::hours kConnectTimeout{25};
// An answer has two bytes.
constexpr uint32_t kMaxAnswerBytes = 64 * 1024;

// What all these checks share on the main thread; outlives them as long as channels need.
// Main-thread only.
struct SharedContext {
  explicit SharedContext(base::ServiceMap& services)
      : context(services, {{"client", "health_check"}}) {}
  weir::grpc::ChannelContext context;
};

weir::grpc::ChannelContext& sharedContext(base::ServiceMap& services) {
  return services
      .shared<SharedContext>([&services] { return std::make_shared<SharedContext>(services); })
      .context;
}

ProbeResult verdictOn(weir::grpc::HealthResult result, const GrpcOptions& options) {
  using weir::grpc::Health;
  switch (result.health) {
    case Health::kServing:
      return {.verdict = Verdict::kHealthy};
    case Health::kUnimplemented:
      if (options.unimplemented_is_healthy) return {.verdict = Verdict::kHealthy};
      return {.verdict = Verdict::kUnhealthy,
              .reason = base::concat("it has no grpc.health.v1: ", result.reason)};
    case Health::kNotServing:
    case Health::kUnknown:
    case Health::kServiceUnknown:
    case Health::kFailed:
      break;
  }
  return {.verdict = Verdict::kUnhealthy, .reason = std::move(result.reason)};
}

// Main-thread only.
class GrpcProbe final : public upstream::HealthProbe {
 public:
  GrpcProbe(weir::grpc::ChannelContext& context, const GrpcOptions& options,
            weir::grpc::HealthProbeConfig config, upstream::ProbeListener& listener)
      : context_(context), options_(options), config_(std::move(config)), listener_(listener) {}

  void start() override {
    if (!probe_) probe_.emplace(context_, config_);
    probe_->start([this](weir::grpc::HealthResult result) {
      listener_.onProbeDone(verdictOn(std::move(result), options_));
    });
  }
  // A server that does not answer may do so because the connection leads nowhere any more.
  void cancel() override { probe_.reset(); }

 private:
  weir::grpc::ChannelContext& context_;
  const GrpcOptions& options_;
  const weir::grpc::HealthProbeConfig config_;
  upstream::ProbeListener& listener_;
  std::optional<weir::grpc::HealthProbe> probe_;
};

// Main-thread only.
class GrpcChecker final : public upstream::HealthChecker {
 public:
  GrpcChecker(base::ServiceMap& services, const GrpcOptions& options,
              const upstream::CheckSettings& settings)
      : context_(sharedContext(services)),
        options_(options),
        settings_(settings),
        transport_(settings.transport == nullptr ? nullptr : settings.transport->bind(services)) {}

  std::unique_ptr<upstream::HealthProbe> createProbe(const upstream::ProbeTarget& target,
                                                     upstream::ProbeListener& listener) override {
    weir::grpc::HealthProbeConfig config;
    config.service = options_.service;
    config.timeout = std::nullopt;
    config.reuse_connection = settings_.reuse_connection;
    config.channel.addresses = {target.address};
    config.channel.authority = options_.authority;
    config.channel.transport = settings_.transport;
    config.channel.bound_transport = transport_;
    config.channel.user_agent = "weir-health-check";
    config.channel.metadata = options_.metadata;
    config.channel.connect_timeout = kConnectTimeout;
    config.channel.max_message_bytes = kMaxAnswerBytes;
    return std::make_unique<GrpcProbe>(context_, options_, std::move(config), listener);
  }

 private:
  weir::grpc::ChannelContext& context_;
  const GrpcOptions options_;
  const upstream::CheckSettings settings_;
  const std::shared_ptr<network::WorkerTransportSocketFactory> transport_;  // null: plain
};

}  // namespace

std::unique_ptr<upstream::HealthChecker> GrpcCheck::create(
    base::ServiceMap& services, const upstream::ClusterConfig&,
    const upstream::CheckSettings& settings) const {
  return std::make_unique<GrpcChecker>(services, options_, settings);
}

}  // namespace weir::extensions::health_checkers::grpc
