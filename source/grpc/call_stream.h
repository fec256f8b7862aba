#pragma once

#include <string>
#include <string_view>

#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/event/dispatcher.h"
#include "source/grpc/call.h"
#include "source/grpc/channel_core.h"
#include "source/http/codec.h"
#include "source/http/grpc_frames.h"

namespace weir::grpc {

class CallStream;

// The channel as its calls see it. Worker-confined.
class CallOwner {
 public:
  // It is to be begun once more.
  virtual void onCallWaits(CallStream& call) = 0;
  // It has left for good.
  virtual void onCallOver(bool was_waiting) = 0;
  // The server has begun to answer.
  virtual void onCallAnswered() = 0;
  // Why there is no connection; OK when nothing has failed.
  virtual const Status& failure() const = 0;

 protected:
  ~CallOwner() = default;
};

// One call: waits for a stream, carries messages both ways on it, and ends with a status, which it
// tells at the end of a turn. Its codec may be in the midst of a call to it when its owner lets go
// of it, so it is destroyed through deferred deletion. Worker-confined.
class CallStream final : public http::ResponseDecoder,
                         public event::TurnEndTask,
                         public event::DeferredDeletable,
                         public base::ListNode<> {
 public:
  CallStream(base::LocalRef<ChannelCore> core, CallOwner& owner, std::string_view path,
             CallOptions options, CallHandler& handler);
  ~CallStream() override;

  // For the channel.
  bool waitsForReady() const { return options_.wait_for_ready; }
  bool waiting() const { return state_ == State::kWaiting; }
  // Sends it on a new stream. `peer` says who that is, and lives as long as the codec.
  void begin(http::ClientCodec& codec, const std::string& peer);
  void fail(Status status);
  void channelGone();

  // For the Call that the application holds.
  bool send(std::string_view message);
  bool writable();
  void closeSend();
  void setReadEnabled(bool enabled);
  // The application lets go of it.
  void abandon();

  // http::ResponseDecoder
  http::ResponseHead& responseHead() override { return head_; }
  http::HeaderMap& responseTrailers() override { return trailers_; }
  void onInformational() override {}
  void onHead(bool end_stream) override;
  void onBody(buffer::Buffer& data, bool end_stream) override;
  void onTrailers() override;
  void onReset(const http::StreamError& error) override;
  void onRequestBlocked(bool blocked) override;

 private:
  enum class State : uint8_t {
    kWaiting,  // for a connection and a stream
    kOpen,     // has a stream
    kEnding,   // status_ is known; messages before it may not have been taken yet
    kClosed,   // told, or nobody wants to know
  };

  void onTurnEnd() override;
  void onDeadline();
  Status checkArguments() const;
  void writeHead(http::RequestHead& head, bool end_stream) const;
  void flush();
  void keepForRetry();
  void commit();
  bool mayRetry(const http::StreamError& error) const;
  void retry();
  void acceptHead();
  void endWith(Status status, const http::HeaderMap& trailers);
  void deliverMessages();
  void tellWritable();
  void finishEnding();
  void dropStream();
  void leaveChannel();
  void schedule() { core_->context.dispatcher().atTurnEnd(*this); }
  size_t queueLimit() const { return core_->config.send_queue_bytes; }

  const base::LocalRef<ChannelCore> core_;
  CallOwner* owner_;      // null: has left
  CallHandler* handler_;  // null: nobody wants to know
  const std::string path_;
  const CallOptions options_;
  const bool bounded_;  // has a deadline
  const event::MonotonicTime deadline_;
  event::WheelTimer deadline_timer_;

  http::RequestEncoder* encoder_ = nullptr;  // while there is a stream
  const std::string* peer_ = nullptr;        // likewise
  buffer::Buffer queue_;                     // to be sent, with prefixes
  size_t handed_over_ = 0;                   // to the codec, in this turn
  buffer::Buffer kept_;                      // was sent, and may have to be again
  http::GrpcFrameReader reader_;
  http::ResponseHead head_;
  base::Arena trailers_arena_;
  http::HeaderMap trailers_{trailers_arena_};
  Status status_;
  Metadata trailing_metadata_;

  State state_ = State::kWaiting;
  bool answered_ = false;
  bool retried_ = false;
  bool committed_ = false;  // will not be begun once more
  bool failed_ = false;     // ended with a status of our own: messages are dropped
  bool send_closed_ = false;
  bool end_sent_ = false;
  bool blocked_ = false;  // the codec has enough to send
  bool wants_room_ = false;
  bool read_enabled_ = true;
  bool stream_reads_ = true;  // what the stream was told
};

}  // namespace weir::grpc
