#include "source/router/router.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "source/http/semantics.h"
#include "source/router/redirect.h"
#include "source/router/upstream_request.h"
#include "source/upstream/cluster.h"

namespace weir::router {

namespace {

using http::ErrorOrigin;
using http::ErrorReason;
using http::StreamError;

// The clusters that a table's routes name, found on this worker once per configuration. The
// connection manager may hold on to an older table than the worker's clusters are of, so a hit is
// checked by name. Worker-confined.
class ClusterCache {
 public:
  ClusterCache(upstream::ClusterSet& clusters, size_t count) : clusters_(clusters), found_(count) {}

  base::LocalRef<upstream::WorkerCluster> find(const ClusterAction& action) {
    if (generation_ != clusters_.generation()) {
      found_.assign(found_.size(), nullptr);
      generation_ = clusters_.generation();
    }
    if (action.cluster_index >= found_.size()) return clusters_.find(action.cluster);
    upstream::WorkerCluster*& slot = found_[action.cluster_index];
    if (slot == nullptr || slot->name() != action.cluster) {
      slot = clusters_.find(action.cluster).get();
    }
    return base::LocalRef<upstream::WorkerCluster>(slot);
  }

 private:
  upstream::ClusterSet& clusters_;
  uint64_t generation_ = 0;
  std::vector<upstream::WorkerCluster*> found_;  // alive within one generation
};

// What a client reads when Weir itself answers for a failure.
std::string_view messageFor(const StreamError& error) {
  switch (error.reason) {
    case ErrorReason::kNoRoute:
      return "no route for this host and path\n";
    case ErrorReason::kNoCluster:
      return "the route's cluster does not exist\n";
    case ErrorReason::kNoHealthyEndpoint:
      return "no healthy endpoint\n";
    case ErrorReason::kOverflow:
      return "too many connections or waiting requests to the endpoint\n";
    case ErrorReason::kConnectFailure:
      return "cannot connect to the endpoint\n";
    case ErrorReason::kConnectTimeout:
      return "connecting to the endpoint took too long\n";
    case ErrorReason::kRequestTimeout:
    case ErrorReason::kIdleTimeout:
      return "the endpoint did not answer in time\n";
    case ErrorReason::kProtocol:
    case ErrorReason::kHeadTooLarge:
      return "the endpoint's answer is not valid HTTP\n";
    default:
      return "the connection to the endpoint broke before it had answered\n";
  }
}

}  // namespace

// Acts on the matched route of one stream. Lives in the stream's arena and is never destroyed:
// onStreamEnd gives everything back. After a call into the chain that may end the stream nothing of
// it is touched. Worker-confined.
class Router final : public http::Terminal, public UpstreamRequest::Owner {
 public:
  Router(ClusterCache& clusters, http::FilterChain& chain)
      : clusters_(clusters), chain_(chain), upstream_(chain, *this) {}

  void onRequestHead(http::RequestHead& head, bool end_stream) override;
  void onRequestBody(buffer::Buffer& data, bool end_stream) override;
  void onRequestTrailers(http::HeaderMap& trailers) override;
  void onResponseBlocked(bool blocked) override { upstream_.setResponseBlocked(blocked); }
  void onStreamEnd() override;

  void onUpstreamActivity() override;
  void onUpstreamTunnel() override;
  void onUpstreamComplete() override;
  void onUpstreamFailed(const StreamError& error, bool replayable) override;

 private:
  // How often a pick that said "wait" is asked again.
  static constexpr std::chrono::milliseconds kPickInterval{10};

  void forward();
  void pickAndSend();
  void redirect(const RedirectAction& action, http::RequestHead& head);
  void respondDirectly(const DirectResponseAction& action);
  void requestComplete();
  void fail(const StreamError& error);
  void onTimeout();
  void onIdle();
  void stopTimers();
  event::TimerWheel& wheel() { return chain_.context().dispatcher.wheel(); }

