#pragma once

#include <memory>

#include "source/base/arena.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/plugin/kinds.h"
#include "source/plugin/loop.h"

namespace weir::plugin {

extern const KindType kHttpFilterType;

// What a plugin has made of what a route says for its filter. Immutable.
class PluginRouteConfig final : public http::RouteFilterConfig {
 public:
  explicit PluginRouteConfig(std::shared_ptr<const PluginConfig> config)
      : config_(std::move(config)) {}
  void* object() const { return config_->object(); }

 private:
  const std::shared_ptr<const PluginConfig> config_;
};

// A plugin's HTTP filter on one worker. Worker-confined.
class HttpFilterWorker final : public http::WorkerHttpFilterFactory {
 public:
  HttpFilterWorker(const Kind& kind, const weir_http_filter& calls,
                   std::shared_ptr<const PluginConfig> config, base::ServiceMap& services);
  http::HttpFilter* create(base::Arena& arena) override;

  Loop& loop() { return loop_; }
  const weir_http_filter& calls() const { return calls_; }
  const http::BodyNeeds& needs() const { return needs_; }
  // What the plugin wants, as far as there is a function that wants it.
  http::BodyNeeds readNeeds(const weir_body_needs& from);

 private:
  const weir_http_filter calls_;
  Loop loop_;
  http::BodyNeeds needs_;
};

// One stream of a plugin's HTTP filter: what a weir_http_stream stands for. Its functions are
// called where there are some; nothing is allocated beside the stream's arena until the plugin asks
// for something. Worker-confined.
class PluginHttpFilter final : public http::HttpFilter {
 public:
  // `state`: zeroed, of the plugin's size.
  PluginHttpFilter(HttpFilterWorker& worker, void* state);

  http::BodyNeeds bodyNeeds() const override { return worker_.needs(); }
  http::Verdict onRequestHead(http::RequestHead& head, bool end_stream) override;
  http::Verdict onRequestBody(buffer::Buffer& data, bool end_stream) override;
  http::Verdict onRequestTrailers(http::HeaderMap& trailers) override;
  http::Verdict onInformational(http::ResponseHead& head) override;
  http::Verdict onResponseHead(http::ResponseHead& head, bool end_stream) override;
  http::Verdict onResponseBody(buffer::Buffer& data, bool end_stream) override;
  http::Verdict onResponseTrailers(http::HeaderMap& trailers) override;
  void onStreamEnd() override;

  // For weir_http_api.
  static PluginHttpFilter& of(weir_http_stream* handle) {
    return *reinterpret_cast<PluginHttpFilter*>(handle);
  }
  HttpFilterWorker& worker() { return worker_; }
  Scope& scope() { return scope_; }
  // Past the end nothing may be done to the stream any more.
  bool ended() const { return ended_; }
  weir_headers* headers(uint32_t which);
  // The stream ends for the plugin's fault.
  void fail(std::string_view where, std::string_view what);

 private:
  weir_http_stream* stream() { return reinterpret_cast<weir_http_stream*>(this); }
  ThreadPlugin& thread() { return worker_.loop().thread(); }
  bool begin();
  template <class Function, class... Args>
  http::Verdict call(const char* where, Function function, Args... args);

  HttpFilterWorker& worker_;
  void* const state_;
  Scope scope_;
  http::HeaderMap* request_trailers_ = nullptr;
  http::HeaderMap* response_trailers_ = nullptr;
  bool response_seen_ = false;
  bool begun_ = false;  // the plugin knows of it
  bool idle_ = false;   // it does not want to, or cannot
  bool failed_ = false;
  bool ended_ = false;
};

}  // namespace weir::plugin
