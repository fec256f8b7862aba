#include "source/network/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

namespace weir::network {
namespace {

// A user without privileges may be over pipe-user-pages-soft: then smaller, then as it came.
size_t enlarge(int fd) {
  for (size_t bytes = PipePool::kPipeBytes; bytes > 64 * 1024; bytes /= 2) {
    const int got = fcntl(fd, F_SETPIPE_SZ, static_cast<int>(bytes));
    if (got > 0) return static_cast<size_t>(got);
  }
  const int got = fcntl(fd, F_GETPIPE_SZ);
  return got > 0 ? static_cast<size_t>(got) : 4096;
}

}  // namespace

PipePool::~PipePool() {
  while (!idle_.empty()) {
    discard(idle_.back());
    idle_.pop_back();
  }
}

Pipe PipePool::acquire() {
  if (!idle_.empty()) {
    Pipe pipe = idle_.back();
    idle_.pop_back();
    return pipe;
  }
  int fds[2];
  if (open_ >= max_open_ || pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) return {};
  ++open_;
  return {fds[0], fds[1], enlarge(fds[1])};
}

void PipePool::release(Pipe pipe) {
  if (idle_.size() >= max_idle_) return discard(pipe);
  idle_.push_back(pipe);
}

void PipePool::discard(Pipe pipe) {
  close(pipe.read_fd);
  close(pipe.write_fd);
  --open_;
}

}  // namespace weir::network
