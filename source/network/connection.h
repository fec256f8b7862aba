#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "source/buffer/buffer.h"
#include "source/event/dispatcher.h"
#include "source/network/address.h"
#include "source/network/plain_transport.h"
#include "source/network/socket.h"
#include "source/network/transport_socket.h"

namespace weir::network {

class IoContext;
class SplicePump;

// How a connection is made, beside where to. Value.
struct ConnectOptions {
  std::chrono::milliseconds timeout{5'000};  // until the transport is up
  ConnectingSocket socket = {};
  // Other addresses of the same peer, in order of preference, tried as well when the first does not
  // answer soon (ConnectRace). Copied.
  std::span<const Address> more_addresses = {};
};

// Why a connection ended, from this side's view.
enum class CloseReason : uint8_t {
  kLocal,           // close() was called here
  kRemote,          // the peer closed in an orderly way and nothing more can be sent
  kReset,           // the peer or the network broke it (errno)
  kConnectFailed,   // never came up
  kConnectTimeout,  // never came up in time
  kTransportError,  // the transport (TLS) refused
};

// How close() treats what is still waiting to be written.
enum class CloseMode : uint8_t {
  kFlush,  // write it first (bounded by the flush timeout), FIN, then wait briefly for the peer's
           // FIN so that it can read the last bytes (lingering close: at most 1 s and 1 MiB, both
           // discarded)
  kFlushNoLinger,  // write it first, then close: when the peer is known to have nothing more to
                   // send
  kNow,            // drop it and close
  kReset,          // drop it and send RST
};

// Receives what happens on one connection. All calls come on the worker's thread. Any call may
// close() the connection; the object itself is destroyed through deferred deletion, so it stays
// valid during the call. Worker-confined.
class ConnectionHandler {
 public:
  // The transport is up (for an accepted plain connection: never called, it starts so).
  virtual void onConnected() {}
  // Bytes came, and / or the peer ended its side. Drain what you take; what is left is offered
  // again together with what comes next. To stop being called, setReadEnabled(false).
  virtual void onData(buffer::Buffer& data, bool end_stream) = 0;
  // Reading was enabled again and nothing waits in the input: for handlers that keep bytes
  // themselves.
  virtual void onReadResumed() {}
  // The output passed its high watermark: stop producing. / Fell to its low watermark: go on.
  virtual void onAboveHighWatermark() {}
  virtual void onBelowLowWatermark() {}
  // The last call, exactly once: the descriptor is closed. It comes at the end of the callback in
  // which the connection ended, never from inside close() or any other call on the connection.
  virtual void onClose(CloseReason reason) = 0;

