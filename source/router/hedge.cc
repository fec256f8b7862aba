#include "source/router/hedge.h"

#include <chrono>
#include <utility>

#include "source/http/semantics.h"

namespace weir::router {

using std::chrono::microseconds;

bool Hedge::bad(uint16_t status, http::GrpcStatus grpc_status) {
  constexpr uint16_t kTooManyRequests = 429;
  if (grpc_status != http::GrpcStatus::kOk) status = http::grpcToHttp(grpc_status);
  return status >= 500 || status == kTooManyRequests;
}

void Hedge::begin(upstream::WorkerCluster& cluster) {
  if (state_ != State::kBefore) return;
  state_ = State::kWaiting;
  cluster_ = &cluster;
  began_ = now();
  route_.enter(*this);
}

void Hedge::onHedgeDue() {
  if (state_ != State::kWaiting || !first_.running() || !first_.repeatable()) return;
  if (!allowed()) return;
  upstream::WorkerCluster::Choice choice = owner_.chooseBeside();
  if (choice.kind != upstream::Pick::Kind::kEndpoint) {
    route_.cells().refused_endpoint.add();
    route_.giveBack();
    return slot_.release();
  }
  http::StreamInfo& info = chain_.context().info;
  second_ = chain_.context().arena.create<UpstreamRequest>(chain_, *this);
  second_->runBeside(first_);
  serving_ = choice.cluster;
  state_ = State::kRacing;
  ++info.attempts;
  if (!second_->start(choice, /*fresh=*/false)) {
    --info.attempts;
    route_.cells().refused_endpoint.add();
    route_.giveBack();
    return over();
  }
  info.addFlag(http::ResponseFlag::kHedged);
  route_.cells().started.add();
}

bool Hedge::allowed() {
  if (!route_.spend()) {
    route_.cells().refused_budget.add();
    return false;
  }
  slot_ = upstream::RetrySlot::take(*cluster_, /*request=*/true);
  if (slot_) return true;
  route_.cells().refused_limits.add();
  route_.giveBack();
  return false;
}

// --- How it ends ---

void Hedge::onFirstBegins() {
  if (state_ == State::kBefore || state_ == State::kOver) return;
  measure();
  if (racing()) second_->lose(/*slow=*/false);
  over();
}

void Hedge::onFirstFailed() {
  over();
  second_->lead(first_);
  owner_.onSecondLeads(serving_);
}

void Hedge::onUpstreamBegins() {
  if (racing()) win();
}

void Hedge::win() {
  measure();
  route_.cells().won.add();
  over();
  first_.lose(/*slow=*/true);
  second_->lead(first_);
  owner_.onSecondLeads(serving_);
}

void Hedge::onUpstreamFailed(const http::StreamError& error, Replay replay) {
  if (!racing()) return owner_.onUpstreamFailed(error, replay);
  over();
}

bool Hedge::discardsAnswer(uint16_t status, http::GrpcStatus grpc_status) {
  if (racing()) {
    if (bad(status, grpc_status)) return true;
    win();
  }
  return owner_.discardsAnswer(status, grpc_status);
}

void Hedge::onUpstreamDiscarded() {
  if (!racing()) return owner_.onUpstreamDiscarded();
  over();
}

void Hedge::over() {
  HedgeWaiter::unlink();
  state_ = State::kOver;
  slot_.release();
}

// Of the first attempt; when another one was faster, it would have taken longer.
void Hedge::measure() {
  route_.measured(std::chrono::duration_cast<microseconds>(now() - began_));
}

// Who has waited in vain knows just as much when that is long.
void Hedge::stop() {
  const bool waited = state_ == State::kWaiting || racing();
  if (waited && !first_.answered() && route_.delay().count() > 0 &&
      now() - began_ >= route_.delay()) {
    measure();
  }
  if (racing()) second_->lose(/*slow=*/false);
  over();
}

void Hedge::end() {
  stop();
  if (second_ != nullptr) second_->end();
  serving_.reset();
}

}  // namespace weir::router
