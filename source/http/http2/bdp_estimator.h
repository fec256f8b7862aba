#pragma once

#include <cstdint>

namespace weir::http::http2 {

// Sizes flow-control windows for the bandwidth-delay product: while data comes, a PING is under way
// and the bytes until its answer are what one round trip carries. When that comes near the window,
// the window is what limits: it doubles, up to a maximum. As long as it does not, PINGs become
// rarer, so that a fast peer does not take them for a flood. Worker-confined.
class BdpEstimator {
 public:
  BdpEstimator(uint32_t window_bytes, uint32_t max_window_bytes)
      : window_(window_bytes), max_window_(max_window_bytes) {}

  // DATA came. True: send a PING now, to be reported by onPong().
  bool onData(uint32_t bytes);
  // True when window() has grown.
  bool onPong();
  uint32_t window() const { return window_; }

 private:
  static constexpr uint32_t kMaxQuiet = 10;

  uint32_t window_;
  const uint32_t max_window_;
  uint64_t received_ = 0;  // since the PING, or since its answer
  uint32_t quiet_ = 0;     // measurements in a row after which the window did not grow
  bool measuring_ = false;
};

}  // namespace weir::http::http2
