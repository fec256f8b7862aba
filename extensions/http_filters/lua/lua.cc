#include "extensions/http_filters/lua/lua.h"

#include "extensions/http_filters/lua/bindings.h"

namespace weir::extensions::http_filters::lua {

using http::Verdict;

std::unique_ptr<http::WorkerHttpFilterFactory> LuaFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<LuaWorker>(settings_, services);
}

LuaWorker::LuaWorker(const LuaSettings& settings, base::ServiceMap& services)
    : settings_(settings), services_(services), calls_(services.find<router::HttpCalls>()) {
  if (settings_.script != nullptr) default_ = bound(settings_.script);
}

http::HttpFilter* LuaWorker::create(base::Arena& arena) {
  return arena.create<LuaFilter>(*this);
}

weir::lua::WorkerScript* LuaWorker::script(const LuaRoute* route) {
  if (route == nullptr) return default_;
  if (route->script != nullptr) return bound(route->script);
  if (route->source.empty()) return default_;
  for (const auto& [name, script] : settings_.sources) {
    if (name == route->source) return bound(script);
  }
  return nullptr;
}

weir::lua::WorkerScript* LuaWorker::bound(const std::shared_ptr<weir::lua::Script>& script) {
  auto& found = scripts_[script.get()];
  if (found == nullptr) {
    found = std::make_unique<weir::lua::WorkerScript>(script, services_, this);
  }
  return found.get();
}

http::BodyNeeds LuaFilter::bodyNeeds() const {
  return {.request = request_mode_,
          .response = response_mode_,
          .collect_limit_bytes = worker_.settings().max_body_bytes};
}

Verdict LuaFilter::onRequestHead(http::RequestHead&, bool end_stream) {
  return begin(request_, end_stream);
}

Verdict LuaFilter::onResponseHead(http::ResponseHead&, bool end_stream) {
  return begin(response_, end_stream);
}

Verdict LuaFilter::begin(LuaStream& stream, bool end_stream) {
  auto* const script = worker_.script(static_cast<const LuaRoute*>(handle().routeConfig()));
  if (script == nullptr) return Verdict::kContinue;
  if (script != script_ || !state_) {
    weir::lua::State* const state = script->state();
    if (state == nullptr) {
      const bool goes_on =
          script->bypassed() || script->config().on_error == weir::lua::OnError::kContinue;
      if (goes_on) return Verdict::kContinue;
      handle().localReply(kScriptFailed);
      return Verdict::kPause;
    }
    script_ = script;
    state_ = base::LocalRef<weir::lua::State>(state);
  }
  const weir::lua::Function function = entryPoint(*state_, stream.direction());
  return function ? stream.begin(*state_, function, end_stream) : Verdict::kContinue;
}

void LuaFilter::setMode(Direction direction, http::BodyMode mode) {
  (direction == Direction::kRequest ? request_mode_ : response_mode_) = mode;
  handle().setBodyNeeds(bodyNeeds());
}

void LuaFilter::onStreamEnd() {
  request_.end();
  response_.end();
  state_.reset();
}

}  // namespace weir::extensions::http_filters::lua
