#include "extensions/http_filters/grpc_json_transcoder/response_transcoder.h"

#include <optional>
#include <utility>

#include "extensions/http_filters/grpc_json_transcoder/wire.h"
#include "source/base/concat.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

using Result = http::GrpcFrameReader::Result;

absl::Status malformed(absl::string_view what) {
  return absl::DataLossError(what);
}

}  // namespace

absl::Status ResponseTranscoder::take(buffer::Buffer& data, std::string& body) {
  reader_.add(data);
  for (;;) {
    message_.clear();
    bool compressed = false;
    switch (reader_.next(message_, compressed)) {
      case Result::kMore:
        return {};
      case Result::kTooLarge:
        return malformed("a message of the upstream is larger than max_response_message_bytes");
      case Result::kMalformed:
        return malformed("the upstream sent a malformed gRPC frame");
      case Result::kMessage:
        break;
    }
    if (compressed)
      return malformed("the upstream sent a compressed message, which nobody asked for");
    if (!streaming() && messages_ == 1) return malformed("the upstream sent a second message");
    const absl::Status status = convert(message_.linearize(message_.size()), body);
    if (!status.ok()) return status;
    ++messages_;
  }
}

absl::Status ResponseTranscoder::convert(std::string_view message, std::string& body) {
  if (binding_.response_is_raw) return convertRaw(message, body);
  const size_t before = body.size();
  if (streaming()) {
    switch (format()) {
      case StreamFormat::kJsonLines:
        break;
      case StreamFormat::kJsonArray:
        body += messages_ == 0 ? "[" : ",";
        break;
      case StreamFormat::kServerSentEvents:
        body += "data: ";
        break;
    }
  }
  const absl::Status status = transcoding_.responseJson(binding_, message, streaming(), body);
  if (!status.ok()) {
    body.resize(before);
    return malformed("a message of the upstream does not fit the descriptor set");
  }
  if (streaming() && format() == StreamFormat::kJsonLines) body += "\n";
  if (streaming() && format() == StreamFormat::kServerSentEvents) body += "\n\n";
  return {};
}

absl::Status ResponseTranscoder::convertRaw(std::string_view message, std::string& body) {
  std::optional<std::string> field;
  if (binding_.response_number != 0) {
    field = fieldOf(message, binding_.response_number);
    if (!field) return malformed("a message of the upstream is damaged");
    message = *field;
  }
  auto raw = decodeHttpBody(message);
  if (!raw) return malformed("a message of the upstream is damaged");
  if (messages_ == 0) {
    if (!http::isFieldValue(raw->content_type)) {
      return malformed("the upstream's content type is no value of a header");
    }
    raw_type_ = std::move(raw->content_type);
  }
  body += raw->data;
  return {};
}

absl::Status ResponseTranscoder::finish(std::string& body) {
  if (!reader_.betweenMessages()) return malformed("the upstream ended inside of a message");
  if (!streaming()) {
    return messages_ == 1 ? absl::Status() : malformed("the upstream sent no message");
  }
  if (binding_.response_is_raw || format() != StreamFormat::kJsonArray) return {};
  body += messages_ == 0 ? "[]" : "]";
  return {};
}

bool ResponseTranscoder::appendError(std::string_view status_json, std::string& body) const {
  if (binding_.response_is_raw) return false;
  switch (format()) {
    case StreamFormat::kJsonLines:
      body += base::concat("{\"error\":", status_json, "}\n");
      break;
    case StreamFormat::kJsonArray:
      body += base::concat(",{\"error\":", status_json, "}]");
      break;
    case StreamFormat::kServerSentEvents:
      body += base::concat("event: error\ndata: ", status_json, "\n\n");
      break;
  }
  return true;
}

std::string_view ResponseTranscoder::contentType() const {
  if (binding_.response_is_raw) {
    return raw_type_.empty() ? "application/octet-stream" : std::string_view(raw_type_);
  }
  if (!streaming()) return "application/json";
  switch (format()) {
    case StreamFormat::kJsonLines:
      return "application/x-ndjson";
    case StreamFormat::kJsonArray:
      return "application/json";
    case StreamFormat::kServerSentEvents:
      return "text/event-stream";
  }
  return "application/json";
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
