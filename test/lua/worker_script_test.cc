// Versions, by-pass, handles and the pool of coroutines, as an extension meets them.
#include "source/lua/worker_script.h"

#include <filesystem>
#include <fstream>

#include "test/lua/lua_fixture.h"

namespace weir::lua {
namespace {

constexpr HandleType kThing{"thing", "stream"};

int thingValue(lua_State* L) {
  lua_pushnumber(L, checkHandle<int>(L, 1, kThing));
  return 1;
}
int thingWait(lua_State* L) {
  checkHandle<int>(L, 1, kThing);
  checkMayYield(L);
  return lua_yield(L, 0);
}
int thingEnd(lua_State* L) {
  stateOf(L).context<Coroutine>().reset();
  lua_pushnumber(L, 1);
  return 1;
}

constexpr luaL_Reg kMethods[] = {
    {"value", &thingValue}, {"wait", &thingWait}, {"finish", &thingEnd}, {nullptr, nullptr}};

class ThingModule final : public Module {
 public:
  void install(lua_State* L, State& state) const override {
    defineHandle(L, state, kThing, kMethods);
    runPrelude(L, "=prelude", "local ffi = ... return ffi.sizeof('int')", 0, 1);
    lua_setglobal(L, "size_of_int");
  }
};

class WorkerScriptTest : public LuaTest {
 protected:
  WorkerScriptTest() {
    config_.modules = {std::make_shared<ThingModule>()};
    config_.entry_points = {"f"};
  }
  Outcome start(Coroutine& coroutine, int* object) {
    coroutine = state().coroutine();
    return coroutine.start(state().entryPoint(0), [&](lua_State* L) {
      pushHandle(L, kThing, object, coroutine.scope());
      return 1;
    });
  }
  static Outcome resume(Coroutine& coroutine) {
    return coroutine.resume([](lua_State*) { return 0; });
  }

