// The part of UpstreamRequest that runs beside another one for the same request, and may take its
// place.

#include "source/router/upstream_request.h"

namespace weir::router {

void UpstreamRequest::runBeside(const UpstreamRequest& first) {
  aside_ = std::make_unique<Aside>();
  options_ = first.options_;
  request_ended_ = true;
  has_trailers_ = trailers_wait_ = first.has_trailers_;
  first.sent_body_.copyTo(waiting_body_);
  waiting_body_.appendShared(first.waiting_body_);
}

void UpstreamRequest::lead(const UpstreamRequest& first) {
  leads_ = true;
  showFacts();
  if (first_byte_ != event::MonotonicTime()) passHeadOn();
  if (first.response_blocked_) setResponseBlocked(true);
}

// What the access log tells is told of this one from here on.
void UpstreamRequest::showFacts() {
  http::FilterChainContext& context = chain_.context();
  context.info.upstream_address = &endpoint_->address();
  if (state_ != State::kWaiting) context.info.upstream_started = sent_at_;
  context.info.upstream_first_byte = first_byte_;
  context.response.clear();
  context.response_trailers.clear();
}

void UpstreamRequest::lose(bool slow) {
  if (slow && state_ == State::kSent) report(true);
  stop();
}

// The codec has filled a head of our own, and still looks at it.
void UpstreamRequest::passHeadOn() {
  const http::ResponseHead& from = aside_->head;
  http::ResponseHead& to = chain_.context().response;
  to.clear();
  to.status = from.status;
  to.reason = to.arena.copy(from.reason);
  to.version = from.version;
  to.framing = from.framing;
  to.content_length = from.content_length;
  from.headers.forEach([&to](const http::HeaderMap::Field& field) {
    to.headers.addView(field.id, to.arena.copy(field.name), to.arena.copy(field.value));
    if (field.never_indexed) to.headers.markLastNeverIndexed();
  });
}

void UpstreamRequest::passTrailersOn() {
  http::HeaderMap& to = chain_.context().response_trailers;
  aside_->trailers.forEach(
      [&to](const http::HeaderMap::Field& field) { to.add(field.name, field.value); });
}

}  // namespace weir::router
