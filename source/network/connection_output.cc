#include <unistd.h>

#include <utility>

#include "source/network/connection.h"
#include "source/network/connection_extra.h"
#include "source/network/io_context.h"
#include "source/network/socket.h"
#include "source/network/splice_pump.h"

// Writing, the end-of-callback work, and closing.
namespace weir::network {

Connection::Extra& Connection::extra() {
  if (!extra_) extra_ = std::make_unique<Extra>(*this);
  return *extra_;
}

void Connection::armTimer(std::chrono::milliseconds delay) {
  extra().timer.arm(delay);
}

void Connection::cancelTimer() {
  if (extra_) extra_->timer.cancel();
}

void Connection::onTimeout() {
  if (connecting()) {
    finish(CloseReason::kConnectTimeout, ETIMEDOUT);
  } else if (!open()) {
    finish(CloseReason::kLocal, 0);
  }
}

void Connection::enqueue() {
  if (enqueued_) return;
  enqueued_ = true;
  io_.enqueue(*this);
}

void Connection::settle() {
  enqueued_ = false;
  if (state_ == State::kClosing) {
    state_ = State::kClosed;
    if (input_) io_.returnBuffer(std::move(input_));
    if (output_) io_.returnBuffer(std::move(output_));
    if (handler_ != nullptr) handler_->onClose(close_reason_);
    return;
  }
  if (resume_due_) {
    resume_due_ = false;
    resume();
  }
  if (flush_due_ && fd() >= 0) {
    flush_due_ = false;
    flushOutput();
  }
  if (fd() < 0) return;
  releaseEmptyBuffers();
  updateWatch(false);
}

void Connection::resume() {
  switch (state_) {
    case State::kConnecting:
      return finishConnecting();
    case State::kHandshaking:
      return driveHandshake();
    case State::kOpen:
      break;
    case State::kFlushing:
    case State::kLingering:
    case State::kClosing:
    case State::kClosed:
      return;
  }
  if (splice_source_) return extra_->source_pump->pump();
  if (!read_enabled_ || read_held_) return;
  if (hasInput()) {
    deliver();
  } else if (handler_ != nullptr) {
    handler_->onReadResumed();
  }
  if (state_ != State::kOpen || remote_ended_ || splice_source_ || !readAllowed()) return;
  if (write_dead_ || !transport().bytesAreRaw()) readAvailable();
}

void Connection::releaseEmptyBuffers() {
  if (input_ && input_->empty()) io_.returnBuffer(std::move(input_));
  if (output_ && output_->empty()) io_.returnBuffer(std::move(output_));
}

buffer::Buffer& Connection::output() {
  if (!output_) {
    output_ = io_.borrowBuffer();
    enqueue();
  }
  return *output_;
}

void Connection::outputReady(bool end_stream) {
  if (!open()) return;
  end_requested_ = end_requested_ || end_stream;
  flush_due_ = true;
  enqueue();
}

void Connection::write(buffer::Buffer& data, bool end_stream) {
  if (!open() || write_dead_) {
    data.clear();
    return;
  }
  output().append(data);
  outputReady(end_stream);
}

bool Connection::aboveHighWatermark() const {
  if (hasOutput() && output_->size() > high_watermark_) above_high_ = true;
  return above_high_;
}

void Connection::setWatermarks(uint32_t low_bytes, uint32_t high_bytes) {
  low_watermark_ = low_bytes;
  high_watermark_ = high_bytes;
}

void Connection::flushOutput() {
  // An early write waits for the transport; the pump writes in the right order while it runs.
  if (connecting() || splice_target_) return;
  if (write_dead_) {
    if (output_) output_->clear();
    return checkWatermarks();
  }
  if (hasOutput() || write_blocked_) {
    if (!output_) output_ = io_.borrowBuffer();
    const IoResult result =
        transport_ ? transport_->write(*output_) : plain_.write(*output_, closesWhenWritten());
    bytes_sent_ += result.bytes;
    if (result.state == IoResult::State::kError) return onWriteError(result.error);
    const bool progress = result.bytes > 0 || !write_blocked_;
    write_blocked_ = result.state == IoResult::State::kWouldBlock;
    if (write_blocked_ && progress && state_ == State::kFlushing) armTimer(io_.flushTimeout());
  }
  if (!write_blocked_) onDrained();
  checkWatermarks();
}

void Connection::onWriteError(int error) {
  write_dead_ = true;
  write_blocked_ = false;
  error_ = static_cast<int16_t>(error);
  if (output_) output_->clear();
  if (splice_target_) extra_->target_pump->detachTarget();
  const bool may_have_answered = state_ == State::kOpen && !remote_ended_ && error != 0;
  if (!may_have_answered) {
    const CloseReason broken = error != 0 ? CloseReason::kReset : CloseReason::kTransportError;
    return finish(open() ? broken : CloseReason::kLocal, error);
  }
  resume_due_ = true;
  enqueue();
  checkWatermarks();  // nobody shall wait for room that does not come
}

void Connection::onDrained() {
  if (state_ == State::kFlushing) return finishFlush();
  if (!end_requested_ || write_ended_ || state_ != State::kOpen) return;
  const IoResult result = transport().shutdownWrite();
  if (result.state == IoResult::State::kError) return onWriteError(result.error);
  if (result.state == IoResult::State::kWouldBlock) {
    write_blocked_ = true;
    return;
  }
  write_ended_ = true;
  finishWhenBothEnded();
}

void Connection::checkWatermarks() {
  if (state_ != State::kOpen || handler_ == nullptr) return;
  const size_t waiting = output_ ? output_->size() : 0;
  if (!above_high_ && waiting > high_watermark_) {
    above_high_ = true;
    handler_->onAboveHighWatermark();
  } else if (above_high_ && waiting <= low_watermark_) {
    above_high_ = false;
    handler_->onBelowLowWatermark();
  }
}

void Connection::close(CloseMode mode) {
  const bool gently = mode == CloseMode::kFlush || mode == CloseMode::kFlushNoLinger;
  if (state_ >= State::kClosing || (!open() && gently)) return;
  reset_ = mode == CloseMode::kReset;
  if (!gently || connecting() || write_dead_) return finish(CloseReason::kLocal, 0);
  detachSplices();
  linger_ = mode == CloseMode::kFlush;
  state_ = State::kFlushing;
  flush_due_ = true;
  enqueue();
}

bool Connection::closesWhenWritten() const {
  return state_ == State::kFlushing && (remote_ended_ || !linger_);
}

void Connection::finishFlush() {
  if (hasOutput()) return;
  // Without lingering, close(2) sends the FIN of a plain connection as well.
  const bool close_at_once = closesWhenWritten();
  if (!write_ended_ && !(close_at_once && transport_ == nullptr)) {
    const IoResult result = transport().shutdownWrite();
    if (result.state == IoResult::State::kError) return finish(CloseReason::kLocal, result.error);
    if (result.state == IoResult::State::kWouldBlock) {
      write_blocked_ = true;
      return armTimer(io_.flushTimeout());
    }
    write_ended_ = true;
  }
  if (close_at_once) return finish(CloseReason::kLocal, 0);
  state_ = State::kLingering;
  armTimer(kLingerTime);
}

void Connection::finishWhenBothEnded() {
  if (state_ != State::kOpen || keeps_open_ || !remote_ended_ || !write_ended_) return;
  if (!hasInput() && !splice_source_ && !splice_target_) finish(CloseReason::kRemote, 0);
}

void Connection::setClosesWhenEnded(bool closes) {
  keeps_open_ = !closes;
  finishWhenBothEnded();
}

void Connection::finish(CloseReason reason, int error) {
  if (state_ >= State::kClosing) return;
  state_ = State::kClosing;
  close_reason_ = reason;
  error_ = static_cast<int16_t>(error);
  closeDescriptor();
  enqueue();
}

// Buffers stay until onClose: a handler may be looking at them right now.
void Connection::closeDescriptor() {
  detachSplices();
  cancelTimer();
  if (extra_ && extra_->race) {
    extra_->race->cancel();
    io_.dispatcher().deferDelete(std::move(extra_->race));
  }
  if (watcher_) watcher_->closing();
  watcher_.reset();
  if (fd() < 0) return;
  if (reset_) setResetOnClose(fd());
  ::close(fd());
  plain_.attach(-1);
}

void Connection::detachSplices() {
  if (splice_source_) extra_->source_pump->detachSource();
  if (splice_target_) extra_->target_pump->detachTarget();
}

}  // namespace weir::network
