#include "source/lua/state.h"

#include "test/lua/lua_fixture.h"

namespace weir::lua {
namespace {

using StateTest = LuaTest;

int yieldForText(lua_State* L) {
  checkMayYield(L);
  return lua_yield(L, 0);
}

TEST_F(StateTest, CallsAFunction) {
  EXPECT_EQ(eval("return 'a' .. 1"), "a1");
  EXPECT_EQ(metric("lua_errors_total"), 0);
  EXPECT_GT(metric("lua_calls_total"), 0);
  EXPECT_GT(metric("lua_memory_bytes"), 10000);
}

TEST_F(StateTest, AnErrorSaysScriptAndLine) {
  EXPECT_EQ(eval("local t = nil\nreturn t.x"), "test:3: attempt to index local 't' (a nil value)");
  EXPECT_EQ(outcome_.error.kind, ErrorKind::kError);
  EXPECT_EQ(metric("lua_errors_total"), 1);
}

TEST_F(StateTest, WhatDoesNotCompileIsRefused) {
  EXPECT_EQ(load("x = = 1"), "test:1: unexpected symbol near '='");
  EXPECT_EQ(load("local x\nerror('no')"), "test:2: no");
  EXPECT_EQ(load("\x1bLJ\x02"), "attempt to load chunk with wrong mode");
  config_.entry_points = {"on_request", "on_response"};
  EXPECT_EQ(load("function other() end"),
            "test: defines no global function on_request or on_response");
  EXPECT_EQ(load("function on_response() end"), "");
  EXPECT_FALSE(state().entryPoint(0));
  EXPECT_TRUE(state().entryPoint(1));
}

class YieldModule final : public Module {
 public:
  void install(lua_State* L, State&) const override {
    lua_pushcfunction(L, &yieldForText);
    lua_setglobal(L, "wait");
  }
};

TEST_F(StateTest, ACoroutineYieldsAndGoesOn) {
  config_.modules = {std::make_shared<YieldModule>()};
  config_.entry_points = {"f"};
  ASSERT_EQ(load("function f(a) local b = wait() return a .. b end"), "");
  Coroutine coroutine = state().coroutine();
  Outcome outcome = coroutine.start(state().entryPoint(0), [](lua_State* L) {
    pushText(L, "one ");
    return 1;
  });
  EXPECT_EQ(outcome.progress, Progress::kYielded);
  outcome = coroutine.resume([](lua_State* L) {
    pushText(L, "two");
    return 1;
  });
  EXPECT_EQ(outcome.progress, Progress::kDone);
  EXPECT_STREQ(lua_tostring(coroutine.thread(), 1), "one two");
}

}  // namespace
}  // namespace weir::lua
