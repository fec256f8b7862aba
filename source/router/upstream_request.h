#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "source/base/local_ref.h"
#include "source/buffer/buffer.h"
#include "source/http/codec.h"
#include "source/http/filter_chain.h"
#include "source/http/stream_error.h"
#include "source/network/splicer.h"
#include "source/router/replay_body.h"
#include "source/router/retries.h"
#include "source/router/route_actions.h"
#include "source/upstream/cluster.h"
#include "source/upstream/http_pool.h"

namespace weir::router {

// One request on its way to an endpoint: waits for a connection, sends head, body and trailers
// (body that comes early waits here, bounded), and passes the answer to the filter chain, a long
// one of known length past it by splice(2). Counts in flight exactly as long as it runs. Runs
// again, from the head on, with what of the body it has kept, after prepareReplay(). Lives in the
// stream's arena and is never destroyed: end() gives everything back. Worker-confined.
class UpstreamRequest final : public upstream::PoolRequest,
                              public http::ResponseDecoder,
                              public network::Splicer::Observer {
 public:
  class Owner {
   public:
    // Bytes moved in either direction.
    virtual void onUpstreamActivity() = 0;
    // The request's head is about to be sent: it may still be changed.
    virtual void onUpstreamSending() = 0;
    // Only where the cluster has stickiness: the head of an answer has come, and is about to be
    // passed on. It may still be changed.
    virtual void onUpstreamAnswer() = 0;
    // A tunnel begins (101, or 2xx to CONNECT): it may last.
    virtual void onUpstreamTunnel() = 0;
    // The answer is complete, and about to be passed on.
    virtual void onUpstreamComplete() = 0;
    // Only with Options::races: an answer has begun that is not discarded. From here on it is that
    // of the request: see lead().
    virtual void onUpstreamBegins() {}
    // The last call of this run: prepareReplay() and start(), now or later, or giveUp().
    virtual void onUpstreamFailed(const http::StreamError& error, Replay replay) = 0;
    // An answer of failure (of gRPC: one that is nothing but its status) has begun, or with
    // Options::redirects a redirect, and the request could be sent again. True: nobody is to see
    // the answer. onUpstreamDiscarded(), the last call of this run, follows. `grpc_status`: kOk
    // unless it is a call of gRPC.
    virtual bool discardsAnswer(uint16_t status, http::GrpcStatus grpc_status) = 0;
    virtual void onUpstreamDiscarded() = 0;

   protected:
    ~Owner() = default;
  };

  struct Options {
    bool grpc = false;
    // What of the body is kept, to be sent again. Without may_repeat only on HTTP/2, where an
    // endpoint may refuse a request.
    uint32_t keep_bytes = 0;
    bool may_repeat = false;        // the owner may discard answers
    bool redirects = false;         // also with status 3xx
    bool races = false;             // another one may run for the same request
    bool tells_answer = false;      // onUpstreamAnswer() whatever the cluster is
    bool clients_deadline = false;  // the client has set the time that a call may take
    // Request body kept for want of a connection before the client is slowed.
    uint32_t max_waiting_bytes = RouteActions::kDefaultWaitingBytes;
  };

  UpstreamRequest(http::FilterChain& chain, Owner& owner);

  // Before start().
  void configure(const Options& options) { options_ = options; }
  // Not while it runs. Takes `choice`, which has an endpoint. False, without a call to the owner,
  // when there is no connection for it, nor may one be opened: it has not run.
  [[nodiscard]] bool start(upstream::WorkerCluster::Choice& choice, bool fresh);
  bool running() const { return state_ == State::kWaiting || state_ == State::kSent; }
  // Of the last run: index into the current host set, or WorkerEndpoint::kRemoved.
  uint32_t hostIndex() const { return endpoint_->index(); }
  upstream::WorkerEndpoint& endpoint() const { return *endpoint_; }
  // After a run that failed: what has been sent waits to be sent once more, for the next start().
  void prepareReplay();
  // Between runs: no longer waits for the rest of an answer that was discarded, whose connection
  // else could be used again. Before the next start().
  void breakDiscarded();
  // While it runs: no answer has begun, and what was sent has been kept.
  bool repeatable() const { return !answered_ && sent_body_.intact(); }
  // Ends a run, as one that has failed but without a call to the owner: prepareReplay() follows.
  void breakOff();
  // Stops without a call to the owner: leaves the queue, or breaks the exchange off. There is no
  // other run: what still comes of the request is dropped.
  void giveUp();
  // The same, but another one was faster: that is no failure of the endpoint. `slow`: the balancer
  // is told how long it has taken so far.
  void lose(bool slow);
  // Before start(): this one runs beside `first`, whose request is complete and repeatable, with
  // what that has sent and has not yet sent of the body. What comes of it nobody sees before
  // lead().
  void runBeside(const UpstreamRequest& first);
  // It takes the place of `first`, which has ended.
  void lead(const UpstreamRequest& first);
  // What is to be sent of the body, with what has been: after prepareReplay(), when there will be
  // no other run. Appends to `body`.
  void takeBody(buffer::Buffer& body) { body.append(waiting_body_); }
  // While it runs: its time is over. `allowed`: since the request was complete, or since this run
  // began when that is later; nothing: the client has said when.
  void observeOverdue(std::optional<std::chrono::milliseconds> allowed);
  // The head of an answer has been passed on, and that is gRPC.
  bool answered() const { return answered_; }
  bool answeredByGrpc() const { return answered_by_grpc_; }
  // Nothing may be touched afterwards.
  void end();

  // The request beyond its head; before start() and while it waits, it is kept.
  void requestEnded() { request_ended_ = true; }
  void addBody(buffer::Buffer& data, bool end_stream);
  void addTrailers();
  void setResponseBlocked(bool blocked);

 private:
  enum class State : uint8_t {
    kIdle,      // before the first run and between runs
    kWaiting,   // for a connection
    kSent,      // there is an encoder
    kComplete,  // the answer has come
    kFailed,    // or not, or it was cancelled, for good
  };
  // Bodies from here on are spliced.
  static constexpr uint64_t kMinSpliceBytes = 64 * 1024;

  void onPoolReady(const Ready& ready) override;
  void onPoolFailure(upstream::PoolFailure failure, std::string_view detail) override;
  http::ResponseDecoder& responseDecoder() override { return *this; }
  network::TransportTarget transportTarget() const override;
  void onReadDone() override;

  http::ResponseHead& responseHead() override {
    return aside_ == nullptr ? chain_.context().response : aside_->head;
  }
  http::HeaderMap& responseTrailers() override {
    return aside_ == nullptr ? chain_.context().response_trailers : aside_->trailers;
  }
  void onInformational() override;
  void onHead(bool end_stream) override;
  void onBody(buffer::Buffer& data, bool end_stream) override;
  void onTrailers() override;
  void onReset(const http::StreamError& error) override;
  void onRequestBlocked(bool blocked) override;

  void onSpliced(uint64_t count) override;
  void onSpliceDone() override;
  void onSpliceSourceEnded() override;

  // Where the answer of one that ran beside another is read into: the chain's head is the first
  // one's for a part.
  struct Aside {
    http::ResponseHead head;
    base::Arena arena;
    http::HeaderMap trailers{arena};
  };
  bool unseen() const { return aside_ != nullptr && !leads_; }
  void showFacts();
  void passHeadOn();
  void passTrailersOn();

  bool over() const { return state_ == State::kComplete || state_ == State::kFailed; }
  bool encodeHead(bool end_stream);
  bool sendBody();
  void slowClient();
  void countHead();
  bool ownerDiscards(bool end_stream);
  void discard(bool end_stream);
  bool swallow(buffer::Buffer* data, bool end_stream);
  http::GrpcStatus grpcStatusOfAnswer();
  void countGrpc(http::GrpcStatus status);
  void firstByte();
  bool wantsSplice() const;
  void startSplice();
  void copyRaw(buffer::Buffer& data, bool end_stream);
  bool requestSent() const { return request_ended_ && waiting_body_.empty() && !trailers_wait_; }
  Replay replayAfter(const http::StreamError& error) const;
  void complete();
  void fail(const http::StreamError& error);
  void abort();
  void stop();
  void report(bool success);
  void observeAnswer(uint16_t status);
  void observeFailure(const http::StreamError& error);
  event::MonotonicTime waitsSince() const;
  std::optional<event::MonotonicTime::duration> answerTime() const;
  void leave(State state);
  event::MonotonicTime now() { return chain_.context().dispatcher.now(); }

  http::FilterChain& chain_;
  Owner& owner_;
  base::LocalRef<upstream::WorkerCluster> cluster_;
  base::LocalRef<upstream::WorkerEndpoint> endpoint_;
  upstream::RequestSlot slot_;
  upstream::HttpPool* pool_ = nullptr;       // while kWaiting
  http::RequestEncoder* encoder_ = nullptr;  // while kSent
  // Gives the rest of an answer that was discarded, until that has come or is broken off.
  http::RequestEncoder* discarded_ = nullptr;
  buffer::Buffer waiting_body_;
  ReplayBody sent_body_;
  std::unique_ptr<network::Splicer> splicer_;
  std::unique_ptr<Aside> aside_;               // null: it is the first one
  network::Connection* raw_target_ = nullptr;  // takes the response body past the chain
  uint64_t raw_bytes_ = 0;
  event::MonotonicTime sent_at_;
  event::MonotonicTime first_byte_;  // of the answer, in this run
  Options options_;
  State state_ = State::kIdle;
  uint16_t status_ = 0;  // of the answer, as it came
  bool answered_ = false;
  bool answered_by_grpc_ = false;
  bool request_ended_ = false;
  bool has_trailers_ = false;
  bool trailers_wait_ = false;
  bool request_blocked_ = false;  // by the connection's output
  bool client_slowed_ = false;
  bool response_blocked_ = false;
  bool splice_due_ = false;  // the codec holds the body back for it
  bool reused_ = false;
  bool leads_ = false;            // one that ran beside another, and is now the only one
  bool judged_ = false;           // what comes of it says nothing (more) of the endpoint
  bool client_was_slow_ = false;  // to take the answer, in this run
};

}  // namespace weir::router
