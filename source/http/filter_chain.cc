#include "source/http/filter_chain.h"

#include <new>
#include <utility>

#include "source/http/semantics.h"

namespace weir::http {

// One direction of one filter. Three marks go through head, body and trailers, never back, and
// passed <= shown <= arrived: what has come, what the filter has seen, what has gone on.
struct FilterChain::Half {
  enum class Mark : uint8_t { kNothing, kHead, kBody, kTrailers };  // kBody: its end

  Half(buffer::BlockPool& blocks, BodyMode body_mode) : held(blocks), mode(body_mode) {}

  // Nothing waits here and body bytes may pass at once.
  bool flowing() const { return passed == Mark::kHead && !paused && held.empty(); }
  bool collecting() const { return mode == BodyMode::kCollect && !bodiless; }

  buffer::Buffer held;     // body bytes that have not gone on
  size_t shown_bytes = 0;  // how many of them, from the front, the filter has seen
  BodyMode mode;
  Mark arrived = Mark::kNothing;
  Mark shown = Mark::kNothing;
  Mark passed = Mark::kNothing;
  bool bodiless = false;  // the head was the end
  bool trailers = false;  // the end are trailers
  bool paused = false;
  bool resume_asked = false;      // from inside a call
  bool run_again = false;         // something arrived during a call
  bool head_held = false;         // what is behind the head is shown before it goes
  bool trailers_dropped = false;  // by the filter
};

// A filter and its place in the chain; lives in the arena.
struct FilterChain::Slot {
  Slot(FilterChain& chain, HttpFilter& f, const BodyNeeds& needs, uint32_t i, Slot* before)
      : filter(f),
        handle(chain, i),
        index(i),
        collect_limit(needs.collect_limit_bytes),
        previous(before),
        request(chain.context_.blocks, needs.request),
        response(chain.context_.blocks, needs.response) {}

  HttpFilter& filter;
  FilterHandle handle;
  const uint32_t index;
  uint32_t collect_limit;
  Slot* const previous;
  Slot* next = nullptr;
  bool in_call = false;
  Half request;
  Half response;
};

struct FilterChain::Request {
  using Other = Response;
  static Half& half(Slot& slot) { return slot.request; }
  static Slot* next(Slot& slot) { return slot.next; }
  static bool tunnel(const FilterChainContext& c) {
    return !c.request.upgrade.empty() || c.request.isConnect();
  }
  static bool dead(const FilterChain& chain, const Slot&) { return chain.request_dropped_; }
  static BodyFraming framing(const FilterChainContext& c) { return c.request.framing; }
  static HeaderMap& trailers(const FilterChainContext& c) { return c.request_trailers; }
  static uint64_t& contentLength(FilterChainContext& c) { return c.request.content_length; }

  static Verdict showHead(FilterChain& chain, HttpFilter& filter, bool end_stream) {
    return filter.onRequestHead(chain.context_.request, end_stream);
  }
  static Verdict showBody(HttpFilter& filter, buffer::Buffer& data, bool end_stream) {
    return filter.onRequestBody(data, end_stream);
  }
  static Verdict showTrailers(FilterChain& chain, HttpFilter& filter) {
    return filter.onRequestTrailers(chain.context_.request_trailers);
  }
  static void deliverHead(FilterChain& chain, bool end_stream) {
    chain.terminal_->onRequestHead(chain.context_.request, end_stream);
  }
  static void deliverBody(FilterChain& chain, buffer::Buffer& data, bool end_stream) {
    chain.terminal_->onRequestBody(data, end_stream);
  }
  static void deliverTrailers(FilterChain& chain) {
    chain.terminal_->onRequestTrailers(chain.context_.request_trailers);
  }
};

struct FilterChain::Response {
  using Other = Request;
  static Half& half(Slot& slot) { return slot.response; }
  static Slot* next(Slot& slot) { return slot.previous; }
  static bool tunnel(const FilterChainContext& c) {
    return c.response.framing == BodyFraming::kTunnel;
  }
  static bool dead(const FilterChain& chain, const Slot& slot) {
    return slot.index >= chain.response_origin_;
  }
  static BodyFraming framing(const FilterChainContext& c) { return c.response.framing; }
  static HeaderMap& trailers(const FilterChainContext& c) { return c.response_trailers; }
  static uint64_t& contentLength(FilterChainContext& c) { return c.response.content_length; }

