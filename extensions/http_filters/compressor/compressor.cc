#include "extensions/http_filters/compressor/compressor.h"

#include <string_view>

#include "extensions/http_filters/common/codecs/accept_encoding.h"
#include "extensions/http_filters/common/codecs/codec_pool.h"
#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::compressor {
namespace {

using common::codecs::AcceptEncoding;
using common::codecs::Coding;
using common::codecs::codingName;
using common::codecs::Encoder;
using http::BodyFraming;
using http::HeaderId;
using http::HeaderMap;
using http::Verdict;

constexpr std::array<std::string_view, kSkipped> kSkippedNames = {
    "not_accepted", "type", "too_small", "already_encoded", "no_transform", "status", "busy"};

using EncoderPool = common::codecs::CodecPool<Encoder>;

// What a worker has of one coding. Worker-confined.
struct WorkerCoding {
  WorkerCoding(const CompressorConfig& config, size_t index, stats::Block& block)
      : pool([settings = config.encoders[index]] { return makeEncoder(settings); },
             config.max_encoders),
        responses(block.counter(ids(config, index).responses)),
        bytes_in(block.counter(ids(config, index).bytes_in)),
        bytes_out(block.counter(ids(config, index).bytes_out)) {}
  static const CompressorStats::OfCoding& ids(const CompressorConfig& config, size_t index) {
    return config.stats.coding[static_cast<size_t>(config.encoders[index].coding)];
  }
  EncoderPool pool;
  stats::Cell& responses;
  stats::Cell& bytes_in;
  stats::Cell& bytes_out;
};

// What the streams of one worker share. Worker-confined.
struct Worker {
  Worker(const CompressorConfig& c, stats::Block& block) : config(c) {
    for (size_t i = 0; i < config.encoders.size(); ++i) {
      const auto index = static_cast<size_t>(config.encoders[i].coding);
      codings[index] = std::make_unique<WorkerCoding>(config, i, block);
      offered.push_back(config.encoders[i].coding);
    }
    for (size_t i = 0; i < kSkipped; ++i) skipped[i] = &block.counter(config.stats.skipped[i]);
  }
  const CompressorConfig& config;
  std::array<std::unique_ptr<WorkerCoding>, common::codecs::kCodings> codings;
  std::vector<Coding> offered;
  std::array<stats::Cell*, kSkipped> skipped{};
};

bool isEventStream(const HeaderMap& headers) {
  const std::string_view type = common::codecs::mediaType(headers.get(HeaderId::kContentType));
  return base::equalsIgnoreCase(type, "text/event-stream") ||
         base::equalsIgnoreCase(type, "application/x-ndjson");
}

// What is true only of the bytes as they were.
void removeDigests(HeaderMap& headers) {
  for (const std::string_view name : {"content-digest", "repr-digest", "digest", "content-md5"}) {
    headers.remove(name);
  }
}

// Of one stream. Worker-confined.
class CompressorFilter final : public http::HttpFilter {
 public:
  explicit CompressorFilter(Worker& worker) : worker_(worker) {}

  Verdict onRequestHead(http::RequestHead& head, bool end_stream) override;
  Verdict onResponseHead(http::ResponseHead& head, bool end_stream) override;
  Verdict onResponseBody(buffer::Buffer& data, bool end_stream) override;
  Verdict onResponseTrailers(HeaderMap& trailers) override;
  void onStreamEnd() override;

 private:
  // kWaiting: the head is held until there is enough of a body whose length nobody knows.
  enum class State : uint8_t { kIdle, kWaiting, kEncoding };

  std::optional<Skipped> unfit(const http::ResponseHead& head, bool end_stream) const;
  Verdict leave(Skipped reason);
  bool begin(http::ResponseHead& head);
  void describe(http::ResponseHead& head) const;
  bool encode(buffer::Buffer& data, Encoder::Until until);
  Verdict fail();
  void onQuiet();
  WorkerCoding& coding() const { return *worker_.codings[static_cast<size_t>(*chosen_)]; }

