#pragma once

#include <cstddef>

#include "source/buffer/buffer.h"

namespace weir::router {

// What has been sent of a request body, kept by reference so that it can be sent again. As soon as
// something was sent that is not kept, it never can. Worker-confined.
class ReplayBody {
 public:
  explicit ReplayBody(buffer::BlockPool& blocks) : kept_(blocks) {}

  // Keeps what is sent from now on while it is at most `limit` bytes; 0: nothing.
  void keep(size_t limit) { limit_ = limit; }
  // `data` is about to be sent.
  void sending(const buffer::Buffer& data) {
    if (lost_ || data.empty()) return;
    limit_ == 0 ? lose() : add(data);
  }
  // All that was sent is here.
  bool intact() const { return !lost_; }
  // Puts a copy, by reference, behind what `other` has.
  void copyTo(buffer::Buffer& other) const { other.appendShared(kept_); }
  // Puts it before what `waiting` has.
  void restore(buffer::Buffer& waiting);
  // It will not be sent again.
  void lose();

 private:
  // Small pieces of large blocks: no more memory is kept alive for a body than so many times its
  // limit.
  static constexpr size_t kPinnedFactor = 4;

  void add(const buffer::Buffer& data);

  buffer::Buffer kept_;
  size_t limit_ = 0;
  bool lost_ = false;
};

}  // namespace weir::router