  static Verdict showHead(FilterChain& chain, HttpFilter& filter, bool end_stream) {
    return filter.onResponseHead(chain.context_.response, end_stream);
  }
  static Verdict showBody(HttpFilter& filter, buffer::Buffer& data, bool end_stream) {
    return filter.onResponseBody(data, end_stream);
  }
  static Verdict showTrailers(FilterChain& chain, HttpFilter& filter) {
    return filter.onResponseTrailers(chain.context_.response_trailers);
  }
  static void deliverHead(FilterChain& chain, bool end_stream) {
    if (chain.response_sent_ != Sent::kNothing) return;
    chain.response_sent_ = end_stream ? Sent::kAll : Sent::kHead;
    chain.sink_.sendHead(chain.context_.response, end_stream);
  }
  static void deliverBody(FilterChain& chain, buffer::Buffer& data, bool end_stream) {
    if (chain.response_sent_ != Sent::kHead) return;
    if (end_stream) chain.response_sent_ = Sent::kAll;
    chain.sink_.sendBody(data, end_stream);
  }
  static void deliverTrailers(FilterChain& chain) {
    if (chain.response_sent_ != Sent::kHead) return;
    chain.response_sent_ = Sent::kAll;
    chain.sink_.sendTrailers(chain.context_.response_trailers);
  }
};

FilterChain::FilterChain(const FilterChainContext& context, ResponseSink& sink)
    : context_(context), sink_(sink) {}

FilterChain::~FilterChain() {
  clear();
}

void FilterChain::addFilter(HttpFilter& filter) {
  Slot* slot = context_.arena.create<Slot>(*this, filter, filter.bodyNeeds(), slots_++, last_);
  filter.handle_ = &slot->handle;
  (last_ == nullptr ? first_ : last_->next) = slot;
  last_ = slot;
}

void FilterChain::clear() {
  for (Slot* slot = first_; slot != nullptr;) {
    Slot* next = slot->next;
    slot->filter.~HttpFilter();
    slot->~Slot();
    slot = next;
  }
  first_ = last_ = nullptr;
  terminal_ = nullptr;
  slots_ = calls_ = 0;
  response_origin_ = kTerminal;
  response_sent_ = Sent::kNothing;
  pending_ = Pending::kNone;
  ended_ = close_after_response_ = request_dropped_ = false;
  request_read_enabled_ = terminal_reads_request_ = true;
  request_full_ = response_full_ = response_blocked_ = client_blocked_ = false;
  request_held_ = response_held_ = 0;
}

void FilterChain::requestHead(bool end_stream) {
  if (!ended_ && !request_dropped_) passHead<Request>(first_, end_stream);
}

void FilterChain::requestBody(buffer::Buffer& data, bool end_stream) {
  if (!ended_ && !request_dropped_) passBody<Request>(first_, data, end_stream);
}

void FilterChain::requestTrailers() {
  if (!ended_ && !request_dropped_) passTrailers<Request>(first_);
}

void FilterChain::respondInformational() {
  if (!ended_ && response_origin_ == kTerminal) passInformational(last_);
}

void FilterChain::respondHead(bool end_stream) {
  if (!ended_ && response_origin_ == kTerminal) passHead<Response>(last_, end_stream);
}

void FilterChain::respondBody(buffer::Buffer& data, bool end_stream) {
  if (!ended_ && response_origin_ == kTerminal) passBody<Response>(last_, data, end_stream);
}

void FilterChain::respondTrailers() {
  if (!ended_ && response_origin_ == kTerminal) passTrailers<Response>(last_);
}

// ---- one filter, one direction --------------------------------------------------------------

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
  while (live<D>(slot) && !half.paused && !slot.in_call && step<D>(slot)) {
  }
}

