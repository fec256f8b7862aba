#include "source/router/upstream_request.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "source/http/semantics.h"
#include "source/network/connection.h"

namespace weir::router {

namespace {

using http::ErrorOrigin;
using http::ErrorReason;
using http::StreamError;

StreamError errorOf(upstream::PoolFailure failure, std::string_view detail) {
  switch (failure) {
    case upstream::PoolFailure::kOverflow:
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

bool asksTunnel(const http::RequestHead& head) {
  return !head.upgrade.empty() || head.isConnect();
}

}  // namespace

UpstreamRequest::UpstreamRequest(http::FilterChain& chain, Owner& owner)
    : chain_(chain), owner_(owner), waiting_body_(chain.context().blocks) {}

void UpstreamRequest::start(base::LocalRef<upstream::WorkerCluster> cluster,
                            base::LocalRef<upstream::WorkerEndpoint> endpoint, bool fresh) {
  if (cluster_) upstream::WorkerCluster::release(cluster_, endpoint_);  // of the run before
  cluster_ = std::move(cluster);
  endpoint_ = std::move(endpoint);
  chain_.context().info.upstream_address = &endpoint_->address();
  ++endpoint_->in_flight;
  cluster_->cells().active_requests->add();
  state_ = State::kWaiting;
  pool_ = cluster_->transport().keyed() ? &endpoint_->httpPool(transportTarget())
                                        : &endpoint_->httpPool();
  pool_->acquire(*this, fresh);
}

network::TransportTarget UpstreamRequest::transportTarget() const {
  const http::FilterChainContext& context = chain_.context();
  const http::StreamInfo& info = context.info;
  network::TransportTarget target;
  target.server_name = hostWithoutPort(context.request.authority);
  target.source = info.downstream_remote;
  if (cluster_->transport().needs.client) target.destination = destinationOf(info);
  target.connection_id = info.connection_id;
  target.info = info.connection_info;
  target.client_security = info.downstream_tls;
  return target;
}

void UpstreamRequest::cancel() {
  if (!running()) return;
  if (state_ == State::kWaiting) {
    pool_->cancel(*this);
  } else {
    abort();
  }
  leave(State::kFailed, false);
}

void UpstreamRequest::end() {
  cancel();
  waiting_body_.clear();
  upstream::WorkerCluster::release(cluster_, endpoint_);
}

// Breaks the exchange off; the connection with it.
void UpstreamRequest::abort() {
  splicer_.reset();
  encoder_->reset();
}

// The one way out of running.
void UpstreamRequest::leave(State state, bool success) {
  upstream::WorkerCluster::Cells& cells = cluster_->cells();
  --endpoint_->in_flight;
  cells.active_requests->sub();
  if (state_ == State::kSent) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now() - sent_at_);
    if (state == State::kComplete) cells.response_us->record(static_cast<uint64_t>(took.count()));
    if (endpoint_->index() != upstream::WorkerEndpoint::kRemoved) {
      cluster_->balancer().onResponse(endpoint_->index(), took, success);
    }
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
  chain_.context().info.upstream_started = sent_at_;
  cluster_->cells().requests->add();
  const bool head_only = requestSent();
  if (!encoder_->encodeHead(chain_.context().request, head_only)) return failToSend();
  if (response_blocked_) encoder_->setReadEnabled(false);
  if (head_only || sendBody()) slowClient();
}

void UpstreamRequest::addBody(buffer::Buffer& data, bool end_stream) {
  request_ended_ |= end_stream;
  // The answer is complete or has failed: nobody wants the rest.
  if (state_ == State::kComplete || state_ == State::kFailed) return data.clear();
  owner_.onUpstreamActivity();
  waiting_body_.append(data);
  if (state_ != State::kSent || sendBody()) slowClient();
}

void UpstreamRequest::addTrailers() {
  request_ended_ = true;
  if (state_ == State::kComplete || state_ == State::kFailed) return;
  trailers_wait_ = true;
  if (state_ == State::kSent) sendBody();
}

// False when that broke the exchange off and the owner knows.
bool UpstreamRequest::sendBody() {
  const bool end_stream = request_ended_ && !trailers_wait_;
  if (!waiting_body_.empty() || end_stream) {
    body_started_ = true;
    const bool sent = encoder_->encodeBody(waiting_body_, end_stream);
    waiting_body_.clear();
    if (!sent) return failToSend(), false;
  }
  if (std::exchange(trailers_wait_, false)) {
    body_started_ = true;
    if (!encoder_->encodeTrailers(chain_.context().request_trailers)) return failToSend(), false;
  }
  return true;
}

// The codec has given the exchange up.
void UpstreamRequest::failToSend() {
  fail({ErrorOrigin::kLocal, ErrorReason::kFilter, false, "request_cannot_be_completed"});
}

void UpstreamRequest::onRequestBlocked(bool blocked) {
  request_blocked_ = blocked;
  slowClient();
}

void UpstreamRequest::slowClient() {
  const bool slow = !request_ended_ && running() &&
                    (request_blocked_ || waiting_body_.size() >= kMaxWaitingBytes);
  if (slow == client_slowed_) return;
  client_slowed_ = slow;
  chain_.setRequestReadEnabled(!slow);
}

// --- The answer ---

void UpstreamRequest::setResponseBlocked(bool blocked) {
  response_blocked_ = blocked;
  // A splicer minds the target itself.
  if (state_ == State::kSent && splicer_ == nullptr && !splice_due_) {
    encoder_->setReadEnabled(!blocked);
  }
}

void UpstreamRequest::firstByte() {
  event::MonotonicTime& first = chain_.context().info.upstream_first_byte;
  if (first == event::MonotonicTime()) first = now();
  owner_.onUpstreamActivity();
}

void UpstreamRequest::onInformational() {
  firstByte();
  const StreamError error = http::removeHopByHop(responseHead().headers, false);
  if (error.reason != ErrorReason::kNone) return;
  chain_.respondInformational();
}

void UpstreamRequest::onHead(bool end_stream) {
  firstByte();
  http::ResponseHead& head = responseHead();
  const bool tunnel = head.framing == http::BodyFraming::kTunnel;
  const StreamError error = http::removeHopByHop(head.headers, tunnel);
  if (error.reason != ErrorReason::kNone) {
    abort();
    return fail({ErrorOrigin::kUpstream, ErrorReason::kProtocol, false, error.detail});
  }
  countHead();
  if (tunnel) {
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
  const uint16_t status = responseHead().status;
  const size_t index = std::clamp<size_t>(status / 100, 1, 5) - 1;
  cluster_->cells().responses_by_class[index]->add();
}

void UpstreamRequest::onBody(buffer::Buffer& data, bool end_stream) {
  if (state_ != State::kSent) return;
  owner_.onUpstreamActivity();
  if (raw_target_ != nullptr) return copyRaw(data, end_stream);
  if (end_stream) complete();
  chain_.respondBody(data, end_stream);
}

void UpstreamRequest::onTrailers() {
  complete();
  chain_.respondTrailers();
}

void UpstreamRequest::complete() {
  const bool sent = requestSent();
  http::RequestEncoder& encoder = *encoder_;
  leave(State::kComplete, responseHead().status < 500);
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
  if (state_ != State::kSent) return;
  splicer_.reset();
  cluster_->cells().resets->add();
  fail(error);
}

void UpstreamRequest::fail(const StreamError& error) {
  const bool again = replayable(error);
  leave(State::kFailed, false);
  slowClient();
  owner_.onUpstreamFailed(error, again);
}

bool UpstreamRequest::replayable(const StreamError& error) const {
  const bool broken = error.reason == ErrorReason::kConnectionClosed ||
                      error.reason == ErrorReason::kConnectionReset;
  return broken && state_ == State::kSent && reused_ && !body_started_ && error.unanswered &&
         (error.retry_safe || http::methodIsIdempotent(chain_.context().request.method));
}

// --- Past the chain ---

bool UpstreamRequest::wantsSplice() const {
  const http::ResponseHead& head = chain_.context().response;
  return head.framing == http::BodyFraming::kContentLength &&
         head.content_length >= kMinSpliceBytes && encoder_->connection() != nullptr;
}

// The codec has handed over the head and was told to hold the body back. Only now, with the head on
// its way, the chain knows whether a filter wants the body.
void UpstreamRequest::onReadDone() {
  if (!std::exchange(splice_due_, false) || state_ != State::kSent) return;
  startSplice();
  if (splicer_ == nullptr) encoder_->setReadEnabled(!response_blocked_);
}

void UpstreamRequest::startSplice() {
  const uint64_t bytes = encoder_->rawBodyRemaining();
  if (bytes == 0 || bytes != responseHead().content_length || response_blocked_) return;
  if (!chain_.responseBodyUnobserved()) return;
  raw_target_ = chain_.beginRawResponseBody(bytes);
  if (raw_target_ == nullptr) return;
  raw_bytes_ = 0;
  splicer_ = network::Splicer::start(*encoder_->connection(), *raw_target_, bytes, *this);
}

// No pipe was to be had: the same by hand.
void UpstreamRequest::copyRaw(buffer::Buffer& data, bool end_stream) {
  const uint64_t count = data.size();
  raw_target_->write(data);
  chain_.rawResponseBodyProgress(count);
  if (!end_stream) return;
  complete();
  chain_.finishRawResponseBody();
}

void UpstreamRequest::onSpliced(uint64_t count) {
  raw_bytes_ += count;
  owner_.onUpstreamActivity();
  chain_.rawResponseBodyProgress(count);
}

void UpstreamRequest::onSpliceDone() {
  splicer_.reset();
  http::RequestEncoder& encoder = *encoder_;
  encoder.setReadEnabled(true);
  complete();
  // The codec sees the last byte go and frees the connection.
  if (requestSent()) encoder.rawBodyConsumed(raw_bytes_);
  chain_.finishRawResponseBody();
}

void UpstreamRequest::onSpliceSourceEnded() {
  abort();
  cluster_->cells().resets->add();
  fail({ErrorOrigin::kUpstream, ErrorReason::kConnectionClosed, false, "upstream_closed"});
}

}  // namespace weir::router
