// The part of UpstreamRequest that tells what an exchange says of its endpoint, for outlier
// detection: nothing when the client, or this host, may be to blame.

#include <algorithm>
#include <chrono>

#include "source/router/upstream_request.h"
#include "source/upstream/traffic_observations.h"

namespace weir::router {

using http::ErrorOrigin;
using http::ErrorReason;
using std::chrono::milliseconds;

namespace {

// A client that gives less time than this may be too hasty for any endpoint.
constexpr milliseconds kLeastPatience{1'000};
// A timeout that comes later than this after its time has met a worker that was busy elsewhere.
constexpr milliseconds kStarved{500};

// What gRPC's CANCELLED and DEADLINE_EXCEEDED are in HTTP.
constexpr uint16_t kCancelled = 499;
constexpr uint16_t kDeadlineExceeded = 504;

}  // namespace

// Of this run: when the endpoint has had all of the request, as far as the client has sent it.
event::MonotonicTime UpstreamRequest::waitsSince() const {
  return std::max(sent_at_, chain_.context().info.request_complete);
}

// `status`: in HTTP, whatever was spoken.
void UpstreamRequest::observeAnswer(uint16_t status) {
  if (judged_) return;
  if (options_.grpc && status == kCancelled) return;
  const bool hasty = options_.clients_deadline && now() - sent_at_ < kLeastPatience;
  if (options_.grpc && status == kDeadlineExceeded && hasty) return;
  std::optional<event::MonotonicTime::duration> waited;
  if (upstream::timesObserved(*cluster_)) waited = answerTime();
  upstream::observeAnswer(*endpoint_, status, waited);
}

// Whoever answers before the request is complete may have waited for the client.
std::optional<event::MonotonicTime::duration> UpstreamRequest::answerTime() const {
  const http::StreamInfo& info = chain_.context().info;
  const event::MonotonicTime since = waitsSince();
  const bool complete = info.request_complete != event::MonotonicTime();
  if (!complete || first_byte_ < since) return std::nullopt;
  return first_byte_ - since;
}

// That no connection came up, those have observed who make them.
void UpstreamRequest::observeFailure(const http::StreamError& error) {
  if (state_ != State::kSent || judged_ || error.origin != ErrorOrigin::kUpstream) return;
  if (endpoint_->draining()) return;  // it may have been broken off here
  const bool stream_reset = error.reason == ErrorReason::kStreamReset;
  if (error.retry_safe) {
    // An endpoint that refuses this one may be busy, or about to leave; one that refuses all has
    // failed.
    if (stream_reset) upstream::observeRefusal(*endpoint_);
    return;
  }
  // It has closed a connection that it took for idle.
  const bool broken = error.reason == ErrorReason::kConnectionClosed ||
                      error.reason == ErrorReason::kConnectionReset;
  if (broken && reused_ && error.unanswered) return;
  // Its patience with the client may have come to an end.
  if (!requestSent() || client_was_slow_) return;
  upstream::observeNoAnswer(*endpoint_);
}

void UpstreamRequest::observeOverdue(std::optional<milliseconds> allowed) {
  if (state_ != State::kSent || judged_ || answered_ || !requestSent()) return;
  if (!upstream::requestsObserved(*cluster_)) return;
  const event::MonotonicTime::duration waited = now() - waitsSince();
  // What is over may be the time that others took, before this run.
  const milliseconds patience = allowed ? std::min(kLeastPatience, *allowed / 2) : kLeastPatience;
  if (waited < patience || (allowed && waited > *allowed + kStarved)) return;
  upstream::observeNoAnswer(*endpoint_);
}

}  // namespace weir::router
