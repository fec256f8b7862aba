#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"

#include "source/grpc/channel.h"
#include "source/grpc/unary.h"

namespace weir::grpc {

// What a server says of itself by grpc.health.v1, or why it says nothing.
enum class Health : uint8_t {
  kServing,
  kNotServing,
  kUnknown,         // its own word
  kServiceUnknown,  // it does not know the service
  kUnimplemented,   // it has no health service
  kFailed,          // no answer: not reached, too slow, an error
};
std::string_view healthName(Health health);  // "not_serving"

struct HealthResult {
  Health health = Health::kFailed;
  std::string reason = {};  // what stands behind it, for people; empty when serving
};

struct HealthProbeConfig {
  ChannelConfig channel;
  std::string service = {};  // empty: the server as a whole
  // From the start of a probe to its answer. None: whoever started it gives it up.
  std::optional<std::chrono::milliseconds> timeout = std::chrono::milliseconds(3'000);
  bool reuse_connection = true;  // else each probe makes one of its own
};

// Asks one server for its health (grpc.health.v1.Health/Check), as often as it is told to, without
// waiting out the pauses between attempts to connect: the prober has its own. Worker-confined.
class HealthProbe {
 public:
  using Done = absl::AnyInvocable<void(HealthResult result)>;

  // `context` as for Channel::create().
  HealthProbe(ChannelContext& context, HealthProbeConfig config);
  ~HealthProbe();

  // One at a time: a probe that is under way is given up and its `done` forgotten. Calls `done`
  // once, later; it may start the next probe or destroy this object.
  void start(Done done);
  bool running() const { return done_ != nullptr; }
  void cancel();

 private:
  void onAnswer(UnaryResult result);

  ChannelContext& context_;
  const HealthProbeConfig config_;
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<UnaryCall> call_;
  Done done_;
};

}  // namespace weir::grpc
