#include "source/router/router.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "source/base/random.h"
#include "source/http/semantics.h"
#include "source/router/attempts.h"
#include "source/router/cluster_cache.h"
#include "source/router/direct_response.h"
#include "source/router/failure_reply.h"
#include "source/router/grpc_deadline.h"
#include "source/router/redirect.h"
#include "source/router/upstream_request.h"
#include "source/upstream/cluster.h"
#include "source/upstream/cluster_set.h"
#include "source/upstream/wait_queue.h"

namespace weir::router {

using http::ErrorOrigin;
using http::ErrorReason;
using http::StreamError;

// Acts on the matched route of one stream. Lives in the stream's arena and is never destroyed:
// onStreamEnd gives everything back. After a call into the chain that may end the stream nothing of
// it is touched. Worker-confined.
class Router final : public http::Terminal,
                     public UpstreamRequest::Owner,
                     public upstream::Waiter,
                     public upstream::StickyWaiter {
 public:
  Router(ClusterCache& clusters, base::Random& random, http::FilterChain& chain)
      : clusters_(clusters), chain_(chain), upstream_(chain, *this), attempts_(random) {
    sticky_.waiter = this;
  }

  void onRequestHead(http::RequestHead& head, bool end_stream) override;
  void onRequestBody(buffer::Buffer& data, bool end_stream) override;
  void onRequestTrailers(http::HeaderMap& trailers) override;
  void onResponseBlocked(bool blocked) override { upstream_.setResponseBlocked(blocked); }
  void onStreamEnd() override;

  void onUpstreamActivity() override;
  void onUpstreamSending() override { deadline_.write(chain_.context().request, now()); }
  void onUpstreamAnswer() override;
  void onUpstreamTunnel() override;
  void onUpstreamComplete() override;
  void onUpstreamFailed(const StreamError& error, Replay replay) override;
  bool discardsAnswer(uint16_t status, http::GrpcStatus grpc_status) override;
  void onUpstreamDiscarded() override { sendAgain(); }
  void onMayHaveRoom() override { pickAndSend(); }
  void onStickyFound() override { pickAndSend(); }
  void onWaitFailed(std::string_view reason) override { overflow(reason); }

 private:
  // Calls that may take longer have no end.
  static constexpr std::chrono::hours kLongestTimer{24 * 365};

  void forward(bool grpc);
  void pickAndSend();
  upstream::PickContext pickContext();
  bool mustNotGoTo(const upstream::WorkerCluster::Choice& choice) const;
  void send(upstream::WorkerCluster::Choice& choice);
  void wait(base::LocalRef<upstream::WorkerCluster> cluster);
  void enterQueue(base::LocalRef<upstream::WorkerCluster> cluster, bool again);
  void leaveQueue();
  void overflow(std::string_view detail);
  void pickAfter(std::chrono::milliseconds delay);
  void onPauseOver();
  void takeOverride(const upstream::WorkerCluster& cluster);
  bool another(Replay replay, uint16_t status, http::GrpcStatus grpc_status);
  void sendAgain();
  void armTryTimeout();
  void onTryTimeout();
  void redirect(const RedirectAction& action, http::RequestHead& head);
  bool startDeadline();
  void requestComplete();
  void fail(const StreamError& error);
  void onTimeout();
  void onIdle();
  void stop();
  event::TimerWheel& wheel() { return chain_.context().dispatcher.wheel(); }
  event::MonotonicTime now() { return chain_.context().dispatcher.now(); }

  ClusterCache& clusters_;
  http::FilterChain& chain_;
  UpstreamRequest upstream_;
  base::LocalRef<upstream::WorkerCluster> cluster_;  // while it is being forwarded to
  base::LocalRef<upstream::WorkerCluster> serving_;  // that, or one that it stands for: the last
  const ClusterAction* action_ = nullptr;
  std::optional<event::WheelTimer> timeout_;
  std::optional<event::WheelTimer> idle_;
  std::optional<event::WheelTimer> try_timeout_;
  std::optional<event::WheelTimer> pick_again_;
  // In whose queue it waits, or waited last.
  base::LocalRef<upstream::WorkerCluster> waits_in_;
  Attempts attempts_;
  upstream::StickyRequest sticky_;
  GrpcDeadline deadline_;
  bool complete_ = false;  // the request has come
  bool tunnel_ = false;
};

void Router::onRequestHead(http::RequestHead& head, bool end_stream) {
  // Routes come from the table that this router was made with.
  const auto* route = static_cast<const RouteEntry*>(chain_.route());
  if (route == nullptr) {
    return fail({ErrorOrigin::kLocal, ErrorReason::kNoRoute, false, "route_not_found"});
  }
  if (end_stream) upstream_.requestEnded();
  switch (route->kind) {
    case RouteEntry::Kind::kCluster:
      action_ = &route->cluster;
      // What asks for a tunnel is complete with its head.
      if (end_stream || !head.upgrade.empty() || head.isConnect()) requestComplete();
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
  upstream_.addBody(data, end_stream);
}

void Router::onRequestTrailers(http::HeaderMap&) {
  if (action_ == nullptr) return;
  requestComplete();
  upstream_.addTrailers();
}

void Router::onStreamEnd() {
  stop();
  action_ = nullptr;
  upstream_.end();
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

void Router::fail(const StreamError& error) {
  action_ = nullptr;
  upstream_.giveUp();
  stop();
  chain_.noteFailure(error);
  if (upstream_.answered() && !upstream_.answeredByGrpc()) return chain_.reset(error);
  chain_.localReply(replyFor(error));
}

// --- To an endpoint ---

void Router::forward(bool grpc) {
  if (grpc && !startDeadline()) return;
  cluster_ = clusters_.find(*action_);
  if (!cluster_) {
    return fail({ErrorOrigin::kLocal, ErrorReason::kNoCluster, true, "cluster_not_found"});
  }
  http::FilterChainContext& context = chain_.context();
  context.info.cluster = action_->cluster;
  const RetryPolicy* policy = action_->retry ? &*action_->retry : nullptr;
  if (policy != nullptr) {
    attempts_.retries().follow(policy, grpc, http::methodIsIdempotent(context.request.method));
  }
  upstream_.configure(
      {.grpc = grpc,
       .keep_bytes = policy != nullptr ? policy->max_body_bytes : RetryPolicy::kDefaultMaxBodyBytes,
       .may_repeat = policy != nullptr,
       .clients_deadline = deadline_.set()});
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
  if (upstream_.start(choice, attempts_.next().fresh)) return;
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
  upstream_.breakDiscarded();
  pickAndSend();
}

// --- Once more ---

void Router::onUpstreamFailed(const StreamError& error, Replay replay) {
  if (error.reason == ErrorReason::kOverflow) return wait(serving_);
  if (!another(replay, http::statusFor(error), grpcStatusFor(error))) return fail(error);
  sendAgain();
}

bool Router::discardsAnswer(uint16_t status, http::GrpcStatus grpc_status) {
  return another(Replay::kAnswered, status, grpc_status);
}

bool Router::another(Replay replay, uint16_t status, http::GrpcStatus grpc_status) {
  // What stands for other clusters may have others.
  const bool others = serving_.get() != cluster_.get() || serving_->hosts().eligible.size() > 1;
  return attempts_.another({replay, status, grpc_status, others}, *cluster_, chain_.context().info);
}

void Router::sendAgain() {
  try_timeout_.reset();
  if (const uint32_t index = upstream_.hostIndex(); index != upstream::WorkerEndpoint::kRemoved) {
    attempts_.retries().addTried(serving_->hosts(), index);
  }
  cluster_->cells().retries->add();
  upstream_.prepareReplay();
  const Retries::Again& next = attempts_.next();
  sticky_.stay = !next.limited && attempts_.retries().count() == 1;
  next.pause ? pickAfter(*next.pause) : pickAndSend();
}

// From when there is both an attempt and the whole of the request.
void Router::armTryTimeout() {
  if (!complete_ || action_->retry->per_try_timeout.count() == 0) return;
  try_timeout_.emplace(wheel(), event::wheelCallback<&Router::onTryTimeout>, this);
  try_timeout_->arm(action_->retry->per_try_timeout);
}

// When nothing can take its place the attempt goes on; there may be room for another one later.
void Router::onTryTimeout() {
  if (!upstream_.running() || !upstream_.repeatable()) return;
  if (!another(Replay::kOverdue, 504, http::GrpcStatus::kUnavailable)) return armTryTimeout();
  upstream_.observeOverdue(action_->retry->per_try_timeout);
  upstream_.breakOff();
  sendAgain();
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
  if (action_->retry && upstream_.running()) armTryTimeout();
  if (tunnel_ || timeout_ || action_->timeout.count() == 0) return;
  timeout_.emplace(wheel(), event::wheelCallback<&Router::onTimeout>, this);
  timeout_->arm(action_->timeout);
}

void Router::onUpstreamActivity() {
  if (action_ == nullptr || action_->idle_timeout.count() == 0) return;
  if (!idle_) idle_.emplace(wheel(), event::wheelCallback<&Router::onIdle>, this);
  idle_->arm(action_->idle_timeout);
}

void Router::onUpstreamAnswer() {
  if (!action_->sticky) return;
  serving_->stickyAnswer(pickContext(), upstream_.endpoint(), chain_.context().response);
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
  upstream_.observeOverdue(clients ? std::nullopt : std::optional(action_->timeout));
  fail({ErrorOrigin::kUpstream, ErrorReason::kRequestTimeout, false,
        clients ? "grpc_timeout" : "route_timeout"});
}

void Router::onIdle() {
  upstream_.observeOverdue(action_->idle_timeout);
  fail({ErrorOrigin::kUpstream, ErrorReason::kIdleTimeout, false, "route_idle_timeout"});
}

// Timers are on the worker's wheel, who waits is in a queue: nothing may stay there when the arena
// goes.
void Router::stop() {
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
  WorkerRouterFactory(std::shared_ptr<const RouteTable> table, upstream::ClusterSet& clusters)
      : table_(std::move(table)), clusters_(clusters, table_->clusters().size()) {}

  http::Terminal& create(base::Arena& arena, http::FilterChain& chain) override {
    return *arena.create<Router>(clusters_, random_, chain);
  }

 private:
  const std::shared_ptr<const RouteTable> table_;
  ClusterCache clusters_;
  base::Random random_;
};

// Immutable.
class RouterFactory final : public http::TerminalFactory {
 public:
  explicit RouterFactory(std::shared_ptr<const RouteTable> table) : table_(std::move(table)) {}

  std::unique_ptr<http::WorkerTerminalFactory> bind(base::ServiceMap& services) const override {
    return std::make_unique<WorkerRouterFactory>(table_, services.get<upstream::ClusterSet>());
  }

 private:
  const std::shared_ptr<const RouteTable> table_;
};

}  // namespace

std::shared_ptr<const http::TerminalFactory> createRouterFactory(
    std::shared_ptr<const RouteTable> table) {
  return std::make_shared<RouterFactory>(std::move(table));
}

}  // namespace weir::router
