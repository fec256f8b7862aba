#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "source/base/arena.h"
#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/event/dispatcher.h"
#include "source/event/timer.h"
#include "source/http/codec.h"
#include "source/http/filter_chain.h"

namespace weir::http {

class ConnectionManagerWorker;
class HttpSession;
class WorkerRouteProvider;

// One exchange with a client: takes the request from the codec, makes it fit to be forwarded, runs
// the filter chain and sends the answer. Pooled by the worker. Worker-confined.
class ServerStream final : public RequestDecoder, public base::ListNode<>, private ResponseSink {
 public:
  explicit ServerStream(ConnectionManagerWorker& worker);
  ~ServerStream();

  // A request begins on the session's connection.
  void begin(HttpSession& session, ResponseEncoder& encoder);
  // Request and response are complete.
  void complete();
  // The connection is closed before that, by the client or the network, or by us.
  void connectionLost(bool by_client);
  // The head did not come in time.
  void onHeadTimeout();
  // After retirement: gives back everything but the memory.
  void recycle();

  const RequestHead& request() const { return request_; }
  const ResponseHead& response() const { return response_; }
  const HeaderMap& responseTrailers() const { return response_trailers_; }
  const StreamInfo& info() const { return info_; }
  const FilterChain& chain() const { return chain_; }
  bool headComplete() const { return phase_ > Phase::kHead; }
  bool requestComplete() const { return request_complete_; }
  bool tunnel() const { return tunnel_; }
  // The client announced that it sends nothing after this request.
  bool lastOfClient() const { return last_of_client_; }

 private:
  enum class Phase : uint8_t { kUnused, kHead, kExchange, kOver };

  // RequestDecoder
  RequestHead& requestHead() override { return request_; }
  HeaderMap& requestTrailers() override { return request_trailers_; }
  void onHead(bool end_stream) override;
  void onBody(buffer::Buffer& data, bool end_stream) override;
  void onTrailers() override;
  void onRefused(const StreamError& error) override;
  void onResponseBlocked(bool blocked) override { chain_.responseBlocked(blocked); }
  void onReset(const StreamError& error) override;

  // ResponseSink
  void sendInformational(ResponseHead& head) override;
  void sendHead(ResponseHead& head, bool end_stream) override;
  void sendBody(buffer::Buffer& data, bool end_stream) override;
  void sendTrailers(HeaderMap& trailers) override;
  void sendReset(const StreamError& error) override;
  void setRequestReadEnabled(bool enabled) override;
  void clearRouteCache() override;
  const Route* resolveRoute() override;
  ChainOrigin origin() override;
  bool mayRestartRequest() const override { return request_complete_ && !tunnel_; }
  void restartRequest(buffer::Buffer& body) override;
  network::Connection* beginRawResponseBody(uint64_t bytes) override;
  void rawResponseBodyProgress(uint64_t bytes) override;
  void finishRawResponseBody() override;

  // The request comes again, with no frame of the chain on the stack.
  class Restart final : public event::TurnEndTask {
   public:
    explicit Restart(ServerStream& stream) : stream_(stream) {}
    void onTurnEnd() override { stream_.runAgain(); }

   private:
    ServerStream& stream_;
  };

  void runAgain();
  void runChain(bool end_stream);
  void askProvider(WorkerRouteProvider& provider);
  StreamError prepareRequest();
  void applyRequestId();
  void applyResponseRules(ResponseHead& head);
  void takeUsualLimits();
  void takeRouteLimits();
  void armSinceStart(event::WheelTimer& timer, std::chrono::milliseconds after);
  void refuse(const StreamError& error);
  void refuseProtocol();
  void sayReason(HeaderMap& fields);
  void requestIsComplete();
  void finish();

  void activity();
  void onIdle();
  void onRequestTimeout();
  void onDurationTimeout();
  void timeOut(ResponseFlag flag, std::string_view detail);

  ConnectionManagerWorker& worker_;
  base::LocalRef<ConnectionManagerWorker> worker_kept_;  // while in use
  HttpSession* session_ = nullptr;
  ResponseEncoder* encoder_ = nullptr;

  RequestHead request_;
  ResponseHead response_;
  HeaderMap request_trailers_{request_.arena};
  HeaderMap response_trailers_{response_.arena};
  StreamInfo info_;
  base::Arena arena_;
  std::vector<std::shared_ptr<const void>> made_routes_;  // by a provider, for this request
  network::Address client_;                               // when X-Forwarded-For named it
  FilterChain chain_;
  Restart restart_{*this};
  buffer::Buffer restart_body_;  // of the request that comes again

  event::WheelTimer idle_timer_;
  event::WheelTimer request_timer_;
  event::WheelTimer duration_timer_;
  std::chrono::milliseconds stream_idle_{0};  // zero: none
  uint64_t max_body_bytes_ = 0;               // 0: none

  Phase phase_ = Phase::kUnused;
  bool request_complete_ = false;
  bool route_known_ = false;
  bool tunnel_ = false;
  bool last_of_client_ = false;
};

}  // namespace weir::http
