#include "source/router/router.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "source/http/semantics.h"
#include "source/router/direct_response.h"
#include "source/router/failure_reply.h"
#include "source/router/forward_actions.h"
#include "source/router/redirect.h"
#include "source/router/stream_router.h"
#include "source/upstream/cluster_set.h"

namespace weir::router {

using http::ErrorOrigin;
using http::ErrorReason;
using http::StreamError;

void Router::onRequestHead(http::RequestHead& head, bool end_stream) {
  // Routes come from the table that this router was made with.
  const auto* route = static_cast<const RouteEntry*>(chain_.route());
  if (route == nullptr) {
    return fail({ErrorOrigin::kLocal, ErrorReason::kNoRoute, false, "route_not_found"});
  }
  if (end_stream) upstream_->requestEnded();
  switch (route->kind) {
    case RouteEntry::Kind::kCluster:
      choice_.choose(*route, chain_.context(), parts_.random);
      action_ = choice_.action();
      // What asks for a tunnel is complete with its head.
      if (end_stream || !head.upgrade.empty() || head.isConnect()) requestComplete();
      if (const auto wrong = actOnRequest(*route, parts_.request_headers, chain_.context());
          !wrong.empty()) {
        return fail({ErrorOrigin::kDownstream, ErrorReason::kProtocol, false, wrong});
      }
      if (action_->resilience) mirror(head, end_stream);
      return forward(http::isGrpc(head.headers));
    case RouteEntry::Kind::kRedirect:
      return redirect(route->redirect, head);
    case RouteEntry::Kind::kDirectResponse:
      return respondDirectly(chain_, route->direct);
  }
}

void Router::onRequestBody(buffer::Buffer& data, bool end_stream) {
  if (action_ == nullptr) return data.clear();
  if (end_stream) requestComplete();
  if (mirror_ != nullptr) {
    mirror_->add(data);
    if (end_stream) mirror_->send();
  }
  upstream_->addBody(data, end_stream);
}

void Router::onRequestTrailers(http::HeaderMap&) {
  if (action_ == nullptr) return;
  requestComplete();
  if (mirror_ != nullptr) mirror_->send();
  upstream_->addTrailers();
}

void Router::onStreamEnd() {
  stop();
  action_ = nullptr;
  first_.end();
  if (hedge_ != nullptr) hedge_->end();
  if (mirror_ != nullptr) mirror_->end();
  serving_.reset();
  cluster_.reset();
}

// --- Answers of our own ---

void Router::redirect(const RedirectAction& action, http::RequestHead& head) {
  const std::string_view location = redirectLocation(action, head, chain_.context().arena);
  if (location.empty()) {
    return fail({ErrorOrigin::kDownstream, ErrorReason::kProtocol, false, "redirect_target"});
  }
  chain_.localReply({.status = action.status, .detail = "redirect", .location = location});
}

void Router::fail(const StreamError& error, std::optional<uint16_t> status) {
  action_ = nullptr;
  upstream_->giveUp();
  stop();
  chain_.noteFailure(error);
  if (upstream_->answered() && !upstream_->answeredByGrpc()) return chain_.reset(error);
  http::LocalReply reply = replyFor(error);
  reply.status = status.value_or(reply.status);
  chain_.localReply(reply);
}

// --- To an endpoint ---

void Router::mirror(const http::RequestHead& head, bool end_stream) {
  const bool tunnel = !head.upgrade.empty() || head.isConnect();
  if (tunnel || action_->resilience->mirrors.empty()) return;
  mirror_ = parts_.mirroring.begin(chain_, action_->resilience, parts_.random);
  if (mirror_ != nullptr && end_stream) mirror_->send();
}

void Router::forward(bool grpc) {
  if (grpc && !startDeadline()) return;
  cluster_ = parts_.clusters.find(choice_.cluster(), choice_.index());
  if (!cluster_) {
    return fail({ErrorOrigin::kLocal, ErrorReason::kNoCluster, true, "cluster_not_found"},
                choice_.notFoundStatus());
  }
  http::FilterChainContext& context = chain_.context();
  context.info.cluster = choice_.cluster();
  if (action_->retry) {
    attempts_.retries().follow(&*action_->retry, grpc,
                               http::methodIsIdempotent(context.request.method));
  }
  upstream_->configure(upstreamOptions(grpc));
  if (action_->resilience && action_->resilience->hedge) makeHedge();
  onUpstreamActivity();
  pickAndSend();
}

void Router::pickAndSend() {
  // Those who came before go first.
  if (!linked() && cluster_->queue().mustWait(action_->priority)) return wait(cluster_);
  upstream::WorkerCluster::Choice choice = cluster_->choose(pickContext());
  switch (choice.kind) {
    case upstream::Pick::Kind::kEndpoint:
      return send(choice);
    case upstream::Pick::Kind::kWait:
      return wait(std::move(choice.cluster));
    case upstream::Pick::Kind::kLookup:
      return;  // until onStickyFound()
    case upstream::Pick::Kind::kFailure:
      cluster_->cells().no_endpoint->add();
      return fail({ErrorOrigin::kUpstream, ErrorReason::kNoHealthyEndpoint, true, choice.reason});
  }
}

upstream::PickContext Router::pickContext() {
  http::FilterChainContext& context = chain_.context();
  upstream::PickContext pick_context;
  pick_context.request = &context.request;
  pick_context.info = &context.info;
  pick_context.source = context.info.downstream_remote;
  pick_context.hash_policy = action_->hash_policy.get();
  pick_context.metadata = &action_->metadata_match;
  const network::ConnectionInfo* connection = context.info.connection_info;
  if (connection != nullptr && connection->original_destination) {
    pick_context.original_destination = &*connection->original_destination;
  }
  pick_context.attempt = attempts_.retries().count();
  if (serving_) {
    pick_context.tried = attempts_.retries().tried(serving_->hosts());
    pick_context.tried_in = serving_.get();
  }
  pick_context.hash = action_->hash;
  pick_context.sticky = action_->sticky ? &sticky_ : nullptr;
  return pick_context;
}

// Whom a filter has named and nobody else, and it is another.
bool Router::mustNotGoTo(const upstream::WorkerCluster::Choice& choice) const {
  const http::StreamInfo& info = chain_.context().info;
  if (!info.override_strict || info.override_host.empty()) return false;
  return choice.endpoint->endpoint().id != info.override_host &&
         choice.endpoint->address().toString() != info.override_host;
}

void Router::send(upstream::WorkerCluster::Choice& choice) {
  if (mustNotGoTo(choice)) {
    cluster_->cells().no_endpoint->add();
    return fail(
        {ErrorOrigin::kUpstream, ErrorReason::kNoHealthyEndpoint, false, "override_host_missed"});
  }
  const bool waited = linked();
  if (waited) waits_in_->queue().leave(*this);
  ++chain_.context().info.attempts;
  serving_ = choice.cluster;
  takeOverride(*serving_);
  if (upstream::Stickiness* const stickiness = serving_->stickiness();
      stickiness != nullptr && action_->sticky) {
    stickiness->onSend(sticky_, chain_.context().request);
  }
  if (action_->retry) armTryTimeout();
  if (upstream_->start(choice, attempts_.next().fresh)) {
    // It may be over already.
    if (hedge_ != nullptr && complete_ && cluster_) hedge_->begin(*cluster_);
    return;
  }
  --chain_.context().info.attempts;
  enterQueue(serving_, waited && waits_in_.get() == serving_.get());
}

// For room in `cluster`; goes on waiting when it does so already.
void Router::wait(base::LocalRef<upstream::WorkerCluster> cluster) {
  if (linked() && waits_in_.get() == cluster.get()) return;
  enterQueue(std::move(cluster), /*again=*/false);
}

void Router::enterQueue(base::LocalRef<upstream::WorkerCluster> cluster, bool again) {
  if (waits_in_) leaveQueue();
  waits_in_ = std::move(cluster);
  if (!waits_in_->queue().enter(*this, action_->priority, again)) {
    overflow(upstream::WaitQueue::kOverflow);
  }
}

void Router::leaveQueue() {
  waits_in_->queue().leave(*this);
  base::LocalRef<upstream::WorkerEndpoint> none;
  upstream::WorkerCluster::release(waits_in_, none);
}

void Router::overflow(std::string_view detail) {
  fail({ErrorOrigin::kUpstream, ErrorReason::kOverflow, true, detail});
}

// What told the balancer an endpoint does not go on to it, but counts for further picks.
void Router::takeOverride(const upstream::WorkerCluster& cluster) {
  const std::string_view header = cluster.config().load_balancer->overrideHeader();
  http::FilterChainContext& context = chain_.context();
  if (header.empty() || !context.request.headers.has(header)) return;
  const bool one = context.request.headers.count(header) == 1;
  if (one && context.info.override_host.empty()) {
    context.info.override_host = context.request.headers.get(header);
  }
  context.request.headers.remove(header);
}

void Router::pickAfter(std::chrono::milliseconds delay) {
  if (!pick_again_) {
    pick_again_.emplace(wheel(), event::wheelCallback<&Router::onPauseOver>, this);
  }
  pick_again_->arm(delay);
}

void Router::onPauseOver() {
  upstream_->breakDiscarded();
  pickAndSend();
}

void Router::onUpstreamSending() {
  http::FilterChainContext& context = chain_.context();
  deadline_.write(context.request, now());
  if (!action_->retry || !action_->retry->attempt_field) return;
  std::array<char, 10> digits;
  const auto [end, ec] = std::to_chars(digits.begin(), digits.end(), context.info.attempts);
  context.request.headers.set(kAttemptField, {digits.data(), end});
}

// --- Time ---

// False: the request has been answered.
bool Router::startDeadline() {
  if (!deadline_.read(chain_.context().request, action_->grpc_timeout, now())) {
    fail({ErrorOrigin::kDownstream, ErrorReason::kProtocol, false, "grpc_timeout_malformed"});
    return false;
  }
  if (!deadline_.set()) return true;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_.left(now()));
  if (left.count() == 0) return onTimeout(), false;
  timeout_.emplace(wheel(), event::wheelCallback<&Router::onTimeout>, this);
  timeout_->arm(std::min<std::chrono::milliseconds>(left, kLongestTimer));
  return true;
}

