#include "source/plugin/scope.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "source/http/semantics.h"
#include "source/plugin/guard.h"
#include "source/plugin/loop.h"
#include "source/plugin/scope_call.h"

namespace weir::plugin {
namespace {

constexpr std::chrono::milliseconds kDefaultTimeout{5000};
constexpr std::chrono::milliseconds kLongestTimer = std::chrono::hours(24 * 30);

// Splits what plugins write as one list. False: a pseudo-field that there is not.
bool readField(const weir_field& field, router::HttpCallRequest& to,
               std::vector<router::HttpCallField>& fields) {
  const std::string_view name = view(field.name);
  const std::string_view value = view(field.value);
  if (!name.starts_with(':')) {
    fields.push_back({name, value});
    return true;
  }
  if (name == ":method") {
    to.method = value;
  } else if (name == ":path") {
    to.path = value;
  } else if (name == ":authority") {
    to.authority = value;
  } else if (name == ":scheme") {
    to.scheme = value;
  } else {
    return false;
  }
  return true;
}

std::string_view problemOf(const router::HttpCallRequest& request,
                           std::span<const router::HttpCallField> fields) {
  if (request.cluster.empty()) return "no cluster is named";
  if (!http::isMethod(request.method)) return ":method is missing or malformed";
  if (!http::isTarget(request.path)) return ":path is missing or malformed";
  if (!http::isAuthority(request.authority)) return ":authority is missing or malformed";
  for (const router::HttpCallField& field : fields) {
    if (!http::isToken(field.name) || !http::isFieldValue(field.value))
      return "a field is malformed";
  }
  return {};
}

uint32_t outcomeOf(const http::StreamError& error) {
  switch (error.reason) {
    case http::ErrorReason::kRequestTimeout:
    case http::ErrorReason::kConnectTimeout:
    case http::ErrorReason::kHeaderTimeout:
    case http::ErrorReason::kIdleTimeout:
      return WEIR_CALL_TIMEOUT;
    case http::ErrorReason::kBodyTooLarge:
      return WEIR_CALL_TOO_LARGE;
    case http::ErrorReason::kNone:
    case http::ErrorReason::kProtocol:
    case http::ErrorReason::kConnectionClosed:
    case http::ErrorReason::kConnectionReset:
    case http::ErrorReason::kConnectFailure:
    case http::ErrorReason::kHeadTooLarge:
    case http::ErrorReason::kTargetTooLong:
    case http::ErrorReason::kOverflow:
    case http::ErrorReason::kNoRoute:
    case http::ErrorReason::kNoCluster:
    case http::ErrorReason::kNoHealthyEndpoint:
    case http::ErrorReason::kFilter:
    case http::ErrorReason::kStreamReset:
    case http::ErrorReason::kDrain:
      return WEIR_CALL_FAILED;
  }
  return WEIR_CALL_FAILED;
}

std::string_view textOf(const http::StreamError& error) {
  if (!error.detail().empty()) return error.detail();
  switch (error.reason) {
    case http::ErrorReason::kNoCluster:
      return "there is no such cluster";
    case http::ErrorReason::kNoHealthyEndpoint:
      return "the cluster has no endpoint that is healthy";
    case http::ErrorReason::kOverflow:
      return "a limit of the cluster is reached";
    case http::ErrorReason::kConnectFailure:
      return "no connection could be made";
    case http::ErrorReason::kBodyTooLarge:
      return "the answer's body is too large";
    default:
      return outcomeOf(error) == WEIR_CALL_TIMEOUT ? "it took too long"
                                                   : "the connection broke off";
  }
}

}  // namespace

// ---- scope ----------------------------------------------------------------------------------

void Scope::finish() {
  ended_ = true;
  while (ScopeEntry* const entry = entries_.popFront()) delete entry;
  if (ticket_ == nullptr) return;
  ticket_->end();
  ticket_->release();
  ticket_ = nullptr;
}

ScopeTimer& Scope::createTimer(void (*fire)(void* arg), void* arg) {
  auto* const timer = new ScopeTimer(*this, fire, arg);
  entries_.pushBack(*timer);
  return *timer;
}

Ticket& Scope::createTicket() {
  if (ended_) return *new Ticket(loop_.thread().gate(), nullptr);
  if (ticket_ == nullptr) ticket_ = new Ticket(loop_.thread().gate(), this);
  ticket_->addReference();
  return *ticket_;
}

ScopeCall* Scope::call(const weir_call_request& request, ScopeCall::Done done, void* arg,
                       std::string_view& error) {
  auto* const calls = loop_.services().find<router::HttpCalls>();
  if (calls == nullptr) {
    error = "only workers make calls";
    return nullptr;
  }
  if (ended_ || done == nullptr) {
    error = ended_ ? "the stream is over" : "there is no function to tell";
    return nullptr;
  }
  auto call = std::make_unique<ScopeCall>(*this, done, arg);
  if (!call->start(*calls, request, error)) return nullptr;
  entries_.pushBack(*call);
  return call.release();
}

// ---- timers ---------------------------------------------------------------------------------

ScopeTimer::ScopeTimer(Scope& scope, void (*fire)(void* arg), void* arg)
    : scope_(scope),
      fire_(fire),
      arg_(arg),
      timer_(scope.loop().dispatcher().wheel(), event::wheelCallback<&ScopeTimer::onFired>, this) {}

void ScopeTimer::arm(uint64_t delay_ms) {
  if (scope_.ended()) return;
  const auto most = static_cast<uint64_t>(kLongestTimer.count());
  timer_.arm(std::chrono::milliseconds(std::min(delay_ms, most)));
}

void ScopeTimer::onFired() {
  guarded(scope_.loop().thread(), "timer", fire_, arg_);  // it may be destroyed in there
}

// ---- calls ----------------------------------------------------------------------------------

bool ScopeCall::start(router::HttpCalls& calls, const weir_call_request& given,
                      std::string_view& error) {
  router::HttpCallRequest request;
  request.cluster = view(given.cluster);
  request.method = request.path = {};
  std::vector<router::HttpCallField> fields;
  for (const weir_field& field : fieldsOf(given.headers, given.header_count)) {
    if (readField(field, request, fields)) continue;
    error = "a field with \":\" is none of :method, :path, :authority, :scheme";
    return false;
  }
  error = problemOf(request, fields);
  if (!error.empty()) return false;
  std::vector<router::HttpCallField> trailers;
  for (const weir_field& field : fieldsOf(given.trailers, given.trailer_count)) {
    trailers.push_back({view(field.name), view(field.value)});
  }
  buffer::Buffer body(scope_.loop().blocks());
  body.append(view(given.body));
  request.fields = fields;
  request.trailers = trailers;
  if (!body.empty()) request.body = &body;
  request.timeout =
      given.timeout_ms == 0 ? kDefaultTimeout : std::chrono::milliseconds(given.timeout_ms);
  handle_ = calls.start(request, *this);
  return true;
}

void ScopeCall::onHttpCallAnswer(router::HttpCallAnswer& answer) {
  weir_call_response response{};
  response.outcome = WEIR_CALL_ANSWERED;
  response.status = answer.head.status;
  response.headers = handleOf(answer.head);
  response.trailers = answer.trailers.empty() ? nullptr : handleOf(answer.trailers);
  response.body = str(answer.body.linearize(answer.body.size()));
  finish(response);
}

void ScopeCall::onHttpCallFailure(const http::StreamError& error) {
  weir_call_response response{};
  response.outcome = outcomeOf(error);
  response.error = str(textOf(error));
  finish(response);
}

void ScopeCall::finish(const weir_call_response& response) {
  const std::unique_ptr<ScopeCall> self(this);
  unlink();  // the scope may end in there
  weir_call_response sized = response;
  sized.size = sizeof sized;
  guarded(scope_.loop().thread(), "call", done_, arg_,
          static_cast<const weir_call_response*>(&sized));
}

}  // namespace weir::plugin
