// Scripts that would run for ever, or take all memory: each is ended, and others go on.
#include <array>
#include <string>

#include "test/lua/lua_fixture.h"

namespace weir::lua {
namespace {

class BudgetTest : public LuaTest {
 protected:
  BudgetTest() { config_.cpu_time = std::chrono::milliseconds(20); }
  void SetUp() override {
#ifdef WEIR_THREAD_SANITIZER
    GTEST_SKIP() << "ThreadSanitizer keeps signals back while code runs that it has not built";
#endif
  }
  void expectKilled(std::string_view body) {
    SCOPED_TRACE(std::string(body));
    const std::string message = eval(body);
    EXPECT_TRUE(outcome_.failed());
    EXPECT_EQ(outcome_.error.kind, ErrorKind::kBudget) << message;
    EXPECT_NE(message.find("its CPU time of 20 ms is used up"), std::string::npos) << message;
    expectWell();
  }
  // The state can be used, and its next endless loop is ended too.
  void expectWell() {
    EXPECT_EQ(call("well"), "55");
    EXPECT_FALSE(outcome_.failed());
    call("spin");
    EXPECT_EQ(outcome_.error.kind, ErrorKind::kBudget);
    EXPECT_EQ(call("well"), "55");
  }
  std::string eval(std::string_view body) {
    const std::string error = load(base::concat(
        "function f(...)\n", body,
        "\nend function well() local n = 0 for i = 1, 10 do n = n + i end return n end "
        "function spin() while true do end end"));
    return error.empty() ? call("f") : error;
  }
};

TEST_F(BudgetTest, EndlessLoops) {
  expectKilled("while true do end");
  expectKilled("repeat until false");
  expectKilled("for i = 1, 1e18 do end");
  expectKilled("::again:: goto again");
  expectKilled("::again:: do local x = 1; (function() return x end)() goto again end");
  expectKilled("for _ in function() return 1 end do end");
  expectKilled("local t = {1} for k in function(t, k) return next(t) end, t do end");
  expectKilled("local n = 0 while true do n = n + math.sin(n) end");
  expectKilled("while true do string.format('%d', 1) end");
  expectKilled("while true do load('return 1')() end");
  expectKilled("load('while true do end')()");
  expectKilled("loadstring('repeat until nil')()");
}

TEST_F(BudgetTest, EndlessCalls) {
  expectKilled("local function g() return g() end g()");
  expectKilled("local a, b function a() return b() end function b() return a() end a()");
  expectKilled("local function g(...) return g((function(...) return ... end)(...)) end g(1)");
  expectKilled("local function g() return pcall(g) end while true do g() end");
  expectKilled("local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end fib(70)");
  expectKilled(
      "local t = setmetatable({}, {__index = function(t, k) return k < 1 and 1 or t[k - 1] + t[k - "
      "1] end}) return t[70]");
  expectKilled("table.sort({3, 2, 1}, function() while true do end end)");
  expectKilled("string.gsub('a', '.', function() while true do end end)");
  expectKilled(
      "local mt = {__lt = function() while true do end end} return setmetatable({}, mt) < "
      "setmetatable({}, mt)");
  expectKilled("tostring(setmetatable({}, {__tostring = function() while true do end end}))");
}

TEST_F(BudgetTest, NothingSwallowsIt) {
  expectKilled("while true do pcall(error) end");
  expectKilled("while true do pcall(function() while true do end end) end");
  expectKilled("return pcall(function() while true do end end)");
  expectKilled("xpcall(function() while true do end end, function() while true do end end)");
  expectKilled("xpcall(error, function() while true do end end)");
  expectKilled("while true do xpcall(error, function() error('again') end) end");
  expectKilled(
      "xpcall(function() while true do end end, function() return 'x' end) while true do end");
  expectKilled("coroutine.wrap(function() while true do end end)()");
  expectKilled(
      "while true do coroutine.resume(coroutine.create(function() while true do end end)) end");
  expectKilled(
      "local c = coroutine.wrap(function() while true do coroutine.yield(1) end end) while true do "
      "c() end");
  expectKilled(
      "local ok = pcall(coroutine.wrap(function() pcall(function() while true do end end) while "
      "true do end end))");
}

TEST_F(BudgetTest, Patterns) {
  expectKilled("return string.find(('a'):rep(3000), '.-.-.-.-b')");
  expectKilled("return (('a'):rep(3000)):match('.*.*.*.*b')");
  expectKilled("return (('a'):rep(3000)):gsub('a*a*a*a*b', '')");
  expectKilled("for w in (('a'):rep(3000)):gmatch('.-.-.-.-b') do end");
  expectKilled(
      "return pcall(string.find, ('('):rep(30000), '%b()%b()')  or string.find(('('):rep(100000), "
      "'%b()')");
  expectKilled("while true do pcall(string.find, ('a'):rep(3000), '.-.-.-.-b') end");
}

TEST_F(BudgetTest, AMainChunkToo) {
  EXPECT_EQ(load("while true do end"), "test:1: its CPU time of 20 ms is used up");
  EXPECT_EQ(
      load("local t = setmetatable({}, {__newindex = function() while true do end end}) t.x = 1"),
      "test:1: its CPU time of 20 ms is used up");
}

TEST_F(BudgetTest, WithoutALimitNothingIsEnded) {
  config_.cpu_time = std::chrono::milliseconds(0);
  EXPECT_EQ(eval("local n = 0 for i = 1, 3e7 do n = n + 1 end return n"), "30000000");
}

TEST_F(BudgetTest, ALongCallWithinItsBudgetIsLeftAlone) {
  config_.cpu_time = std::chrono::seconds(20);
  EXPECT_EQ(eval("local n = 0 for i = 1, 1e7 do n = n + 1 end return n"), "10000000");
}

int callBack(lua_State* L) {
  State& state = stateOf(L);
  Function inner;
  {
    lua_pushvalue(L, 1);
    inner = state.keep(L);
  }
  bool failed;
  {
    const Outcome outcome = state.call(
        inner, [](lua_State*) { return 0; }, [](lua_State*, int) {});
    failed = outcome.failed();
  }
  state.forget(inner);
  lua_pushboolean(L, failed ? 1 : 0);
  return 1;
}

class CallBackModule final : public Module {
 public:
  void install(lua_State* L, State&) const override {
    lua_pushcfunction(L, &callBack);
    lua_setglobal(L, "call_back");
  }
};

TEST_F(BudgetTest, AnEntryWithinAnotherSharesItsBudget) {
  config_.modules = {std::make_shared<CallBackModule>()};
  expectKilled("while true do call_back(function() end) end");
  expectKilled("call_back(function() while true do end end) while true do end");
  EXPECT_EQ(eval("return tostring(call_back(function() error('x') end))"), "true");
  EXPECT_EQ(eval("return tostring(call_back(function() call_back(function() end) end))"), "false");
}

TEST_F(BudgetTest, OtherCoroutinesGoOn) {
  ASSERT_EQ(eval("return coroutine.wrap(function() end) and 1"), "1");
  ASSERT_EQ(load("kept = coroutine.wrap(function() for i = 1, 1e6 do coroutine.yield(i) end end) "
                 "function step() return kept() end function spin() while true do end end"),
            "");
  EXPECT_EQ(call("step"), "1");
  for (int i = 2; i < 5; ++i) {
    call("spin");
    EXPECT_EQ(outcome_.error.kind, ErrorKind::kBudget);
    EXPECT_EQ(call("step"), std::to_string(i));
  }
  EXPECT_EQ(metric("lua_budget_kills_total"), 3);
}

class MemoryTest : public LuaTest {
 protected:
  MemoryTest() { config_.memory_bytes = size_t{4} << 20; }
  void expectRefused(std::string_view body) {
    SCOPED_TRACE(std::string(body));
    const std::string message = eval(body);
    EXPECT_TRUE(outcome_.failed());
    EXPECT_EQ(outcome_.error.kind, ErrorKind::kMemory) << message;
    EXPECT_LE(state().memory().used(), config_.memory_bytes);
  }
};

TEST_F(MemoryTest, Bombs) {
  expectRefused("return ('x'):rep(1e9)");
  expectRefused("return ('x'):rep(1e5, ('y'):rep(1e5))");
  expectRefused("local s = 'x' while true do s = s .. s end");
  expectRefused("local t = {} while true do t[#t + 1] = {} end");
  expectRefused("local t = {} for i = 1, 1e9 do t[i] = i end");
  expectRefused("local t = {} while true do t[#t + 1] = function() return t end end");
  expectRefused("local t = {} while true do t[#t + 1] = coroutine.create(function() end) end");
  expectRefused("return require('table.new')(1e8, 1e8)");
  expectRefused("return ('x'):rep(1e6):gsub('x', ('y'):rep(1000))");
  expectRefused(
      "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1000) end while true do t = "
      "{table.concat(t), table.concat(t)} end");
  expectRefused("return string.format('%s%s', ('x'):rep(3e6), ('x'):rep(3e6))");
}

TEST_F(MemoryTest, WhatIsGarbageAfterwardsCountsNot) {
  ASSERT_EQ(load("function f() local t = {} while true do t[#t + 1] = {} end end "
                 "function g() local t = {} for i = 1, 1e4 do t[i] = {} end return #t end"),
            "");
  for (int i = 0; i < 3; ++i) {
    call("f");
    EXPECT_EQ(outcome_.error.kind, ErrorKind::kMemory);
    EXPECT_EQ(call("g"), "10000");
  }
  EXPECT_GE(metric("lua_memory_refusals_total"), 3);
  EXPECT_FALSE(state().spent());
}

TEST_F(MemoryTest, AFullStateIsReplaced) {
  ASSERT_EQ(load("hoard = {} count = 0 function f() while true do hoard = {hoard} end end "
                 "function g() count = count + 1 return count end"),
            "");
  EXPECT_EQ(call("g"), "1");
  EXPECT_EQ(call("g"), "2");
  call("f");
  EXPECT_EQ(outcome_.error.kind, ErrorKind::kMemory);
  EXPECT_EQ(call("g"), "3");  // not more than one a second
  dispatcher_.advance(std::chrono::seconds(2));
  EXPECT_EQ(call("g"), "1");  // of another one
  EXPECT_EQ(metric("lua_states"), 1);
}

TEST_F(MemoryTest, DeepRecursionOverflowsItsStackOnly) {
  const std::string message = eval("local function g() g() return 1 end g()");
  EXPECT_NE(message.find("stack overflow"), std::string::npos) << message;
  EXPECT_EQ(eval("local function g(n) return n == 0 and 0 or 1 + g(n - 1) end return g(1000)"),
            "1000");
  const std::string nested = "return " + std::string(5000, '{') + std::string(5000, '}');
  EXPECT_EQ(eval(nested).find("test:2: chunk has too many syntax levels"), 0U);
  EXPECT_EQ(eval("local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x"),
            "test:2: loop in gettable");
}

}  // namespace
}  // namespace weir::lua
