#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "source/grpc/backoff.h"
#include "source/grpc/call.h"
#include "source/grpc/channel_context.h"
#include "source/http/codec.h"
#include "source/http/http2/options.h"
#include "source/network/address.h"
#include "source/network/transport_socket.h"

namespace weir::grpc {

// Gives the addresses of a target: calls `done` once, on the same thread, at once or later (also
// after the channel is gone: then it does nothing).
using ResolveDone = std::function<void(absl::StatusOr<std::vector<network::Address>>)>;
using Resolve = std::function<void(ResolveDone done)>;

// One logical server, and how to talk to it. Value.
struct ChannelConfig {
  // Tried one after the other, from the first, until one answers.
  std::vector<network::Address> addresses;
  // Instead of `addresses`: asked anew for each round of attempts.
  Resolve resolve = nullptr;
  // What the server is called: :authority, and the host of it by SNI. Empty: the address.
  std::string authority = {};
  // nullptr: plain. A secure one has to be made with ALPN "h2"; another choice is an error.
  std::shared_ptr<const network::TransportSocketFactory> transport = nullptr;
  // What `transport` has made on this thread, for many channels. nullptr: each makes its own.
  std::shared_ptr<network::WorkerTransportSocketFactory> bound_transport = nullptr;
  std::string user_agent = "weir";
  Metadata metadata = {};  // of every call

  // From the beginning of an attempt until the server's SETTINGS have come, for each address.
  std::chrono::milliseconds connect_timeout{20'000};
  BackoffOptions backoff = {};  // between rounds of attempts
  // A connection without calls is closed after this time; zero: never.
  std::chrono::milliseconds idle_timeout{std::chrono::minutes(30)};

  uint32_t max_message_bytes = 4 * 1024 * 1024;  // received; more is RESOURCE_EXHAUSTED
  uint32_t send_queue_bytes = 256 * 1024;        // of one call, besides what the codec holds
  uint32_t retry_bytes = 256 * 1024;             // of one call, kept to be sent once more
  uint32_t max_waiting_calls = 1'000;  // without connection or stream; more: RESOURCE_EXHAUSTED
  http::http2::Options http2 = {};     // keepalive, windows
  http::CodecLimits limits = {};       // of the heads that come
};

enum class ChannelState : uint8_t {
  kIdle,  // no connection; the next call makes one
  kConnecting,
  kReady,             // connected
  kTransientFailure,  // waits before it tries again; calls that do not wait for ready fail
};
std::string_view channelStateName(ChannelState state);  // "ready"

// A client of one gRPC server: carries calls on one HTTP/2 connection that is made when it is first
// needed, made anew when it is lost or going away, and tried again with growing pauses while it
// fails. Worker-confined; runs on any dispatcher thread that has an IoContext, the main thread too.
class Channel {
 public:
  // `context` outlives the channel and what its dispatcher destroys a little later.
  static std::unique_ptr<Channel> create(ChannelContext& context, ChannelConfig config);
  // Calls that are not over end with UNAVAILABLE; they may be destroyed before or after. Not
  // called from inside a function of `resolve`.
  virtual ~Channel() = default;

  // Begins a call of `path` ("/package.Service/Method"). Whatever fails is told by
  // handler.onClosed(), later. `handler` outlives the Call that is returned.
  virtual std::unique_ptr<Call> start(std::string_view path, CallOptions options,
                                      CallHandler& handler) = 0;
  // Connects now unless connected or connecting: without a call that needs it, without waiting.
  virtual void connect() = 0;

  virtual ChannelState state() const = 0;
  // Why there is no connection, while state() is kTransientFailure.
  virtual const Status& failure() const = 0;
  // Called after every change of state, never from inside another call of the channel, with that
  // state and, for kTransientFailure, the reason. May destroy the channel.
  using StateListener = std::function<void(ChannelState state, const Status& failure)>;
  virtual void setStateListener(StateListener listener) = 0;
};

}  // namespace weir::grpc
