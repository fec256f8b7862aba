#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "source/base/intrusive_list.h"
#include "source/base/service_map.h"
#include "source/buffer/block_pool.h"
#include "source/event/dispatcher.h"
#include "source/http/connection_manager.h"
#include "source/router/http_call.h"
#include "source/router/http_calls.h"
#include "source/stats/stats.h"

namespace weir::router {

// HttpCalls through the worker's Router. What a call comes to is told at the end of the loop turn,
// as a callback of its own. Keeps finished calls for the next ones. Worker-confined.
class WorkerHttpCalls final : public HttpCalls,
                              private HttpCall::Owner,
                              private event::TurnEndTask {
 public:
  static constexpr uint32_t kDefaultMaxForgotten = 1024;

  // `services` has event::Dispatcher, network::IoContext, upstream::ClusterSet, stats::Store and
  // stats::Block, which outlive this.
  explicit WorkerHttpCalls(base::ServiceMap& services);
  ~WorkerHttpCalls();

  HttpCallHandle start(const HttpCallRequest& request, HttpCallListener& listener) override;
  bool startAndForget(const HttpCallRequest& request) override;

  // How many calls that nobody waits for may be under way.
  void setMaxForgotten(uint32_t count) { max_forgotten_ = count; }
  // Ends all calls, and their listeners hear nothing of it: before the clusters go.
  void endAll();

 private:
  // Kept for further calls; some 10 KiB each.
  static constexpr size_t kMaxUnused = 128;

  struct Cells {
    explicit Cells(base::ServiceMap& services);
    stats::Cell& calls;
    stats::Cell& answered;
    stats::Cell& cancelled;
    stats::Cell& refused;
    stats::Cell& active;
    stats::Cell& connect;
    stats::Cell& timeout;
    stats::Cell& no_cluster;
    stats::Cell& no_endpoint;
    stats::Cell& overflow;
    stats::Cell& broken;
    stats::Cell& protocol;
    stats::Cell& too_large;
    stats::Cell& request;
  };

  void onCallOver(HttpCall& call) override;
  void onTurnEnd() override;

  HttpCall& begin(const HttpCallRequest& request, HttpCallListener* listener);
  void count(const HttpCall& call);
  stats::Cell& cellOf(const http::StreamError& error);
  void dispose(HttpCall& call);
  void destroy(base::IntrusiveList<HttpCall>& calls);

  event::Dispatcher& dispatcher_;
  buffer::BlockPool& blocks_;
  Cells cells_;
  std::unique_ptr<http::WorkerTerminalFactory> router_;
  // Each call is in one of these, or being told of.
  base::IntrusiveList<HttpCall> running_;
  base::IntrusiveList<HttpCall> over_;
  base::IntrusiveList<HttpCall> unused_;
  size_t unused_count_ = 0;
  uint32_t max_forgotten_ = kDefaultMaxForgotten;
  uint32_t forgotten_ = 0;
};

}  // namespace weir::router
