#include "extensions/load_balancing/prequal/http_prober.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "source/base/arena.h"
#include "source/event/timer.h"
#include "source/http/codec.h"
#include "source/upstream/http_pool.h"

namespace weir::extensions::load_balancing::prequal {
namespace {

constexpr uint64_t kMostInFlight = 1'000'000'000;
constexpr uint64_t kMostLatencyUs = 3'600'000'000;
constexpr size_t kMostBodyBytes = 16 * 1024;

std::optional<uint64_t> readNumber(const http::HeaderMap& headers, std::string_view field,
                                   uint64_t most) {
  if (headers.count(field) != 1) return std::nullopt;
  const std::string_view text = headers.get(field);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

}  // namespace

std::optional<ProbeAnswer> readAnswer(const http::HeaderMap& headers) {
  const auto in_flight = readNumber(headers, kRequestsInFlightField, kMostInFlight);
  const auto latency = readNumber(headers, kLatencyField, kMostLatencyUs);
  if (!in_flight || !latency) return std::nullopt;
  return ProbeAnswer{ProbeResult::kAnswered, *in_flight, static_cast<uint32_t>(*latency)};
}

// One question to one endpoint, then another. Worker-confined.
class HttpProber::Probe final : public upstream::PoolRequest, public http::ResponseDecoder {
 public:
  explicit Probe(HttpProber& owner)
      : owner_(owner),
        timer_(owner.cluster_.io().dispatcher().wheel(), event::wheelCallback<&Probe::onTimeout>,
               this) {}
  ~Probe() { stop(); }

  void start(upstream::WorkerEndpoint& endpoint);
  // Not while it runs: the endpoint, which is given back thereby.
  base::LocalRef<upstream::WorkerEndpoint> takeEndpoint() { return std::move(endpoint_); }

 private:
  enum class State : uint8_t { kIdle, kWaiting, kSent };

  void onPoolReady(const Ready& ready) override;
  void onPoolFailure(upstream::PoolFailure failure, std::string_view) override {
    done({failure == upstream::PoolFailure::kConnectTimeout ? ProbeResult::kTimeout
                                                            : ProbeResult::kFailed});
  }
  http::ResponseDecoder& responseDecoder() override { return *this; }
  http::ResponseHead& responseHead() override { return response_; }
  http::HeaderMap& responseTrailers() override { return trailers_; }
  void onInformational() override {}
  void onHead(bool end_stream) override;
  void onBody(buffer::Buffer& data, bool end_stream) override;
  void onTrailers() override { done(answer_); }
  void onReset(const http::StreamError&) override {
    if (state_ == State::kSent) done({ProbeResult::kFailed});
  }
  void onRequestBlocked(bool) override {}
  void onTimeout();

  void writeHead();
  void stop();
  void done(const ProbeAnswer& answer);

