#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "source/base/arena.h"
#include "source/upstream/http_pool.h"
#include "source/upstream/wait_queue.h"

namespace weir::upstream {

// A GET that notes what becomes of it. Worker-confined.
class TestRequest final : public PoolRequest, public http::ResponseDecoder, public Waiter {
 public:
  explicit TestRequest(HttpPool& pool)
      : TestRequest(pool.cluster(), [&pool]() -> HttpPool& { return pool; }) {}
  // Where a pool may be gone when there is room.
  TestRequest(WorkerCluster& cluster, std::function<HttpPool&()> pool)
      : cluster_(cluster), pool_(std::move(pool)) {
    head_.method = "GET";
    head_.scheme = "http";
    head_.authority = "h";
    head_.path = "/";
    head_.headers.add(http::HeaderId::kHost, "h");
  }
  ~TestRequest() {
    if (PoolRequest::linked()) pool_().cancel(*this);
    if (queued()) cluster_.queue().leave(*this);  // else the cluster may be gone
    if (encoder != nullptr && !done && resets == 0) encoder->reset();
  }
  // Waits in the cluster's queue where it finds no room.
  void start(bool fresh = false) {
    fresh_ = fresh;
    if (!pool_().acquire(*this, fresh)) wait(false);
  }
  bool waits() const { return PoolRequest::linked() || Waiter::linked(); }
  bool queued() const { return Waiter::linked(); }
  void onMayHaveRoom() override {
    cluster_.queue().leave(*this);
    if (!pool_().acquire(*this, fresh_)) wait(true);
  }
  void onWaitFailed(std::string_view reason) override {
    ++told;
    refused = true;
    detail = reason;
    if (on_failure) on_failure();
  }

  void onPoolReady(const Ready& ready) override {
    ++told;
    encoder = &ready.encoder;
    reused = ready.reused;
    version = ready.version;
    static_cast<void>(ready.encoder.encodeHead(head_, true));
  }
  void onPoolFailure(PoolFailure why, std::string_view about) override {
    if (why == PoolFailure::kNoRoom) return wait(false);
    ++told;
    failure = why;
    detail = about;
    if (on_failure) on_failure();
  }
  network::TransportTarget transportTarget() const override { return target; }
  http::ResponseDecoder& responseDecoder() override { return *this; }
  http::ResponseHead& responseHead() override { return response_; }
  http::HeaderMap& responseTrailers() override { return trailers_; }
  void onInformational() override {}
  void onHead(bool end_stream) override { done |= end_stream; }
  void onBody(buffer::Buffer& data, bool end_stream) override {
    body += data.toString();
    done |= end_stream;
  }
  void onTrailers() override { done = true; }
  void onReset(const http::StreamError& why) override {
    ++resets;
    error = why;
    if (on_failure) on_failure();
  }
  void onRequestBlocked(bool) override {}

  std::function<void()> on_failure;  // after a failure or reset
  bool over() const { return done || resets > 0 || failure || refused; }

  network::TransportTarget target;
  int told = 0;
  int resets = 0;
  bool done = false;
  bool reused = false;
  std::optional<http::Version> version;
  std::string body;
  http::RequestEncoder* encoder = nullptr;
  std::optional<PoolFailure> failure;
  bool refused = false;  // by the queue, for the reason in `detail`
  uint8_t priority = 0;
  std::string detail;
  http::StreamError error;

 private:
  void wait(bool again) {
    if (!cluster_.queue().enter(*this, priority, again)) onWaitFailed(WaitQueue::kOverflow);
  }

  WorkerCluster& cluster_;
  std::function<HttpPool&()> pool_;
  bool fresh_ = false;
  http::RequestHead head_;
  http::ResponseHead response_;
  base::Arena arena_;
  http::HeaderMap trailers_{arena_};
};

inline constexpr std::string_view kOkAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace weir::upstream
