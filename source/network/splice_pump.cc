#include "source/network/splice_pump.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <utility>

#include "source/network/connection_extra.h"
#include "source/network/io_context.h"

// Each event pumps both ends: splice from the source until it is dry or the pipe is full, then into
// the target until that is full or the pipe is empty. SPLICE_F_MORE is not used: when the source
// then pauses, the kernel would sit on the last segment for 200 ms; and where it was used only
// while the source filled the pipe, 1 MiB cost a third more.
namespace weir::network {

namespace {
constexpr unsigned kSpliceFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

bool wouldBlock(int error) {
  return error == EAGAIN || error == EINTR;
}

// Memory of splices that have ended, for the next ones. Worker-confined: each thread has its own.
class SpareMemory {
 public:
  ~SpareMemory() {
    while (void* memory = take()) ::operator delete(memory);
  }
  void* take() {
    Node* const node = first_;
    if (node == nullptr) return nullptr;
    first_ = node->next;
    --count_;
    return node;
  }
  // False when there is enough.
  bool keep(void* memory) {
    if (count_ == kMost) return false;
    first_ = new (memory) Node{first_};
    ++count_;
    return true;
  }

 private:
  static constexpr int kMost = 32;  // as many as pipes wait
  struct Node {
    Node* next;
  };
  Node* first_ = nullptr;
  int count_ = 0;
};

thread_local SpareMemory spare_memory;

}  // namespace

void* SplicePump::operator new(size_t bytes) {
  void* const spare = spare_memory.take();
  return spare != nullptr ? spare : ::operator new(bytes);
}

void SplicePump::operator delete(void* memory) {
  if (!spare_memory.keep(memory)) ::operator delete(memory);
}

std::unique_ptr<Splicer> Splicer::start(Connection& source, Connection& target, uint64_t bytes,
                                        Observer& observer) {
  if (!source.transport().bytesAreRaw() || !target.transport().bytesAreRaw()) return nullptr;
  const Pipe pipe = source.io().pipes().acquire();
  if (!pipe.valid()) return nullptr;
  return std::make_unique<SplicePump>(source, target, bytes, observer, pipe);
}

SplicePump::SplicePump(Connection& source, Connection& target, uint64_t bytes, Observer& observer,
                       Pipe pipe)
    : source_(&source),
      target_(&target),
      observer_(observer),
      pipe_(pipe),
      io_(source.io()),
      remaining_(bytes),
      until_end_(bytes == kUntilEnd),
      source_ended_(source.remote_ended_) {
  source.extra().source_pump = this;
  source.splice_source_ = true;
  target.extra().target_pump = this;
  target.splice_target_ = true;
  source.resume_due_ = true;
  source.enqueue();
}

SplicePump::~SplicePump() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  detachTarget();
  detachSource();
  if (in_pipe_ > 0) io_.pipes().discard(std::exchange(pipe_, {}));
  givePipeBack();
}

// The connections go on as they were; the splicer is dead.
void SplicePump::detachSource() {
  if (source_ == nullptr) return;
  Connection& source = *std::exchange(source_, nullptr);
  source.splice_source_ = false;
  source.extra_->source_pump = nullptr;
  if (source.fd() < 0) return;
  source.resume_due_ = true;
  source.enqueue();
}

void SplicePump::detachTarget() {
  if (target_ == nullptr) return;
  Connection& target = *std::exchange(target_, nullptr);
  target.splice_target_ = false;
  target.extra_->target_pump = nullptr;
  if (target.fd() < 0) return;
  target.write_blocked_ = false;
  target.flush_due_ = true;
  target.enqueue();
}

void SplicePump::pump() {
  if (!running()) return;
  forwardInput();
  Step step = Step::kMoved;
  for (int round = 0; round < kRounds && step == Step::kMoved; ++round) step = moveRound();
  if (in_pipe_ == 0) givePipeBack();
  if (running()) {
    target_blocked_ = in_pipe_ > 0 || target_->hasOutput();
    target_->write_blocked_ = target_blocked_;
    target_->updateWatch(false);
    source_->updateWatch(false);
  }
  if (unreported_ > 0) {
    bool gone = false;
    destroyed_ = &gone;
    observer_.onSpliced(std::exchange(unreported_, 0));
    if (gone) return;
    destroyed_ = nullptr;
  }
  if (running() && allRead() && !target_blocked_) complete();
}

