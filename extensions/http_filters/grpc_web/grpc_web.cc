#include "extensions/http_filters/grpc_web/grpc_web.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "extensions/http_filters/grpc_web/base64_stream.h"
#include "extensions/http_filters/grpc_web/content_type.h"
#include "extensions/http_filters/grpc_web/message_scanner.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/http/grpc_frames.h"
#include "source/http/grpc_semantics.h"

namespace weir::extensions::http_filters::grpc_web {
namespace {

using http::GrpcStatus;
using http::HeaderId;
using http::HeaderMap;
using http::Verdict;

// The first byte of the last frame of a body, which holds what gRPC has in its trailers.
constexpr char kTrailersFlag = static_cast<char>(0x80);
constexpr size_t kMostRoom = 16 * 1024;
constexpr std::string_view kNoStatus = "the server ended its answer without a status";

// A worker's counters. Worker-confined.
struct Cells {
  Cells(const GrpcWebStats& ids, stats::Block& block)
      : requests(block.counter(ids.requests)),
        text_requests(block.counter(ids.text_requests)),
        malformed_requests(block.counter(ids.malformed_requests)),
        malformed_responses(block.counter(ids.malformed_responses)),
        foreign_responses(block.counter(ids.foreign_responses)),
        missing_status(block.counter(ids.missing_status)) {}
  stats::Cell& requests;
  stats::Cell& text_requests;
  stats::Cell& malformed_requests;
  stats::Cell& malformed_responses;
  stats::Cell& foreign_responses;
  stats::Cell& missing_status;
};

bool encoded(const HeaderMap& headers) {
  const std::string_view coding = headers.get(HeaderId::kContentEncoding);
  return !coding.empty() && !base::equalsIgnoreCase(coding, "identity");
}

// Of one stream. Worker-confined.
class GrpcWebFilter final : public http::HttpFilter {
 public:
  explicit GrpcWebFilter(Cells& cells) : cells_(cells) {}

  Verdict onRequestHead(http::RequestHead& head, bool end_stream) override;
  Verdict onRequestBody(buffer::Buffer& data, bool end_stream) override;
  Verdict onRequestTrailers(HeaderMap& trailers) override;
  Verdict onResponseHead(http::ResponseHead& head, bool end_stream) override;
  Verdict onResponseBody(buffer::Buffer& data, bool end_stream) override;
  Verdict onResponseTrailers(HeaderMap& trailers) override;

 private:
  Verdict refuseRequest();
  Verdict failResponse(std::string_view detail);
  void replaceForeign(http::ResponseHead& head);
  bool encodeMessages(buffer::Buffer& data);
  void putTrailers(const HeaderMap& trailers, buffer::Buffer& to);
  void put(std::string_view bytes, buffer::Buffer& to);
  void addMissingStatus(HeaderMap& fields);

