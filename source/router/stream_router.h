#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "source/http/filter_chain.h"
#include "source/router/attempts.h"
#include "source/router/cluster_choice.h"
#include "source/router/grpc_deadline.h"
#include "source/router/hedge.h"
#include "source/router/router_parts.h"
#include "source/router/upstream_request.h"
#include "source/upstream/cluster.h"
#include "source/upstream/wait_queue.h"

namespace weir::router {

// Acts on the matched route of one stream. Lives in the stream's arena and is never destroyed:
// onStreamEnd gives everything back. After a call into the chain that may end the stream nothing of
// it is touched. Worker-confined.
class Router final : public http::Terminal,
                     public HedgeOwner,
                     public upstream::Waiter,
                     public upstream::StickyWaiter {
 public:
  Router(RouterParts& parts, http::FilterChain& chain)
      : parts_(parts), chain_(chain), first_(chain, *this), attempts_(parts.random) {
    sticky_.waiter = this;
  }

  void onRequestHead(http::RequestHead& head, bool end_stream) override;
  void onRequestBody(buffer::Buffer& data, bool end_stream) override;
  void onRequestTrailers(http::HeaderMap& trailers) override;
  void onResponseBlocked(bool blocked) override { upstream_->setResponseBlocked(blocked); }
  void onStreamEnd() override;

  void onUpstreamActivity() override;
  void onUpstreamSending() override;
  void onUpstreamAnswer() override;
  void onUpstreamTunnel() override;
  void onUpstreamComplete() override;
  void onUpstreamBegins() override;
  void onUpstreamFailed(const http::StreamError& error, Replay replay) override;
  bool discardsAnswer(uint16_t status, http::GrpcStatus grpc_status) override;
  void onUpstreamDiscarded() override;
  upstream::WorkerCluster::Choice chooseBeside() override;
  void onSecondLeads(const base::LocalRef<upstream::WorkerCluster>& serving) override;
  void onMayHaveRoom() override { pickAndSend(); }
  void onStickyFound() override { pickAndSend(); }
  void onWaitFailed(std::string_view reason) override { overflow(reason); }

 private:
  static constexpr std::string_view kAttemptField = "x-weir-attempt";
  // Calls that may take longer have no end.
  static constexpr std::chrono::hours kLongestTimer{24 * 365};

  void mirror(const http::RequestHead& head, bool end_stream);
  void forward(bool grpc);
  UpstreamRequest::Options upstreamOptions(bool grpc) const;
  void makeHedge();
  bool bindsClients(upstream::WorkerCluster& cluster) const;
  void addTried();
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
  bool another(Retries::Outcome outcome);
  void sendAgain();
  bool follows(uint16_t status);
  void goElsewhere();
  void armTryTimeout();
  void onTryTimeout();
  void redirect(const RedirectAction& action, http::RequestHead& head);
  bool startDeadline();
  std::chrono::milliseconds timeLeft();
  void requestComplete();
  // `status`: of the answer, where it is not what goes with the error.
  void fail(const http::StreamError& error, std::optional<uint16_t> status = {});
  void onTimeout();
  void onIdle();
  void stop();
  event::TimerWheel& wheel() { return chain_.context().dispatcher.wheel(); }
  event::MonotonicTime now() { return chain_.context().dispatcher.now(); }

  RouterParts& parts_;
  http::FilterChain& chain_;
  UpstreamRequest first_;
  UpstreamRequest* upstream_ = &first_;  // or the second attempt that has taken its place
  Hedge* hedge_ = nullptr;               // null: there is no second attempt
  MirrorCopy* mirror_ = nullptr;         // null: it is not copied
  base::LocalRef<upstream::WorkerCluster> cluster_;  // while it is being forwarded to
  base::LocalRef<upstream::WorkerCluster> serving_;  // that, or one that it stands for: the last
  ClusterChoice choice_;
  const ClusterAction* action_ = nullptr;  // its
  std::optional<event::WheelTimer> timeout_;
  std::optional<event::WheelTimer> idle_;
  std::optional<event::WheelTimer> try_timeout_;
  std::optional<event::WheelTimer> pick_again_;
  // In whose queue it waits, or waited last.
  base::LocalRef<upstream::WorkerCluster> waits_in_;
  Attempts attempts_;
  upstream::StickyRequest sticky_;
  GrpcDeadline deadline_;
  event::MonotonicTime complete_at_;
  bool complete_ = false;  // the request has come
  bool tunnel_ = false;
  bool goes_elsewhere_ = false;  // a redirect is followed
  bool keeps_body_ = false;      // and the body goes as well
};

}  // namespace weir::router
