#include "extensions/http_filters/decompressor/decompressor.h"

#include <optional>
#include <string_view>

#include "extensions/http_filters/common/codecs/accept_encoding.h"
#include "extensions/http_filters/common/codecs/list_members.h"
#include "extensions/http_filters/decompressor/decoding.h"
#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::decompressor {
namespace {

using common::codecs::Coding;
using common::codecs::Decoder;
using http::BodyFraming;
using http::BodyMode;
using http::HeaderId;
using http::HeaderMap;
using http::Verdict;

// Of one direction. Worker-confined.
struct Cells {
  Cells(const DirectionStats& ids, stats::Block& block)
      : messages(block.counter(ids.messages)),
        bytes_in(block.counter(ids.bytes_in)),
        bytes_out(block.counter(ids.bytes_out)),
        unsupported(block.counter(ids.unsupported)),
        corrupt(block.counter(ids.corrupt)),
        too_large(block.counter(ids.too_large)),
        busy(block.counter(ids.busy)) {}
  stats::Cell& messages;
  stats::Cell& bytes_in;
  stats::Cell& bytes_out;
  stats::Cell& unsupported;
  stats::Cell& corrupt;
  stats::Cell& too_large;
  stats::Cell& busy;
};

// What the streams of one worker share. Worker-confined.
struct Worker {
  Worker(const DecompressorConfig& c, stats::Block& block)
      : config(c), requests(c.requests, block), responses(c.responses, block) {
    for (size_t i = 0; i < common::codecs::kCodings; ++i) {
      pools[i] = std::make_unique<DecoderPool>(
          [i] { return common::codecs::makeDecoder(static_cast<Coding>(i)); }, config.max_decoders);
    }
  }
  const DecompressorConfig& config;
  std::array<std::unique_ptr<DecoderPool>, common::codecs::kCodings> pools;
  Cells requests;
  Cells responses;
};

// The codings of a body, as they were applied. Value.
struct Codings {
  std::array<Coding, kMostStacked> list{};
  size_t count = 0;
  bool unknown = false;
  bool too_many = false;
};

Codings codingsOf(const HeaderMap& headers, const DecompressorPolicy& policy) {
  Codings codings;
  headers.forEach(HeaderId::kContentEncoding, [&](const HeaderMap::Field& field) {
    common::codecs::forEachMember(field.value, [&](std::string_view name) {
      if (base::equalsIgnoreCase(name, "identity")) return;
      const auto coding = common::codecs::codingOf(name);
      if (!coding || !policy.codings[static_cast<size_t>(*coding)]) {
        codings.unknown = true;
      } else if (codings.count == policy.max_codings) {
        codings.too_many = true;
      } else {
        codings.list[codings.count++] = *coding;
      }
    });
  });
  return codings;
}

// What is true only of the bytes as they were.
void removeBodyFields(HeaderMap& headers) {
  headers.remove(HeaderId::kContentEncoding);
  headers.remove(HeaderId::kContentLength);
  for (const std::string_view name : {"content-digest", "repr-digest", "digest", "content-md5"}) {
    headers.remove(name);
  }
}

bool mustNotTransform(const HeaderMap& headers) {
  return http::hasListToken(headers, HeaderId::kCacheControl, "no-transform");
}

// Of one stream. Worker-confined.
class DecompressorFilter final : public http::HttpFilter {
 public:
  explicit DecompressorFilter(Worker& worker) : worker_(worker) {}

  Verdict onRequestHead(http::RequestHead& head, bool end_stream) override;
  Verdict onRequestBody(buffer::Buffer& data, bool end_stream) override;
  Verdict onRequestTrailers(HeaderMap& trailers) override;
  Verdict onResponseHead(http::ResponseHead& head, bool end_stream) override;
  Verdict onResponseBody(buffer::Buffer& data, bool end_stream) override;
  Verdict onResponseTrailers(HeaderMap& trailers) override;
  void onStreamEnd() override {
    request_.finish();
    response_.finish();
  }

 private:
  bool begin(Decoding& decoding, const Codings& codings);
  Verdict decodeRequest(buffer::Buffer& data, bool end);
  Verdict decodeResponse(buffer::Buffer& data, bool end);
  Verdict refuse(const http::LocalReply& reply);

