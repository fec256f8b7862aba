#include "extensions/http_filters/grpc_json_transcoder/grpc_json_transcoder.h"

#include <string>
#include <string_view>

#include "extensions/http_filters/grpc_json_transcoder/escapes.h"
#include "extensions/http_filters/grpc_json_transcoder/request_transcoder.h"
#include "extensions/http_filters/grpc_json_transcoder/response_transcoder.h"
#include "extensions/http_filters/grpc_json_transcoder/wire.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/http/grpc_semantics.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

using http::BodyFraming;
using http::BodyMode;
using http::GrpcStatus;
using http::HeaderId;
using http::Verdict;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kStatusDetailsName = "grpc-status-details-bin";
constexpr size_t kMaxErrorBytes = 2048;

std::string_view queryOf(const http::RequestHead& head) {
  const size_t end = head.pathWithoutQuery().size();
  return end < head.path.size() && head.path[end] == '?' ? head.path.substr(end + 1)
                                                         : std::string_view();
}

void removeStatus(http::HeaderMap& fields) {
  fields.remove(http::kGrpcStatusName);
  fields.remove(http::kGrpcMessageName);
  fields.remove(kStatusDetailsName);
}

// One call that a request has become. Lives in the stream's arena. Worker-confined.
struct Call {
  Call(const Transcoding& transcoding, const Binding& b, std::string parameters,
       std::string_view content_type, buffer::BlockPool& blocks)
      : binding(b),
        request(transcoding, b, std::move(parameters), content_type),
        response(transcoding, b, blocks) {}

  const Binding& binding;
  RequestTranscoder request;
  ResponseTranscoder response;
  std::string body;         // of the response, not yet handed on
  bool answered = false;    // the response is gRPC
  bool head_waits = false;  // of the response
};

// Transcodes one stream, or lets it pass. Worker-confined.
class GrpcJsonTranscoderFilter final : public http::HttpFilter {
 public:
  explicit GrpcJsonTranscoderFilter(const Transcoding& transcoding) : transcoding_(transcoding) {}

  http::BodyNeeds bodyNeeds() const override {
    return {.request = BodyMode::kStream, .response = BodyMode::kStream};
  }

  Verdict onRequestHead(http::RequestHead& head, bool end_stream) override {
    const bool message = head.upgrade.empty() && !head.isConnect() &&
                         !base::startsWithIgnoreCase(head.headers.get(HeaderId::kContentType),
                                                     http::kGrpcContentType);
    if (!message) return pass();
    const Binding* binding = transcoding_.match(head.method, head.pathWithoutQuery());
    if (binding != nullptr) return begin(*binding, head, end_stream);
    return options().refuse_unmatched ? refuseUnmatched(head) : pass();
  }

  Verdict onRequestBody(buffer::Buffer& data, bool end_stream) override {
    if (!call_) return Verdict::kContinue;
    buffer::Buffer frames(handle().blocks());
    absl::Status status;
    if (!call_->binding.method->client_streaming) {
      rewrite(handle().requestHead());
      status = call_->request.takeWhole(data.linearize(data.size()), frames);
      data.clear();
    } else {
      for (; status.ok() && !data.empty(); data.drain(data.front().size())) {
        status = call_->request.takePiece(data.front(), frames);
      }
      if (status.ok() && end_stream) status = call_->request.finish(frames);
    }
    if (!status.ok()) return refuseBody(status);
    data.append(frames);
    return Verdict::kContinue;
  }

  // Calls have none.
  Verdict onRequestTrailers(http::HeaderMap& trailers) override {
    if (!call_) return Verdict::kContinue;
    trailers.clear();
    if (!call_->binding.method->client_streaming) return Verdict::kContinue;
    buffer::Buffer frames(handle().blocks());
    const absl::Status status = call_->request.finish(frames);
    if (!status.ok()) return refuseBody(status);
    handle().addRequestBody(frames);
    return Verdict::kContinue;
  }

  Verdict onResponseHead(http::ResponseHead& head, bool end_stream) override {
    if (!call_) return Verdict::kContinue;
    if (!http::isGrpc(head.headers)) {
      setNeeds(BodyMode::kNone);
      return Verdict::kContinue;
    }
    call_->answered = true;
    if (head.status != 200 && !http::grpcStatusIn(head.headers)) {
      const GrpcStatus code = http::httpToGrpc(head.status);
      return reply(head.status, code, "the upstream refused the call",
                   "grpc_json_transcoder_upstream_status");
    }
    call_->head_waits = true;
    if (end_stream) return conclude(head.headers);
    handle().holdResponseHead();
    return Verdict::kContinue;
  }