void SplicePump::complete() {
  Connection& source = *source_;
  source.remote_ended_ = source_ended_;
  detachTarget();
  detachSource();
  source.finishWhenBothEnded();
  if (remaining_ == 0 || until_end_) {
    observer_.onSpliceDone();
  } else {
    observer_.onSpliceSourceEnded();
  }
}

void SplicePump::forwardInput() {
  if (remaining_ == 0 || !source_->hasInput()) return;
  const uint64_t count = std::min<uint64_t>(remaining_, source_->input_->size());
  target_->output().appendPrefix(*source_->input_, count);
  in_output_ += count;
  if (!until_end_) remaining_ -= count;
}

SplicePump::Step SplicePump::moveRound() {
  if (const Step step = flushTarget(); step != Step::kMoved) return step;
  if (in_pipe_ > 0) {
    if (const Step step = drainPipe(); step != Step::kMoved) return step;
  }
  if (allRead()) return Step::kEnded;
  if (!pipe_.valid()) pipe_ = io_.pipes().acquire();
  if (!pipe_.valid()) return copyWithoutPipe();
  const Step filled = fillPipe();
  if (filled == Step::kBroken || in_pipe_ == 0) return filled;
  const Step drained = drainPipe();
  return drained == Step::kMoved ? filled : drained;
}

SplicePump::Step SplicePump::flushTarget() {
  if (target_->hasOutput()) {
    const IoResult result = target_->transport().write(*target_->output_);
    target_->bytes_sent_ += result.bytes;
    if (result.state == IoResult::State::kError) {
      target_->onWriteError(result.error);
      return Step::kBroken;
    }
    if (target_->hasOutput()) return Step::kBlocked;
  }
  unreported_ += std::exchange(in_output_, 0);
  return Step::kMoved;
}

// kMoved: as much as there was room for, so there may be more. A short count is taken for a dry
// source: the level-triggered poll tells when it was only the pipe that was full.
SplicePump::Step SplicePump::fillPipe() {
  const uint64_t asked = std::min<uint64_t>(remaining_, pipe_.capacity - in_pipe_);
  const ssize_t count =
      splice(source_->fd(), nullptr, pipe_.write_fd, nullptr, asked, kSpliceFlags);
  if (count < 0) {
    if (wouldBlock(errno)) return Step::kBlocked;
    source_->finish(CloseReason::kReset, errno);
    return Step::kBroken;
  }
  if (count == 0) {
    source_ended_ = true;
    return Step::kEnded;
  }
  const auto bytes = static_cast<uint64_t>(count);
  in_pipe_ += bytes;
  source_->bytes_received_ += bytes;
  if (!until_end_) remaining_ -= bytes;
  return bytes == asked ? Step::kMoved : Step::kBlocked;
}

SplicePump::Step SplicePump::drainPipe() {
  while (in_pipe_ > 0) {
    const ssize_t count =
        splice(pipe_.read_fd, nullptr, target_->fd(), nullptr, in_pipe_, kSpliceFlags);
    if (count <= 0) {
      if (count < 0 && wouldBlock(errno)) return Step::kBlocked;
      target_->onWriteError(count == 0 ? EPIPE : errno);
      return Step::kBroken;
    }
    const auto bytes = static_cast<uint64_t>(count);
    in_pipe_ -= bytes;
    unreported_ += bytes;
    target_->bytes_sent_ += bytes;
  }
  return Step::kMoved;
}

SplicePump::Step SplicePump::copyWithoutPipe() {
  auto room = io_.readRoom();
  room = room.first(std::min<uint64_t>(remaining_, room.size()));
  const IoResult result = source_->transport().read(room);
  if (result.state == IoResult::State::kError) {
    source_->finish(CloseReason::kReset, result.error);
    return Step::kBroken;
  }
  source_ended_ = result.state == IoResult::State::kEnd;
  if (result.bytes > 0) {
    source_->bytes_received_ += result.bytes;
    target_->output().append(io_.takeRead(result.bytes));
    in_output_ += result.bytes;
    if (!until_end_) remaining_ -= result.bytes;
  }
  const Step flushed = flushTarget();
  io_.rewindReadBlock();
  if (flushed != Step::kMoved) return flushed;
  return result.state == IoResult::State::kOk ? Step::kMoved : Step::kBlocked;
}

void SplicePump::givePipeBack() {
  if (pipe_.valid()) io_.pipes().release(std::exchange(pipe_, {}));
}

}  // namespace weir::network
