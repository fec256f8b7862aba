#pragma once

#include <cstddef>
#include <cstdint>

#include "source/base/arena.h"
#include "source/base/intrusive_list.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/http/chain_origin.h"
#include "source/http/filter_chain.h"
#include "source/network/address.h"

namespace weir::http {

// Who has begun an OnwardExchange. Called on the worker's thread, maybe from inside start(). It may
// cancel the exchange and begin others in each call. Worker-confined.
class OnwardListener {
 public:
  // The final response; with `end_stream` the last call.
  virtual void onOnwardHead(ResponseHead& head, bool end_stream) = 0;
  // Takes all of `data`; with `end_stream` the last call. Trailers are dropped.
  virtual void onOnwardBody(buffer::Buffer& data, bool end_stream) = 0;
  // There is no response, or it breaks off: the last call.
  virtual void onOnwardFailure(const StreamError& error) = 0;

 protected:
  ~OnwardListener() = default;
};

// A request without body that goes on from the place of a filter in some client's stream: through
// the filters behind that one, to the same terminal on the same route, but with no client. It lives
// on when that client has gone. What the filters behind would change in the route
// (clearRouteCache()) has no effect: the route stays the client's. Worker-confined; used again and
// again.
class OnwardExchange final : public base::ListNode<>, private ResponseSink {
 public:
  class Owner {
   public:
    virtual void onExchangeOver(OnwardExchange& exchange) = 0;

   protected:
    ~Owner() = default;
  };
  OnwardExchange(event::Dispatcher& dispatcher, buffer::BlockPool& blocks, Owner& owner);
  ~OnwardExchange();

  // Fill it before start(): everything in its own arena. Without a body.
  RequestHead& request() { return request_; }
  StreamInfo& info() { return info_; }
  // Whose client it is for, as far as balancing and headers go. Copied.
  void setClient(const StreamInfo& of);
  // `origin` has a source. The listener outlives the exchange or cancels it.
  void start(ChainOrigin origin, OnwardListener& listener);
  // The listener cannot take more / can again.
  void setReadEnabled(bool enabled);
  // The listener hears no more. After this, or the last call, the object is its owner's: do not
  // touch it.
  void cancel();

 private:
  friend class OnwardExchanges;

  void sendInformational(ResponseHead&) override {}
  void sendHead(ResponseHead& head, bool end_stream) override;
  void sendBody(buffer::Buffer& data, bool end_stream) override;
  void sendTrailers(HeaderMap& trailers) override;
  void sendReset(const StreamError& error) override { fail(error); }
  void onTerminalFailure(const StreamError& error) override { fail(error); }
  void setRequestReadEnabled(bool) override {}
  void clearRouteCache() override {}
  const Route* resolveRoute() override { return origin_.route; }
  ChainOrigin origin() override { return origin_; }

  void fail(const StreamError& error);
  OnwardListener* finish();
  void recycle();

  Owner& owner_;
  OnwardListener* listener_ = nullptr;  // null: it is over
  RequestHead request_;
  ResponseHead response_;
  HeaderMap request_trailers_{request_.arena};
  HeaderMap response_trailers_{response_.arena};
  StreamInfo info_;
  network::Address client_;
  base::Arena arena_;
  FilterChain chain_;
  ChainOrigin origin_;
};

// The exchanges of a worker: a service. Worker-confined.
class OnwardExchanges final : private OnwardExchange::Owner, private event::TurnEndTask {
 public:
  // `services` has event::Dispatcher and network::IoContext, which outlive this.
  explicit OnwardExchanges(base::ServiceMap& services);
  ~OnwardExchanges();

  // One that is to be filled and started, in this event.
  OnwardExchange& make();
  // Ends all of them as failures: before the clusters go.
  void endAll();
  size_t running() const { return running_count_; }

 private:
  static constexpr size_t kMaxUnused = 64;

  void onExchangeOver(OnwardExchange& exchange) override;
  void onTurnEnd() override;
  static void destroy(base::IntrusiveList<OnwardExchange>& exchanges);

  event::Dispatcher& dispatcher_;
  buffer::BlockPool& blocks_;
  base::IntrusiveList<OnwardExchange> running_;
  base::IntrusiveList<OnwardExchange> over_;
  base::IntrusiveList<OnwardExchange> unused_;
  size_t running_count_ = 0;
  size_t unused_count_ = 0;
};

}  // namespace weir::http
