#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "source/buffer/buffer.h"

namespace weir::http {

// Before each message of a gRPC body stand five bytes: a flag (1: compressed as grpc-encoding says)
// and the length of what follows, big-endian.
inline constexpr size_t kGrpcPrefixBytes = 5;
std::array<char, kGrpcPrefixBytes> grpcPrefix(uint32_t message_bytes, bool compressed);

// Cuts a gRPC body into its messages. Worker-confined. Holds what was added and not yet returned:
// at most one incomplete message of the size that is allowed and its prefix, when next() is called
// until kMore after each add().
class GrpcFrameReader {
 public:
  enum class Result : uint8_t {
    kMessage,    // one is in `message`; there may be more
    kMore,       // add() more bytes
    kTooLarge,   // the next one is over the limit; the reader stays there
    kMalformed,  // its flag is neither 0 nor 1; likewise
  };

  GrpcFrameReader(buffer::BlockPool& blocks, uint32_t max_message_bytes)
      : held_(blocks), max_message_bytes_(max_message_bytes) {}

  // Takes all of `data`, by reference.
  void add(buffer::Buffer& data) { held_.append(data); }
  // Appends the next message, without its prefix, to `message`.
  Result next(buffer::Buffer& message, bool& compressed);
  // Nothing of a message has come whose rest has not: the body may end here.
  bool betweenMessages() const { return held_.empty(); }
  size_t bytesHeld() const { return held_.size(); }
  void clear() { held_.clear(); }

 private:
  buffer::Buffer held_;
  const uint32_t max_message_bytes_;
};

}  // namespace weir::http
