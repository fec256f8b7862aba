#pragma once

#include <memory>
#include <string>

#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/event/dispatcher.h"
#include "source/grpc/channel_core.h"
#include "source/http/http2/codec.h"
#include "source/network/connection.h"

namespace weir::grpc {

class ChannelConnection;

// The channel as its connections see it. Worker-confined.
class ChannelConnectionOwner {
 public:
  // Connected, and the server's SETTINGS have come.
  virtual void onUp(ChannelConnection& connection) = 0;
  // A stream has ended, or the server allows another number.
  virtual void onCapacity() = 0;
  // It takes no new calls; closes when those that it has are over.
  virtual void onGoingAway(ChannelConnection& connection) = 0;
  // It carries nothing any more, and forgets its owner.
  virtual void onGone(ChannelConnection& connection, const Status& why) = 0;

 protected:
  ~ChannelConnectionOwner() = default;
};

// One attempt to connect to one address, and the HTTP/2 connection that comes of it. Destroys
// itself (deferred) when it has closed or its owner let go of it. Worker-confined.
class ChannelConnection final : public event::DeferredDeletable,
                                public event::TurnEndTask,
                                public base::ListNode<> {
 public:
  // Starts connecting; the outcome comes later.
  static ChannelConnection* connect(base::LocalRef<ChannelCore> core, ChannelConnectionOwner& owner,
                                    const network::Address& address);
  ~ChannelConnection() override;

  const std::string& peer() const { return peer_; }
  bool up() const { return state_ == State::kUp; }
  uint32_t freeStreams() const { return up() ? codec_->freeStreams() : 0; }
  http::ClientCodec& codec() { return *codec_; }
  // It has no streams and is not wanted any more: says goodbye and closes.
  void closeGently();
  // The owner goes, or does not want it: closes at once, says nothing, destroys itself. Its calls
  // have left.
  void abandon();

 private:
  enum class State : uint8_t {
    kConnecting,
    kSettling,  // until the server's SETTINGS
    kUp,
    kGoingAway,
    kClosed,
  };

  // What the network and the codec call.
  class Wire final : public network::ConnectionHandler,
                     public http::CodecOutput,
                     public http::http2::ClientCallbacks {
   public:
    explicit Wire(ChannelConnection& connection) : connection_(connection) {}
    void onConnected() override { connection_.onConnected(); }
    void onData(buffer::Buffer& data, bool end_stream) override {
      connection_.onData(data, end_stream);
    }
    void onAboveHighWatermark() override { connection_.onWatermark(true); }
    void onBelowLowWatermark() override { connection_.onWatermark(false); }
    void onClose(network::CloseReason reason) override { connection_.onClose(reason); }
    buffer::Buffer& output() override { return connection_.connection_->output(); }
    void outputReady(bool end_stream) override { connection_.connection_->outputReady(end_stream); }
    void setReadEnabled(bool enabled) override { connection_.connection_->setReadEnabled(enabled); }
    void abort() override { connection_.connection_->close(network::CloseMode::kNow); }
    void onStreamEnded() override { connection_.onCapacityChanged(); }
    void onCapacityChanged() override { connection_.onCapacityChanged(); }
    void onConnectionError(const http::StreamError& error) override { connection_.fail(error); }

   private:
    ChannelConnection& connection_;
  };

  ChannelConnection(base::LocalRef<ChannelCore> core, ChannelConnectionOwner& owner,
                    const network::Address& address);
  void start();
  void onConnected();
  void onData(buffer::Buffer& data, bool end_stream);
  void onWatermark(bool above);
  void onClose(network::CloseReason reason);
  void onCapacityChanged();
  void onSettingsTimeout();
  void look();
  void onTurnEnd() override;
  std::string protocolProblem();
  std::string whyLost(network::CloseReason reason);
  // The streams know; the last words are in the output.
  void fail(const http::StreamError& error);
  void giveUp(std::string_view why);
  void leave(const Status& why);
  void destroyLater();

  const base::LocalRef<ChannelCore> core_;
  ChannelConnectionOwner* owner_;  // null: has left
  const network::Address address_;
  const std::string peer_;
  Wire wire_{*this};
  event::WheelTimer settings_timer_;
  std::unique_ptr<network::Connection> connection_;
  std::unique_ptr<http::http2::Http2ClientCodec> codec_;  // once connected
  event::MonotonicTime started_;
  State state_ = State::kConnecting;
  bool dispatching_ = false;
  bool destroyed_ = false;  // it will be
};

}  // namespace weir::grpc
