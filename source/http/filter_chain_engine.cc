#include <type_traits>
#include <utility>

#include "source/http/filter_chain_slot.h"
#include "source/http/route.h"

// One filter, one direction.
namespace weir::http {

template <class D>
bool FilterChain::live(const Slot& slot) const {
  return !ended_ && !D::dead(*this, slot);
}

template <class D>
void FilterChain::passHead(Slot* slot, bool end_stream) {
  if (slot == nullptr) return D::deliverHead(*this, end_stream);
  Half& half = D::half(*slot);
  if (half.arrived != Half::Mark::kNothing) return;
  half.arrived = end_stream ? Half::Mark::kBody : Half::Mark::kHead;
  half.bodiless = end_stream;
  if (half.mode == BodyMode::kCollect && D::tunnel(context_)) half.mode = BodyMode::kNone;
  run<D>(*slot);
}

template <class D>
void FilterChain::passBody(Slot* slot, buffer::Buffer& data, bool end_stream) {
  // Past filters that let it flow, without a frame for each.
  for (; slot != nullptr; slot = D::next(*slot)) {
    Half& half = D::half(*slot);
    if (half.arrived != Half::Mark::kHead) return;  // nothing comes after the end
    if (end_stream) half.arrived = Half::Mark::kBody;
    if (half.mode != BodyMode::kNone || !half.flowing() || slot->in_call) {
      if (half.collecting() && half.held.size() + data.size() > slot->collect_limit) {
        return refuseTooLarge<D>(*slot);
      }
      hold<D>(*slot, data);
      return run<D>(*slot);
    }
    if (end_stream) half.shown = half.passed = Half::Mark::kBody;
  }
  D::deliverBody(*this, data, end_stream);
}

template <class D>
void FilterChain::passTrailers(Slot* slot) {
  if (slot == nullptr) return D::deliverTrailers(*this);
  Half& half = D::half(*slot);
  if (half.arrived != Half::Mark::kHead) return;
  half.arrived = Half::Mark::kTrailers;
  half.trailers = true;
  run<D>(*slot);
}

template <class D>
void FilterChain::run(Slot& slot) {
  Half& half = D::half(slot);
  if (slot.in_call) {
    half.run_again = true;
    return;
  }
  ++runs_;
  while (live<D>(slot) && !half.paused && !slot.in_call && step<D>(slot)) {
  }
  if (--runs_ == 0 && answer_ != nullptr) tellAnswerBlocked();
}

template <class D>
bool FilterChain::step(Slot& slot) {
  Half& half = D::half(slot);
  if (half.arrived == Half::Mark::kNothing) return false;
  if (half.shown == Half::Mark::kNothing) {
    half.shown = half.bodiless ? Half::Mark::kBody : Half::Mark::kHead;
    beforeCall(slot);
    return afterCall<D>(slot, D::showHead(*this, slot, half.bodiless));
  }
  if (half.head_held) return stepBehindHead<D>(slot);
  if (half.collecting() && half.shown == Half::Mark::kHead) return awaitCollected<D>(slot);
  if (half.passed == Half::Mark::kNothing) {
    half.passed = half.bodiless ? Half::Mark::kBody : Half::Mark::kHead;
    passHead<D>(D::next(slot), half.bodiless);
    return true;
  }
  if (half.passed == Half::Mark::kHead) return stepBody<D>(slot);
  if (!half.trailers || half.passed == Half::Mark::kTrailers) return false;
  if (half.shown == Half::Mark::kBody) return showTrailers<D>(slot);
  finishTrailers<D>(slot);
  return false;
}

// The filter lets the head wait, but not what is behind it.
template <class D>
bool FilterChain::stepBehindHead(Slot& slot) {
  Half& half = D::half(slot);
  const bool all_here = half.arrived != Half::Mark::kHead;
  const bool last = all_here && !half.trailers;
  if (half.shown == Half::Mark::kHead) {
    if (half.held.size() > half.shown_bytes || last) return showBody<D>(slot, last);
    if (!all_here) {
      if (std::is_same_v<D, Request> && context_.request.expects_continue) sendContinue(slot);
      return false;
    }
    half.shown = Half::Mark::kBody;  // trailers are next
  }
  if (half.trailers && half.shown == Half::Mark::kBody) return showTrailers<D>(slot);
  half.head_held = false;
  return true;
}

template <class D>
bool FilterChain::showTrailers(Slot& slot) {
  Half& half = D::half(slot);
  half.shown = Half::Mark::kTrailers;
  const bool empty = D::trailers(context_).empty();
  beforeCall(slot);
  const Verdict verdict = D::showTrailers(*this, *slot.filter);
  half.trailers_dropped = !empty && D::trailers(context_).empty();
  if (half.trailers_dropped && half.passed == Half::Mark::kNothing) {
    half.trailers = false;  // the body that waits is the end
    half.arrived = half.shown = Half::Mark::kBody;
  }
  return afterCall<D>(slot, verdict);
}

// The body has gone on and the trailers have been shown.
template <class D>
void FilterChain::finishTrailers(Slot& slot) {
  Half& half = D::half(slot);
  half.passed = Half::Mark::kTrailers;
  if (!half.held.empty() || half.trailers_dropped) {
    buffer::Buffer added(std::move(half.held));
    account<D>(half, -static_cast<int64_t>(added.size()));
    half.shown_bytes = 0;
    passBody<D>(D::next(slot), added, half.trailers_dropped);
  }
  if (!half.trailers_dropped && live<D>(slot)) passTrailers<D>(D::next(slot));
}

// The head has gone on, the end of the body has not.
template <class D>
bool FilterChain::stepBody(Slot& slot) {
  Half& half = D::half(slot);
  const bool all_here = half.arrived != Half::Mark::kHead;
  if (half.mode != BodyMode::kStream) half.shown_bytes = half.held.size();
  if (half.mode == BodyMode::kNone && all_here) half.shown = Half::Mark::kBody;
  const bool last = half.shown >= Half::Mark::kBody && half.shown_bytes == half.held.size();
  if (half.shown_bytes > 0 || (last && !half.trailers)) {
    passHeld<D>(slot, half.shown_bytes, last && !half.trailers);
    return true;
  }
  if (!half.held.empty() || (all_here && !half.trailers)) {
    return showBody<D>(slot, all_here && !half.trailers);
  }
  if (!all_here) return false;
  half.passed = Half::Mark::kBody;  // trailers are next
  if (half.shown == Half::Mark::kHead) half.shown = Half::Mark::kBody;
  return true;
}

// Waits for the whole body, then shows it.
template <class D>
bool FilterChain::awaitCollected(Slot& slot) {
  Half& half = D::half(slot);
  const bool known = D::framing(context_) == BodyFraming::kContentLength;
  if (half.arrived == Half::Mark::kHead) {
    if (known && D::contentLength(context_) > slot.collect_limit) {
      refuseTooLarge<D>(slot);
    } else if (std::is_same_v<D, Request> && context_.request.expects_continue) {
      sendContinue(slot);
    }
    return false;
  }
  return showBody<D>(slot, !half.trailers);
}

// What is held is new to the filter, but for what it left there while the head waits.
template <class D>
bool FilterChain::showBody(Slot& slot, bool end_stream) {
  Half& half = D::half(slot);
  buffer::Buffer kept(context_.blocks);
  kept.appendPrefix(half.held, half.shown_bytes);
  buffer::Buffer data(std::move(half.held));
  account<D>(half, -static_cast<int64_t>(data.size()));
  if (end_stream || half.collecting()) half.shown = Half::Mark::kBody;
  beforeCall(slot);
  const Verdict verdict = D::showBody(*slot.filter, data, end_stream);
  if (half.collecting() && D::framing(context_) == BodyFraming::kContentLength) {
    D::contentLength(context_) = data.size();
  }
  account<D>(half, static_cast<int64_t>(data.size()));
  kept.append(data);
  half.shown_bytes = kept.size();
  kept.append(half.held);  // what came during the call
  half.held = std::move(kept);
  if (half.shown != Half::Mark::kHead) half.shown_bytes = half.held.size();  // addBody()
  return afterCall<D>(slot, verdict);
}

template <class D>
void FilterChain::passHeld(Slot& slot, size_t bytes, bool end_stream) {
  Half& half = D::half(slot);
  buffer::Buffer data(context_.blocks);
  if (bytes == half.held.size()) {
    std::swap(data, half.held);
  } else {
    data.appendPrefix(half.held, bytes);
  }
  half.shown_bytes -= bytes;
  if (end_stream) half.passed = Half::Mark::kBody;
  account<D>(half, -static_cast<int64_t>(bytes));
  passBody<D>(D::next(slot), data, end_stream);
}

template <class D>
void FilterChain::hold(Slot& slot, buffer::Buffer& data) {
  Half& half = D::half(slot);
  account<D>(half, static_cast<int64_t>(data.size()));
  half.held.append(data);
}

template <class D>
void FilterChain::refuseTooLarge(Slot& slot) {
  if constexpr (std::is_same_v<D, Request>) {
    reply(slot.index, {.status = 413,
                       .body = "request body too large\n",
                       .detail = "request_body_over_collect_limit",
                       .close_connection = true});
  } else {
    reply(slot.index, {.status = 500,
                       .body = "response body too large\n",
                       .detail = "response_body_over_collect_limit"});
  }
}

void FilterChain::passInformational(Slot* slot) {
  for (; slot != nullptr; slot = slot->previous) {
    beforeCall(*slot);
    const Verdict verdict = slot->filter->onInformational(context_.response);
    if (!afterCall<Response>(*slot, Verdict::kContinue) || verdict == Verdict::kPause) return;
  }
  if (response_sent_ == Sent::kNothing) sink_.sendInformational(context_.response);
}

// The client waits for a word before it sends the body that a filter waits for.
void FilterChain::sendContinue(Slot& slot) {
  context_.request.expects_continue = false;
  context_.request.headers.remove(HeaderId::kExpect);
  context_.response.clear();
  context_.response.status = 100;
  passInformational(slot.previous);
  if (response_sent_ == Sent::kNothing) context_.response.clear();
}

// Such a filter is called for nothing at all; its destructor still runs.
void FilterChain::passByIfDisabled(Slot& slot) {
  const Route* const route = this->route();
  const RouteFilter* const settings = route == nullptr ? nullptr : route->filter(slot.position);
  if (settings == nullptr || !settings->disabled) return;
  slot.filter = context_.arena.create<HttpFilter>();
  setMode<Request>(slot, BodyMode::kNone);
  setMode<Response>(slot, BodyMode::kNone);
}

void FilterChain::beforeCall(Slot& slot) {
  slot.in_call = true;
  ++calls_;
}

template <class D>
bool FilterChain::afterCall(Slot& slot, Verdict verdict) {
  slot.in_call = false;
  --calls_;
  Half& half = D::half(slot);
  half.paused = verdict == Verdict::kPause && !half.resume_asked;
  half.resume_asked = half.run_again = false;
  if (pending_ != Pending::kNone && calls_ == 0) performPending();
  Half& other = D::Other::half(slot);
  if (other.resume_asked || other.run_again) {
    if (other.resume_asked) other.paused = false;
    other.resume_asked = other.run_again = false;
    run<typename D::Other>(slot);
  }
  return live<D>(slot);
}

template <class D>
void FilterChain::resume(Slot& slot) {
  Half& half = D::half(slot);
  const bool waits = half.paused || half.head_held;
  half.head_held = false;
  if (slot.in_call) {
    half.resume_asked = true;
  } else if (waits) {
    half.paused = false;
    run<D>(slot);
  }
}

template <class D>
void FilterChain::setMode(Slot& slot, BodyMode mode) {
  Half& half = D::half(slot);
  if (half.passed != Half::Mark::kNothing) return;
  const auto held = static_cast<int64_t>(half.held.size());
  ++runs_;  // nobody answers in between
  account<D>(half, -held);
  const bool endless = half.arrived != Half::Mark::kNothing && D::tunnel(context_);
  half.mode = mode == BodyMode::kCollect && endless ? BodyMode::kNone : mode;
  account<D>(half, held);
  if (--runs_ == 0 && answer_ != nullptr) tellAnswerBlocked();
}

template <class D>
void FilterChain::addBody(Slot& slot, buffer::Buffer& data) {
  Half& half = D::half(slot);
  if (half.shown < Half::Mark::kBody || half.passed > Half::Mark::kBody) return;
  if (half.passed == Half::Mark::kNothing) half.bodiless = false;
  account<D>(half, static_cast<int64_t>(data.size()));
  half.shown_bytes += data.size();
  half.held.append(data);
}

template <class D>
void FilterChain::passAhead(Slot& slot, buffer::Buffer& data) {
  const bool may = live<D>(slot) && D::half(slot).passed == Half::Mark::kHead;
  if (!may || data.empty()) return data.clear();
  passBody<D>(D::next(slot), data, false);
}

template <class D>
void FilterChain::account(const Half& half, int64_t change) {
  if (half.mode == BodyMode::kCollect || change == 0) return;
  constexpr bool kIsRequest = std::is_same_v<D, Request>;
  size_t& held = kIsRequest ? request_held_ : response_held_;
  bool& full = kIsRequest ? request_full_ : response_full_;
  held += static_cast<size_t>(change);
  if (full ? held > kHighWatermarkBytes / 2 : held <= kHighWatermarkBytes) return;
  full = !full;
  kIsRequest ? updateRequestRead() : updateResponseBlocked();
}

template void FilterChain::passHead<FilterChain::Request>(Slot*, bool);
template void FilterChain::passHead<FilterChain::Response>(Slot*, bool);
template void FilterChain::passBody<FilterChain::Request>(Slot*, buffer::Buffer&, bool);
template void FilterChain::passBody<FilterChain::Response>(Slot*, buffer::Buffer&, bool);
template void FilterChain::passTrailers<FilterChain::Request>(Slot*);
template void FilterChain::passTrailers<FilterChain::Response>(Slot*);
template void FilterChain::resume<FilterChain::Request>(Slot&);
template void FilterChain::resume<FilterChain::Response>(Slot&);
template void FilterChain::setMode<FilterChain::Request>(Slot&, BodyMode);
template void FilterChain::setMode<FilterChain::Response>(Slot&, BodyMode);
template void FilterChain::addBody<FilterChain::Request>(Slot&, buffer::Buffer&);
template void FilterChain::addBody<FilterChain::Response>(Slot&, buffer::Buffer&);
template void FilterChain::passAhead<FilterChain::Request>(Slot&, buffer::Buffer&);
template void FilterChain::passAhead<FilterChain::Response>(Slot&, buffer::Buffer&);

}  // namespace weir::http
