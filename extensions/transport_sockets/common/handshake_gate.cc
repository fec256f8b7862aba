#include "extensions/transport_sockets/common/handshake_gate.h"

#include <algorithm>
#include <utility>

namespace weir::extensions::transport_sockets {

namespace {

using std::chrono::nanoseconds;

constexpr int64_t kSecond = 1'000'000'000;

}  // namespace

HandshakeRate::HandshakeRate(uint32_t per_second)
    : interval_ns_(kSecond / std::max<int64_t>(per_second, 1)),
      tolerance_ns_(std::max<int64_t>(nanoseconds(kBurst).count() - interval_ns_, 0)) {}

nanoseconds HandshakeRate::take(event::MonotonicTime now) {
  const int64_t now_ns = nanoseconds(now.time_since_epoch()).count();
  int64_t next = next_ns_.load(std::memory_order_relaxed);
  while (true) {
    const int64_t due = std::max(next, now_ns - tolerance_ns_);
    if (due > now_ns) return nanoseconds(due - now_ns);
    if (next_ns_.compare_exchange_weak(next, due + interval_ns_, std::memory_order_relaxed)) {
      return nanoseconds(0);
    }
  }
}

HandshakeGate::Limited::Limited(HandshakeGate& gate, std::shared_ptr<HandshakeRate> rate)
    : gate_(gate),
      rate_(std::move(rate)),
      timer_(gate.dispatcher_.wheel(), event::wheelCallback<&Limited::onTimer>, this) {}

void HandshakeGate::Limited::waitFor(nanoseconds time) {
  if (timer_.armed()) return;
  timer_.arm(std::chrono::ceil<std::chrono::milliseconds>(time));
}

// Those whose time has come stand in line with everybody else's.
void HandshakeGate::Limited::onTimer() {
  const event::MonotonicTime now = gate_.dispatcher_.now();
  while (Waiter* waiter = waiting_.front()) {
    const nanoseconds time = rate_->take(now);
    if (time.count() > 0) {
      waitFor(time);
      break;
    }
    gate_.waiting_.pushBack(*waiter);  // out of the one list into the other
  }
  gate_.schedule();
}

HandshakeGate::HandshakeGate(event::Dispatcher& dispatcher) : dispatcher_(dispatcher) {}

HandshakeGate::~HandshakeGate() {
  *alive_ = false;
}

bool HandshakeGate::enter(Waiter& waiter, Limited* limited) {
  if (limited != nullptr) {
    const bool first = limited->waiting_.empty();
    const nanoseconds time = first ? limited->rate_->take(dispatcher_.now()) : nanoseconds(0);
    if (!first || time.count() > 0) {
      limited->waiting_.pushBack(waiter);
      if (first) limited->waitFor(time);
      return false;
    }
  }
  if (admit()) return true;
  waiting_.pushBack(waiter);
  schedule();
  return false;
}

bool HandshakeGate::admit() {
  const event::MonotonicTime now = dispatcher_.now();
  if (now != turn_) {
    turn_ = now;
    used_ = 0;
  }
  if (!waiting_.empty() || used_ >= kPerTurn) return false;
  ++used_;
  return true;
}

void HandshakeGate::schedule() {
  if (scheduled_ || waiting_.empty()) return;
  scheduled_ = true;
  dispatcher_.post([this, alive = alive_] {
    if (*alive) run();
  });
}

// Nobody was admitted since this was posted, as somebody was waiting: the turn is a fresh one.
void HandshakeGate::run() {
  scheduled_ = false;
  turn_ = dispatcher_.now();
  used_ = 0;
  while (used_ < kPerTurn) {
    Waiter* const waiter = waiting_.popFront();
    if (waiter == nullptr) return;
    ++used_;
    waiter->onTurn();
  }
  schedule();
}

}  // namespace weir::extensions::transport_sockets
