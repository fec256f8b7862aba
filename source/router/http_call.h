#pragma once

#include <cstdint>

#include "source/base/arena.h"
#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/http/connection_manager.h"
#include "source/http/filter_chain.h"
#include "source/router/http_calls.h"
#include "source/router/route_table.h"

namespace weir::router {

// One call of a worker: a filter chain without filters whose terminal is the Router, with a route
// of its own, and at its near end, instead of a client, what gathers the answer. Used again and
// again. Worker-confined.
class HttpCall final : public PendingHttpCall, public base::ListNode<>, private http::ResponseSink {
 public:
  class Owner {
   public:
    // Once for each start(), maybe from inside it: deliver() is due, with no frame of the call on
    // the stack.
    virtual void onCallOver(HttpCall& call) = 0;

   protected:
    ~Owner() = default;
  };
  enum class Outcome : uint8_t { kNone, kAnswer, kFailure, kCancelled };

  HttpCall(event::Dispatcher& dispatcher, buffer::BlockPool& blocks, Owner& owner);
  ~HttpCall();

  // `listener` null: the answer is dropped as it comes.
  void start(const HttpCallRequest& request, http::WorkerTerminalFactory& router,
             HttpCallListener* listener);
  // Ends it, without a call to the listener.
  void cancel();
  // Takes leave of the cluster and tells the listener. Nothing of this may be touched by the
  // listener but the answer.
  void deliver();
  // After that: ready for another one.
  void recycle();

  bool forgotten() const { return forgotten_; }
  Outcome outcome() const { return outcome_; }  // of what is over
  const http::StreamError& error() const { return error_; }

 private:
  // PendingHttpCall
  void onCancel() override { cancel(); }

  // ResponseSink
  void sendInformational(http::ResponseHead&) override {}
  void sendHead(http::ResponseHead& head, bool end_stream) override;
  void sendBody(buffer::Buffer& data, bool end_stream) override;
  void sendTrailers(http::HeaderMap&) override { finish(Outcome::kAnswer); }
  void sendReset(const http::StreamError& error) override { fail(error); }
  void onTerminalFailure(const http::StreamError& error) override { fail(error); }
  // All of the request is there.
  void setRequestReadEnabled(bool) override {}
  void clearRouteCache() override {}
  const http::Route* resolveRoute() override { return &route_; }

  http::StreamError prepare(const HttpCallRequest& request);
  http::StreamError prepareHead(const HttpCallRequest& request);
  http::StreamError addFields(const HttpCallRequest& request);
  http::StreamError addTrailers(const HttpCallRequest& request);
  void prepareRoute(const HttpCallRequest& request);
  void prepareInfo(const HttpCallRequest& request);
  void send(buffer::Buffer& body);
  bool running() const { return outcome_ == Outcome::kNone; }
  void tooLarge();
  void fail(const http::StreamError& error);
  void finish(Outcome outcome);

  Owner& owner_;
  HttpCallListener* listener_ = nullptr;
  http::RequestHead request_;
  http::ResponseHead response_;
  http::HeaderMap request_trailers_{request_.arena};
  http::HeaderMap response_trailers_{response_.arena};
  http::StreamInfo info_;
  network::Address client_;  // on behalf of whom
  base::Arena arena_;
  http::FilterChain chain_;
  RouteEntry route_;
  buffer::Buffer body_;  // of the answer
  uint32_t max_response_bytes_ = 0;
  Outcome outcome_ = Outcome::kNone;
  bool forgotten_ = false;
  base::LocalRef<HttpCallCount> count_;  // while it runs; null: none
  http::StreamError error_;
};

}  // namespace weir::router