  HttpProber& owner_;
  base::LocalRef<upstream::WorkerEndpoint> endpoint_;
  upstream::HttpPool* pool_ = nullptr;       // while kWaiting
  http::RequestEncoder* encoder_ = nullptr;  // while kSent
  event::WheelTimer timer_;
  http::RequestHead request_;
  http::ResponseHead response_;
  base::Arena trailer_arena_;
  http::HeaderMap trailers_{trailer_arena_};
  ProbeAnswer answer_;  // by the head
  size_t body_bytes_ = 0;
  State state_ = State::kIdle;
};

void HttpProber::Probe::start(upstream::WorkerEndpoint& endpoint) {
  endpoint_ = base::LocalRef<upstream::WorkerEndpoint>(&endpoint);
  body_bytes_ = 0;
  trailers_.clear();
  trailer_arena_.clear();
  state_ = State::kWaiting;
  timer_.arm(owner_.options_.timeout);
  pool_ = &endpoint.httpPool();
  if (!pool_->acquire(*this, /*fresh=*/false)) done({ProbeResult::kFailed});
}

void HttpProber::Probe::writeHead() {
  request_.clear();
  request_.method = "GET";
  request_.scheme = owner_.cluster_.transport().factory != nullptr ? "https" : "http";
  request_.authority = request_.arena.copy(
      owner_.options_.host.empty() ? endpoint_->address().toString() : owner_.options_.host);
  request_.path = owner_.options_.path;
  request_.headers.add(http::HeaderId::kUserAgent, "weir");
}

void HttpProber::Probe::onPoolReady(const Ready& ready) {
  state_ = State::kSent;
  encoder_ = &ready.encoder;
  writeHead();
  if (!encoder_->encodeHead(request_, /*end_stream=*/true)) done({ProbeResult::kFailed});
}

void HttpProber::Probe::onHead(bool end_stream) {
  if (response_.status < 200 || response_.status > 299) {
    answer_ = {ProbeResult::kRefused};
  } else {
    answer_ = readAnswer(response_.headers).value_or(ProbeAnswer{ProbeResult::kMalformed});
  }
  if (end_stream) done(answer_);
}

void HttpProber::Probe::onBody(buffer::Buffer& data, bool end_stream) {
  if (state_ != State::kSent) return data.clear();
  body_bytes_ += data.size();
  data.clear();
  if (end_stream) return done(answer_);
  if (body_bytes_ <= kMostBodyBytes) return;
  stop();
  done({ProbeResult::kMalformed});
}

void HttpProber::Probe::onTimeout() {
  stop();
  done({ProbeResult::kTimeout});
}

void HttpProber::Probe::stop() {
  if (state_ == State::kWaiting) pool_->cancel(*this);
  if (state_ == State::kSent) encoder_->reset();
  state_ = State::kIdle;
}

void HttpProber::Probe::done(const ProbeAnswer& answer) {
  state_ = State::kIdle;
  encoder_ = nullptr;
  timer_.cancel();
  owner_.onDone(*this, answer);
}

HttpProber::HttpProber(upstream::WorkerCluster& cluster, const HttpProbeOptions& options,
                       ProbeOwner& owner)
    : cluster_(cluster), options_(options), owner_(owner) {
  probes_.reserve(options.max_in_flight);
  idle_.reserve(options.max_in_flight);
}

HttpProber::~HttpProber() = default;

void HttpProber::want(uint32_t probes) {
  wanted_ = std::min(wanted_ + probes, options_.max_in_flight);
  if (!linked()) cluster_.io().dispatcher().atTurnEnd(*this);
}

void HttpProber::onTurnEnd() {
  const bool possible = !cluster_.draining() && !cluster_.transport().keyed();
  for (uint32_t left = std::exchange(wanted_, 0); possible && left > 0; --left) {
    if (idle_.empty() && probes_.size() == options_.max_in_flight) return;
    const uint32_t host = owner_.nextTarget(cluster_.io().dispatcher().now());
    if (host != ProbeOwner::kNobody) start(host);
  }
}

void HttpProber::start(uint32_t host) {
  if (idle_.empty()) {
    probes_.push_back(std::make_unique<Probe>(*this));
    idle_.push_back(probes_.back().get());
  }
  Probe& probe = *idle_.back();
  idle_.pop_back();
  probe.start(cluster_.host(host));
}

void HttpProber::onDone(Probe& probe, const ProbeAnswer& answer) {
  base::LocalRef<upstream::WorkerEndpoint> endpoint = probe.takeEndpoint();
  const uint32_t host = endpoint->index();
  base::LocalRef<upstream::WorkerCluster> cluster(&cluster_);
  upstream::WorkerCluster::release(cluster, endpoint);
  idle_.push_back(&probe);
  if (host != upstream::WorkerEndpoint::kRemoved) {
    owner_.onProbe(host, answer, cluster_.io().dispatcher().now());
  }
}

std::unique_ptr<Prober> HttpProberFactory::create(const upstream::BalancerContext& context,
                                                  ProbeOwner& owner) const {
  if (context.cluster == nullptr) return nullptr;
  return std::make_unique<HttpProber>(*context.cluster, options_, owner);
}

}  // namespace weir::extensions::load_balancing::prequal
