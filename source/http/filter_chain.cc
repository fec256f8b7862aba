#include "source/http/filter_chain.h"

#include "source/http/dynamic_metadata.h"
#include "source/http/filter_chain_slot.h"
#include "source/http/route.h"

namespace weir::http {

FilterChain::FilterChain(const FilterChainContext& context, ResponseSink& sink)
    : context_(context), sink_(sink) {}

FilterChain::~FilterChain() {
  clear();
}

void FilterChain::addFilter(HttpFilter& filter, uint32_t position) {
  Slot* slot =
      context_.arena.create<Slot>(*this, filter, filter.bodyNeeds(), slots_++, position, last_);
  filter.handle_ = &slot->handle;
  (last_ == nullptr ? first_ : last_->next) = slot;
  last_ = slot;
}

void FilterChain::clear() {
  for (Slot* slot = first_; slot != nullptr;) {
    Slot* next = slot->next;
    slot->made.~HttpFilter();
    slot->~Slot();
    slot = next;
  }
  first_ = last_ = nullptr;
  terminal_ = nullptr;
  slots_ = calls_ = runs_ = 0;
  answer_.reset();
  response_origin_ = kTerminal;
  response_sent_ = Sent::kNothing;
  pending_ = Pending::kNone;
  ended_ = close_after_response_ = request_dropped_ = head_seen_ = false;
  replied_locally_ = replied_at_once_ = false;
  routes_set_filters_ = false;
  grpc_type_ = {};
  request_read_enabled_ = terminal_reads_request_ = true;
  request_full_ = response_full_ = response_blocked_ = client_blocked_ = false;
  request_held_ = response_held_ = 0;
}

void FilterChain::requestHead(bool end_stream) {
  if (ended_ || request_dropped_) return;
  head_seen_ = true;
  grpc_type_ = grpcReplyType(context_.request.headers);
  passHead<Request>(first_, end_stream);
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

FilterChain::Slot* FilterChain::slot(uint32_t index) const {
  Slot* slot = first_;
  while (index-- > 0) slot = slot->next;
  return slot;
}

// ---- backpressure ---------------------------------------------------------------------------

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
  if (terminal_ != nullptr) {
    terminal_->onResponseBlocked(blocked);
  } else if (answer_ != nullptr) {
    tellAnswerBlocked();
  }
}

void FilterChain::setRequestReadEnabled(bool enabled) {
  terminal_reads_request_ = enabled || request_dropped_;
  updateRequestRead();
}

void FilterChain::responseBlocked(bool blocked) {
  client_blocked_ = blocked;
  updateResponseBlocked();
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

ChainOrigin ResponseSink::origin() {
  return {};
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
ResponseHead* FilterHandle::beginAnswer() {
  return chain_->beginAnswer(*chain_->slot(index_));
}
void FilterHandle::answerHead(bool end_stream) {
  chain_->answerHead(*chain_->slot(index_), end_stream);
}
bool FilterHandle::answerBody(buffer::Buffer& data, bool end_stream) {
  return chain_->answerBody(*chain_->slot(index_), data, end_stream);
}
bool FilterHandle::answerTrailers(std::span<const ReplyField> fields) {
  return chain_->answerTrailers(*chain_->slot(index_), fields);
}
void FilterHandle::closeAfterResponse() {
  chain_->close_after_response_ = true;
}
void FilterHandle::reset(const StreamError& error) {
  chain_->reset(error);
}
bool FilterHandle::answered() const {
  return chain_->response_origin_ == index_ && !chain_->replied_at_once_;
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
void FilterHandle::passRequestBody(buffer::Buffer& data) {
  chain_->passAhead<FilterChain::Request>(*chain_->slot(index_), data);
}
void FilterHandle::passResponseBody(buffer::Buffer& data) {
  chain_->passAhead<FilterChain::Response>(*chain_->slot(index_), data);
}
RequestHead& FilterHandle::requestHead() {
  return chain_->context_.request;
}
ResponseHead& FilterHandle::responseHead() {
  return chain_->context_.response;
}
HeaderMap* FilterHandle::requestTrailers() {
  return chain_->slot(index_)->request.trailers ? &chain_->context_.request_trailers : nullptr;
}
HeaderMap* FilterHandle::responseTrailers() {
  return chain_->slot(index_)->response.trailers ? &chain_->context_.response_trailers : nullptr;
}
StreamInfo& FilterHandle::info() {
  return chain_->context_.info;
}
DynamicMetadata& FilterHandle::dynamicMetadata() {
  return http::dynamicMetadata(info(), arena());
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
ChainOrigin FilterHandle::origin() {
  ChainOrigin origin = chain_->sink_.origin();
  origin.position = chain_->slot(index_)->position;
  return origin;
}
void FilterHandle::clearRouteCache() {
  chain_->sink_.clearRouteCache();
}
const Route* FilterHandle::route() {
  return chain_->route();
}
const RouteFilterConfig* FilterHandle::routeConfig() {
  if (!chain_->routes_set_filters_) return nullptr;
  const Route* route = chain_->route();
  const RouteFilter* settings =
      route == nullptr ? nullptr : route->filter(chain_->slot(index_)->position);
  return settings == nullptr ? nullptr : settings->config.get();
}

}  // namespace weir::http