  ClusterCache& clusters_;
  http::FilterChain& chain_;
  UpstreamRequest upstream_;
  base::LocalRef<upstream::WorkerCluster> cluster_;  // while it is being forwarded to
  const ClusterAction* action_ = nullptr;
  std::optional<event::WheelTimer> timeout_;
  std::optional<event::WheelTimer> idle_;
  std::optional<event::WheelTimer> pick_again_;
  event::MonotonicTime pick_until_;
  uint32_t tried_ = upstream::WorkerEndpoint::kRemoved;  // the endpoint whose connection broke
  bool retried_ = false;
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
      return forward();
    case RouteEntry::Kind::kRedirect:
      return redirect(route->redirect, head);
    case RouteEntry::Kind::kDirectResponse:
      return respondDirectly(route->direct);
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
  stopTimers();
  action_ = nullptr;
  upstream_.end();
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

// Passes the filters like an answer from an endpoint.
void Router::respondDirectly(const DirectResponseAction& action) {
  http::FilterChainContext& context = chain_.context();
  http::ResponseHead& head = context.response;
  head.clear();
  head.status = action.status;
  context.info.detail = "direct_response";
  const bool bodiless = http::statusHasNoBody(action.status);
  if (!bodiless) {
    head.framing = http::BodyFraming::kContentLength;
    head.content_length = action.body.size();
    if (!action.body.empty()) head.headers.add(http::HeaderId::kContentType, action.content_type);
  }
  if (bodiless || action.body.empty() || context.request.isHead()) return chain_.respondHead(true);
  buffer::Buffer body(context.blocks);
  body.append(action.body);
  chain_.respondHead(false);
  chain_.respondBody(body, true);
}

void Router::fail(const StreamError& error) {
  stopTimers();
  action_ = nullptr;
  if (chain_.responseStarted()) return chain_.reset(error);
  chain_.localReply({.status = http::statusFor(error),
                     .body = messageFor(error),
                     .flag = http::flagFor(error),
                     .detail = error.detail});
}

// --- To an endpoint ---

void Router::forward() {
  cluster_ = clusters_.find(*action_);
  if (!cluster_) {
    return fail({ErrorOrigin::kLocal, ErrorReason::kNoCluster, true, "cluster_not_found"});
  }
  http::FilterChainContext& context = chain_.context();
  context.info.cluster = action_->cluster;
  pick_until_ = context.dispatcher.now() + cluster_->config().connect_timeout;
  onUpstreamActivity();
  pickAndSend();
}

void Router::pickAndSend() {
  http::FilterChainContext& context = chain_.context();
  upstream::PickContext pick_context;
  pick_context.request = &context.request;
  pick_context.info = &context.info;
  pick_context.source = context.info.downstream_remote;
  const network::ConnectionInfo* connection = context.info.connection_info;
  if (connection != nullptr && connection->original_destination) {
    pick_context.original_destination = &*connection->original_destination;
  }
  if (retried_) {
    pick_context.attempt = 1;
    if (tried_ != upstream::WorkerEndpoint::kRemoved) pick_context.tried = {&tried_, 1};
  }
  upstream::WorkerCluster::Choice choice = cluster_->choose(pick_context);
  switch (choice.kind) {
    case upstream::Pick::Kind::kEndpoint:
      ++context.info.attempts;
      return upstream_.start(cluster_, std::move(choice.endpoint), /*fresh=*/retried_);
    case upstream::Pick::Kind::kWait:
      if (context.dispatcher.now() >= pick_until_) {
        cluster_->cells().overflow->add();
        return fail({ErrorOrigin::kUpstream, ErrorReason::kOverflow, true, "balancer_wait"});
      }
      if (!pick_again_) {
        pick_again_.emplace(wheel(), event::wheelCallback<&Router::pickAndSend>, this);
      }
      return pick_again_->arm(kPickInterval);
    case upstream::Pick::Kind::kFailure:
      cluster_->cells().no_endpoint->add();
      return fail({ErrorOrigin::kUpstream, ErrorReason::kNoHealthyEndpoint, true, choice.reason});
  }
}

void Router::onUpstreamFailed(const StreamError& error, bool replayable) {
  if (!replayable || retried_) return fail(error);
  retried_ = true;
  tried_ = upstream_.hostIndex();
  cluster_->cells().retries->add();
  pickAndSend();
}

// --- Time ---

// The route's timeout runs from here.
void Router::requestComplete() {
  if (tunnel_ || timeout_ || action_->timeout.count() == 0) return;
  timeout_.emplace(wheel(), event::wheelCallback<&Router::onTimeout>, this);
  timeout_->arm(action_->timeout);
}

void Router::onUpstreamActivity() {
  if (action_ == nullptr || action_->idle_timeout.count() == 0) return;
  if (!idle_) idle_.emplace(wheel(), event::wheelCallback<&Router::onIdle>, this);
  idle_->arm(action_->idle_timeout);
}

void Router::onUpstreamTunnel() {
  tunnel_ = true;
  timeout_.reset();
}

void Router::onUpstreamComplete() {
  stopTimers();
  action_ = nullptr;
}

void Router::onTimeout() {
  upstream_.cancel();
  fail({ErrorOrigin::kUpstream, ErrorReason::kRequestTimeout, false, "route_timeout"});
}

void Router::onIdle() {
  upstream_.cancel();
  fail({ErrorOrigin::kUpstream, ErrorReason::kIdleTimeout, false, "route_idle_timeout"});
}

// Timers are on the worker's wheel: none may stay there when the arena goes.
void Router::stopTimers() {
  timeout_.reset();
  idle_.reset();
  pick_again_.reset();
}

namespace {

// Worker-confined.
class WorkerRouterFactory final : public http::WorkerTerminalFactory {
 public:
  WorkerRouterFactory(std::shared_ptr<const RouteTable> table, upstream::ClusterSet& clusters)
      : table_(std::move(table)), clusters_(clusters, table_->clusters().size()) {}

  http::Terminal& create(base::Arena& arena, http::FilterChain& chain) override {
    return *arena.create<Router>(clusters_, chain);
  }

 private:
  const std::shared_ptr<const RouteTable> table_;
  ClusterCache clusters_;
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
