#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "source/base/local_ref.h"
#include "source/buffer/buffer.h"
#include "source/http/message.h"
#include "source/http/stream_error.h"
#include "source/http/stream_info.h"
#include "source/router/route_table.h"
#include "source/upstream/load_balancer.h"

namespace weir::router {

struct HttpCallField {
  std::string_view name;
  std::string_view value;
};

// How many calls of one kind are under way. Worker-confined; kept alive by them.
struct HttpCallCount final : base::LocalCounted {
  uint32_t active = 0;
};

// What is to be sent, and where to. Everything it points to is copied before start() returns.
struct HttpCallRequest {
  static constexpr uint32_t kDefaultMaxResponseBytes = 1024 * 1024;

  std::string_view cluster;
  std::string_view method = "GET";  // all but CONNECT
  std::string_view scheme = "http";
  std::string_view authority;   // host or host:port
  std::string_view path = "/";  // with its query
  // Not pseudo-fields. Host, Content-Length and what belongs to a connection (Connection,
  // Transfer-Encoding, Upgrade, …) are left out: they are made of the rest.
  std::span<const HttpCallField> fields = {};
  buffer::Buffer* body = nullptr;  // all of it is taken; null: none
  std::span<const HttpCallField> trailers = {};
  // From start() to the end of the answer; zero: no end but what the endpoint makes.
  std::chrono::milliseconds timeout{15'000};
  // Of the answer's body; an answer with more is a failure (kBodyTooLarge).
  uint32_t max_response_bytes = kDefaultMaxResponseBytes;
  const RetryPolicy* retry = nullptr;  // null: only what is always safe is sent again
  // What an algorithm that hashes goes by; nothing: the cluster's own keys.
  std::optional<uint64_t> hash = {};
  const upstream::MetadataMatch* metadata_match = nullptr;  // of endpoints, sorted by key
  // Of the client's stream that the call is made for: the client's address counts for balancing.
  const http::StreamInfo* on_behalf_of = nullptr;
  // Its client is the last of X-Forwarded-For.
  bool send_xff = true;
  HttpCallCount* count = nullptr;  // in which it counts; null: in none
};

// What has come back. Lives as long as the listener's call.
struct HttpCallAnswer {
  const http::ResponseHead& head;
  buffer::Buffer& body;  // may be taken
  const http::HeaderMap& trailers;
  const http::StreamInfo& info;  // endpoint, attempts, times
};

// Who has made a call. One of the two is called, once, on the worker's thread: never from inside
// start() nor any other call of the listener's owner, so that it may do what it likes: start other
// calls, end its stream, destroy itself and the handle. Not after the handle was cancelled.
// Outlives the handle. Worker-confined.
class HttpCallListener {
 public:
  virtual void onHttpCallAnswer(HttpCallAnswer& answer) = 0;
  // http::statusFor(error) is the status that stands for it, flagFor(error) its response flag. A
  // call that could not be sent as it was is kLocal, kProtocol.
  virtual void onHttpCallFailure(const http::StreamError& error) = 0;

 protected:
  ~HttpCallListener() = default;
};

class PendingHttpCall;

// A call under way; destroying it cancels the call. Empty when it is over: before the listener is
// told. Worker-confined.
class HttpCallHandle {
 public:
  HttpCallHandle() = default;
  explicit HttpCallHandle(PendingHttpCall& call);
  HttpCallHandle(HttpCallHandle&& other) noexcept;
  HttpCallHandle& operator=(HttpCallHandle&& other) noexcept;
  ~HttpCallHandle() { cancel(); }

  // The listener is not called. Nothing when it is over.
  void cancel();
  explicit operator bool() const { return call_ != nullptr; }

 private:
  friend class PendingHttpCall;
  PendingHttpCall* call_ = nullptr;
};

// What a handle holds on to, for those who implement HttpCalls. Worker-confined.
class PendingHttpCall {
 public:
  PendingHttpCall() = default;
  PendingHttpCall(const PendingHttpCall&) = delete;
  PendingHttpCall& operator=(const PendingHttpCall&) = delete;

 protected:
  ~PendingHttpCall() { detach(); }
  // The handle is empty, and cannot cancel, from here on.
  void detach();
  bool hasHandle() const { return handle_ != nullptr; }

 private:
  friend class HttpCallHandle;
  // There is no handle any more.
  virtual void onCancel() = 0;

  HttpCallHandle* handle_ = nullptr;
};

// HTTP calls that a worker makes of its own accord to a cluster: with its balancing, pools, limits,
// retries and outlier detection, but past its stickiness. A service of every worker (not of the
// main thread, which has no clusters). Worker-confined.
class HttpCalls {
 public:
  // `listener` outlives the handle that is returned. Whatever is wrong with the request or the
  // cluster the listener hears later.
  [[nodiscard]] virtual HttpCallHandle start(const HttpCallRequest& request,
                                             HttpCallListener& listener) = 0;
  // Nobody waits for the answer, which is dropped. False: too many of these calls are under way on
  // this worker; the body stays the caller's.
  virtual bool startAndForget(const HttpCallRequest& request) = 0;

 protected:
  ~HttpCalls() = default;
};

}  // namespace weir::router
