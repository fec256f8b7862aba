#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::network {

// A kernel pipe for splice(2). Value; PipePool opens and closes it.
struct Pipe {
  int read_fd = -1;
  int write_fd = -1;
  size_t capacity = 0;
  bool valid() const { return read_fd >= 0; }
};

// Pipes of one worker: opened when needed, at most `max_open` at a time, some kept for the next
// user. Worker-confined.
class PipePool {
 public:
  static constexpr size_t kPipeBytes = 256 * 1024;

  explicit PipePool(uint32_t max_open = 128, uint32_t max_idle = 32)
      : max_open_(max_open), max_idle_(max_idle) {}
  ~PipePool();
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  // An empty pipe of kPipeBytes, or of what the kernel allows this user; !valid() when the bound is
  // reached or the kernel gives none.
  Pipe acquire();
  // Takes back an empty pipe.
  void release(Pipe pipe);
  // Closes a pipe that has bytes left.
  void discard(Pipe pipe);

  uint32_t open() const { return open_; }
  uint32_t idle() const { return static_cast<uint32_t>(idle_.size()); }

 private:
  const uint32_t max_open_;
  const uint32_t max_idle_;
  uint32_t open_ = 0;
  std::vector<Pipe> idle_;
};

}  // namespace weir::network
