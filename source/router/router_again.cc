// The part of Router that comes after an attempt, or beside it: retries, second attempts,
// redirects.

#include <algorithm>
#include <chrono>

#include "source/http/semantics.h"
#include "source/router/failure_reply.h"
#include "source/router/internal_redirect.h"
#include "source/router/retry_after.h"
#include "source/router/stream_router.h"

namespace weir::router {

using http::ErrorReason;
using http::StreamError;

UpstreamRequest::Options Router::upstreamOptions(bool grpc) const {
  UpstreamRequest::Options options{.grpc = grpc,
                                   .keep_bytes = RetryPolicy::kDefaultMaxBodyBytes,
                                   .may_repeat = action_->retry.has_value(),
                                   .tells_answer = choice_.setsCookie(),
                                   .clients_deadline = deadline_.set()};
  const auto* const route = static_cast<const RouteEntry*>(chain_.context().info.route);
  if (route != nullptr && route->actions != nullptr) {
    options.max_waiting_bytes = route->actions->max_waiting_body_bytes;
  }
  if (action_->retry) options.keep_bytes = action_->retry->max_body_bytes;
  const Resilience* const resilience = action_->resilience.get();
  if (resilience == nullptr) return options;
  if (const auto& redirects = resilience->redirects) {
    options.may_repeat = options.redirects = true;
    options.keep_bytes = std::max(options.keep_bytes, redirects->max_body_bytes);
  }
  if (const auto& hedge = resilience->hedge) {
    options.may_repeat = options.races = true;
    options.keep_bytes = std::max(options.keep_bytes, hedge->max_body_bytes);
  }
  return options;
}

// --- Once more ---

void Router::onUpstreamFailed(const StreamError& error, Replay replay) {
  if (hedge_ != nullptr && hedge_->racing()) {
    addTried();
    return hedge_->onFirstFailed();
  }
  if (error.reason == ErrorReason::kOverflow) return wait(serving_);
  if (!another({replay, http::statusFor(error), grpcStatusFor(error)})) return fail(error);
  sendAgain();
}

bool Router::discardsAnswer(uint16_t status, http::GrpcStatus grpc_status) {
  if (hedge_ != nullptr && hedge_->racing()) {
    if (Hedge::bad(status, grpc_status)) return true;
    hedge_->onFirstBegins();
  }
  if (status >= 300 && status < 400) return follows(status);
  Retries::Outcome outcome{Replay::kAnswered, status, grpc_status};
  if (action_->retry) {
    http::FilterChainContext& context = chain_.context();
    outcome.wait =
        retryAfter(*action_->retry, context.response.headers, context.dispatcher.systemNow());
    outcome.left = timeLeft();
  }
  return another(outcome);
}

bool Router::another(Retries::Outcome outcome) {
  // What stands for other clusters may have others.
  const bool here = serving_.get() == cluster_.get();
  const size_t eligible = serving_->hosts().eligible.size();
  outcome.others = !here || eligible > 1;
  outcome.untried =
      !here || (outcome.wait && attempts_.retries().tried(serving_->hosts()).size() + 1 < eligible);
  return attempts_.another(outcome, *cluster_, chain_.context().info);
}

void Router::addTried() {
  const uint32_t index = upstream_->hostIndex();
  if (index == upstream::WorkerEndpoint::kRemoved) return;
  attempts_.retries().addTried(serving_->hosts(), index);
}

void Router::sendAgain() {
  try_timeout_.reset();
  if (hedge_ != nullptr) hedge_->stop();
  addTried();
  cluster_->cells().retries->add();
  upstream_->prepareReplay();
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
  if (!upstream_->running() || !upstream_->repeatable()) return;
  if (hedge_ != nullptr && hedge_->racing()) return armTryTimeout();
  if (!another({Replay::kOverdue, 504, http::GrpcStatus::kUnavailable})) return armTryTimeout();
  upstream_->observeOverdue(action_->retry->per_try_timeout);
  upstream_->breakOff();
  sendAgain();
}

// --- A second one beside the first ---

void Router::makeHedge() {
  const http::FilterChainContext& context = chain_.context();
  const http::RequestHead& head = context.request;
  const bool tunnel = !head.upgrade.empty() || head.isConnect();
  const bool repeatable =
      action_->resilience->hedge->any_method || http::methodIsIdempotent(head.method);
  // Who must go to one endpoint has no other.
  const bool bound = !context.info.override_host.empty() || bindsClients(*cluster_);
  if (tunnel || !repeatable || bound) return;
  RouteHedging* const route = parts_.hedging.find(action_->resilience, context.dispatcher);
  if (route != nullptr) hedge_ = context.arena.create<Hedge>(chain_, *this, first_, *route);
}

bool Router::bindsClients(upstream::WorkerCluster& cluster) const {
  return action_->sticky && cluster.stickiness() != nullptr;
}

upstream::WorkerCluster::Choice Router::chooseBeside() {
  const uint32_t first = first_.hostIndex();
  if (first == upstream::WorkerEndpoint::kRemoved) return {};
  // Of an aggregate only the member that serves knows.
  if (bindsClients(*serving_)) return {};
  if (cluster_->queue().mustWait(action_->priority)) return {};
  upstream::PickContext context = pickContext();
  context.sticky = nullptr;
  context.attempt = 1;
  context.tried = {&first, 1};
  context.tried_in = serving_.get();
  upstream::WorkerCluster::Choice choice = cluster_->choose(context);
  const bool other =
      choice.kind == upstream::Pick::Kind::kEndpoint && choice.endpoint.get() != &first_.endpoint();
  if (other && !bindsClients(*choice.cluster)) return choice;
  choice.slot.cancel();
  return {};
}

void Router::onSecondLeads(const base::LocalRef<upstream::WorkerCluster>& serving) {
  upstream_ = &hedge_->second();
  serving_ = serving;
  try_timeout_.reset();
  if (action_->retry) armTryTimeout();
}

void Router::onUpstreamBegins() {
  if (hedge_ != nullptr) hedge_->onFirstBegins();
}

// --- Elsewhere ---

bool Router::follows(uint16_t status) {
  const auto& resilience = action_->resilience;
  goes_elsewhere_ = resilience && resilience->redirects &&
                    followRedirect(*resilience->redirects, status, chain_, keeps_body_);
  return goes_elsewhere_;
}

// What is left of the redirect is read until then.
void Router::goElsewhere() {
  buffer::Buffer body(chain_.context().blocks);
  upstream_->prepareReplay();
  if (keeps_body_) upstream_->takeBody(body);
  stop();
  action_ = nullptr;
  chain_.restartRequest(body);
}

void Router::onUpstreamDiscarded() {
  if (hedge_ != nullptr && hedge_->racing()) {
    addTried();
    first_.breakDiscarded();
    return hedge_->onFirstFailed();
  }
  goes_elsewhere_ ? goElsewhere() : sendAgain();
}

}  // namespace weir::router
