#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "extensions/http_filters/lua/stream.h"
#include "source/base/local_ref.h"
#include "source/http/filter.h"
#include "source/http/metadata.h"
#include "source/http/route.h"
#include "source/lua/script.h"
#include "source/lua/worker_script.h"
#include "source/router/http_calls.h"

namespace weir::extensions::http_filters::lua {

// What a client gets whose script has failed.
inline constexpr http::LocalReply kScriptFailed = {
    .status = 500, .body = "the script of the proxy failed\n", .detail = "lua_script_failed"};

// What a filter is configured to be. Immutable.
struct LuaSettings {
  std::shared_ptr<weir::lua::Script> script;  // null: only routes have one
  std::vector<std::pair<std::string, std::shared_ptr<weir::lua::Script>>> sources;
  bool clears_route_cache = true;  // when the script changes the request's head
  uint32_t max_body_bytes = 1024 * 1024;
  std::string metadata_namespace;  // of metadata(); empty: "lua", then Envoy's name
};

// What routes say of the filter. Immutable.
class LuaRoute final : public http::RouteFilterConfig {
 public:
  std::shared_ptr<weir::lua::Script> script;  // null: `source`
  std::string source;                         // empty and no script: the filter's own
  // One namespace, "filter_context"; null: none.
  std::shared_ptr<const http::Metadata> context;
};

// Binds the settings on each worker. Immutable.
class LuaFilterFactory final : public http::HttpFilterFactory {
 public:
  explicit LuaFilterFactory(LuaSettings settings) : settings_(std::move(settings)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;
  const LuaSettings& settings() const { return settings_; }

 private:
  const LuaSettings settings_;
};

// One worker's share: a state of each script. It is the context of the states. Worker-confined.
class LuaWorker final : public http::WorkerHttpFilterFactory {
 public:
  LuaWorker(const LuaSettings& settings, base::ServiceMap& services);
  http::HttpFilter* create(base::Arena& arena) override;

  const LuaSettings& settings() const { return settings_; }
  router::HttpCalls* calls() const { return calls_; }
  // Null: there is no script.
  weir::lua::WorkerScript* script(const LuaRoute* route);

 private:
  weir::lua::WorkerScript* bound(const std::shared_ptr<weir::lua::Script>& script);

  const LuaSettings& settings_;
  base::ServiceMap& services_;
  router::HttpCalls* const calls_;
  // By script; those of routes when they are first needed.
  absl::flat_hash_map<const weir::lua::Script*, std::unique_ptr<weir::lua::WorkerScript>> scripts_;
  weir::lua::WorkerScript* default_ = nullptr;
};

// The filter of one stream. Worker-confined.
class LuaFilter final : public http::HttpFilter {
 public:
  explicit LuaFilter(LuaWorker& worker)
      : worker_(worker),
        request_(*this, Direction::kRequest),
        response_(*this, Direction::kResponse) {}

  http::BodyNeeds bodyNeeds() const override;
  http::Verdict onRequestHead(http::RequestHead& head, bool end_stream) override;
  http::Verdict onRequestBody(buffer::Buffer& data, bool end_stream) override {
    return request_.onBody(data, end_stream);
  }
  http::Verdict onRequestTrailers(http::HeaderMap& trailers) override {
    return request_.onTrailers(trailers);
  }
  http::Verdict onResponseHead(http::ResponseHead& head, bool end_stream) override;
  http::Verdict onResponseBody(buffer::Buffer& data, bool end_stream) override {
    return response_.onBody(data, end_stream);
  }
  http::Verdict onResponseTrailers(http::HeaderMap& trailers) override {
    return response_.onTrailers(trailers);
  }
  void onStreamEnd() override;

  LuaWorker& worker() const { return worker_; }
  void setMode(Direction direction, http::BodyMode mode);

 private:
  http::Verdict begin(LuaStream& stream, bool end_stream);

  LuaWorker& worker_;
  weir::lua::WorkerScript* script_ = nullptr;  // whose `state_` is
  base::LocalRef<weir::lua::State> state_;
  http::BodyMode request_mode_ = http::BodyMode::kNone;
  http::BodyMode response_mode_ = http::BodyMode::kNone;
  LuaStream request_;
  LuaStream response_;
};

}  // namespace weir::extensions::http_filters::lua