// The route's timeout runs from here, unless the client has set one.
void Router::requestComplete() {
  complete_ = true;
  complete_at_ = now();
  if (upstream_->running()) {
    if (action_->retry) armTryTimeout();
    if (hedge_ != nullptr) hedge_->begin(*cluster_);
  }
  if (tunnel_ || timeout_ || action_->timeout.count() == 0) return;
  timeout_.emplace(wheel(), event::wheelCallback<&Router::onTimeout>, this);
  timeout_->arm(action_->timeout);
}

std::chrono::milliseconds Router::timeLeft() {
  using std::chrono::milliseconds;
  if (deadline_.set()) return std::chrono::floor<milliseconds>(deadline_.left(now()));
  if (action_->timeout.count() == 0) return milliseconds::max();
  const event::MonotonicTime since = complete_ ? complete_at_ : now();
  return std::chrono::floor<milliseconds>(since + action_->timeout - now());
}

void Router::onUpstreamActivity() {
  if (action_ == nullptr || action_->idle_timeout.count() == 0) return;
  if (!idle_) idle_.emplace(wheel(), event::wheelCallback<&Router::onIdle>, this);
  idle_->arm(action_->idle_timeout);
}

void Router::onUpstreamAnswer() {
  choice_.onAnswer(chain_.context());
  if (!action_->sticky) return;
  serving_->stickyAnswer(pickContext(), upstream_->endpoint(), chain_.context().response);
}

