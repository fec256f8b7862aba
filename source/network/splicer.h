#pragma once

#include <cstdint>
#include <memory>

#include "source/event/dispatcher.h"
#include "source/network/connection.h"

namespace weir::network {

// Moves exactly `bytes` bytes (or, with kUntilEnd, all until the source ends) from one raw
// connection to another with splice(2) through a pooled pipe of 256 KiB, without bringing them into
// user space. While it runs the source's handler gets no onData. Bytes waiting in the source's
// input() or the target's output() go first, in order. Nobody else writes to the target meanwhile;
// the other direction of both goes on as usual. When pipes run out midway, it copies.
// Worker-confined. Backpressure is the pipe: when the target cannot take more, the source is not
// read.
class Splicer {
 public:
  static constexpr uint64_t kUntilEnd = ~uint64_t{0};

  // Called at the end of a callback, never from inside start(). Each may destroy the splicer and
  // close connections.
  class Observer {
   public:
    // `count` more bytes reached the target's socket.
    virtual void onSpliced(uint64_t count) = 0;
    // All bytes moved (or the source ended, in kUntilEnd: the source's handler is not told again).
    // Reading goes on as before, by onData.
    virtual void onSpliceDone() = 0;
    // The source ended early. (A broken connection is told by its own onClose, after which the
    // splicer is dead.)
    virtual void onSpliceSourceEnded() = 0;

   protected:
    ~Observer() = default;
  };

  // Both connections are open, of one worker, and in no other splice in these roles; their
  // transports have bytesAreRaw(). nullptr when no pipe is to be had: copy instead.
  static std::unique_ptr<Splicer> start(Connection& source, Connection& target, uint64_t bytes,
                                        Observer& observer);
  // Stops; bytes left in the pipe are lost, so the target must then be closed unless done, or
  // empty.
  virtual ~Splicer() = default;
  // No bytes are on their way: it may be destroyed without loss, and the two connections go on by
  // themselves.
  virtual bool empty() const = 0;
};

}  // namespace weir::network
