#include "source/http/onward_exchange.h"

#include <memory>
#include <utility>

#include "source/network/io_context.h"

namespace weir::http {

OnwardExchange::OnwardExchange(event::Dispatcher& dispatcher, buffer::BlockPool& blocks,
                               Owner& owner)
    : owner_(owner),
      chain_({.request = request_,
              .response = response_,
              .request_trailers = request_trailers_,
              .response_trailers = response_trailers_,
              .info = info_,
              .arena = arena_,
              .dispatcher = dispatcher,
              .blocks = blocks},
             *this) {}

// The filters go before what has made them.
OnwardExchange::~OnwardExchange() {
  chain_.end();
  chain_.clear();
}

void OnwardExchange::setClient(const StreamInfo& of) {
  info_.request_id = request_.arena.copy(of.request_id);
  info_.draw = of.draw;
  if (of.downstream_remote == nullptr) return;
  client_ = *of.downstream_remote;
  info_.downstream_remote = info_.downstream_direct = &client_;
}

void OnwardExchange::start(ChainOrigin origin, OnwardListener& listener) {
  event::Dispatcher& dispatcher = chain_.context().dispatcher;
  origin_ = std::move(origin);
  listener_ = &listener;
  info_.start_time = dispatcher.systemNow();
  info_.started = info_.request_complete = dispatcher.now();
  info_.route = origin_.route;
  info_.routed_path = request_.path;
  origin_.source->addFiltersBehind(origin_.position, chain_, arena_);
  chain_.setTerminal(origin_.source->createTerminal(chain_, arena_));
  chain_.requestHead(true);
}

void OnwardExchange::setReadEnabled(bool enabled) {
  if (listener_ != nullptr) chain_.responseBlocked(!enabled);
}

void OnwardExchange::cancel() {
  if (finish() != nullptr) chain_.end();
}

void OnwardExchange::sendHead(ResponseHead& head, bool end_stream) {
  if (listener_ == nullptr) return;
  info_.status = head.status;
  info_.response_started = chain_.context().dispatcher.now();
  OnwardListener& listener = end_stream ? *finish() : *listener_;
  listener.onOnwardHead(head, end_stream);
}

void OnwardExchange::sendBody(buffer::Buffer& data, bool end_stream) {
  if (listener_ == nullptr) return data.clear();
  info_.response_bytes += data.size();
  OnwardListener& listener = end_stream ? *finish() : *listener_;
  listener.onOnwardBody(data, end_stream);
}

void OnwardExchange::sendTrailers(HeaderMap&) {
  if (listener_ == nullptr) return;
  buffer::Buffer nothing(chain_.context().blocks);
  finish()->onOnwardBody(nothing, true);
}

void OnwardExchange::fail(const StreamError& error) {
  if (OnwardListener* const listener = finish()) listener->onOnwardFailure(error);
}

// Whom to tell; null: it was over.
OnwardListener* OnwardExchange::finish() {
  OnwardListener* const listener = std::exchange(listener_, nullptr);
  if (listener != nullptr) owner_.onExchangeOver(*this);
  return listener;
}

void OnwardExchange::recycle() {
  chain_.end();
  chain_.clear();
  request_trailers_.clear();
  response_trailers_.clear();
  request_.clear();
  response_.clear();
  arena_.clear();
  info_.clear();
  client_ = network::Address();
  origin_ = ChainOrigin();
}

// ---- of a worker ----------------------------------------------------------------------------

OnwardExchanges::OnwardExchanges(base::ServiceMap& services)
    : dispatcher_(services.get<event::Dispatcher>()),
      blocks_(services.get<network::IoContext>().blocks()) {}

OnwardExchanges::~OnwardExchanges() {
  endAll();
  destroy(unused_);
}

OnwardExchange& OnwardExchanges::make() {
  OnwardExchange::Owner& owner = *this;
  OnwardExchange* exchange = unused_.popFront();
  if (exchange != nullptr) {
    --unused_count_;
  } else {
    exchange = std::make_unique<OnwardExchange>(dispatcher_, blocks_, owner).release();
  }
  running_.pushBack(*exchange);
  ++running_count_;
  return *exchange;
}

void OnwardExchanges::onExchangeOver(OnwardExchange& exchange) {
  over_.pushBack(exchange);
  --running_count_;
  dispatcher_.atTurnEnd(*this);
}

// With no frame of them on the stack.
void OnwardExchanges::onTurnEnd() {
  base::IntrusiveList<OnwardExchange> due;
  due.spliceBack(over_);
  while (OnwardExchange* const exchange = due.popFront()) {
    if (unused_count_ >= kMaxUnused) {
      const std::unique_ptr<OnwardExchange> gone(exchange);
      continue;
    }
    exchange->recycle();
    unused_.pushFront(*exchange);
    ++unused_count_;
  }
}

void OnwardExchanges::endAll() {
  while (OnwardExchange* const exchange = running_.front()) {
    exchange->fail({ErrorOrigin::kLocal, ErrorReason::kDrain, false, "worker_ends"});
    if (exchange == running_.front()) {  // made and never started
      exchange->unlink();
      const std::unique_ptr<OnwardExchange> gone(exchange);
      --running_count_;
    }
  }
  destroy(over_);
}

void OnwardExchanges::destroy(base::IntrusiveList<OnwardExchange>& exchanges) {
  while (std::unique_ptr<OnwardExchange>(exchanges.popFront())) {
  }
}

}  // namespace weir::http
