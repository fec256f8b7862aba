#pragma once

#include <cstdint>
#include <optional>

#include "source/base/local_ref.h"
#include "source/http/filter_chain.h"
#include "source/router/hedging.h"
#include "source/router/upstream_request.h"
#include "source/upstream/cluster.h"
#include "source/upstream/retry_slot.h"

namespace weir::router {

// Whose request it is. Worker-confined.
class HedgeOwner : public UpstreamRequest::Owner {
 public:
  // An endpoint that is not the first one's, at once; else not kEndpoint.
  virtual upstream::WorkerCluster::Choice chooseBeside() = 0;
  // The second attempt takes the place of the first, which has ended.
  virtual void onSecondLeads(const base::LocalRef<upstream::WorkerCluster>& serving) = 0;

 protected:
  ~HedgeOwner() = default;
};

// The second attempt of one request: begins when the first is slow to answer, and runs beside it
// until one of them has a good answer or has failed. From then on there is one again, which is
// treated as if it had always been the only one. Lives in the stream's arena and is never
// destroyed: end() gives everything back. Worker-confined.
class Hedge final : public HedgeWaiter, public UpstreamRequest::Owner {
 public:
  Hedge(http::FilterChain& chain, HedgeOwner& owner, UpstreamRequest& first, RouteHedging& route)
      : chain_(chain), owner_(owner), first_(first), route_(route) {}

  // The first attempt has begun, and the request is complete. `cluster`: whose limits of retries
  // hold. Only the first call counts.
  void begin(upstream::WorkerCluster& cluster);
  // There are two attempts.
  bool racing() const { return state_ == State::kRacing; }
  UpstreamRequest& second() { return *second_; }
  // While there are two, an answer like this ends an attempt and not the request.
  static bool bad(uint16_t status, http::GrpcStatus grpc_status);
  // The first attempt has a good answer.
  void onFirstBegins();
  // It has failed, while there are two.
  void onFirstFailed();
  // There will be no second attempt any more; one that runs beside the first is broken off.
  void stop();
  void end();

  // HedgeWaiter
  void onHedgeDue() override;

  // UpstreamRequest::Owner, of the second attempt.
  void onUpstreamActivity() override { owner_.onUpstreamActivity(); }
  void onUpstreamSending() override { owner_.onUpstreamSending(); }
  void onUpstreamAnswer() override { owner_.onUpstreamAnswer(); }
  void onUpstreamTunnel() override { owner_.onUpstreamTunnel(); }
  void onUpstreamComplete() override { owner_.onUpstreamComplete(); }
  void onUpstreamBegins() override;
  void onUpstreamFailed(const http::StreamError& error, Replay replay) override;
  bool discardsAnswer(uint16_t status, http::GrpcStatus grpc_status) override;
  void onUpstreamDiscarded() override;

 private:
  enum class State : uint8_t { kBefore, kWaiting, kRacing, kOver };

  bool allowed();
  void win();
  void over();
  void measure();
  event::MonotonicTime now() { return chain_.context().dispatcher.now(); }

  http::FilterChain& chain_;
  HedgeOwner& owner_;
  UpstreamRequest& first_;
  RouteHedging& route_;
  upstream::WorkerCluster* cluster_ = nullptr;  // the owner's, while it runs
  UpstreamRequest* second_ = nullptr;
  base::LocalRef<upstream::WorkerCluster> serving_;  // the second attempt
  upstream::RetrySlot slot_;
  event::MonotonicTime began_;
  State state_ = State::kBefore;
};

}  // namespace weir::router
