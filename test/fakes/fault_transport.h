#pragma once

#include <cstdint>
#include <limits>
#include <random>

#include "source/network/plain_transport.h"

namespace weir::network::test {

// What goes wrong on a FaultTransport; percentages per call.
struct Faults {
  uint32_t seed = 1;
  int would_block_percent = 0;  // spurious EAGAIN
  int short_percent = 0;        // moves 1 to 16 bytes only
  // ECONNRESET once so many bytes have passed.
  uint64_t reset_read_at = std::numeric_limits<uint64_t>::max();
  uint64_t reset_write_at = std::numeric_limits<uint64_t>::max();
};

// A plain transport over a real socket that is as bad as networks are, reproducibly. The poll stays
// level-triggered, so spurious EAGAIN only delays. Worker-confined.
class FaultTransport final : public TransportSocket {
 public:
  explicit FaultTransport(const Faults& faults) : faults_(faults), random_(faults.seed) {}

  void attach(int fd, TransportHost&) override { plain_.attach(fd); }
  void unread(buffer::Buffer&) override {}
  IoResult read(std::span<char> out) override;
  IoResult write(buffer::Buffer& data) override;
  IoResult shutdownWrite() override { return plain_.shutdownWrite(); }

 private:
  bool strikes(int percent) { return static_cast<int>(random_() % 100) < percent; }
  // How many bytes the next call may move, of `wanted`.
  size_t allowance(size_t wanted, uint64_t done, uint64_t reset_at);

  const Faults faults_;
  std::mt19937 random_;
  PlainTransport plain_;
  uint64_t bytes_read_ = 0;
  uint64_t bytes_written_ = 0;
};

}  // namespace weir::network::test
