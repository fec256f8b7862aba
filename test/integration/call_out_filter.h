#pragma once

#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "source/base/concat.h"
#include "source/base/registry.h"
#include "source/config/extensions.h"
#include "source/http/filter.h"
#include "source/router/http_calls.h"

namespace weir::test {

// An HTTP filter of tests that makes a call when the request says so in x-call-cluster, with
// x-call-method, x-call-path, x-call-body, x-call-timeout (milliseconds) and x-call-max (bytes).
// x-call-mode: "reply" (the usual one: the client gets what came), "pass" (the request goes on when
// the answer is 200) or "forget". Worker-confined.
class CallOutFilter final : public http::HttpFilter, private router::HttpCallListener {
 public:
  explicit CallOutFilter(router::HttpCalls& calls) : calls_(calls) {}

  network::Verdict onRequestHead(http::RequestHead& head, bool) override {
    const http::HeaderMap& headers = head.headers;
    const std::string_view cluster = headers.get("x-call-cluster");
    if (cluster.empty()) return network::Verdict::kContinue;
    const std::string_view mode = headers.get("x-call-mode");
    pass_ = mode == "pass";
    buffer::Buffer body(handle().blocks());
    body.append(headers.get("x-call-body"));
    const router::HttpCallField fields[] = {{"x-caller", "test"}};
    router::HttpCallRequest request{.cluster = cluster,
                                    .method = orElse(headers.get("x-call-method"), "GET"),
                                    .authority = "callee.example",
                                    .path = orElse(headers.get("x-call-path"), "/call"),
                                    .fields = fields,
                                    .body = &body,
                                    .on_behalf_of = &handle().info()};
    request.timeout = std::chrono::milliseconds(number(headers.get("x-call-timeout"), 15'000));
    request.max_response_bytes = number(headers.get("x-call-max"), 1'000'000);
    if (mode == "forget") {
      if (calls_.startAndForget(request)) return network::Verdict::kContinue;
      handle().localReply({.status = 429, .body = "refused\n"});
      return network::Verdict::kPause;
    }
    call_ = calls_.start(request, *this);
    return network::Verdict::kPause;
  }
  void onStreamEnd() override { call_.cancel(); }

 private:
  static std::string_view orElse(std::string_view text, std::string_view other) {
    return text.empty() ? other : text;
  }
  static uint32_t number(std::string_view text, uint32_t other) {
    std::from_chars(text.data(), text.data() + text.size(), other);
    return other;
  }
  void onHttpCallAnswer(router::HttpCallAnswer& answer) override {
    if (pass_ && answer.head.status == 200) return handle().resumeRequest();
    std::string text = answer.body.toString();
    answer.trailers.forEach([&](const http::HeaderMap::Field& field) {
      text += base::concat("\n", field.name, ": ", field.value);
    });
    handle().localReply({.status = answer.head.status, .body = text});
  }
  void onHttpCallFailure(const http::StreamError& error) override {
    handle().localReply(
        {.status = http::statusFor(error), .body = error.detail(), .flag = http::flagFor(error)});
  }

  router::HttpCalls& calls_;
  router::HttpCallHandle call_;
  bool pass_ = false;
};

// Registers http_filters/call_out, which is configured by a message that means nothing. Immutable.
class CallOutExtension final : public config::HttpFilterExtension {
 public:
  static absl::Status add(base::Registry& registry) {
    return registry.add(std::make_unique<CallOutExtension>());
  }
  std::string_view name() const override { return "call_out"; }
  std::string_view configType() const override { return "google.protobuf.StringValue"; }
  std::shared_ptr<const http::HttpFilterFactory> compile(const google::protobuf::Message&,
                                                         const config::Cursor&,
                                                         config::CompileContext&) const override {
    return std::make_shared<Factory>();
  }

 private:
  // Immutable.
  class Factory final : public http::HttpFilterFactory {
   public:
    std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override {
      return std::make_unique<WorkerFactory>(services.get<router::HttpCalls>());
    }
  };
  // Worker-confined.
  class WorkerFactory final : public http::WorkerHttpFilterFactory {
   public:
    explicit WorkerFactory(router::HttpCalls& calls) : calls_(calls) {}
    http::HttpFilter* create(base::Arena& arena) override {
      return arena.create<CallOutFilter>(calls_);
    }

   private:
    router::HttpCalls& calls_;
  };
};

}  // namespace weir::test
