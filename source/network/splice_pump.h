#pragma once

#include <cstddef>
#include <cstdint>

#include "source/network/pipe_pool.h"
#include "source/network/splicer.h"

namespace weir::network {

// The Splicer: called by its two connections when the source is readable or the target writable.
// Dead once either has gone. Worker-confined.
class SplicePump final : public Splicer {
 public:
  SplicePump(Connection& source, Connection& target, uint64_t bytes, Observer& observer, Pipe pipe);
  ~SplicePump() override;
  bool empty() const override { return in_pipe_ == 0 && in_output_ == 0; }
  // From a small store of the thread: a splice costs no allocation.
  static void* operator new(size_t bytes);
  static void operator delete(void* memory);

  // Moves what can be moved now, in a bounded number of rounds. The last thing the caller does with
  // the splicer, which the observer may destroy.
  void pump();
  // The source is watched only while there is room to put its bytes.
  bool wantsSource() const { return !target_blocked_; }
  void detachSource();
  void detachTarget();

 private:
  enum class Step : uint8_t { kMoved, kBlocked, kEnded, kBroken };
  static constexpr int kRounds = 4;

  bool running() const { return source_ != nullptr && target_ != nullptr; }
  bool allRead() const { return remaining_ == 0 || source_ended_; }
  void forwardInput();
  // Each returns kBroken when the connection has gone.
  Step flushTarget();
  Step fillPipe();
  Step drainPipe();
  Step copyWithoutPipe();
  Step moveRound();
  void report();
  void complete();
  void givePipeBack();

  Connection* source_;
  Connection* target_;
  Observer& observer_;
  Pipe pipe_;
  IoContext& io_;
  uint64_t remaining_;  // not yet read from the source
  uint64_t in_pipe_ = 0;
  uint64_t in_output_ = 0;   // of ours, in the target's output
  uint64_t unreported_ = 0;  // have reached the target's socket
  const bool until_end_;
  bool source_ended_ = false;
  bool target_blocked_ = false;
  bool* destroyed_ = nullptr;  // of the report under way
};

}  // namespace weir::network
