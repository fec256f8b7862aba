#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::extensions::http_filters::grpc_web {

// Follows a gRPC body (source/http/grpc_frames.h) to know where its messages end, and holds nothing
// of it. Worker-confined.
class MessageScanner {
 public:
  // Goes over `bytes` as far as the end of the message that they are in; how far it came. Less than
  // all of them: a message ends there, or the body is malformed.
  size_t advance(std::string_view bytes);
  // No message has begun whose end has not come.
  bool betweenMessages() const { return prefix_seen_ == 0; }
  // A flag that is neither 0 nor 1: a gRPC-Web client would read other things into it. The scanner
  // stays there.
  bool malformed() const { return malformed_; }

 private:
  uint64_t left_ = 0;  // of the message
  uint8_t prefix_seen_ = 0;
  bool malformed_ = false;
};

}  // namespace weir::extensions::http_filters::grpc_web
