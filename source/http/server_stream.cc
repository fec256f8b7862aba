#include "source/http/server_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "source/base/ascii.h"
#include "source/http/connection_manager_worker.h"
#include "source/http/forwarded_headers.h"
#include "source/http/http_session.h"
#include "source/http/semantics.h"
#include "source/network/connection.h"

namespace weir::http {

namespace {

constexpr std::string_view kReasonHeader = "x-weir-reason";

bool failed(const StreamError& error) {
  return error.reason != ErrorReason::kNone;
}

std::string_view messageFor(uint16_t status) {
  switch (status) {
    case 408:
      return "the request did not come in time\n";
    case 413:
      return "the request body is too large\n";
    case 504:
      return "the answer did not come in time\n";
    default:
      return "the request is not valid\n";
  }
}

}  // namespace

ServerStream::ServerStream(ConnectionManagerWorker& worker)
    : worker_(worker),
      chain_({.request = request_,
              .response = response_,
              .request_trailers = request_trailers_,
              .response_trailers = response_trailers_,
              .info = info_,
              .arena = arena_,
              .dispatcher = worker.dispatcher(),
              .blocks = worker.blocks()},
             *this),
      restart_body_(worker.blocks()),
      idle_timer_(worker.dispatcher().wheel(), event::wheelCallback<&ServerStream::onIdle>, this),
      request_timer_(worker.dispatcher().wheel(),
                     event::wheelCallback<&ServerStream::onRequestTimeout>, this),
      duration_timer_(worker.dispatcher().wheel(),
                      event::wheelCallback<&ServerStream::onDurationTimeout>, this) {}

ServerStream::~ServerStream() = default;

void ServerStream::begin(HttpSession& session, ResponseEncoder& encoder) {
  worker_kept_ = base::LocalRef<ConnectionManagerWorker>(&worker_);
  session_ = &session;
  encoder_ = &encoder;
  phase_ = Phase::kHead;
  network::Connection& connection = session.connection();
  info_.start_time = worker_.dispatcher().systemNow();
  info_.started = worker_.dispatcher().now();
  info_.downstream_connection = &connection;
  info_.connection_id = connection.id();
  info_.draw = worker_.random().next();
  info_.downstream_direct = info_.downstream_remote = &connection.remoteAddress();
  // May cost a system call, once per connection.
  if (worker_.observed()) info_.downstream_local = &connection.localAddress();
  worker_.cells().requests.add();
  worker_.cells().active_streams.add();
  const HttpTimeouts& timeouts = worker_.config().timeouts;
  takeUsualLimits();
  if (timeouts.request.count() > 0) request_timer_.arm(timeouts.request);
  if (timeouts.max_stream_duration.count() > 0) duration_timer_.arm(timeouts.max_stream_duration);
  if (!session.multiplexed() && connection.aboveHighWatermark()) chain_.responseBlocked(true);
}

// ---- request --------------------------------------------------------------------------------

void ServerStream::onHead(bool end_stream) {
  phase_ = Phase::kExchange;
  session_->headCompleted();
  const network::SecurityInfo* security = session_->connection().transport().security();
  request_.scheme = security != nullptr ? "https" : "http";
  info_.downstream_tls = security;
  info_.connection_info = session_->connectionInfo();
  if (security != nullptr) {
    info_.requested_server_name = security->requestedServerName();
  } else if (info_.connection_info != nullptr) {
    info_.requested_server_name = info_.connection_info->server_name;
  }
  last_of_client_ = request_.version == Version::kHttp10 ||
                    base::equalsIgnoreCase(request_.headers.get(HeaderId::kConnection), "close");
  if (!request_.upgrade.empty() && !request_.isConnect() &&
      !worker_.upgradeAllowed(request_.upgrade)) {
    if (session_->multiplexed()) return refuseProtocol();
    request_.upgrade = {};  // then it is a request like any other, and complete
    end_stream = true;
  }
  if (const StreamError error = prepareRequest(); failed(error)) return refuse(error);
  activity();
  if (end_stream) requestIsComplete();
  runChain(end_stream);
}

void ServerStream::runChain(bool end_stream) {
  worker_.addFilters(chain_, arena_);
  chain_.setTerminal(worker_.createTerminal(chain_, arena_));
  chain_.requestHead(end_stream);
}

void ServerStream::restartRequest(buffer::Buffer& body) {
  restart_body_.clear();
  restart_body_.append(body);
  worker_.dispatcher().atTurnEnd(restart_);
}

// The arena keeps what the filters before have made: how often this may happen is bounded by who
// asks for it.
void ServerStream::runAgain() {
  if (phase_ != Phase::kExchange || chain_.responseStarted()) return;
  chain_.end();
  chain_.clear();
  clearRouteCache();
  response_.clear();
  response_trailers_.clear();
  network::Connection& connection = session_->connection();
  if (!session_->multiplexed() && connection.aboveHighWatermark()) chain_.responseBlocked(true);
  activity();
  buffer::Buffer body(std::move(restart_body_));
  const bool trailers = !request_trailers_.empty();
  runChain(body.empty() && !trailers);
  // It may be over after each step.
  if (phase_ == Phase::kExchange && !body.empty()) chain_.requestBody(body, !trailers);
  if (phase_ == Phase::kExchange && trailers) chain_.requestTrailers();
}

// What is forwarded, and what is routed by.
StreamError ServerStream::prepareRequest() {
  const ConnectionManagerConfig& config = worker_.config();
  if (StreamError error = normalisePath(request_, config.path); failed(error)) return error;
  StreamError error = removeHopByHop(request_.headers, !request_.upgrade.empty());
  if (failed(error)) return error;
  applyForwardedHeaders(config.forwarded, request_, info_, client_);
  applyClientCertificate(config.client_certificate, request_, info_.downstream_tls);
  applyRequestId();
  if (const auto via = worker_.via(request_.version); !via.empty()) {
    request_.headers.addView(HeaderId::kVia, headerName(HeaderId::kVia), via);
  }
  // What is allowed may depend on it.
  if (config.routes_set_limits) resolveRoute();
  if (max_body_bytes_ != 0 && request_.framing == BodyFraming::kContentLength &&
      request_.content_length > max_body_bytes_) {
    return {ErrorOrigin::kDownstream, ErrorReason::kBodyTooLarge, false, "request_body_too_large"};
  }
  return {};
}

void ServerStream::applyRequestId() {
  const ConnectionManagerConfig& config = worker_.config();
  const bool keep = config.forwarded.trusted_hops > 0 || !config.request_id.generate;
  if (!keep || (config.request_id.generate && !request_.headers.has(HeaderId::kXRequestId))) {
    char* id = static_cast<char*>(request_.arena.allocate(36, 1));
    worker_.random().uuid4(std::span<char, 36>(id, 36));
    request_.headers.remove(HeaderId::kXRequestId);
    request_.headers.addView(HeaderId::kXRequestId, headerName(HeaderId::kXRequestId), {id, 36});
  }
  info_.request_id = request_.headers.get(HeaderId::kXRequestId);
}

void ServerStream::refuse(const StreamError& error) {
  const uint16_t status = statusFor(error);
  if (error.reason == ErrorReason::kProtocol) worker_.cells().protocol_errors.add();
  chain_.replyAtOnce({.status = status,
                      .body = messageFor(status),
                      .flag = flagFor(error),
                      .detail = error.detail(),
                      .close_connection = !session_->multiplexed()});
}

// Of an extended CONNECT: any other answer of success would be taken for a tunnel (RFC 9220 3).
void ServerStream::refuseProtocol() {
  chain_.replyAtOnce({.status = 501,
                      .body = "this protocol may not take over a stream\n",
                      .detail = "upgrade_not_allowed"});
}

void ServerStream::onBody(buffer::Buffer& data, bool end_stream) {
  const uint64_t limit = max_body_bytes_;
  info_.request_bytes += data.size();
  activity();
  if (limit != 0 && info_.request_bytes > limit && !tunnel_) {
    return refuse(
        {ErrorOrigin::kDownstream, ErrorReason::kBodyTooLarge, false, "request_body_too_large"});
  }
  if (end_stream) requestIsComplete();
  chain_.requestBody(data, end_stream);
}

void ServerStream::onTrailers() {
  activity();
  requestIsComplete();
  chain_.requestTrailers();
}

void ServerStream::requestIsComplete() {
  request_complete_ = true;
  info_.request_complete = worker_.dispatcher().now();
  request_timer_.cancel();
}

void ServerStream::onRefused(const StreamError& error) {
  phase_ = Phase::kExchange;
  refuse(error);
}

// The codec has given the stream up. What it answers itself, with HTTP/1, it answers after this.
void ServerStream::onReset(const StreamError& error) {
  const bool answered = error.reason != ErrorReason::kConnectionClosed && !session_->multiplexed();
  if (answered && !chain_.responseStarted()) info_.status = statusFor(error);
  info_.addFlag(flagFor(error));
  info_.detail = error.detail();
  worker_.cells().resets.add();
  finish();
}

// ---- response -------------------------------------------------------------------------------

void ServerStream::sendInformational(ResponseHead& head) {
  activity();
  encoder_->encodeInformational(head);
}

void ServerStream::sendHead(ResponseHead& head, bool end_stream) {
  const ConnectionManagerConfig& config = worker_.config();
  info_.status = head.status;
  info_.response_started = worker_.dispatcher().now();
  HeaderMap& headers = head.headers;
  if (!config.server_name.empty() && !headers.has(HeaderId::kServer)) {
    headers.addView(HeaderId::kServer, headerName(HeaderId::kServer), config.server_name);
  }
  if (!headers.has(HeaderId::kDate)) {
    headers.addView(HeaderId::kDate, headerName(HeaderId::kDate), worker_.date());
  }
  if (const auto via = worker_.via(head.version); !via.empty()) {
    headers.addView(HeaderId::kVia, headerName(HeaderId::kVia), via);
  }
  if (config.request_id.add_to_response && !info_.request_id.empty()) {
    headers.set(HeaderId::kXRequestId, info_.request_id);
  }
  if (config.reason_header) sayReason(headers);
  applyResponseRules(head);
  if (chain_.closeAfterResponse()) encoder_->closeAfterResponse();
  if (head.framing == BodyFraming::kTunnel || head.status == 101) {
    tunnel_ = true;
    worker_.cells().upgrades.add();
  } else if (!request_.upgrade.empty()) {
    request_complete_ = true;  // the upgrade was declined
  }
  activity();
  session_->responseBegins();
  encoder_->encodeHead(head, end_stream);
}

void ServerStream::sendBody(buffer::Buffer& data, bool end_stream) {
  info_.response_bytes += data.size();
  activity();
  encoder_->encodeBody(data, end_stream);
}

// What says so is Weir alone: an endpoint's own word is taken off.
void ServerStream::sayReason(HeaderMap& fields) {
  fields.remove(kReasonHeader);
  if (!chain_.repliedLocally() || info_.detail.empty()) return;
  fields.addView(HeaderId::kOther, kReasonHeader, info_.detail);
}

void ServerStream::sendTrailers(HeaderMap& trailers) {
  if (worker_.config().reason_header) sayReason(trailers);
  encoder_->encodeTrailers(trailers);
}

void ServerStream::sendReset(const StreamError& error) {
  HttpSession* session = session_;
  worker_.cells().resets.add();
  encoder_->reset(error);
  finish();
  session->afterReset();
}

void ServerStream::setRequestReadEnabled(bool enabled) {
  if (encoder_ != nullptr) encoder_->setReadEnabled(enabled);
}

void ServerStream::clearRouteCache() {
  route_known_ = false;
  info_.route = nullptr;
}

const Route* ServerStream::resolveRoute() {
  if (!route_known_) {
    route_known_ = true;
    WorkerRouteProvider* const provider = worker_.routeProvider();
    const auto& routes = worker_.config().routes;
    if (provider != nullptr) {
      askProvider(*provider);
    } else {
      info_.route = routes ? routes->resolve(request_, info_) : nullptr;
    }
    info_.routed_path = request_.path;
    if (worker_.config().routes_set_limits) takeRouteLimits();
  }
  return info_.route;
}

ChainOrigin ServerStream::origin() {
  ChainOrigin origin;
  origin.source = worker_kept_;
  origin.route = info_.route;
  if (origin.route != nullptr && !made_routes_.empty()) origin.route_owner = made_routes_.back();
  return origin;
}

// What it makes is kept until the end: the terminal may still act upon a route that a filter has
// cleared.
void ServerStream::askProvider(WorkerRouteProvider& provider) {
  ProvidedRoute provided = provider.resolve(request_, info_, *worker_.config().routes);
  if (provided.owned) made_routes_.push_back(std::move(provided.owned));
  info_.route = provided.route;
}

network::Connection* ServerStream::beginRawResponseBody(uint64_t bytes) {
  return encoder_->beginRawBody(bytes);
}

void ServerStream::rawResponseBodyProgress(uint64_t bytes) {
  info_.response_bytes += bytes;
  activity();
}

void ServerStream::finishRawResponseBody() {
  encoder_->finishRawBody();
}

// ---- time -----------------------------------------------------------------------------------

void ServerStream::activity() {
  if (stream_idle_.count() > 0) idle_timer_.arm(stream_idle_);
}

void ServerStream::onHeadTimeout() {
  refuse({ErrorOrigin::kDownstream, ErrorReason::kHeaderTimeout, false, "request_head_timeout"});
}

void ServerStream::onIdle() {
  timeOut(ResponseFlag::kStreamIdleTimeout, "stream_idle_timeout");
}

void ServerStream::onRequestTimeout() {
  timeOut(ResponseFlag::kDurationTimeout, "request_timeout");
}

void ServerStream::onDurationTimeout() {
  timeOut(ResponseFlag::kDurationTimeout, "max_stream_duration");
}

// Nobody answers for the client's slowness but the client, nor for ours and the upstream's.
void ServerStream::timeOut(ResponseFlag flag, std::string_view detail) {
  const uint16_t status = request_complete_ ? 504 : 408;
  if (!chain_.responseEnded()) {
    return chain_.replyAtOnce({.status = status,
                               .body = messageFor(status),
                               .flag = flag,
                               .detail = detail,
                               .close_connection = !request_complete_ && !session_->multiplexed()});
  }
  info_.addFlag(flag);
  info_.detail = detail;
  sendReset({ErrorOrigin::kLocal, ErrorReason::kIdleTimeout, false, detail});
}

// ---- end ------------------------------------------------------------------------------------

void ServerStream::complete() {
  finish();
}

void ServerStream::connectionLost(bool by_client) {
  info_.addFlag(by_client ? ResponseFlag::kDownstreamConnectionTermination
                          : ResponseFlag::kLocalReset);
  if (info_.detail.empty()) {
    info_.detail = by_client ? "downstream_disconnect" : "connection_closed";
  }
  worker_.cells().resets.add();
  finish();
}

void ServerStream::finish() {
  if (phase_ == Phase::kOver) return;
  phase_ = Phase::kOver;
  idle_timer_.cancel();
  request_timer_.cancel();
  duration_timer_.cancel();
  restart_.unlink();
  chain_.end();
  info_.ended = worker_.dispatcher().preciseNow();
  ConnectionManagerWorker::Cells& cells = worker_.cells();
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(info_.ended - info_.started);
  cells.duration_us.record(static_cast<uint64_t>(std::max<int64_t>(0, took.count())));
  cells.active_streams.sub();
  worker_.countRoute(info_, static_cast<uint64_t>(std::max<int64_t>(0, took.count())));
  const unsigned status_class = info_.status / 100u;
  if (status_class >= 1 && status_class <= 5) cells.responses_by_class[status_class - 1]->add();
  if (const auto status = info_.grpc_status) {
    cells.grpc_responses[static_cast<size_t>(*status)]->add();
  }
  worker_.log(*this);
  session_->streamEnded(*this);
  session_ = nullptr;
  encoder_ = nullptr;
  worker_.retireStream(*this);
}

void ServerStream::recycle() {
  chain_.clear();
  request_trailers_.clear();
  response_trailers_.clear();
  request_.clear();
  response_.clear();
  arena_.clear();
  if (info_.downstream_remote == &client_) client_ = network::Address();
  info_.clear();
  made_routes_.clear();
  restart_body_.clear();
  phase_ = Phase::kUnused;
  request_complete_ = route_known_ = tunnel_ = last_of_client_ = false;
  worker_kept_.reset();
}

}  // namespace weir::http
