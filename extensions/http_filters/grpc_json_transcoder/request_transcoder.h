#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "extensions/http_filters/grpc_json_transcoder/json_values.h"
#include "extensions/http_filters/grpc_json_transcoder/transcoding.h"
#include "source/buffer/buffer.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {

// Makes gRPC messages of one request's body. What path and query give is part of the first.
// Worker-confined; holds at most one message of a stream, of the size that is allowed.
class RequestTranscoder {
 public:
  // `parameters`: in binary. `content_type` is the client's.
  RequestTranscoder(const Transcoding& transcoding, const Binding& binding, std::string parameters,
                    std::string_view content_type)
      : transcoding_(transcoding),
        binding_(binding),
        content_type_(content_type),
        parameters_(std::move(parameters)),
        reader_(transcoding.options().max_request_message_bytes) {}

  // The whole body of a method that takes one message. Appends the framed message to `out`.
  // ResourceExhausted: too large; any other error: it is not what the method takes.
  absl::Status takeWhole(std::string_view body, buffer::Buffer& out);
  // The next piece of the body of a method that takes many; likewise.
  absl::Status takePiece(std::string_view piece, buffer::Buffer& out);
  absl::Status finish(buffer::Buffer& out);

 private:
  absl::Status frame(std::string_view body, buffer::Buffer& out);
  absl::Status frameAll(JsonValueReader::Result result, std::string_view value,
                        buffer::Buffer& out);

  const Transcoding& transcoding_;
  const Binding& binding_;
  const std::string content_type_;
  std::string parameters_;
  JsonValueReader reader_;
  uint64_t messages_ = 0;
};

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
