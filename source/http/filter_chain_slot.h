#pragma once

#include <cstddef>
#include <cstdint>

#include "source/http/filter_chain.h"

// The inside of FilterChain, for its own files: filter_chain.cc (its face),
// filter_chain_engine.cc (one filter, one direction) and filter_chain_replies.cc (replies and
// ends).
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
  Slot(FilterChain& chain, HttpFilter& f, const BodyNeeds& needs, uint32_t i, uint32_t p,
       Slot* before)
      : filter(&f),
        made(f),
        handle(chain, i),
        index(i),
        position(p),
        collect_limit(needs.collect_limit_bytes),
        previous(before),
        request(chain.context_.blocks, needs.request),
        response(chain.context_.blocks, needs.response) {}

  HttpFilter* filter;  // who is called: `made`, or when the route disables that, one of no effect
  HttpFilter& made;
  FilterHandle handle;
  const uint32_t index;
  const uint32_t position;  // among all that are configured
  uint32_t collect_limit;
  Slot* const previous;
  Slot* next = nullptr;
  bool in_call = false;
  std::string_view grpc_type;  // grpcReplyType() of the request as the filter saw it
  Half request;
  Half response;
};

// What a filter answers, see FilterHandle::beginAnswer().
struct FilterChain::Answer {
  enum class State : uint8_t {
    kFilling,  // the head
    kReady,    // goes on when the filter's call is over; until then `held` is the body
    kFlowing,
    kOver,
  };

  Answer(Slot& s, buffer::BlockPool& blocks) : slot(s), held(blocks) {}

  Slot& slot;
  State state = State::kFilling;
  bool head_only = false;
  bool ended = false;  // nothing comes behind `held` but `trailers`
  bool trailers = false;
  bool counted = false;  // `left` bytes are still to come
  bool blocked = false;  // as the filter was told
  uint64_t left = 0;
  buffer::Buffer held;
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

  static Verdict showHead(FilterChain& chain, Slot& slot, bool end_stream) {
    if (chain.routes_set_filters_) chain.passByIfDisabled(slot);
    slot.grpc_type = grpcReplyType(chain.context_.request.headers);
    return slot.filter->onRequestHead(chain.context_.request, end_stream);
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

  static Verdict showHead(FilterChain& chain, Slot& slot, bool end_stream) {
    return slot.filter->onResponseHead(chain.context_.response, end_stream);
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
    if (!chain.grpc_type_.empty()) chain.noteGrpcStatus(chain.context_.response.headers);
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
    if (!chain.grpc_type_.empty()) chain.noteGrpcStatus(chain.context_.response_trailers);
    chain.sink_.sendTrailers(chain.context_.response_trailers);
  }
};

// filter_chain_engine.cc has them.
extern template void FilterChain::passHead<FilterChain::Request>(Slot*, bool);
extern template void FilterChain::passHead<FilterChain::Response>(Slot*, bool);
extern template void FilterChain::passBody<FilterChain::Request>(Slot*, buffer::Buffer&, bool);
extern template void FilterChain::passBody<FilterChain::Response>(Slot*, buffer::Buffer&, bool);
extern template void FilterChain::passTrailers<FilterChain::Request>(Slot*);
extern template void FilterChain::passTrailers<FilterChain::Response>(Slot*);
extern template void FilterChain::resume<FilterChain::Request>(Slot&);
extern template void FilterChain::resume<FilterChain::Response>(Slot&);
extern template void FilterChain::setMode<FilterChain::Request>(Slot&, BodyMode);
extern template void FilterChain::setMode<FilterChain::Response>(Slot&, BodyMode);
extern template void FilterChain::addBody<FilterChain::Request>(Slot&, buffer::Buffer&);
extern template void FilterChain::addBody<FilterChain::Response>(Slot&, buffer::Buffer&);
extern template void FilterChain::passAhead<FilterChain::Request>(Slot&, buffer::Buffer&);
extern template void FilterChain::passAhead<FilterChain::Response>(Slot&, buffer::Buffer&);

}  // namespace weir::http
