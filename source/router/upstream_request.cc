#include "source/router/upstream_request.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "source/http/semantics.h"
#include "source/http/target_swap.h"
#include "source/network/connection.h"
#include "source/upstream/traffic_observations.h"

namespace weir::router {

namespace {

using http::ErrorOrigin;
using http::ErrorReason;
using http::StreamError;

StreamError errorOf(upstream::PoolFailure failure, std::string_view detail) {
  switch (failure) {
    case upstream::PoolFailure::kNoRoom:
      return {ErrorOrigin::kUpstream, ErrorReason::kOverflow, true, detail};
    case upstream::PoolFailure::kConnectFailed:
      return {ErrorOrigin::kUpstream, ErrorReason::kConnectFailure, true, detail};
    case upstream::PoolFailure::kConnectTimeout:
      return {ErrorOrigin::kUpstream, ErrorReason::kConnectTimeout, true, detail};
  }
  return {};
}

// "[::1]:80" is "::1".
std::string_view hostWithoutPort(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.rfind(':'));
}

// What the client connected to, before any redirect rule. May cost a system call, once per
// connection.
const network::Address* destinationOf(const http::StreamInfo& info) {
  const network::ConnectionInfo* facts = info.connection_info;
  if (facts != nullptr && facts->original_destination) return &*facts->original_destination;
  if (info.downstream_local != nullptr || info.downstream_connection == nullptr) {
    return info.downstream_local;
  }
  return &info.downstream_connection->localAddress();
}

// The codec has given the exchange up.
constexpr StreamError kIncomplete{ErrorOrigin::kLocal, ErrorReason::kFilter, false,
                                  "request_cannot_be_completed"};
constexpr StreamError kNoTunnel{ErrorOrigin::kUpstream, ErrorReason::kProtocol, false,
                                "upstream_takes_no_tunnel"};

bool asksTunnel(const http::RequestHead& head) {
  return !head.upgrade.empty() || head.isConnect();
}

}  // namespace

UpstreamRequest::UpstreamRequest(http::FilterChain& chain, Owner& owner)
    : chain_(chain),
      owner_(owner),
      waiting_body_(chain.context().blocks),
      sent_body_(chain.context().blocks) {}

bool UpstreamRequest::start(upstream::WorkerCluster::Choice& choice, bool fresh) {
  if (cluster_) upstream::WorkerCluster::release(cluster_, endpoint_);  // of the run before
  cluster_ = std::move(choice.cluster);
  endpoint_ = std::move(choice.endpoint);
  slot_ = std::move(choice.slot);
  first_byte_ = {};
  responseTrailers().clear();
  if (!unseen()) {
    http::StreamInfo& info = chain_.context().info;
    info.upstream_address = &endpoint_->address();
    info.upstream_first_byte = {};
  }
  cluster_->cells().active_requests->add();
  endpoint_->stats().active_requests.add();
  state_ = State::kWaiting;
  judged_ = client_was_slow_ = false;
  pool_ = cluster_->transport().keyed() ? &endpoint_->httpPool(transportTarget())
                                        : &endpoint_->httpPool();
  if (pool_->acquire(*this, fresh)) return true;
  slot_.cancel();
  leave(State::kIdle);
  return false;
}

network::TransportTarget UpstreamRequest::transportTarget() const {
  const http::FilterChainContext& context = chain_.context();
  const http::StreamInfo& info = context.info;
  network::TransportTarget target;
  const std::string_view rewritten = info.upstream_authority;
  target.server_name = hostWithoutPort(rewritten.empty() ? context.request.authority : rewritten);
  target.source = info.downstream_remote;
  if (cluster_->transport().needs.client) target.destination = destinationOf(info);
  target.connection_id = info.connection_id;
  target.info = info.connection_info;
  target.client_security = info.downstream_tls;
  return target;
}

void UpstreamRequest::prepareReplay() {
  sent_body_.restore(waiting_body_);
  trailers_wait_ = has_trailers_;
  slowClient();
}

void UpstreamRequest::giveUp() {
  if (state_ == State::kSent) report(false);
  stop();
  slowClient();
}

void UpstreamRequest::end() {
  stop();
  aside_.reset();
  upstream::WorkerCluster::release(cluster_, endpoint_);
}

void UpstreamRequest::breakOff() {
  report(false);
  state_ == State::kWaiting ? pool_->cancel(*this) : abort();
  leave(State::kIdle);
}

void UpstreamRequest::stop() {
  breakDiscarded();
  if (state_ == State::kWaiting) {
    pool_->cancel(*this);
  } else if (state_ == State::kSent) {
    abort();
  }
  if (running()) leave(State::kFailed);
  if (state_ == State::kIdle) state_ = State::kFailed;
  waiting_body_.clear();
  sent_body_.lose();
}

// Breaks the exchange off; the connection with it.
void UpstreamRequest::abort() {
  splicer_.reset();
  encoder_->reset();
}