template <class D>
bool FilterChain::step(Slot& slot) {
  Half& half = D::half(slot);
  if (half.arrived == Half::Mark::kNothing) return false;
  if (half.shown == Half::Mark::kNothing) {
    half.shown = half.bodiless ? Half::Mark::kBody : Half::Mark::kHead;
    beforeCall(slot);
    return afterCall<D>(slot, D::showHead(*this, slot.filter, half.bodiless));
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
  const Verdict verdict = D::showTrailers(*this, slot.filter);
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
  const Verdict verdict = D::showBody(slot.filter, data, end_stream);
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
    const Verdict verdict = slot->filter.onInformational(context_.response);
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
  account<D>(half, -held);
  const bool endless = half.arrived != Half::Mark::kNothing && D::tunnel(context_);
  half.mode = mode == BodyMode::kCollect && endless ? BodyMode::kNone : mode;
  account<D>(half, held);
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

// ---- backpressure ---------------------------------------------------------------------------

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

void FilterChain::updateRequestRead() {
  const bool enabled = terminal_reads_request_ && !request_full_;
  if (ended_ || enabled == request_read_enabled_) return;
  request_read_enabled_ = enabled;
  sink_.setRequestReadEnabled(enabled);
}

void FilterChain::updateResponseBlocked() {
  const bool blocked = client_blocked_ || response_full_;
  if (ended_ || blocked == response_blocked_) return;
  response_blocked_ = blocked;
  if (terminal_ != nullptr) terminal_->onResponseBlocked(blocked);
}

void FilterChain::setRequestReadEnabled(bool enabled) {
  terminal_reads_request_ = enabled || request_dropped_;
  updateRequestRead();
}

void FilterChain::responseBlocked(bool blocked) {
  client_blocked_ = blocked;
  updateResponseBlocked();
}

// ---- replies and ends -----------------------------------------------------------------------

void FilterChain::localReply(const LocalReply& reply_of_terminal) {
  if (response_origin_ == kTerminal) reply(kTerminal, reply_of_terminal);
}

void FilterChain::replyAtOnce(const LocalReply& reply_of_owner) {
  reply(0, reply_of_owner);
}

void FilterChain::reply(uint32_t origin, const LocalReply& given) {
  if (ended_) return;
  if (calls_ == 0) return performReply(origin, given);
  if (pending_ != Pending::kNone) return;
  pending_ = Pending::kReply;
  pending_origin_ = origin;
  pending_reply_ = given;
  pending_reply_.body = context_.arena.copy(given.body);
  pending_reply_.content_type = context_.arena.copy(given.content_type);
  pending_reply_.location = context_.arena.copy(given.location);
}

void FilterChain::performReply(uint32_t origin, const LocalReply& given) {
  // Somebody nearer to the client has answered, or all is said.
  const bool too_late = response_origin_ != kTerminal && origin >= response_origin_ && origin != 0;
  if (too_late || response_sent_ == Sent::kAll) return;
  if (responseLeft(origin)) {
    if (!given.detail.empty()) context_.info.detail = given.detail;
    context_.info.addFlag(given.flag);
    return performReset(
        {.origin = ErrorOrigin::kLocal, .reason = ErrorReason::kFilter, .detail = given.detail});
  }
  response_origin_ = origin;
  request_dropped_ = true;
  dropHeld();
  if (origin != kTerminal) endTerminal();
  terminal_reads_request_ = true;
  updateRequestRead();
  sendReply(origin == kTerminal ? last_ : (origin == 0 ? nullptr : slot(origin - 1)), given);
}

void FilterChain::sendReply(Slot* to, const LocalReply& given) {
  context_.info.addFlag(given.flag);
  if (!given.detail.empty()) context_.info.detail = given.detail;
  close_after_response_ |= given.close_connection;
  // The views may lead into the head that is about to be cleared.
  buffer::Buffer body(context_.blocks);
  const bool bodiless = statusHasNoBody(given.status);
  if (!bodiless) body.append(given.body);
  const std::string_view type = context_.arena.copy(given.content_type);
  const std::string_view location = context_.arena.copy(given.location);
  ResponseHead& head = context_.response;
  head.clear();
  head.status = given.status;
  head.framing = bodiless ? BodyFraming::kNone : BodyFraming::kContentLength;
  head.content_length = body.size();
  if (!body.empty() && !type.empty()) head.headers.add(HeaderId::kContentType, type);
  if (!location.empty()) head.headers.add(HeaderId::kLocation, location);
  const bool head_only = body.empty() || context_.request.isHead();
  const uint32_t origin = response_origin_;
  passHead<Response>(to, head_only);
  if (!head_only && !ended_ && response_origin_ == origin) passBody<Response>(to, body, true);
}

// Has the response head gone on from `origin` towards the client?
bool FilterChain::responseLeft(uint32_t origin) {
  if (response_sent_ != Sent::kNothing) return true;
  const Slot* before = origin == kTerminal ? last_ : (origin == 0 ? nullptr : slot(origin - 1));
  return before != nullptr && before->response.arrived != Half::Mark::kNothing;
}

void FilterChain::reset(const StreamError& error) {
  if (ended_) return;
  if (calls_ == 0) return performReset(error);
  if (pending_ == Pending::kEnd) return;
  pending_ = Pending::kReset;
  pending_error_ = error;
}

void FilterChain::performReset(const StreamError& error) {
  if (response_sent_ == Sent::kAll) return;  // what the client has is whole
  context_.info.addFlag(flagFor(error));
  if (context_.info.detail.empty()) context_.info.detail = error.detail;
  sink_.sendReset(error);
  performEnd();
}

void FilterChain::end() {
  if (ended_) return;
  if (calls_ == 0) return performEnd();
  pending_ = Pending::kEnd;
}

void FilterChain::performEnd() {
  if (ended_) return;
  ended_ = true;
  endTerminal();
  for (Slot* slot = first_; slot != nullptr; slot = slot->next) slot->filter.onStreamEnd();
  dropHeld();
}

void FilterChain::performPending() {
  switch (std::exchange(pending_, Pending::kNone)) {
    case Pending::kNone:
      return;
    case Pending::kReply:
      return performReply(pending_origin_, pending_reply_);
    case Pending::kReset:
      return performReset(pending_error_);
    case Pending::kEnd:
      return performEnd();
  }
}

void FilterChain::endTerminal() {
  if (Terminal* terminal = std::exchange(terminal_, nullptr)) terminal->onStreamEnd();
}

// Of the request, and of the response what is behind its (new) origin.
void FilterChain::dropHeld() {
  for (Slot* slot = first_; slot != nullptr; slot = slot->next) {
    slot->request.held.clear();
    if (ended_ || slot->index >= response_origin_) slot->response.held.clear();
  }
  request_held_ = response_held_ = 0;
  request_full_ = response_full_ = false;
}

FilterChain::Slot* FilterChain::slot(uint32_t index) const {
  Slot* slot = first_;
  while (index-- > 0) slot = slot->next;
  return slot;
}

// ---- what passes outside --------------------------------------------------------------------

const Route* FilterChain::route() {
  return sink_.resolveRoute();
}

bool FilterChain::responseBodyUnobserved() const {
  if (response_sent_ != Sent::kHead || ended_ || response_origin_ != kTerminal) return false;
  for (Slot* slot = first_; slot != nullptr; slot = slot->next) {
    if (slot->response.mode != BodyMode::kNone || !slot->response.flowing()) return false;
  }
  return true;
}

network::Connection* FilterChain::beginRawResponseBody(uint64_t bytes) {
  return responseBodyUnobserved() ? sink_.beginRawResponseBody(bytes) : nullptr;
}

void FilterChain::rawResponseBodyProgress(uint64_t bytes) {
  if (!ended_) sink_.rawResponseBodyProgress(bytes);
}

void FilterChain::finishRawResponseBody() {
  if (ended_ || response_sent_ != Sent::kHead) return;
  response_sent_ = Sent::kAll;
  sink_.finishRawResponseBody();
}

// ---- FilterHandle ---------------------------------------------------------------------------

void FilterHandle::resumeRequest() {
  chain_->resume<FilterChain::Request>(*chain_->slot(index_));
}
void FilterHandle::resumeResponse() {
  chain_->resume<FilterChain::Response>(*chain_->slot(index_));
}
void FilterHandle::localReply(const LocalReply& reply) {
  chain_->reply(index_, reply);
}
void FilterHandle::reset(const StreamError& error) {
  chain_->reset(error);
}
void FilterHandle::setBodyNeeds(const BodyNeeds& needs) {
  FilterChain::Slot& slot = *chain_->slot(index_);
  slot.collect_limit = needs.collect_limit_bytes;
  chain_->setMode<FilterChain::Request>(slot, needs.request);
  chain_->setMode<FilterChain::Response>(slot, needs.response);
}
void FilterHandle::holdRequestHead() {
  chain_->slot(index_)->request.head_held = true;
}
void FilterHandle::holdResponseHead() {
  chain_->slot(index_)->response.head_held = true;
}
void FilterHandle::addRequestBody(buffer::Buffer& data) {
  chain_->addBody<FilterChain::Request>(*chain_->slot(index_), data);
}
void FilterHandle::addResponseBody(buffer::Buffer& data) {
  chain_->addBody<FilterChain::Response>(*chain_->slot(index_), data);
}
RequestHead& FilterHandle::requestHead() {
  return chain_->context_.request;
}
ResponseHead& FilterHandle::responseHead() {
  return chain_->context_.response;
}
StreamInfo& FilterHandle::info() {
  return chain_->context_.info;
}
base::Arena& FilterHandle::arena() {
  return chain_->context_.arena;
}
event::Dispatcher& FilterHandle::dispatcher() {
  return chain_->context_.dispatcher;
}
buffer::BlockPool& FilterHandle::blocks() {
  return chain_->context_.blocks;
}
void FilterHandle::clearRouteCache() {
  chain_->sink_.clearRouteCache();
}
const Route* FilterHandle::route() {
  return chain_->route();
}

}  // namespace weir::http