 protected:
  ~ConnectionHandler() = default;
};

// One byte-stream connection, accepted or made: owns the descriptor, its watcher, the transport and
// the output queue. Reads into the worker's shared read block and hands the bytes over in place;
// writes leave at the end of the callback that produced them, all in one call. When writing fails
// because the peer has reset, what it sent before is still delivered and then the connection ends
// with kReset. Worker-confined. An idle one holds no block and no buffer.
class Connection final : public event::FdHandler,
                         public event::DeferredDeletable,
                         public TransportHost {
 public:
  // Adopts an accepted, non-blocking descriptor. `handler` is set before start(). `local` may be
  // null: it is asked of the kernel when somebody wants it. No `transport` means plain.
  static std::unique_ptr<Connection> accepted(IoContext& io, int fd, const Address& remote,
                                              std::shared_ptr<const Address> local,
                                              std::unique_ptr<TransportSocket> transport);
  // Starts connecting; the outcome comes by onConnected or onClose, never from inside this call.
  // With several addresses, remoteAddress() is the one that answered from then on.
  static std::unique_ptr<Connection> connect(IoContext& io, const Address& remote,
                                             std::unique_ptr<TransportSocket> transport,
                                             const ConnectOptions& options);
  ~Connection() override;

  void setHandler(ConnectionHandler& handler) { handler_ = &handler; }
  // Bytes of an accepted connection that were read from its descriptor before: they come first.
  // Empties `early`; before start().
  void unread(buffer::Buffer& early);
  // Begins reading (an accepted one; a connecting one begins by itself). `handshake_timeout`: until
  // the transport is up; zero: no limit.
  void start(std::chrono::milliseconds handshake_timeout = std::chrono::milliseconds(0));

  // Reading: enabled at first. Disabling counts nothing; the last call wins. Data that is already
  // at hand when reading is enabled again is delivered on a later callback, not from inside.
  void setReadEnabled(bool enabled);
  bool readEnabled() const { return read_enabled_; }
  // A second brake, the filter chain's, beside setReadEnabled: both must be off for reading.
  void holdReading(bool hold);
  // Bytes received and not yet drained by the handler, which may drain them at any time. Reading
  // rests while more than kMaxInput wait here. The reference is good until the current callback
  // returns.
  buffer::Buffer& input();

  // Writing: compose straight into output(), then call outputReady(); or write(). Both flush at the
  // end of the current callback. `end_stream` half-closes after the last byte; when the peer has
  // ended too, the connection closes with kRemote. References as for input(). Written before the
  // connection is up, it waits for that.
  buffer::Buffer& output();
  void outputReady(bool end_stream = false);
  void write(buffer::Buffer& data, bool end_stream = false);
  // The handler is told of a crossing after the flush, by what the socket did not take.
  bool aboveHighWatermark() const;
  void setWatermarks(uint32_t low_bytes, uint32_t high_bytes);  // defaults 64 KiB and 256 KiB

  // Whether it closes with kRemote once both sides have ended; so it does at first. One that does
  // not is kept until its owner closes it or lets it close here, which it then does when it may
  // already.
  void setClosesWhenEnded(bool closes);
  // Idempotent. After it the handler gets only onClose(kLocal).
  void close(CloseMode mode);
  bool open() const { return state_ < State::kFlushing; }  // close() was not called, nor did it end
  bool connecting() const { return state_ < State::kOpen; }
  bool remoteEnded() const { return remote_ended_; }

  const Address& remoteAddress() const { return remote_; }
  const Address& localAddress() const;
  TransportSocket& transport() { return transport_ ? *transport_ : plain_; }
  IoContext& io() { return io_; }
  uint64_t id() const { return id_; }  // unique in the process
  uint64_t bytesReceived() const { return bytes_received_; }
  uint64_t bytesSent() const { return bytes_sent_; }
  int lastError() const { return error_; }  // errno of kReset / kConnectFailed

  void onFdReady(event::FdEvents events) override;
  void transportReady() override;

  static constexpr size_t kMaxInput = 256 * 1024;
  static constexpr int kReadRounds = 4;  // per event, each of one read block at most
  static constexpr std::chrono::milliseconds kLingerTime{1000};
  static constexpr uint32_t kLingerBytes = 1024 * 1024;

 private:
  friend class IoContext;
  friend class SplicePump;

  // kConnecting → kHandshaking → kOpen → kFlushing → kLingering → kClosing → kClosed, any of the
  // steps may be left out; never back.
  enum class State : uint8_t {
    kConnecting,   // connect(2) is under way
    kHandshaking,  // the transport is not up yet
    kOpen,
    kFlushing,   // close(kFlush): output is left
    kLingering,  // FIN is sent, discarding until the peer's
    kClosing,    // the descriptor is closed, onClose is due
    kClosed,     // onClose was told
  };
  // What only connecting, closing and splicing connections have.
  struct Extra;

  Connection(IoContext& io, int fd, const Address& remote, std::shared_ptr<const Address> local,
             std::unique_ptr<TransportSocket> transport, State state);

  int fd() const { return plain_.fd(); }
  bool hasInput() const { return input_ != nullptr && !input_->empty(); }
  bool hasOutput() const { return output_ != nullptr && !output_->empty(); }
  bool readAllowed() const {
    return read_enabled_ && !read_held_ && (input_ == nullptr || input_->size() <= kMaxInput);
  }

  // Setting up.
  void startConnecting(const ConnectOptions& options);
  void finishConnecting();
  void startRace(const ConnectOptions& options);
  void finishRace();
  void driveHandshake();
  void becomeOpen();

  // Readiness and timeouts.
  void watchFd();
  void onOpenReady(event::FdEvents events);
  bool wantsRead() const;
  bool wantsWrite() const;
  // READABLE is dropped only when an event `woke_in_vain`: a short pause costs no system call.
  void updateWatch(bool woke_in_vain);
  Extra& extra();
  void armTimer(std::chrono::milliseconds delay);
  void cancelTimer();
  void onTimeout();

  // The end-of-callback work.
  void enqueue();
  void settle();
  void resume();

  // Reading.
  void readAvailable();
  void deliver();
  void discardWhileFlushing();
  void discardWhileLingering();
  void releaseEmptyBuffers();

  // Writing and ending.
  void flushOutput();
  void onWriteError(int error);
  void onDrained();
  void checkWatermarks();
  void finishFlush();
  bool closesWhenWritten() const;
  void finishWhenBothEnded();
  void finish(CloseReason reason, int error);
  void closeDescriptor();
  void detachSplices();

  ConnectionHandler* handler_ = nullptr;
  IoContext& io_;
  std::unique_ptr<event::FdWatcher> watcher_;
  std::unique_ptr<TransportSocket> transport_;  // nullptr: plain_
  std::unique_ptr<buffer::Buffer> input_;       // borrowed from io_ while there are bytes
  std::unique_ptr<buffer::Buffer> output_;
  std::unique_ptr<Extra> extra_;
  Address remote_;
  mutable std::shared_ptr<const Address> local_;
  const uint64_t id_;
  uint64_t bytes_received_ = 0;
  uint64_t bytes_sent_ = 0;
  uint32_t low_watermark_ = 64 * 1024;
  uint32_t high_watermark_ = 256 * 1024;
  PlainTransport plain_;  // has the descriptor
  int16_t error_ = 0;
  State state_;
  CloseReason close_reason_ = CloseReason::kLocal;
  bool read_enabled_ : 1 = true;
  bool read_held_ : 1 = false;
  bool watching_read_ : 1 = false;
  bool watching_write_ : 1 = false;
  bool write_blocked_ : 1 = false;  // the socket took less than there was
  bool write_dead_ : 1 = false;     // writing failed; what can be read is still read
  bool remote_ended_ : 1 = false;
  bool end_requested_ : 1 = false;  // half-close after the output
  bool write_ended_ : 1 = false;
  // Also set when somebody asked and stopped because of the answer: then the crossing back is told.
  mutable bool above_high_ : 1 = false;
  bool linger_ : 1 = false;
  bool reset_ : 1 = false;
  bool enqueued_ : 1 = false;
  bool resume_due_ : 1 = false;
  bool flush_due_ : 1 = false;
  bool keeps_open_ : 1 = false;  // though both sides have ended
  bool splice_source_ : 1 = false;
  bool splice_target_ : 1 = false;
};

}  // namespace weir::network