  Worker& worker_;
  const CompressorPolicy* policy_ = nullptr;
  std::optional<Coding> chosen_;
  bool identity_acceptable_ = true;
  bool head_request_ = false;
  bool no_transform_ = false;  // says the request
  bool each_piece_ = false;
  bool ended_ = false;
  State state_ = State::kIdle;
  EncoderPool::Lease encoder_;
  std::optional<buffer::Buffer> pending_;  // in kWaiting: what came of the body
  std::optional<event::WheelTimer> quiet_;
};

Verdict CompressorFilter::onRequestHead(http::RequestHead& head, bool) {
  policy_ = static_cast<const CompressorPolicy*>(handle().routeConfig());
  if (policy_ == nullptr) policy_ = &worker_.config.policy;
  const AcceptEncoding accepted = AcceptEncoding::parse(head.headers);
  chosen_ = accepted.choose(worker_.offered);
  identity_acceptable_ = accepted.identityAcceptable();
  head_request_ = head.isHead();
  no_transform_ = http::hasListToken(head.headers, HeaderId::kCacheControl, "no-transform");
  if (policy_->remove_accept_encoding) head.headers.remove(HeaderId::kAcceptEncoding);
  return Verdict::kContinue;
}

// What no Accept-Encoding would change.
std::optional<Skipped> CompressorFilter::unfit(const http::ResponseHead& head,
                                               bool end_stream) const {
  const HeaderMap& headers = head.headers;
  const bool no_content = http::statusHasNoBody(head.status) || head.status == 205 ||
                          head.status == 206 || head.framing == BodyFraming::kTunnel ||
                          headers.has("content-range");
  if (no_content) return Skipped::kStatus;
  const std::string_view encoding = headers.get(HeaderId::kContentEncoding);
  if (!encoding.empty() && !base::equalsIgnoreCase(encoding, "identity")) {
    return Skipped::kAlreadyEncoded;
  }
  if (no_transform_ || http::hasListToken(headers, HeaderId::kCacheControl, "no-transform")) {
    return Skipped::kNoTransform;
  }
  // Who does not take it as it is gets it compressed whatever it is.
  if (identity_acceptable_ && !policy_->types.contain(headers.get(HeaderId::kContentType))) {
    return Skipped::kType;
  }
  const bool length_known = head.framing == BodyFraming::kContentLength;
  const bool empty = end_stream ? !head_request_ : length_known && head.content_length == 0;
  const uint64_t least = identity_acceptable_ ? policy_->min_bytes : 1;
  if (empty || (length_known && head.content_length < least)) return Skipped::kTooSmall;
  return std::nullopt;
}

Verdict CompressorFilter::leave(Skipped reason) {
  worker_.skipped[static_cast<size_t>(reason)]->add();
  return Verdict::kContinue;
}

Verdict CompressorFilter::onResponseHead(http::ResponseHead& head, bool end_stream) {
  if (policy_ == nullptr) return Verdict::kContinue;  // answered before the request came here
  if (head.status == 304 && chosen_) {
    // What it confirms was compressed when it was sent.
    common::codecs::addVary(head.headers, "accept-encoding");
    common::codecs::weakenETag(head.headers);
  }
  const auto reason = unfit(head, end_stream);
  if (reason) return leave(*reason);
  common::codecs::addVary(head.headers, "accept-encoding");
  if (!chosen_) return leave(Skipped::kNotAccepted);
  const bool events = isEventStream(head.headers);
  each_piece_ = policy_->flush == Flush::kEachPiece || (policy_->flush == Flush::kAuto && events);
  const bool waits = head.framing != BodyFraming::kContentLength && policy_->min_bytes > 0 &&
                     identity_acceptable_ && !events;
  if (head_request_) {
    // As GET would be answered, as far as that can be known.
    if (!waits) describe(head);
    return Verdict::kContinue;
  }
  handle().setBodyNeeds({.response = http::BodyMode::kStream});
  quiet_.emplace(handle().dispatcher().wheel(), event::wheelCallback<&CompressorFilter::onQuiet>,
                 this);
  if (!waits) {
    if (!begin(head)) handle().setBodyNeeds({});
    return Verdict::kContinue;
  }
  state_ = State::kWaiting;
  pending_.emplace(handle().blocks());
  handle().holdResponseHead();
  quiet_->arm(policy_->flush_delay);
  return Verdict::kContinue;
}

// False: it stays as it is.
bool CompressorFilter::begin(http::ResponseHead& head) {
  state_ = State::kIdle;
  encoder_ = coding().pool.lend();
  if (encoder_ == nullptr) {
    leave(Skipped::kBusy);
    return false;
  }
  state_ = State::kEncoding;
  coding().responses.add();
  describe(head);
  return true;
}

// Says in the head what becomes of the body.
void CompressorFilter::describe(http::ResponseHead& head) const {
  HeaderMap& headers = head.headers;
  headers.setView(HeaderId::kContentEncoding, codingName(*chosen_));
  headers.remove(HeaderId::kContentLength);
  headers.remove("accept-ranges");
  removeDigests(headers);
  common::codecs::weakenETag(headers);
  head.framing = BodyFraming::kChunked;
}

Verdict CompressorFilter::onResponseBody(buffer::Buffer& data, bool end_stream) {
  if (state_ == State::kWaiting) {
    pending_->append(data);
    const bool enough = pending_->size() >= policy_->min_bytes;
    if (!enough && !end_stream) return Verdict::kContinue;
    data = std::move(*pending_);
    if (!enough) {
      state_ = State::kIdle;
      quiet_->cancel();
      return leave(Skipped::kTooSmall);
    }
    begin(handle().responseHead());
    handle().resumeResponse();
  }
  if (state_ == State::kIdle) return Verdict::kContinue;
  const auto until = end_stream    ? Encoder::Until::kEnd
                     : each_piece_ ? Encoder::Until::kFlushed
                                   : Encoder::Until::kLater;
  return encode(data, until) ? Verdict::kContinue : fail();
}

Verdict CompressorFilter::onResponseTrailers(HeaderMap&) {
  if (state_ == State::kIdle) return Verdict::kContinue;
  buffer::Buffer rest(handle().blocks());
  if (state_ == State::kWaiting) {
    rest = std::move(*pending_);
    state_ = State::kIdle;
    quiet_->cancel();
    leave(Skipped::kTooSmall);
  } else if (!encode(rest, Encoder::Until::kEnd)) {
    return fail();
  }
  handle().addResponseBody(rest);
  return Verdict::kContinue;
}

// `data` becomes what is ready of it.
bool CompressorFilter::encode(buffer::Buffer& data, Encoder::Until until) {
  buffer::Buffer out(handle().blocks());
  coding().bytes_in.add(data.size());
  if (!encoder_->encode(data, until, out)) return false;
  coding().bytes_out.add(out.size());
  data = std::move(out);
  if (until == Encoder::Until::kLater && policy_->flush == Flush::kAuto) {
    quiet_->arm(policy_->flush_delay);
  } else {
    quiet_->cancel();
  }
  if (until == Encoder::Until::kEnd) {
    state_ = State::kIdle;
    encoder_.reset();
  }
  return true;
}

Verdict CompressorFilter::fail() {
  handle().reset(
      {http::ErrorOrigin::kLocal, http::ErrorReason::kFilter, false, "compressor_out_of_memory"});
  return Verdict::kPause;
}

// Nothing has come for a while: the client gets what there is.
void CompressorFilter::onQuiet() {
  buffer::Buffer data(handle().blocks());
  const bool waited = state_ == State::kWaiting;
  if (waited) {
    data = std::move(*pending_);
    begin(handle().responseHead());
  }
  if (state_ == State::kEncoding && !(waited && data.empty()) &&
      !encode(data, Encoder::Until::kFlushed)) {
    fail();
    return;
  }
  if (waited) handle().resumeResponse();
  if (!ended_) handle().passResponseBody(data);
}

void CompressorFilter::onStreamEnd() {
  ended_ = true;
  state_ = State::kIdle;
  if (quiet_) quiet_->cancel();
  pending_.reset();
  encoder_.reset();
}

// Makes the filters of one worker. Worker-confined.
class WorkerCompressorFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerCompressorFilterFactory(const CompressorConfig& config, stats::Block& block)
      : worker_(config, block) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<CompressorFilter>(worker_);
  }

 private:
  Worker worker_;
};

}  // namespace

std::string_view skippedName(Skipped reason) {
  return kSkippedNames[static_cast<size_t>(reason)];
}

std::unique_ptr<http::WorkerHttpFilterFactory> CompressorFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerCompressorFilterFactory>(config_, services.get<stats::Block>());
}

}  // namespace weir::extensions::http_filters::compressor