  Verdict onResponseBody(buffer::Buffer& data, bool end_stream) override {
    if (!call_ || !call_->answered) return Verdict::kContinue;
    const absl::Status status = call_->response.take(data, call_->body);
    if (!status.ok()) return failUpstream(base::view(status.message()));
    if (end_stream) return failUpstream("the upstream ended the call without grpc-status");
    if (!call_->binding.method->server_streaming) return Verdict::kContinue;
    if (call_->head_waits && call_->response.messages() > 0) {
      beginStream(handle().responseHead());
      handle().resumeResponse();
    }
    data.append(call_->body);
    call_->body.clear();
    return Verdict::kContinue;
  }

  Verdict onResponseTrailers(http::HeaderMap& trailers) override {
    return call_ && call_->answered ? conclude(trailers) : Verdict::kContinue;
  }

 private:
  const Options& options() const { return transcoding_.options(); }
  // Of a call.
  void setNeeds(BodyMode response) {
    const bool stream = call_->binding.method->client_streaming;
    handle().setBodyNeeds({.request = stream ? BodyMode::kStream : BodyMode::kCollect,
                           .response = response,
                           .collect_limit_bytes = options().max_request_message_bytes});
  }

  Verdict pass() {
    handle().setBodyNeeds({});
    return Verdict::kContinue;
  }

  // ---- request ------------------------------------------------------------------------------

  Verdict begin(const Binding& binding, http::RequestHead& head, bool end_stream) {
    const std::string_view coding = head.headers.get(HeaderId::kContentEncoding);
    if (!coding.empty() && !base::equalsIgnoreCase(coding, "identity")) {
      return reply(415, GrpcStatus::kInvalidArgument, "the body is compressed; send it as it is",
                   "grpc_json_transcoder_content_encoding");
    }
    auto parameters = transcoding_.parameters(binding, head.pathWithoutQuery(), queryOf(head));
    if (!parameters.ok()) return refuseBody(parameters.status());
    call_.reset(handle().arena().create<Call>(transcoding_, binding, *std::move(parameters),
                                              head.headers.get(HeaderId::kContentType),
                                              handle().blocks()));
    setNeeds(BodyMode::kStream);
    if (end_stream) return withoutBody(head);
    if (binding.method->client_streaming) rewrite(head);
    return Verdict::kContinue;
  }

  Verdict withoutBody(http::RequestHead& head) {
    buffer::Buffer frames(handle().blocks());
    const absl::Status status = call_->binding.method->client_streaming
                                    ? call_->request.finish(frames)
                                    : call_->request.takeWhole({}, frames);
    if (!status.ok()) return refuseBody(status);
    rewrite(head);
    handle().addRequestBody(frames);
    return Verdict::kContinue;
  }

  // Makes the head that of the call.
  void rewrite(http::RequestHead& head) {
    if (options().match_incoming_request_route) handle().route();
    head.headers.set("x-envoy-original-method", head.method);
    head.headers.set("x-envoy-original-path", head.path);
    head.method = "POST";
    head.path = head.arena.copy(call_->binding.method->path);
    head.framing = BodyFraming::kChunked;
    head.content_length = 0;
    head.headers.remove(HeaderId::kContentLength);
    head.headers.remove(HeaderId::kContentEncoding);
    head.headers.remove("grpc-encoding");
    head.headers.remove("grpc-accept-encoding");
    head.headers.set(HeaderId::kContentType, http::kGrpcContentType);
    head.headers.set(HeaderId::kTe, "trailers");
    if (!options().match_incoming_request_route) handle().clearRouteCache();
  }

  Verdict refuseUnmatched(const http::RequestHead& head) {
    const std::string methods = transcoding_.allowedMethods(head.pathWithoutQuery());
    return reply(404, GrpcStatus::kUnimplemented,
                 methods.empty()
                     ? "no gRPC method is bound to this path"
                     : base::concat("this path is bound to gRPC methods with ", methods),
                 "grpc_json_transcoder_unmatched");
  }

  Verdict refuseBody(const absl::Status& status) {
    const bool too_large = status.code() == absl::StatusCode::kResourceExhausted;
    return reply(too_large ? 413 : 400,
                 too_large ? GrpcStatus::kResourceExhausted : GrpcStatus::kInvalidArgument,
                 base::view(status.message()), "grpc_json_transcoder_bad_request");
  }

  Verdict reply(uint16_t status, GrpcStatus code, std::string_view message, std::string_view detail,
                http::ResponseFlag flag = http::ResponseFlag::kNone) {
    message = message.substr(0, kMaxErrorBytes);
    const bool json = options().convert_grpc_status;
    const std::string body =
        json ? statusJson(static_cast<int>(code), message, {}) : base::concat(message, "\n");
    http::LocalReply local;
    local.status = status;
    local.body = body;
    if (json) local.content_type = kJson;
    local.flag = flag;
    local.detail = detail;
    handle().localReply(local);
    return Verdict::kPause;
  }