  Cells& cells_;
  bool active_ = false;  // the request is one of gRPC-Web
  bool text_answer_ = false;
  bool drops_body_ = false;      // of a foreign answer
  bool status_in_head_ = false;  // of an answer with a body
  GrpcWebType asked_;
  Base64Reader reader_;
  Base64Writer writer_;
  MessageScanner scanner_;
};

Verdict GrpcWebFilter::onRequestHead(http::RequestHead& head, bool) {
  if (head.method != "POST") return Verdict::kContinue;
  const auto type = parseGrpcWebType(head.headers.get(HeaderId::kContentType));
  if (!type) return Verdict::kContinue;
  active_ = true;
  asked_ = *type;
  text_answer_ = wantsText(head.headers, asked_);
  (asked_.text ? cells_.text_requests : cells_.requests).add();

  head.headers.setView(HeaderId::kContentType, grpcType(asked_.format, head.headers.arena()));
  head.headers.setView(HeaderId::kTe, "trailers");
  head.headers.remove(HeaderId::kAccept);
  head.headers.remove(HeaderId::kAcceptEncoding);  // a coded body could not get its last frame
  if (asked_.text && head.framing == http::BodyFraming::kContentLength) {
    head.framing = http::BodyFraming::kChunked;
    head.headers.remove(HeaderId::kContentLength);
  }
  handle().setBodyNeeds({.request = asked_.text ? http::BodyMode::kStream : http::BodyMode::kNone,
                         .response = http::BodyMode::kStream});
  return Verdict::kContinue;
}

// Called for text only.
Verdict GrpcWebFilter::onRequestBody(buffer::Buffer& data, bool end_stream) {
  buffer::Buffer decoded(handle().blocks());
  if (!reader_.read(data, decoded)) return refuseRequest();
  if (end_stream && !reader_.complete()) return refuseRequest();
  data = std::move(decoded);
  return Verdict::kContinue;
}

Verdict GrpcWebFilter::onRequestTrailers(HeaderMap&) {
  return reader_.complete() ? Verdict::kContinue : refuseRequest();
}

Verdict GrpcWebFilter::refuseRequest() {
  cells_.malformed_requests.add();
  handle().localReply({.status = 400,
                       .body = "malformed base64 in the body of a gRPC-Web request\n",
                       .detail = "grpc_web_malformed_base64"});
  return Verdict::kPause;
}

Verdict GrpcWebFilter::onResponseHead(http::ResponseHead& head, bool end_stream) {
  if (!active_) return Verdict::kContinue;
  status_in_head_ = http::grpcStatusIn(head.headers).has_value();
  const bool answer = http::isGrpc(head.headers) && !encoded(head.headers) &&
                      (head.status == 200 || status_in_head_);
  if (!answer) {
    replaceForeign(head);
    return Verdict::kContinue;
  }
  GrpcWebType type{text_answer_, grpcFormat(head.headers.get(HeaderId::kContentType))};
  if (type.format.empty()) type.format = asked_.format;
  head.headers.setView(HeaderId::kContentType, grpcWebType(type, head.headers.arena()));
  head.headers.remove(HeaderId::kTrailer);
  head.status = 200;
  head.reason = {};
  if (!end_stream) {
    head.headers.remove(HeaderId::kContentLength);
    head.framing = http::BodyFraming::kChunked;
  } else if (!status_in_head_) {
    addMissingStatus(head.headers);
  }
  return Verdict::kContinue;
}

// By an answer that is only trailers, which gRPC-Web has in the head. The body comes to its end
// unseen, so that the server's connection stays in use.
void GrpcWebFilter::replaceForeign(http::ResponseHead& head) {
  cells_.foreign_responses.add();
  drops_body_ = true;
  HeaderMap& headers = head.headers;
  for (const HeaderId id : {HeaderId::kContentEncoding, HeaderId::kContentLength, HeaderId::kETag,
                            HeaderId::kLastModified, HeaderId::kTrailer}) {
    headers.remove(id);
  }
  headers.setView(HeaderId::kContentType,
                  grpcWebType({text_answer_, asked_.format}, headers.arena()));
  const GrpcStatus status = http::httpToGrpc(head.status);
  headers.set(http::kGrpcStatusName, http::grpcStatusNumber(status));
  headers.set(http::kGrpcMessageName,
              base::concat("HTTP status ", head.status, " instead of a gRPC answer"));
  head.status = 200;
  head.reason = {};
  head.framing = http::BodyFraming::kContentLength;
  head.content_length = 0;
}

Verdict GrpcWebFilter::onResponseBody(buffer::Buffer& data, bool end_stream) {
  if (drops_body_) {
    data.clear();
    return Verdict::kContinue;
  }
  if (!encodeMessages(data)) return failResponse("grpc_web_malformed_message");
  if (!end_stream) return Verdict::kContinue;
  if (!scanner_.betweenMessages()) return failResponse("grpc_web_incomplete_message");
  if (!status_in_head_) {
    HeaderMap fields(handle().arena());
    addMissingStatus(fields);
    putTrailers(fields, data);
  }
  return Verdict::kContinue;
}

Verdict GrpcWebFilter::onResponseTrailers(HeaderMap& trailers) {
  if (!active_) return Verdict::kContinue;
  if (!drops_body_) {
    if (!scanner_.betweenMessages()) return failResponse("grpc_web_incomplete_message");
    const auto status = http::grpcStatusIn(trailers);
    if (status) handle().info().grpc_status = status;
    if (!status_in_head_ && !status) addMissingStatus(trailers);
    buffer::Buffer frame(handle().blocks());
    putTrailers(trailers, frame);
    handle().addResponseBody(frame);
  }
  trailers.clear();
  return Verdict::kContinue;
}

Verdict GrpcWebFilter::failResponse(std::string_view detail) {
  cells_.malformed_responses.add();
  handle().reset({http::ErrorOrigin::kUpstream, http::ErrorReason::kProtocol, false, detail});
  return Verdict::kPause;
}

// In text each message is encoded for itself, so that none waits for the next one.
bool GrpcWebFilter::encodeMessages(buffer::Buffer& data) {
  buffer::Buffer out(handle().blocks());
  // Room for many small messages in one block.
  if (text_answer_) out.reserve(std::min(data.size() / 3 * 4 + 64, kMostRoom));
  while (!data.empty()) {
    const std::string_view piece = data.front();
    const size_t count = scanner_.advance(piece);
    if (scanner_.malformed()) return false;
    if (text_answer_) {
      put(piece.substr(0, count), out);
      if (scanner_.betweenMessages()) writer_.flush(out);
      data.drain(count);
    } else {
      out.appendPrefix(data, count);
    }
  }
  data = std::move(out);
  return true;
}

void GrpcWebFilter::put(std::string_view bytes, buffer::Buffer& to) {
  text_answer_ ? writer_.write(bytes, to) : to.append(bytes);
}

// As a header block of HTTP/1 without the empty line, names in lower case.
void GrpcWebFilter::putTrailers(const HeaderMap& trailers, buffer::Buffer& to) {
  constexpr std::string_view kColon = ": ";
  constexpr std::string_view kEnd = "\r\n";
  const size_t size = trailers.byteSize() + trailers.size() * (kColon.size() + kEnd.size());
  std::array<char, http::kGrpcPrefixBytes> prefix =
      http::grpcPrefix(static_cast<uint32_t>(size), /*compressed=*/false);
  prefix.front() = kTrailersFlag;
  put({prefix.data(), prefix.size()}, to);
  trailers.forEach([&](const HeaderMap::Field& field) {
    char* const name = static_cast<char*>(handle().arena().allocate(field.name.size(), 1));
    std::copy(field.name.begin(), field.name.end(), name);
    base::lowerInPlace({name, field.name.size()});
    for (const std::string_view part :
         {std::string_view(name, field.name.size()), kColon, field.value, kEnd}) {
      put(part, to);
    }
  });
  writer_.flush(to);
}

void GrpcWebFilter::addMissingStatus(HeaderMap& fields) {
  cells_.missing_status.add();
  handle().info().grpc_status = GrpcStatus::kUnknown;
  fields.remove(http::kGrpcStatusName);  // one that is no number
  fields.remove(http::kGrpcMessageName);
  fields.add(http::kGrpcStatusName, http::grpcStatusNumber(GrpcStatus::kUnknown));
  fields.add(http::kGrpcMessageName, kNoStatus);
}

// Makes the filters of one worker. Worker-confined.
class WorkerGrpcWebFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerGrpcWebFilterFactory(const GrpcWebStats& stats, stats::Block& block)
      : cells_(stats, block) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<GrpcWebFilter>(cells_);
  }

 private:
  Cells cells_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> GrpcWebFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerGrpcWebFilterFactory>(stats_, services.get<stats::Block>());
}

}  // namespace weir::extensions::http_filters::grpc_web
