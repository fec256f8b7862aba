#include "source/router/http_call.h"

#include <algorithm>
#include <utility>

#include "source/base/ascii.h"
#include "source/http/forwarded_headers.h"
#include "source/http/semantics.h"

namespace weir::router {

using http::BodyFraming;
using http::ErrorOrigin;
using http::ErrorReason;
using http::HeaderId;
using http::StreamError;

namespace {

constexpr std::chrono::hours kLongestTimeout{24 * 365};

bool failed(const StreamError& error) {
  return error.reason != ErrorReason::kNone;
}

// What was asked for cannot be sent.
StreamError refuse(std::string_view detail) {
  return {ErrorOrigin::kLocal, ErrorReason::kProtocol, false, detail};
}

// Made of the authority and the body, or without meaning for a body that is sent at once.
bool isOurs(HeaderId id) {
  return id == HeaderId::kHost || id == HeaderId::kContentLength || id == HeaderId::kExpect ||
         id == HeaderId::kTransferEncoding;
}

bool isPath(std::string_view path, std::string_view method) {
  if (path == "*") return method == "OPTIONS";
  return path.starts_with('/') && http::isTarget(path);
}

// Such a request says that it has no body (RFC 9110 8.6).
bool announcesNoBody(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

// False: `fields` has one that is not HTTP, or there are too many.
bool copyFields(std::span<const HttpCallField> fields, http::HeaderMap& to, bool head) {
  size_t expected = to.size();
  for (const auto& [name, value] : fields) {
    if (!http::isToken(name) || !http::isFieldValue(value)) return false;
    if (head && isOurs(http::headerId(name))) continue;
    to.add(name, base::trimOws(value));
    ++expected;
  }
  return to.size() == expected;
}

}  // namespace

HttpCall::HttpCall(event::Dispatcher& dispatcher, buffer::BlockPool& blocks, Owner& owner)
    : owner_(owner),
      chain_({.request = request_,
              .response = response_,
              .request_trailers = request_trailers_,
              .response_trailers = response_trailers_,
              .info = info_,
              .arena = arena_,
              .dispatcher = dispatcher,
              .blocks = blocks},
             *this),
      body_(blocks) {}

HttpCall::~HttpCall() {
  chain_.end();
  detach();
}

void HttpCall::start(const HttpCallRequest& request, http::WorkerTerminalFactory& router,
                     HttpCallListener* listener) {
  listener_ = listener;
  forgotten_ = listener == nullptr;
  if (request.count != nullptr) {
    count_ = base::LocalRef<HttpCallCount>(request.count);
    ++count_->active;
  }
  max_response_bytes_ = request.max_response_bytes;
  buffer::Buffer body(chain_.context().blocks);
  if (request.body != nullptr) body.append(*request.body);
  request_.content_length = body.size();
  if (const StreamError error = prepare(request); failed(error)) return fail(error);
  chain_.setTerminal(router.create(arena_, chain_));
  send(body);
}

// It may be over after each step.
void HttpCall::send(buffer::Buffer& body) {
  const bool trailers = !request_trailers_.empty();
  chain_.requestHead(body.empty() && !trailers);
  if (running() && !body.empty()) chain_.requestBody(body, !trailers);
  if (running() && trailers) chain_.requestTrailers();
}

void HttpCall::cancel() {
  listener_ = nullptr;
  if (!running()) return;
  finish(Outcome::kCancelled);
  chain_.end();
}

void HttpCall::deliver() {
  chain_.end();
  detach();
  HttpCallListener* const listener = std::exchange(listener_, nullptr);
  if (listener == nullptr) return;
  if (outcome_ == Outcome::kFailure) return listener->onHttpCallFailure(error_);
  HttpCallAnswer answer{
      .head = response_, .body = body_, .trailers = response_trailers_, .info = info_};
  listener->onHttpCallAnswer(answer);
}

void HttpCall::recycle() {
  chain_.clear();
  request_trailers_.clear();
  response_trailers_.clear();
  request_.clear();
  response_.clear();
  arena_.clear();
  body_.clear();
  info_ = http::StreamInfo();
  client_ = network::Address();
  route_.cluster.retry.reset();
  route_.cluster.hash.reset();
  route_.cluster.metadata_match.clear();
  outcome_ = Outcome::kNone;
  error_ = StreamError();
}

// ---- what is sent ---------------------------------------------------------------------------

StreamError HttpCall::prepare(const HttpCallRequest& request) {
  prepareInfo(request);
  prepareRoute(request);
  if (const StreamError error = prepareHead(request); failed(error)) return error;
  return addTrailers(request);
}

void HttpCall::prepareInfo(const HttpCallRequest& request) {
  event::Dispatcher& dispatcher = chain_.context().dispatcher;
  info_.start_time = dispatcher.systemNow();
  info_.started = info_.request_complete = dispatcher.now();
  info_.request_bytes = request_.content_length;
  info_.route = &route_;
  const http::StreamInfo* const of = request.on_behalf_of;
  if (of == nullptr || of->downstream_remote == nullptr) return;
  client_ = *of->downstream_remote;
  info_.downstream_remote = info_.downstream_direct = &client_;
}

void HttpCall::prepareRoute(const HttpCallRequest& request) {
  ClusterAction& action = route_.cluster;
  action.cluster.assign(request.cluster);
  action.cluster_index = ~uint32_t{0};  // by name
  action.sticky = false;
  action.timeout = std::min<std::chrono::milliseconds>(request.timeout, kLongestTimeout);
  // No end is asked for by zero alone.
  if (action.timeout.count() < 0) action.timeout = std::chrono::milliseconds(1);
  action.grpc_timeout.max = action.timeout;
  if (request.retry != nullptr) action.retry = *request.retry;
  action.hash = request.hash;
  if (request.metadata_match != nullptr) action.metadata_match = *request.metadata_match;
}

StreamError HttpCall::prepareHead(const HttpCallRequest& request) {
  if (!http::isMethod(request.method)) return refuse("http_call_method_malformed");
  if (request.method == "CONNECT") return refuse("http_call_method_connect");
  if (!http::isAuthority(request.authority)) return refuse("http_call_authority_malformed");
  if (!isPath(request.path, request.method)) return refuse("http_call_path_malformed");
  if (request.scheme != "http" && request.scheme != "https") return refuse("http_call_scheme");
  request_.method = request_.arena.copy(request.method);
  request_.scheme = request_.arena.copy(request.scheme);
  request_.authority = request_.arena.copy(request.authority);
  request_.path = request_.arena.copy(request.path);
  if (!request.trailers.empty()) {
    request_.framing = BodyFraming::kChunked;
  } else if (request_.content_length > 0 || announcesNoBody(request.method)) {
    request_.framing = BodyFraming::kContentLength;
  }
  return addFields(request);
}

StreamError HttpCall::addFields(const HttpCallRequest& request) {
  http::HeaderMap& headers = request_.headers;
  headers.addView(HeaderId::kHost, http::headerName(HeaderId::kHost), request_.authority);
  if (!copyFields(request.fields, headers, /*head=*/true)) {
    return refuse("http_call_field_malformed");
  }
  if (const StreamError error = http::removeHopByHop(headers, /*keep_upgrade=*/false);
      failed(error)) {
    return refuse(error.detail());
  }
  if (request.send_xff && info_.downstream_remote != nullptr) {
    http::appendForwardedFor(headers, client_);
  }
  return {};
}

StreamError HttpCall::addTrailers(const HttpCallRequest& request) {
  if (!copyFields(request.trailers, request_trailers_, /*head=*/false)) {
    return refuse("http_call_trailer_malformed");
  }
  const StreamError error = http::validateTrailers(request_trailers_);
  return failed(error) ? refuse("http_call_trailer_not_allowed") : StreamError{};
}

// ---- what comes back ------------------------------------------------------------------------

void HttpCall::sendHead(http::ResponseHead& head, bool end_stream) {
  if (!running()) return;
  info_.status = head.status;
  info_.response_started = chain_.context().dispatcher.now();
  if (end_stream) return finish(Outcome::kAnswer);
  const bool known = head.framing == BodyFraming::kContentLength;
  if (known && head.content_length > max_response_bytes_) tooLarge();
}

void HttpCall::sendBody(buffer::Buffer& data, bool end_stream) {
  if (!running()) return data.clear();
  info_.response_bytes += data.size();
  if (info_.response_bytes > max_response_bytes_) {
    data.clear();
    return tooLarge();
  }
  forgotten_ ? data.clear() : body_.append(data);
  if (end_stream) finish(Outcome::kAnswer);
}

void HttpCall::tooLarge() {
  fail({ErrorOrigin::kUpstream, ErrorReason::kBodyTooLarge, false, "http_call_answer_too_large"});
  chain_.end();
}

void HttpCall::fail(const StreamError& error) {
  if (!running()) return;
  error_ = error;
  info_.addFlag(http::flagFor(error));
  finish(Outcome::kFailure);
}

void HttpCall::finish(Outcome outcome) {
  outcome_ = outcome;
  if (count_) --count_->active;
  count_.reset();
  info_.ended = chain_.context().dispatcher.now();
  owner_.onCallOver(*this);
}

}  // namespace weir::router