  // ---- response -----------------------------------------------------------------------------

  Verdict failUpstream(std::string_view what) {
    return reply(502, GrpcStatus::kInternal, what, "grpc_json_transcoder_bad_upstream",
                 http::ResponseFlag::kUpstreamProtocolError);
  }

  // The call is over; `fields` say how: the trailers, or the head when there is nothing else.
  Verdict conclude(http::HeaderMap& fields) {
    const auto code = http::grpcStatusIn(fields);
    if (!code) return failUpstream("the upstream ended the call without grpc-status");
    if (*code == GrpcStatus::kOk) {
      const absl::Status status = call_->response.finish(call_->body);
      if (!status.ok()) return failUpstream(base::view(status.message()));
    }
    if (!call_->head_waits) return concludeStream(*code, fields);
    http::ResponseHead& head = handle().responseHead();
    if (*code != GrpcStatus::kOk) {
      writeError(head, *code, fields);
    } else if (call_->binding.method->server_streaming) {
      beginStream(head);
    } else {
      removeStatus(fields);
      writeHead(head, 200, call_->response.contentType());
      head.headers.set(http::kGrpcStatusName, http::grpcStatusNumber(GrpcStatus::kOk));
    }
    return sendBody();
  }

  Verdict concludeStream(GrpcStatus code, const http::HeaderMap& trailers) {
    if (code != GrpcStatus::kOk && options().convert_grpc_status &&
        !call_->response.appendError(statusJsonOf(code, trailers), call_->body)) {
      return failUpstream("the call failed in the midst of a raw body");
    }
    return sendBody();
  }

  Verdict sendBody() {
    buffer::Buffer data(handle().blocks());
    data.append(call_->body);
    call_->body.clear();
    if (!data.empty()) handle().addResponseBody(data);
    return Verdict::kContinue;
  }

  // With the first message, or the end, of a stream.
  void beginStream(http::ResponseHead& head) {
    writeHead(head, 200, call_->response.contentType());
    head.framing = BodyFraming::kChunked;
    head.content_length = 0;
    call_->head_waits = false;
  }

  // Of a response whose whole body stands in call_->body. No type: there is none.
  void writeHead(http::ResponseHead& head, uint16_t status, std::string_view type) {
    head.status = status;
    head.reason = {};
    head.framing = BodyFraming::kContentLength;
    head.content_length = call_->body.size();
    head.headers.remove(HeaderId::kContentLength);
    head.headers.remove(HeaderId::kTrailer);
    head.headers.remove("grpc-encoding");
    head.headers.remove("grpc-accept-encoding");
    if (type.empty()) {
      head.headers.remove(HeaderId::kContentType);
    } else {
      head.headers.set(HeaderId::kContentType, type);
    }
  }

  void writeError(http::ResponseHead& head, GrpcStatus code, http::HeaderMap& fields) {
    const bool json = options().convert_grpc_status;
    call_->body = json ? statusJsonOf(code, fields) : std::string();
    const std::string_view message = fields.get(http::kGrpcMessageName);  // stays where it is
    removeStatus(fields);
    writeHead(head, http::grpcToHttp(code), json ? kJson : std::string_view());
    if (json) return;
    head.headers.set(http::kGrpcStatusName, http::grpcStatusNumber(code));
    if (!message.empty()) head.headers.set(http::kGrpcMessageName, message);
  }

  std::string statusJsonOf(GrpcStatus code, const http::HeaderMap& fields) const {
    return transcoding_.errorJson(
        static_cast<int>(code), http::decodeGrpcMessage(fields.get(http::kGrpcMessageName)),
        decodeBase64(fields.get(kStatusDetailsName)).value_or(std::string()));
  }

  const Transcoding& transcoding_;
  base::ArenaPtr<Call> call_;
};

// Makes the filters of one worker. Worker-confined.
class WorkerGrpcJsonTranscoderFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  explicit WorkerGrpcJsonTranscoderFilterFactory(std::shared_ptr<const Transcoding> transcoding)
      : transcoding_(std::move(transcoding)) {}

  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<GrpcJsonTranscoderFilter>(*transcoding_);
  }

 private:
  const std::shared_ptr<const Transcoding> transcoding_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> GrpcJsonTranscoderFilterFactory::bind(
    base::ServiceMap&) const {
  return std::make_unique<WorkerGrpcJsonTranscoderFilterFactory>(transcoding_);
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