// What the endpoint has done, or has failed to do; not that the client has gone.
void UpstreamRequest::report(bool success) {
  if (endpoint_->index() == upstream::WorkerEndpoint::kRemoved) return;
  const auto took = state_ == State::kSent ? now() - sent_at_ : event::MonotonicTime::duration(0);
  cluster_->balancer().onResponse(endpoint_->index(),
                                  std::chrono::duration_cast<std::chrono::microseconds>(took),
                                  success, now());
}

// The one way out of running.
void UpstreamRequest::leave(State state) {
  upstream::WorkerCluster::Cells& cells = cluster_->cells();
  slot_.release();
  cells.active_requests->sub();
  upstream::EndpointUsage::Cells& own = endpoint_->stats();
  own.active_requests.sub();
  if (state == State::kComplete) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now() - sent_at_);
    cells.response_us->record(static_cast<uint64_t>(took.count()));
    own.response_us.add(static_cast<uint64_t>(took.count()));
    own.completed.add();
  }
  state_ = state;
  encoder_ = nullptr;
}

// --- The request ---

void UpstreamRequest::onPoolReady(const Ready& ready) {
  state_ = State::kSent;
  encoder_ = &ready.encoder;
  reused_ = ready.reused;
  request_blocked_ = false;
  sent_at_ = now();
  if (!unseen()) chain_.context().info.upstream_started = sent_at_;
  cluster_->cells().requests->add();
  endpoint_->stats().requests.add();
  const bool keep = options_.may_repeat || ready.version == http::Version::kHttp2;
  sent_body_.keep(keep ? options_.keep_bytes : 0);
  owner_.onUpstreamSending();
  const bool head_only = requestSent();
  if (!encodeHead(head_only)) {
    judged_ = true;
    return fail(asksTunnel(chain_.context().request) ? kNoTunnel : kIncomplete);
  }
  if (response_blocked_) encoder_->setReadEnabled(false);
  if (head_only || sendBody()) slowClient();
}

bool UpstreamRequest::encodeHead(bool end_stream) {
  const http::TargetSwap swap(chain_.context().request, chain_.context().info);
  return encoder_->encodeHead(chain_.context().request, end_stream);
}

void UpstreamRequest::addBody(buffer::Buffer& data, bool end_stream) {
  request_ended_ |= end_stream;
  if (over()) return data.clear();  // nobody wants the rest
  owner_.onUpstreamActivity();
  waiting_body_.append(data);
  if (state_ != State::kSent || sendBody()) slowClient();
}

void UpstreamRequest::addTrailers() {
  request_ended_ = true;
  if (over()) return;
  has_trailers_ = trailers_wait_ = true;
  if (state_ == State::kSent) sendBody();
}

// False when that broke the exchange off and the owner knows.
bool UpstreamRequest::sendBody() {
  const bool end_stream = request_ended_ && !trailers_wait_;
  if (!waiting_body_.empty() || end_stream) {
    buffer::Buffer data(std::move(waiting_body_));
    sent_body_.sending(data);
    if (!encoder_->encodeBody(data, end_stream)) return fail(kIncomplete), false;
  }
  if (std::exchange(trailers_wait_, false)) {
    if (!encoder_->encodeTrailers(chain_.context().request_trailers)) {
      return fail(kIncomplete), false;
    }
  }
  return true;
}

void UpstreamRequest::onRequestBlocked(bool blocked) {
  request_blocked_ = blocked;
  slowClient();
}

void UpstreamRequest::slowClient() {
  const bool slow = !request_ended_ && !over() &&
                    (request_blocked_ || waiting_body_.size() >= options_.max_waiting_bytes);
  if (slow == client_slowed_) return;
  client_slowed_ = slow;
  chain_.setRequestReadEnabled(!slow);
}

// --- The answer ---

void UpstreamRequest::setResponseBlocked(bool blocked) {
  response_blocked_ = blocked;
  client_was_slow_ |= blocked;
  // A splicer minds the target itself.
  if (state_ == State::kSent && splicer_ == nullptr && !splice_due_) {
    encoder_->setReadEnabled(!blocked);
  }
}

void UpstreamRequest::firstByte() {
  if (first_byte_ == event::MonotonicTime()) {
    first_byte_ = now();
    if (!unseen()) chain_.context().info.upstream_first_byte = first_byte_;
  }
  owner_.onUpstreamActivity();
}

void UpstreamRequest::onInformational() {
  firstByte();
  const StreamError error = http::removeHopByHop(responseHead().headers, false);
  if (error.reason != ErrorReason::kNone || unseen()) return;
  if (aside_ != nullptr) passHeadOn();
  chain_.respondInformational();
}

