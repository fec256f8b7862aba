#include <utility>

#include "source/network/connection.h"
#include "source/router/upstream_request.h"

// Response bodies that go past the filter chain.
namespace weir::router {

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
  if (bytes == 0 || bytes != chain_.context().response.content_length || response_blocked_) return;
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
  endpoint_->stats().resets.add();
  fail({http::ErrorOrigin::kUpstream, http::ErrorReason::kConnectionClosed, false,
        "upstream_closed"});
}

}  // namespace weir::router
