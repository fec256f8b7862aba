#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/buffer/block_pool.h"
#include "source/router/http_calls.h"

namespace weir::router {

// Calls that the test answers. Worker-confined.
class FakeHttpCalls final : public HttpCalls {
 public:
  // What was asked for, copied. Kept to the end of the fake.
  struct Call final : public PendingHttpCall {
    std::string cluster, method, scheme, authority, path;
    std::vector<std::pair<std::string, std::string>> fields, trailers;
    std::string body;
    std::chrono::milliseconds timeout{};
    uint32_t max_response_bytes = 0;
    std::optional<RetryPolicy> retry;
    std::optional<uint64_t> hash;
    bool send_xff = false;
    bool forgotten = false;
    bool cancelled = false;
    // There is a listener that waits.
    bool open() const { return listener_ != nullptr; }

   private:
    friend class FakeHttpCalls;
    void onCancel() override {
      cancelled = true;
      listener_ = nullptr;
    }
    // The handle is empty, as it is when a listener is told.
    HttpCallListener* take() {
      detach();
      return std::exchange(listener_, nullptr);
    }
    HttpCallListener* listener_ = nullptr;
  };
  using Fields = std::vector<std::pair<std::string, std::string>>;

  HttpCallHandle start(const HttpCallRequest& request, HttpCallListener& listener) override {
    Call& call = record(request);
    call.listener_ = &listener;
    return HttpCallHandle(call);
  }
  bool startAndForget(const HttpCallRequest& request) override {
    if (refuses_forgotten) return false;
    record(request).forgotten = true;
    return true;
  }

  // Not from inside start(). The call is open().
  void answer(Call& call, uint16_t status, std::string_view body = {}, const Fields& fields = {},
              const Fields& trailers = {}) {
    http::ResponseHead head;
    head.status = status;
    for (const auto& [name, value] : fields) head.headers.add(name, value);
    base::Arena arena;
    http::HeaderMap trailing(arena);
    for (const auto& [name, value] : trailers) trailing.add(name, value);
    buffer::Buffer bytes(blocks_);
    bytes.append(body);
    const http::StreamInfo info;
    HttpCallAnswer answer{.head = head, .body = bytes, .trailers = trailing, .info = info};
    call.take()->onHttpCallAnswer(answer);
  }
  void fail(Call& call, http::ErrorReason reason = http::ErrorReason::kConnectFailure) {
    call.take()->onHttpCallFailure({http::ErrorOrigin::kUpstream, reason, false, "failed"});
  }
  Call& last() { return *calls.back(); }

  std::vector<std::unique_ptr<Call>> calls;  // in order
  bool refuses_forgotten = false;

 private:
  Call& record(const HttpCallRequest& request) {
    Call& call = *calls.emplace_back(std::make_unique<Call>());
    call.cluster = std::string(request.cluster);
    call.method = std::string(request.method);
    call.scheme = std::string(request.scheme);
    call.authority = std::string(request.authority);
    call.path = std::string(request.path);
    for (const auto& [name, value] : request.fields) call.fields.emplace_back(name, value);
    for (const auto& [name, value] : request.trailers) call.trailers.emplace_back(name, value);
    if (request.body != nullptr) {
      call.body = request.body->toString();
      request.body->clear();
    }
    call.timeout = request.timeout;
    call.max_response_bytes = request.max_response_bytes;
    if (request.retry != nullptr) call.retry = *request.retry;
    call.hash = request.hash;
    call.send_xff = request.send_xff;
    return call;
  }

  buffer::BlockPool blocks_;
};

}  // namespace weir::router
