// The part of ServerStream that does what a route says of the exchange as a whole.
#include <algorithm>
#include <chrono>

#include "source/http/connection_manager_worker.h"
#include "source/http/exchange_rules.h"
#include "source/http/server_stream.h"

namespace weir::http {

// General ones first: what is nearest to the request has the last word.
void ServerStream::applyResponseRules(ResponseHead& head) {
  const HeaderRules* const manager = worker_.config().response_headers.get();
  const ExchangeRules* const rules =
      info_.route != nullptr ? info_.route->exchangeRules() : nullptr;
  if (manager == nullptr && rules == nullptr) return;
  const LogEntry entry{request_, head, response_trailers_, info_};
  if (manager != nullptr) manager->apply(entry, head.headers);
  if (rules == nullptr) return;
  for (const auto& more : rules->response_headers) more->apply(entry, head.headers);
}

void ServerStream::takeUsualLimits() {
  const ConnectionManagerConfig& config = worker_.config();
  stream_idle_ = config.timeouts.stream_idle;
  max_body_bytes_ = config.max_request_body_bytes;
}

// Those of the route that has been found, from now on.
void ServerStream::takeRouteLimits() {
  const ConnectionManagerConfig& config = worker_.config();
  const HttpTimeouts& usual = config.timeouts;
  takeUsualLimits();
  auto duration = usual.max_stream_duration;
  auto request = usual.request;
  if (const auto* const rules = info_.route != nullptr ? info_.route->exchangeRules() : nullptr) {
    duration = rules->max_stream_duration.value_or(duration);
    request = rules->request_timeout.value_or(request);
    max_body_bytes_ = rules->max_request_body_bytes.value_or(max_body_bytes_);
    if (stream_idle_.count() > 0 && rules->stream_idle) {
      stream_idle_ = std::max(stream_idle_, *rules->stream_idle);
    }
  }
  armSinceStart(duration_timer_, duration);
  if (!request_complete_) armSinceStart(request_timer_, request);
}

void ServerStream::armSinceStart(event::WheelTimer& timer, std::chrono::milliseconds after) {
  using std::chrono::milliseconds;
  if (after.count() == 0) return timer.cancel();
  const auto left = info_.started + after - worker_.dispatcher().now();
  timer.arm(std::max(milliseconds(1), std::chrono::ceil<milliseconds>(left)));
}

}  // namespace weir::http