  Worker& worker_;
  const DecompressorPolicy* policy_ = nullptr;
  bool head_request_ = false;
  bool no_transform_ = false;
  bool head_held_ = false;
  BodyMode request_mode_ = BodyMode::kNone;
  Decoding request_;
  Decoding response_;
};

bool DecompressorFilter::begin(Decoding& decoding, const Codings& codings) {
  std::array<DecoderPool*, kMostStacked> pools{};
  for (size_t i = 0; i < codings.count; ++i) {
    pools[i] = worker_.pools[static_cast<size_t>(codings.list[i])].get();
  }
  return decoding.begin(
      std::span<DecoderPool* const>(pools.data(), codings.count),
      {.bytes = policy_->max_bytes, .ratio = policy_->max_ratio, .free_bytes = kRatioFreeBytes});
}

Verdict DecompressorFilter::refuse(const http::LocalReply& reply) {
  handle().localReply(reply);
  return Verdict::kPause;
}

Verdict DecompressorFilter::onRequestHead(http::RequestHead& head, bool end_stream) {
  policy_ = static_cast<const DecompressorPolicy*>(handle().routeConfig());
  if (policy_ == nullptr) policy_ = &worker_.config.policy;
  head_request_ = head.isHead();
  no_transform_ = mustNotTransform(head.headers);
  const bool tunnel = !head.upgrade.empty() || head.isConnect();
  const bool coded = head.headers.has(HeaderId::kContentEncoding);
  if (policy_->requests && coded && !end_stream && !tunnel && !no_transform_) {
    const Codings codings = codingsOf(head.headers, *policy_);
    if (codings.unknown || codings.too_many) worker_.requests.unsupported.add();
    if (codings.too_many && !codings.unknown) {
      return refuse({.status = 415,
                     .body = "too many content codings over each other\n",
                     .detail = "decompressor_too_many_codings"});
    }
    if (!codings.unknown && codings.count > 0) {
      if (!begin(request_, codings)) {
        worker_.requests.busy.add();
        return refuse({.status = 503,
                       .body = "too many compressed requests at a time\n",
                       .detail = "decompressor_busy"});
      }
      worker_.requests.messages.add();
      removeBodyFields(head.headers);
      head.framing = BodyFraming::kChunked;
      request_mode_ = BodyMode::kStream;
      handle().setBodyNeeds({.request = request_mode_});
    }
  }
  if (policy_->responses && policy_->advertise) {
    head.headers.setView(HeaderId::kAcceptEncoding, policy_->offered);
  }
  return Verdict::kContinue;
}

Verdict DecompressorFilter::onRequestBody(buffer::Buffer& data, bool end_stream) {
  return request_.active() ? decodeRequest(data, end_stream) : Verdict::kContinue;
}

Verdict DecompressorFilter::onRequestTrailers(HeaderMap&) {
  if (!request_.active()) return Verdict::kContinue;
  buffer::Buffer nothing(handle().blocks());
  return decodeRequest(nothing, true);
}

Verdict DecompressorFilter::decodeRequest(buffer::Buffer& data, bool end) {
  worker_.requests.bytes_in.add(data.size());
  const Decoding::Result result = request_.decode(data, end);
  if (result != Decoding::Result::kGood) {
    data.clear();
    request_.finish();
    const bool large = result == Decoding::Result::kTooLarge;
    (large ? worker_.requests.too_large : worker_.requests.corrupt).add();
    return large ? refuse({.status = 413,
                           .body = "the request body becomes too large when decompressed\n",
                           .detail = "decompressor_request_too_large",
                           .close_connection = true})
                 : refuse({.status = 400,
                           .body = "the request body is not what Content-Encoding says\n",
                           .detail = "decompressor_corrupt_request",
                           .close_connection = true});
  }
  worker_.requests.bytes_out.add(data.size());
  if (end) request_.finish();
  return Verdict::kContinue;
}

Verdict DecompressorFilter::onResponseHead(http::ResponseHead& head, bool end_stream) {
  const bool coded = head.headers.has(HeaderId::kContentEncoding);
  if (policy_ == nullptr || !policy_->responses || !coded) return Verdict::kContinue;
  const bool whole = !http::statusHasNoBody(head.status) && head.status != 206 &&
                     head.framing != BodyFraming::kTunnel && !head.headers.has("content-range");
  const bool content = head_request_ || !end_stream;
  if (!whole || !content || no_transform_ || mustNotTransform(head.headers)) {
    return Verdict::kContinue;
  }
  const Codings codings = codingsOf(head.headers, *policy_);
  if (codings.unknown || codings.too_many) {
    worker_.responses.unsupported.add();
    return Verdict::kContinue;
  }
  const bool length_known = head.framing == BodyFraming::kContentLength;
  if (!head_request_) {
    if (!begin(response_, codings)) {
      worker_.responses.busy.add();
      return Verdict::kContinue;
    }
    worker_.responses.messages.add();
    handle().setBodyNeeds({.request = request_mode_, .response = BodyMode::kStream});
    // What is broken from its beginning can still be answered otherwise.
    head_held_ = length_known;
    if (head_held_) handle().holdResponseHead();
  }
  removeBodyFields(head.headers);
  common::codecs::weakenETag(head.headers);
  head.framing = BodyFraming::kChunked;
  return Verdict::kContinue;
}

Verdict DecompressorFilter::onResponseBody(buffer::Buffer& data, bool end_stream) {
  return response_.active() ? decodeResponse(data, end_stream) : Verdict::kContinue;
}

Verdict DecompressorFilter::onResponseTrailers(HeaderMap&) {
  if (!response_.active()) return Verdict::kContinue;
  buffer::Buffer nothing(handle().blocks());
  return decodeResponse(nothing, true);
}

Verdict DecompressorFilter::decodeResponse(buffer::Buffer& data, bool end) {
  worker_.responses.bytes_in.add(data.size());
  const Decoding::Result result = response_.decode(data, end);
  if (result != Decoding::Result::kGood) {
    data.clear();
    response_.finish();
    const bool large = result == Decoding::Result::kTooLarge;
    (large ? worker_.responses.too_large : worker_.responses.corrupt).add();
    // Breaks the response off when it has begun.
    return refuse(
        {.status = 502,
         .body = large ? "the response becomes too large when decompressed\n"
                       : "the response is not what its Content-Encoding says\n",
         .flag = http::ResponseFlag::kUpstreamProtocolError,
         .detail = large ? "decompressor_response_too_large" : "decompressor_corrupt_response"});
  }
  worker_.responses.bytes_out.add(data.size());
  if (head_held_ && !data.empty()) {
    head_held_ = false;
    handle().resumeResponse();
  }
  if (end) response_.finish();
  return Verdict::kContinue;
}

// Makes the filters of one worker. Worker-confined.
class WorkerDecompressorFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerDecompressorFilterFactory(const DecompressorConfig& config, stats::Block& block)
      : worker_(config, block) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<DecompressorFilter>(worker_);
  }

 private:
  Worker worker_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> DecompressorFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerDecompressorFilterFactory>(config_, services.get<stats::Block>());
}

}  // namespace weir::extensions::http_filters::decompressor