void UpstreamRequest::onHead(bool end_stream) {
  firstByte();
  http::ResponseHead& head = responseHead();
  const bool tunnel = head.framing == http::BodyFraming::kTunnel;
  const StreamError error = http::removeHopByHop(head.headers, tunnel);
  if (error.reason != ErrorReason::kNone) {
    abort();
    return fail({ErrorOrigin::kUpstream, ErrorReason::kProtocol, false, error.detail()});
  }
  status_ = head.status;
  countHead();
  if (leads_) passHeadOn();
  if (options_.may_repeat && ownerDiscards(end_stream)) return discard(end_stream);
  if (options_.races) owner_.onUpstreamBegins();
  answered_ = true;
  answered_by_grpc_ = options_.grpc && http::isGrpc(head.headers);
  sent_body_.lose();
  if (options_.tells_answer || cluster_->stickiness() != nullptr) owner_.onUpstreamAnswer();
  if (tunnel) {
    if (upstream::requestsObserved(*cluster_)) observeAnswer(status_);
    judged_ = true;
    owner_.onUpstreamTunnel();
  } else if (asksTunnel(chain_.context().request)) {
    request_ended_ = true;  // it was not granted: there was nothing but the head
  }
  if (end_stream) {
    complete();
    return chain_.respondHead(true);
  }
  splice_due_ = wantsSplice();
  if (splice_due_) encoder_->setReadEnabled(false);
  chain_.respondHead(false);
}

void UpstreamRequest::countHead() {
  const size_t index = std::clamp<size_t>(status_ / 100, 1, 5) - 1;
  cluster_->cells().responses_by_class[index]->add();
  endpoint_->stats().responses_by_class[index].add();
}

http::GrpcStatus UpstreamRequest::grpcStatusOfAnswer() {
  if (const auto status = http::grpcStatusIn(responseTrailers())) return *status;
  return http::grpcStatusIn(responseHead().headers).value_or(http::httpToGrpc(status_));
}

void UpstreamRequest::countGrpc(http::GrpcStatus status) {
  if (!unseen()) chain_.context().info.grpc_status = status;
  cluster_->cells().grpc_responses[static_cast<size_t>(status)]->add();
}

void UpstreamRequest::onBody(buffer::Buffer& data, bool end_stream) {
  if (swallow(&data, end_stream)) return;
  if (state_ != State::kSent) return;
  owner_.onUpstreamActivity();
  if (raw_target_ != nullptr) return copyRaw(data, end_stream);
  if (end_stream) complete();
  chain_.respondBody(data, end_stream);
}

void UpstreamRequest::onTrailers() {
  if (swallow(nullptr, true)) return;
  if (aside_ != nullptr) passTrailersOn();
  complete();
  chain_.respondTrailers();
}

void UpstreamRequest::complete() {
  const bool sent = requestSent();
  http::RequestEncoder& encoder = *encoder_;
  uint16_t status = status_;
  if (options_.grpc) {
    const http::GrpcStatus grpc = grpcStatusOfAnswer();
    countGrpc(grpc);
    status = http::grpcToHttp(grpc);
  }
  report(status < 500);
  if (upstream::requestsObserved(*cluster_)) observeAnswer(status);
  leave(State::kComplete);
  // Answered before the request had ended: the endpoint does not get the rest.
  if (!sent) encoder.reset();
  slowClient();
  owner_.onUpstreamComplete();
}

// --- Failing ---

void UpstreamRequest::onPoolFailure(upstream::PoolFailure failure, std::string_view detail) {
  fail(errorOf(failure, detail));
}

void UpstreamRequest::onReset(const StreamError& error) {
  discarded_ = nullptr;
  if (state_ != State::kSent) return;
  splicer_.reset();
  cluster_->cells().resets->add();
  endpoint_->stats().resets.add();
  fail(error);
}

void UpstreamRequest::fail(const StreamError& error) {
  const Replay replay = replayAfter(error);
  // Somebody else had the room: that says nothing of the endpoint.
  if (error.reason != ErrorReason::kOverflow) report(false);
  if (upstream::requestsObserved(*cluster_)) observeFailure(error);
  leave(State::kIdle);
  owner_.onUpstreamFailed(error, replay);
}

Replay UpstreamRequest::replayAfter(const StreamError& error) const {
  if (answered_ || !sent_body_.intact()) return Replay::kImpossible;
  if (state_ != State::kSent) return Replay::kUnsent;
  if (error.retry_safe) return Replay::kRefused;
  if (!error.unanswered) return Replay::kUnsafe;
  const bool reused_broke = reused_ && error.reason != ErrorReason::kStreamReset &&
                            http::methodIsIdempotent(chain_.context().request.method);
  const bool broke = error.reason == ErrorReason::kConnectionClosed ||
                     error.reason == ErrorReason::kConnectionReset ||
                     error.reason == ErrorReason::kStreamReset;
  if (!broke) return Replay::kUnsafe;
  return reused_broke ? Replay::kReusedBroke : Replay::kBroke;
}

}  // namespace weir::router