void Router::onUpstreamTunnel() {
  tunnel_ = true;
  timeout_.reset();
}

void Router::onUpstreamComplete() {
  stop();
  action_ = nullptr;
}

void Router::onTimeout() {
  const bool clients = deadline_.set();
  upstream_->observeOverdue(clients ? std::nullopt : std::optional(action_->timeout));
  fail({ErrorOrigin::kUpstream, ErrorReason::kRequestTimeout, false,
        clients ? "grpc_timeout" : "route_timeout"});
}

void Router::onIdle() {
  upstream_->observeOverdue(action_->idle_timeout);
  fail({ErrorOrigin::kUpstream, ErrorReason::kIdleTimeout, false, "route_idle_timeout"});
}

// Timers are on the worker's wheel, who waits is in a queue: nothing may stay there when the arena
// goes.
void Router::stop() {
  if (hedge_ != nullptr) hedge_->stop();
  sticky_.cancel();
  timeout_.reset();
  idle_.reset();
  try_timeout_.reset();
  pick_again_.reset();
  attempts_.end();
  if (waits_in_) leaveQueue();
}

namespace {

// Worker-confined.
class WorkerRouterFactory final : public http::WorkerTerminalFactory {
 public:
  WorkerRouterFactory(const RouterSettings& settings, base::ServiceMap& services)
      : settings_(settings), parts_(*settings_.table, services) {
    parts_.request_headers = settings_.request_headers.get();
  }

  http::Terminal& create(base::Arena& arena, http::FilterChain& chain) override {
    return *arena.create<Router>(parts_, chain);
  }

 private:
  const RouterSettings settings_;
  RouterParts parts_;
};

// Immutable.
class RouterFactory final : public http::TerminalFactory {
 public:
  explicit RouterFactory(RouterSettings settings) : settings_(std::move(settings)) {}

  std::unique_ptr<http::WorkerTerminalFactory> bind(base::ServiceMap& services) const override {
    return std::make_unique<WorkerRouterFactory>(settings_, services);
  }

 private:
  const RouterSettings settings_;
};

}  // namespace

std::shared_ptr<const http::TerminalFactory> createRouterFactory(RouterSettings settings) {
  return std::make_shared<RouterFactory>(std::move(settings));
}

std::shared_ptr<const http::TerminalFactory> createRouterFactory(
    std::shared_ptr<const RouteTable> table) {
  return createRouterFactory(RouterSettings{.table = std::move(table)});
}

}  // namespace weir::router
