#include "source/grpc/channel_connection.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "source/base/concat.h"

namespace weir::grpc {
namespace {

using std::chrono::milliseconds;

// Without the port: what SNI says.
std::string_view hostOf(std::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return authority;
  return bracket != std::string_view::npos && colon < bracket ? authority
                                                              : authority.substr(0, colon);
}

http::StreamError lostError(network::CloseReason reason) {
  const bool orderly =
      reason == network::CloseReason::kRemote || reason == network::CloseReason::kLocal;
  return {http::ErrorOrigin::kUpstream,
          orderly ? http::ErrorReason::kConnectionClosed : http::ErrorReason::kConnectionReset,
          false, orderly ? "the connection was closed" : "the connection was lost"};
}

}  // namespace

ChannelConnection* ChannelConnection::connect(base::LocalRef<ChannelCore> core,
                                              ChannelConnectionOwner& owner,
                                              const network::Address& address) {
  auto* const connection = new ChannelConnection(std::move(core), owner, address);
  connection->start();
  return connection;
}

ChannelConnection::ChannelConnection(base::LocalRef<ChannelCore> core,
                                     ChannelConnectionOwner& owner, const network::Address& address)
    : core_(std::move(core)),
      owner_(&owner),
      address_(address),
      peer_(address.toString()),
      settings_timer_(core_->context.dispatcher().wheel(),
                      event::wheelCallback<&ChannelConnection::onSettingsTimeout>, this),
      started_(core_->context.dispatcher().now()) {}

ChannelConnection::~ChannelConnection() = default;

void ChannelConnection::start() {
  std::unique_ptr<network::TransportSocket> transport;
  if (core_->transport != nullptr) {
    const std::string& authority = core_->config.authority;
    transport = core_->transport->create({.server_name = hostOf(authority)});
  }
  network::ConnectOptions options;
  options.timeout = core_->config.connect_timeout;
  connection_ =
      network::Connection::connect(core_->context.io(), address_, std::move(transport), options);
  connection_->setHandler(wire_);
}

void ChannelConnection::onConnected() {
  const std::string problem = protocolProblem();
  if (!problem.empty()) return giveUp(problem);
  state_ = State::kSettling;
  const auto spent =
      std::chrono::duration_cast<milliseconds>(core_->context.dispatcher().now() - started_);
  settings_timer_.arm(std::max(core_->config.connect_timeout - spent, milliseconds(1)));
  codec_ = http::http2::createClientCodec(
      {core_->context.dispatcher(), core_->context.io().blocks(), core_->context.random(),
       core_->context.http2Cells(), core_->config.limits, core_->config.http2},
      wire_, wire_);
}

std::string ChannelConnection::protocolProblem() {
  if (!core_->secure) return {};
  const std::string_view chosen = connection_->transport().applicationProtocol();
  if (chosen == "h2") return {};
  return chosen.empty() ? "the server chose no protocol by ALPN; gRPC needs \"h2\""
                        : "the server chose another protocol than \"h2\" by ALPN";
}

void ChannelConnection::onData(buffer::Buffer& data, bool end_stream) {
  if (codec_ == nullptr || state_ == State::kClosed) return data.clear();
  dispatching_ = true;
  const http::StreamError error = codec_->dispatch(data, end_stream);
  dispatching_ = false;
  if (state_ == State::kClosed) return;
  if (error.reason != http::ErrorReason::kNone) {
    fail(error);
    return codec_->connectionLost(error);  // who does not know yet
  }
  if (!end_stream) return look();
  connection_->close(network::CloseMode::kNow);
  onClose(network::CloseReason::kRemote);
}

void ChannelConnection::onWatermark(bool above) {
  if (codec_ == nullptr || state_ == State::kClosed) return;
  if (above) return codec_->onAboveHighWatermark();
  codec_->onBelowLowWatermark();
}

void ChannelConnection::onCapacityChanged() {
  if (!dispatching_) look();
}

// What has changed, after whatever may have changed something.
void ChannelConnection::look() {
  if (state_ == State::kClosed) return;
  if (state_ == State::kSettling && codec_->settled()) {
    state_ = State::kUp;
    settings_timer_.cancel();
    owner_->onUp(*this);
  }
  if (state_ == State::kUp && codec_->goingAway()) {
    state_ = State::kGoingAway;
    owner_->onGoingAway(*this);
  }
  if (state_ == State::kGoingAway && codec_->openStreams() == 0) return closeGently();
  if (owner_ != nullptr) owner_->onCapacity();
}

void ChannelConnection::onSettingsTimeout() {
  giveUp(base::concat("no SETTINGS within ", core_->config.connect_timeout.count(), " ms"));
}

void ChannelConnection::fail(const http::StreamError& error) {
  if (state_ == State::kClosed) return;
  connection_->close(network::CloseMode::kFlushNoLinger);
  leave({Code::kUnavailable, base::concat(peer_, ": ", error.detail())});
}

void ChannelConnection::giveUp(std::string_view why) {
  connection_->close(network::CloseMode::kNow);
  leave({Code::kUnavailable, base::concat(peer_, ": ", why)});
}

void ChannelConnection::closeGently() {
  if (state_ == State::kClosed) return;
  if (state_ != State::kGoingAway) codec_->drain();
  leave({});
  core_->context.dispatcher().atTurnEnd(*this);  // after the codec has written its last words
}

void ChannelConnection::onTurnEnd() {
  connection_->close(network::CloseMode::kFlushNoLinger);
}

void ChannelConnection::leave(const Status& why) {
  state_ = State::kClosed;
  settings_timer_.cancel();
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->onGone(*this, why);
}

std::string ChannelConnection::whyLost(network::CloseReason reason) {
  switch (reason) {
    case network::CloseReason::kConnectFailed:
    case network::CloseReason::kReset:
      if (connection_->lastError() == 0) return "the connection was reset";
      return std::generic_category().message(connection_->lastError());
    case network::CloseReason::kConnectTimeout:
      return base::concat("no connection within ", core_->config.connect_timeout.count(), " ms");
    case network::CloseReason::kTransportError: {
      const std::string reason_text = connection_->transport().reason();
      return reason_text.empty() ? "the transport failed" : reason_text;
    }
    case network::CloseReason::kRemote:
      return "the server closed the connection";
    case network::CloseReason::kLocal:
      return "the connection was given up";
  }
  return {};
}

void ChannelConnection::onClose(network::CloseReason reason) {
  if (destroyed_) return;
  const bool known = state_ == State::kClosed;
  if (!known) {
    leave({Code::kUnavailable, base::concat(peer_, ": ", whyLost(reason))});
    // After the owner knows: what is begun once more goes elsewhere.
    if (codec_ != nullptr) codec_->connectionLost(lostError(reason));
  }
  destroyLater();
}

void ChannelConnection::abandon() {
  owner_ = nullptr;
  state_ = State::kClosed;
  settings_timer_.cancel();
  connection_->close(network::CloseMode::kNow);
  destroyLater();
}

void ChannelConnection::destroyLater() {
  if (std::exchange(destroyed_, true)) return;
  base::ListNode<>::unlink();
  core_->context.dispatcher().deferDelete(std::unique_ptr<event::DeferredDeletable>(this));
}

}  // namespace weir::grpc
