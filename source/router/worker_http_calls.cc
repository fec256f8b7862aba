#include "source/router/worker_http_calls.h"

#include <string>

#include "source/network/io_context.h"
#include "source/router/router.h"

namespace weir::router {

using http::ErrorOrigin;
using http::ErrorReason;

namespace {

stats::Cell& counter(base::ServiceMap& services, std::string_view name, std::string_view help) {
  return services.get<stats::Block>().counter(services.get<stats::Store>().counter(name, help));
}

stats::Cell& failure(base::ServiceMap& services, std::string_view reason) {
  return services.get<stats::Block>().counter(services.get<stats::Store>().counter(
      "http_calls_failed_total",
      "HTTP calls of filters and scripts to clusters that came to nothing, by reason.",
      {{"reason", std::string(reason)}}));
}

}  // namespace

WorkerHttpCalls::Cells::Cells(base::ServiceMap& services)
    : calls(counter(services, "http_calls_total",
                    "HTTP calls that filters and scripts made to clusters.")),
      answered(counter(services, "http_calls_answered_total",
                       "HTTP calls of filters and scripts that were answered, by any status.")),
      cancelled(counter(services, "http_calls_cancelled_total",
                        "HTTP calls that those who made them gave up.")),
      refused(counter(services, "http_calls_refused_total",
                      "HTTP calls without waiting for the answer that were not made because too "
                      "many of them were under way.")),
      active(services.get<stats::Block>().gauge(services.get<stats::Store>().gauge(
          "http_calls_active", "HTTP calls of filters and scripts that are under way."))),
      connect(failure(services, "connect")),
      timeout(failure(services, "timeout")),
      no_cluster(failure(services, "no_cluster")),
      no_endpoint(failure(services, "no_endpoint")),
      overflow(failure(services, "overflow")),
      broken(failure(services, "reset")),
      protocol(failure(services, "protocol")),
      too_large(failure(services, "too_large")),
      request(failure(services, "bad_request")) {}

WorkerHttpCalls::WorkerHttpCalls(base::ServiceMap& services)
    : dispatcher_(services.get<event::Dispatcher>()),
      blocks_(services.get<network::IoContext>().blocks()),
      cells_(services),
      router_(createRouterFactory(*RouteTable::compile({}))->bind(services)) {}

WorkerHttpCalls::~WorkerHttpCalls() {
  endAll();
  destroy(unused_);
}

HttpCallHandle WorkerHttpCalls::start(const HttpCallRequest& request, HttpCallListener& listener) {
  return HttpCallHandle(begin(request, &listener));
}

bool WorkerHttpCalls::startAndForget(const HttpCallRequest& request) {
  if (forgotten_ >= max_forgotten_) {
    cells_.refused.add();
    return false;
  }
  ++forgotten_;
  begin(request, nullptr);
  return true;
}

HttpCall& WorkerHttpCalls::begin(const HttpCallRequest& request, HttpCallListener* listener) {
  HttpCall::Owner& owner = *this;
  HttpCall* call = unused_.popFront();
  if (call != nullptr) {
    --unused_count_;
  } else {
    call = std::make_unique<HttpCall>(dispatcher_, blocks_, owner).release();
  }
  running_.pushBack(*call);
  cells_.calls.add();
  cells_.active.add();
  call->start(request, *router_, listener);
  return *call;
}

void WorkerHttpCalls::onCallOver(HttpCall& call) {
  over_.pushBack(call);
  cells_.active.sub();
  if (call.forgotten()) --forgotten_;
  count(call);
  dispatcher_.atTurnEnd(*this);
}

void WorkerHttpCalls::onTurnEnd() {
  base::IntrusiveList<HttpCall> due;  // what listeners bring to an end waits for the next turn
  due.spliceBack(over_);
  while (HttpCall* const call = due.popFront()) {
    call->deliver();
    dispose(*call);
  }
}

void WorkerHttpCalls::dispose(HttpCall& call) {
  if (unused_count_ >= kMaxUnused) {
    const std::unique_ptr<HttpCall> gone(&call);
    return;
  }
  call.recycle();
  unused_.pushFront(call);
  ++unused_count_;
}

void WorkerHttpCalls::endAll() {
  while (HttpCall* const call = running_.front()) call->cancel();
  destroy(over_);
}

void WorkerHttpCalls::destroy(base::IntrusiveList<HttpCall>& calls) {
  while (std::unique_ptr<HttpCall>(calls.popFront())) {
  }
}

// ---- statistics -----------------------------------------------------------------------------

void WorkerHttpCalls::count(const HttpCall& call) {
  switch (call.outcome()) {
    case HttpCall::Outcome::kNone:
      return;
    case HttpCall::Outcome::kAnswer:
      return cells_.answered.add();
    case HttpCall::Outcome::kFailure:
      return cellOf(call.error()).add();
    case HttpCall::Outcome::kCancelled:
      return cells_.cancelled.add();
  }
}

stats::Cell& WorkerHttpCalls::cellOf(const http::StreamError& error) {
  switch (error.reason) {
    case ErrorReason::kConnectFailure:
    case ErrorReason::kConnectTimeout:
      return cells_.connect;
    case ErrorReason::kHeaderTimeout:
    case ErrorReason::kRequestTimeout:
    case ErrorReason::kIdleTimeout:
      return cells_.timeout;
    case ErrorReason::kNoRoute:
    case ErrorReason::kNoCluster:
      return cells_.no_cluster;
    case ErrorReason::kNoHealthyEndpoint:
      return cells_.no_endpoint;
    case ErrorReason::kOverflow:
      return cells_.overflow;
    case ErrorReason::kBodyTooLarge:
      return cells_.too_large;
    case ErrorReason::kProtocol:
    case ErrorReason::kHeadTooLarge:
    case ErrorReason::kTargetTooLong:
      return error.origin == ErrorOrigin::kUpstream ? cells_.protocol : cells_.request;
    case ErrorReason::kNone:
    case ErrorReason::kConnectionClosed:
    case ErrorReason::kConnectionReset:
    case ErrorReason::kFilter:
    case ErrorReason::kStreamReset:
    case ErrorReason::kDrain:
      return cells_.broken;
  }
  return cells_.broken;
}

}  // namespace weir::router
