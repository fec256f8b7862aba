#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "extensions/http_filters/grpc_json_transcoder/transcoding.h"
#include "source/buffer/buffer.h"
#include "source/http/grpc_frames.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {

// Makes the client's body of the messages of one gRPC response. Worker-confined; holds at most one
// message of the size that is allowed.
class ResponseTranscoder {
 public:
  ResponseTranscoder(const Transcoding& transcoding, const Binding& binding,
                     buffer::BlockPool& blocks)
      : transcoding_(transcoding),
        binding_(binding),
        reader_(blocks, transcoding.options().max_response_message_bytes),
        message_(blocks) {}

  // Takes all of `data`; appends to `body`. An error: the upstream sent what is not gRPC, or not
  // this method's answer.
  absl::Status take(buffer::Buffer& data, std::string& body);
  // The call went well and there is no more: what still belongs to the body.
  absl::Status finish(std::string& body);
  // The call failed after messages had gone to the client: says so in the body, in the way of the
  // format. False when the format has none.
  bool appendError(std::string_view status_json, std::string& body) const;

  uint64_t messages() const { return messages_; }
  // Of the client's response; for a raw body known after the first message, and empty when it is
  // none that a header may have.
  std::string_view contentType() const;

 private:
  absl::Status convert(std::string_view message, std::string& body);
  absl::Status convertRaw(std::string_view message, std::string& body);
  bool streaming() const { return binding_.method->server_streaming; }
  StreamFormat format() const { return transcoding_.options().stream_format; }

  const Transcoding& transcoding_;
  const Binding& binding_;
  http::GrpcFrameReader reader_;
  buffer::Buffer message_;
  std::string raw_type_;
  uint64_t messages_ = 0;
};

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