  int one_ = 1;
  int two_ = 2;
};

TEST_F(WorkerScriptTest, AHandleDiesWithItsCoroutine) {
  ASSERT_EQ(
      load("function f(thing) if kept then local v = kept:value() return v end kept = thing return "
           "thing:value() end"),
      "");
  Coroutine first;
  EXPECT_EQ(start(first, &one_).progress, Progress::kDone);
  first.reset();
  Coroutine second;
  const Outcome outcome = start(second, &two_);
  EXPECT_EQ(outcome.error.kind, ErrorKind::kMisuse);
  EXPECT_EQ(outcome.error.message, "test:1: thing used after its stream ended");
  EXPECT_EQ(metric("lua_misuses_total"), 1);
}

TEST_F(WorkerScriptTest, AHandleWorksInItsCoroutineOnly) {
  ASSERT_EQ(load("function f(thing) if kept then local v = kept:value() return v end kept = thing "
                 "thing:wait() "
                 "return thing:value() end"),
            "");
  Coroutine first;
  EXPECT_EQ(start(first, &one_).progress, Progress::kYielded);
  Coroutine second;
  EXPECT_EQ(start(second, &two_).error.message, "test:1: thing used outside of its coroutine");
  EXPECT_EQ(resume(first).progress, Progress::kDone);
  EXPECT_EQ(lua_tonumber(first.thread(), 1), 1);
}

TEST_F(WorkerScriptTest, ACoroutineOfTheScriptCannotWaitButRead) {
  ASSERT_EQ(load("function f(thing) return coroutine.wrap(function() local n = thing:value() "
                 "thing:wait() return n end)() end"),
            "");
  Coroutine coroutine;
  const Outcome outcome = start(coroutine, &one_);
  EXPECT_EQ(outcome.error.kind, ErrorKind::kMisuse);
  EXPECT_EQ(outcome.error.message,
            "test:1: a call that waits was made in a coroutine of the script's own");
}

TEST_F(WorkerScriptTest, WhatIsNoHandleIsRefused) {
  ASSERT_EQ(load("function f(thing) return thing.value({}) end"), "");
  Coroutine coroutine;
  EXPECT_NE(start(coroutine, &one_).error.message.find("thing expected, got table"),
            std::string::npos);
  ASSERT_EQ(load("function f(thing) return thing.value(weir.json.null) end"), "");
  EXPECT_NE(start(coroutine, &one_).error.message.find("thing expected, got"), std::string::npos);
  ASSERT_EQ(load("function f(thing) return thing.value(weir.metrics.counter('c')) end"), "");
  EXPECT_NE(start(coroutine, &one_).error.message.find("thing expected, got"), std::string::npos);
  ASSERT_EQ(load("function f(thing) setmetatable(thing, {}) end"), "");
  EXPECT_TRUE(start(coroutine, &one_).failed());
  ASSERT_EQ(load("function f(thing) assert(getmetatable(thing) == false) thing.value = 1 end"), "");
  EXPECT_NE(start(coroutine, &one_).error.message.find("attempt to index"), std::string::npos);
}

TEST_F(WorkerScriptTest, AStreamMayEndWithinItsScript) {
  Coroutine coroutine;
  config_.text = "function f(thing) thing:finish() return thing:value() end";
  script_ = *Script::load(config_, store_);
  worker_ = std::make_unique<WorkerScript>(script_, services_, &coroutine);
  EXPECT_EQ(start(coroutine, &one_).progress, Progress::kAbandoned);
  EXPECT_FALSE(coroutine);
  EXPECT_EQ(metric("lua_misuses_total"), 1);
}

TEST_F(WorkerScriptTest, CoroutinesAreUsedAgain) {
  ASSERT_EQ(load("function f(thing) return thing:value() end"), "");
  lua_State* thread = nullptr;
  for (int i = 0; i < 100; ++i) {
    Coroutine coroutine;
    ASSERT_EQ(start(coroutine, &one_).progress, Progress::kDone);
    EXPECT_TRUE(thread == nullptr || coroutine.thread() == thread);
    thread = coroutine.thread();
  }
}

TEST_F(WorkerScriptTest, OneThatFailedOrWaitedIsNot) {
  ASSERT_EQ(load("n = 0 function f(thing) n = n + 1 if n % 3 == 0 then error('x') elseif n % 3 == "
                 "1 then thing:wait() end return n end"),
            "");
  for (int i = 0; i < 300; ++i) {
    Coroutine coroutine;
    const Progress progress = start(coroutine, &one_).progress;
    EXPECT_EQ(progress, i % 3 == 0   ? Progress::kYielded
                        : i % 3 == 1 ? Progress::kDone
                                     : Progress::kFailed);
  }
}

TEST_F(WorkerScriptTest, ThreeFailuresInARowByPassIt) {
  config_.bypass_failures = 3;
  config_.bypass_time = std::chrono::seconds(10);
  ASSERT_EQ(load("fails = true function f() if fails then error('x') end end function mend() fails "
                 "= false end"),
            "");
  Coroutine coroutine;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(start(coroutine, &one_).failed());
  EXPECT_EQ(worker_->state(), nullptr);
  EXPECT_TRUE(worker_->bypassed());
  EXPECT_EQ(metric("lua_bypasses_total"), 1);
  EXPECT_EQ(metric("lua_bypassed_streams_total"), 1);
  // Afterwards one failure is enough.
  dispatcher_.advance(std::chrono::seconds(11));
  EXPECT_TRUE(start(coroutine, &one_).failed());
  EXPECT_EQ(worker_->state(), nullptr);
  dispatcher_.advance(std::chrono::seconds(11));
  call("mend");
  EXPECT_FALSE(start(coroutine, &one_).failed());
  EXPECT_FALSE(start(coroutine, &one_).failed());
  EXPECT_FALSE(worker_->bypassed());
}

TEST_F(WorkerScriptTest, ASuccessInBetweenKeepsIt) {
  config_.bypass_failures = 2;
  ASSERT_EQ(load("n = 0 function f() n = n + 1 if n % 2 == 0 then error('x') end end"), "");
  Coroutine coroutine;
  for (int i = 0; i < 10; ++i) start(coroutine, &one_);
  EXPECT_NE(worker_->state(), nullptr);
}

class ReloadTest : public WorkerScriptTest {
 protected:
  ReloadTest() {
    std::string pattern = testing::TempDir() + "/reload-XXXXXX";
    folder_ = std::filesystem::canonical(::mkdtemp(pattern.data()));
    config_.file = folder_ / "a.lua";
    config_.package_folders = {folder_};
  }
  ~ReloadTest() override { std::filesystem::remove_all(folder_); }
  void write(const char* name, std::string_view text) { std::ofstream(folder_ / name) << text; }
  std::string reload() {
    std::string message(base::view(script_->reload(store_.block(0)).message()));
    const std::string folder = folder_.string() + "/";
    for (size_t at; (at = message.find(folder)) != std::string::npos;) {
      message.erase(at, folder.size());
    }
    return message;
  }
  std::filesystem::path folder_;
};

TEST_F(ReloadTest, NewStreamsRunTheNewVersionAndOldOnesTheOld) {
  write("a.lua",
        "function f(thing) thing:wait() return 'old' end weir.timer.every(1, function() end)");
  ASSERT_EQ(load(""), "");
  Coroutine old;
  EXPECT_EQ(start(old, &one_).progress, Progress::kYielded);
  write("a.lua", "function f() return 'new' end");
  EXPECT_TRUE(script_->outdated());
  EXPECT_EQ(reload(), "");
  EXPECT_FALSE(script_->outdated());
  Coroutine fresh;
  EXPECT_EQ(start(fresh, &one_).progress, Progress::kDone);
  EXPECT_STREQ(lua_tostring(fresh.thread(), 1), "new");
  EXPECT_EQ(metric("lua_states"), 2);
  EXPECT_EQ(resume(old).progress, Progress::kDone);
  EXPECT_STREQ(lua_tostring(old.thread(), 1), "old");
  old.reset();
  EXPECT_EQ(metric("lua_states"), 1);
  EXPECT_EQ(metric("lua_reloads_total"), 1);
  // The old version's timer ended with it.
  const int64_t calls = metric("lua_calls_total");
  dispatcher_.advance(std::chrono::seconds(5));
  EXPECT_EQ(metric("lua_calls_total"), calls);
}

TEST_F(ReloadTest, OneThatDoesNotCompileLeavesTheOld) {
  write("a.lua", "function f() return 'old' end");
  ASSERT_EQ(load(""), "");
  write("a.lua", "function f( return 'new' end");
  EXPECT_EQ(reload(), base::concat("a.lua", ":1: <name> or '...' expected near 'return'"));
  write("a.lua", "function g() end");
  EXPECT_EQ(reload(), "test: defines no global function f");
  std::filesystem::remove(config_.file);
  EXPECT_EQ(reload(), "there is no file \"a.lua\"");
  EXPECT_EQ(metric("lua_failed_reloads_total"), 3);
  Coroutine coroutine;
  EXPECT_EQ(start(coroutine, &one_).progress, Progress::kDone);
}

TEST_F(ReloadTest, ItsPackagesBelongToAVersion) {
  write("a.lua", "local b = require('b') function f() return b.name .. require('c') end");
  write("b.lua", "return {name = 'b1'}");
  write("c.lua", "return 'c1'");
  ASSERT_EQ(load(""), "");
  EXPECT_EQ(script_->files(), (std::vector<std::string>{config_.file, folder_ / "b.lua"}));
  write("b.lua", "return {name = 'b2'}");
  Coroutine coroutine;
  EXPECT_EQ(start(coroutine, &one_).progress, Progress::kDone);
  EXPECT_STREQ(lua_tostring(coroutine.thread(), 1), "b1c1");
  EXPECT_TRUE(script_->outdated());
  EXPECT_EQ(reload(), "");
  EXPECT_EQ(start(coroutine, &one_).progress, Progress::kDone);
  EXPECT_STREQ(lua_tostring(coroutine.thread(), 1), "b2c1");
  write("b.lua", "local b = require('b') return b");
  EXPECT_EQ(reload(), base::concat("b.lua", ":1: package 'b' requires itself"));
  write("b.lua", "x = = 1");
  EXPECT_EQ(reload(), base::concat("b.lua", ":1: unexpected symbol near '='"));
  write("d.lua", "return +");
  write("a.lua", "require('d') function f() end");
  EXPECT_NE(reload(), "");
  EXPECT_EQ(script_->files(),
            (std::vector<std::string>{config_.file, folder_ / "b.lua", folder_ / "d.lua"}));
}

TEST_F(ReloadTest, ALoadEndsAByPass) {
  config_.bypass_failures = 1;
  write("a.lua", "function f() error('x') end");
  ASSERT_EQ(load(""), "");
  Coroutine coroutine;
  EXPECT_TRUE(start(coroutine, &one_).failed());
  EXPECT_EQ(worker_->state(), nullptr);
  dispatcher_.advance(std::chrono::hours(100));
  EXPECT_EQ(worker_->state(), nullptr);
  write("a.lua", "function f() end");
  EXPECT_EQ(reload(), "");
  EXPECT_FALSE(start(coroutine, &one_).failed());
}

TEST_F(WorkerScriptTest, APreludeHasFfiAndTheScriptHasNot) {
  ASSERT_EQ(load("function f() return size_of_int .. type(ffi) end"), "");
  EXPECT_EQ(call("f"), "4nil");
}

}  // namespace
}  // namespace weir::lua
