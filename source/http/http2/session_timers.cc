// Time limits of a session. None is armed while nothing needs it.
#include <algorithm>

#include "source/http/http2/session.h"

namespace weir::http::http2 {

using std::chrono::milliseconds;

void Session::armHeadTimer() {
  if (!block_open_) {
    head_timer_.cancel();
  } else if (!head_timer_.armed() && services_.options.head_timeout.count() > 0) {
    head_timer_.arm(services_.options.head_timeout);
  }
}

void Session::onHeadTimeout() {
  if (!block_open_ || dead_) return;
  services_.cells.limit(Limit::kHeadTime).add();
  failNow({peer_, ErrorReason::kHeaderTimeout, false, "field block was not complete in time"},
          NGHTTP2_ENHANCE_YOUR_CALM);
}

void Session::armStallTimer() {
  const milliseconds timeout = services_.options.stalled_window_timeout;
  if (senders_ == 0) {
    stall_timer_.cancel();
  } else if (!stall_timer_.armed() && timeout.count() > 0) {
    stall_timer_.arm(timeout);
  }
}

void Session::onStalled() {
  if (dead_ || senders_ == 0) return;
  const milliseconds timeout = services_.options.stalled_window_timeout;
  const event::MonotonicTime now = services_.dispatcher.now();
  event::MonotonicTime oldest = now;
  for (Stream* stream = all_.front(); stream != nullptr; stream = all_.next(*stream)) {
    if (!stream->attached || !stream->out.sender) continue;
    if (now - stream->out.moved < timeout) {
      oldest = std::min(oldest, stream->out.moved);
      continue;
    }
    services_.cells.limit(Limit::kStalledWindow).add();
    dropWaiting(*stream);
    failStream(*stream, NGHTTP2_CANCEL,
               {peer_, ErrorReason::kIdleTimeout, false, "the peer opened no window in time"});
  }
  if (senders_ == 0) return;
  const auto waited = std::chrono::duration_cast<milliseconds>(now - oldest);
  stall_timer_.arm(std::max(timeout - waited, milliseconds(1)));
}

// Whatever was received is a sign of life.
void Session::armKeepalive() {
  const milliseconds interval = services_.options.keepalive_interval;
  if (interval.count() == 0) return;
  keepalive_pending_ = false;
  keepalive_timer_.arm(interval);
}

void Session::onKeepalive() {
  if (dead_) return;
  if (keepalive_pending_) {
    services_.cells.limit(Limit::kKeepalive).add();
    return failNow({peer_, ErrorReason::kConnectionClosed, false, "PING was not answered in time"},
                   NGHTTP2_NO_ERROR);
  }
  keepalive_pending_ = true;
  submitPing(kKeepalivePing);
  keepalive_timer_.arm(services_.options.keepalive_timeout);
  schedule();
}

}  // namespace weir::http::http2
