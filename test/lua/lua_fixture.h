#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/base/service_map.h"
#include "source/lua/binding.h"
#include "source/lua/worker_script.h"
#include "source/stats/stats.h"
#include "test/fakes/fake_dispatcher.h"

namespace weir::lua {

// A script on one worker with simulated time.
class LuaTest : public testing::Test {
 protected:
  LuaTest() {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(store_);
    services_.put(store_.block(1));
    config_.name = "test";
    config_.cpu_time = std::chrono::seconds(10);  // for who is not about it: machines may be slow
  }

  // What loading says is wrong, or "".
  std::string load(std::string_view text) {
    worker_.reset();
    config_.text = std::string(text);
    auto script = Script::load(config_, store_);
    if (!script.ok()) return std::string(base::view(script.status().message()));
    script_ = *std::move(script);
    worker_ = std::make_unique<WorkerScript>(script_, services_);
    return "";
  }
  State& state() {
    State* const state = worker_->state();
    EXPECT_NE(state, nullptr);
    return *state;
  }
  // Calls a global function without arguments; its first result as text, or the error's message.
  std::string call(const char* name) {
    State& state = this->state();
    Function function = global(state, name);
    std::string text;
    outcome_ = state.call(
        function, [](lua_State*) { return 0; },
        [&text](lua_State* L, int results) {
          if (results == 0) return;
          if (lua_isboolean(L, 1)) text = lua_toboolean(L, 1) != 0 ? "true" : "false";
          size_t size = 0;
          if (const char* const result = lua_tolstring(L, 1, &size)) text.assign(result, size);
        });
    state.forget(function);
    return outcome_.failed() ? outcome_.error.message : text;
  }
  // What `body` of a function returns.
  std::string eval(std::string_view body) {
    const std::string error = load(base::concat("function f()\n", body, "\nend"));
    return error.empty() ? call("f") : error;
  }
  static Function global(State& state, const char* name) {
    Function found;
    state.call(
        state.identity(),
        [name](lua_State* L) {
          lua_getglobal(L, name);
          return 1;
        },
        [&found, &state](lua_State* L, int) { found = state.keep(L); });
    return found;
  }
  int64_t metric(std::string_view name) { return store_.valueOf(name, {{"script", config_.name}}); }

  stats::Store store_;
  event::FakeDispatcher dispatcher_;
  base::ServiceMap services_;
  ScriptConfig config_;
  std::shared_ptr<Script> script_;
  std::unique_ptr<WorkerScript> worker_;
  Outcome outcome_;
};

}  // namespace weir::lua
