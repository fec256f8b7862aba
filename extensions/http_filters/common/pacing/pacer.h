#pragma once

#include <chrono>
#include <cstdint>

#include "extensions/http_filters/common/pacing/byte_bucket.h"
#include "source/buffer/buffer.h"
#include "source/http/filter.h"

namespace weir::extensions::http_filters::common::pacing {

// Lets one body of a stream go on as a bucket allows: what may not pass yet waits, and the sender
// is slowed by the chain. For a filter with BodyMode::kStream in that direction, which hands it its
// calls. Order is kept: trailers and the end come behind the last byte. Worker-confined.
class Pacer {
 public:
  enum class Direction : uint8_t { kRequest, kResponse };
  Pacer(http::FilterHandle& handle, Direction direction, ByteBucket& bucket);
  ~Pacer() { stop(); }
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;

  // From the filter's call for a piece of body: its verdict.
  http::Verdict onBody(buffer::Buffer& data);
  // The stream is over: nothing more is passed on.
  void stop();

  // How long bytes have had to wait.
  std::chrono::milliseconds delay() const;

 private:
  static constexpr std::chrono::milliseconds kStep{20};
  void onTime();
  void pass(size_t bytes);
  void endWait();
  event::MonotonicTime now() const { return handle_.dispatcher().now(); }

  http::FilterHandle& handle_;
  const Direction direction_;
  ByteBucket& bucket_;
  event::WheelTimer timer_;
  buffer::Buffer waiting_;
  bool waits_ = false;
  event::MonotonicTime since_{};
  event::MonotonicTime::duration delay_{};
};

}  // namespace weir::extensions::http_filters::common::pacing
