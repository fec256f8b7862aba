#pragma once

#include "source/plugin/scope.h"
#include "source/router/http_calls.h"

namespace weir::plugin {

// One HTTP call of a plugin: what a weir_call stands for. On the list of its scope, which destroys
// it, or destroys itself when it is answered. Worker-confined.
class ScopeCall final : public ScopeEntry, public router::HttpCallListener {
 public:
  using Done = void (*)(void* arg, const weir_call_response* response);
  ScopeCall(Scope& scope, Done done, void* arg) : scope_(scope), done_(done), arg_(arg) {}

  // False, and `error`, when the request is none.
  bool start(router::HttpCalls& calls, const weir_call_request& request, std::string_view& error);

  void onHttpCallAnswer(router::HttpCallAnswer& answer) override;
  void onHttpCallFailure(const http::StreamError& error) override;

 private:
  // The last thing: the object is gone afterwards.
  void finish(const weir_call_response& response);

  Scope& scope_;
  const Done done_;
  void* const arg_;
  router::HttpCallHandle handle_;
};

// One timer of a plugin: what a weir_timer stands for. On the list of its scope, which destroys it.
// Worker-confined.
class ScopeTimer final : public ScopeEntry {
 public:
  ScopeTimer(Scope& scope, void (*fire)(void* arg), void* arg);

  // Nothing after the end of the scope.
  void arm(uint64_t delay_ms);
  void cancel() { timer_.cancel(); }

 private:
  void onFired();

  Scope& scope_;
  void (*const fire_)(void* arg);
  void* const arg_;
  event::WheelTimer timer_;
};

}  // namespace weir::plugin
