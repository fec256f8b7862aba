#include "extensions/http_filters/grpc_json_transcoder/request_transcoder.h"

#include "source/base/concat.h"
#include "source/http/grpc_frames.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {

using Result = JsonValueReader::Result;

absl::Status RequestTranscoder::frame(std::string_view body, buffer::Buffer& out) {
  std::string message;
  const absl::Status status = transcoding_.requestMessage(binding_, body, content_type_, message);
  if (!status.ok()) return status;
  // Protobuf merges what stands behind: fields of path and query win over the body's.
  message += parameters_;
  parameters_.clear();
  const auto prefix = http::grpcPrefix(static_cast<uint32_t>(message.size()), false);
  out.append(std::string_view(prefix.data(), prefix.size()));
  out.append(message);
  ++messages_;
  return {};
}

absl::Status RequestTranscoder::takeWhole(std::string_view body, buffer::Buffer& out) {
  return frame(body, out);
}

absl::Status RequestTranscoder::takePiece(std::string_view piece, buffer::Buffer& out) {
  if (binding_.body_is_raw) return piece.empty() ? absl::Status() : frame(piece, out);
  reader_.add(piece);
  std::string_view value;
  const Result result = reader_.next(value);
  return frameAll(result, value, out);
}

absl::Status RequestTranscoder::finish(buffer::Buffer& out) {
  if (!binding_.body_is_raw) {
    std::string_view value;
    const Result result = reader_.finish(value);
    const absl::Status status = frameAll(result, value, out);
    if (!status.ok()) return status;
  }
  // Fields of path and query are a message also without body.
  const bool due = !parameters_.empty() || binding_.body == Binding::Body::kNone;
  return messages_ == 0 && due ? frame({}, out) : absl::Status();
}

absl::Status RequestTranscoder::frameAll(Result result, std::string_view value,
                                         buffer::Buffer& out) {
  for (; result == Result::kValue; result = reader_.next(value)) {
    const absl::Status status = frame(value, out);
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          base::concat("message ", messages_ + 1, ": ", base::view(status.message())));
    }
  }
  if (result == Result::kTooLarge) {
    return absl::ResourceExhaustedError(
        base::concat("message ", messages_ + 1, " of the body is too large"));
  }
  if (result == Result::kMalformed) {
    return absl::InvalidArgumentError(base::concat("body: byte ", reader_.byteOffset(), ": ",
                                                   reader_.problem(),
                                                   "; send one array, or one value per line"));
  }
  return {};
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
