#include "source/config/lua_script.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "api/weir/config/v1/lua.pb.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/text_parser.h"
#include "source/event/file_watcher.h"
#include "source/event/uv_dispatcher.h"

namespace weir::config {
namespace {

namespace fs = std::filesystem;

constexpr event::FileWatcher::Options kQuick{.settle = std::chrono::milliseconds(20),
                                             .settle_limit = std::chrono::milliseconds(200)};

class LuaScriptTest : public testing::Test {
 protected:
  LuaScriptTest() {
    std::string pattern = testing::TempDir() + "/lua-XXXXXX";
    folder_ = fs::canonical(::mkdtemp(pattern.data())).string();
  }
  ~LuaScriptTest() override { fs::remove_all(folder_); }

  std::string path(std::string_view name) const { return base::concat(folder_, "/", name); }
  void write(std::string_view name, std::string_view text) const {
    std::ofstream(path(name), std::ios::trunc) << text;
  }
  // What is found wrong, or "".
  std::string compile(std::string_view text) {
    main_parts_.clear();
    Diagnostics diagnostics;
    ParsedFile file(path("w.conf"), diagnostics);
    v1::LuaScript message;
    if (parseText(text, registry_, file, message)) {
      Compiler compiler(registry_, stats_, usages_, dictionaries_);
      CompileContext context{.registry = registry_,
                             .stats = stats_,
                             .compiler = compiler,
                             .listener_name = {},
                             .main_parts = main_parts_};
      script_ =
          compileLuaScript(message, {.default_name = "lua", .entry_points = {"f"}, .modules = {}},
                           file.rootCursor(), context);
    }
    std::string found = diagnostics.toString();
    EXPECT_EQ(script_ == nullptr || !diagnostics.ok(), !found.empty());
    for (size_t at; (at = found.find(folder_ + "/")) != std::string::npos;) {
      found.erase(at, folder_.size() + 1);
    }
    if (!found.empty() && found.back() == '\n') found.pop_back();
    return found;
  }
  int64_t metric(std::string_view name) { return stats_.valueOf(name, {{"script", "a"}}); }

  std::string folder_;
  const base::Registry registry_;
  stats::Store stats_;
  Compiler::Usages usages_;
  DictionaryCompiler::Known dictionaries_;
  std::vector<std::shared_ptr<MainPart>> main_parts_;
  std::shared_ptr<lua::Script> script_;
};

TEST_F(LuaScriptTest, Defaults) {
  ASSERT_EQ(compile("inline: 'function f() end'"), "");
  const lua::ScriptConfig& config = script_->config();
  EXPECT_EQ(config.name, "lua");
  EXPECT_EQ(config.cpu_time, std::chrono::milliseconds(100));
  EXPECT_EQ(config.memory_bytes, size_t{32} << 20);
  EXPECT_FALSE(config.compile_loops);
  EXPECT_EQ(config.on_error, lua::OnError::kFail);
  EXPECT_EQ(config.bypass_failures, 0U);
  EXPECT_TRUE(main_parts_.empty());
}

TEST_F(LuaScriptTest, EverySetting) {
  write("a.lua", "function f() return require('p') end");
  write("p.lua", "return 1");
  ASSERT_EQ(compile("file: 'a.lua' package_folders: '.' cpu_time { nanos: 5000000 } "
                    "memory_bytes: 1000000 compile_loops: true on_error: CONTINUE "
                    "bypass { failures: 3 period { seconds: 9 } }"),
            "");
  const lua::ScriptConfig& config = script_->config();
  EXPECT_EQ(config.name, "a");
  EXPECT_EQ(config.file, path("a.lua"));
  EXPECT_EQ(config.cpu_time, std::chrono::milliseconds(5));
  EXPECT_EQ(config.memory_bytes, 1'000'000U);
  EXPECT_TRUE(config.compile_loops);
  EXPECT_EQ(config.on_error, lua::OnError::kContinue);
  EXPECT_EQ(config.bypass_failures, 3U);
  EXPECT_EQ(config.bypass_time, std::chrono::seconds(9));
  EXPECT_EQ(main_parts_.size(), 1U);
}

TEST_F(LuaScriptTest, WhatIsWrongIsSaidWhereItIs) {
  EXPECT_EQ(compile(""), "w.conf:1:1: inline: is required; write the script, or name its `file`");
  EXPECT_EQ(compile("name: 'x'\nfile: 'none.lua'"),
            "w.conf:2:7: file: there is no file \"none.lua\"");
  EXPECT_EQ(compile("inline: 'function g() end'"),
            "w.conf:1:9: inline: lua: defines no global function f");
  EXPECT_EQ(compile("name: 'x'\ninline: 'function f()\\n  x = = 1 end'"),
            "w.conf:2:9: inline: x:2: unexpected symbol near '='");
  write("a.lua", "function f() end\nlocal t = nil\nt.x = 1");
  EXPECT_EQ(compile("file: 'a.lua'"),
            "w.conf:1:7: file: a.lua:3: attempt to index local 't' (a nil value)");
  EXPECT_EQ(compile("inline: 'function f() end' package_folders: 'none'"),
            "w.conf:1:45: package_folders[0]: there is no folder \"none\"; create it first");
  EXPECT_EQ(compile("inline: 'while true do end' cpu_time { nanos: 5000000 }"),
            "w.conf:1:9: inline: lua:1: its CPU time of 5 ms is used up");
  EXPECT_NE(compile("inline: 'function f() end' memory_bytes: 1000"), "");
  EXPECT_NE(compile("inline: 'function f() end' cpu_time { seconds: 61 }"), "");
  EXPECT_NE(compile("inline: 'function f() end' bypass { }"), "");
  EXPECT_NE(compile("inline: 'function f() end' bypass { failures: 1 period { nanos: 1000000 } }"),
            "");
}

class LuaReloadTest : public LuaScriptTest {
 protected:
  void start() {
    services_.put<event::Dispatcher>(*dispatcher_);
    services_.put(watcher_);
    services_.put(stats_.block(0));
    ASSERT_EQ(main_parts_.size(), 1U);
    main_parts_.front()->start(services_);
  }
  // Turns the loop until `done()`, at most ten seconds.
  template <class Done>
  bool until(Done done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done() && std::chrono::steady_clock::now() < limit) {
      auto timer = dispatcher_->createTimer([this] { dispatcher_->stop(); });
      timer->start(std::chrono::milliseconds(5));
      dispatcher_->run();
    }
    return done();
  }

  std::unique_ptr<event::UvDispatcher> dispatcher_ = *event::UvDispatcher::create();
  event::FileWatcher watcher_{*dispatcher_, kQuick};
  base::ServiceMap services_;
};

TEST_F(LuaReloadTest, AChangedFileIsLoadedAgain) {
  write("a.lua", "function f() end");
  ASSERT_EQ(compile("file: 'a.lua'"), "");
  start();
  EXPECT_EQ(script_->version(), 1U);
  write("a.lua", "function f() return 1 end");
  EXPECT_TRUE(until([this] { return script_->version() == 2; }));
  write("a.lua", "function f( return 1 end");
  EXPECT_TRUE(until([this] { return metric("lua_failed_reloads_total") == 1; }));
  EXPECT_EQ(script_->version(), 2U);
  write("a.lua", "function f() return 22 end");
  EXPECT_TRUE(until([this] { return script_->version() == 3; }));
  main_parts_.front()->stop();
}

TEST_F(LuaReloadTest, WhatChangedBeforeItStartedToo) {
  write("a.lua", "function f() end");
  ASSERT_EQ(compile("file: 'a.lua'"), "");
  write("a.lua", "function f() return 2 end");
  start();
  EXPECT_EQ(script_->version(), 2U);
}

TEST_F(LuaReloadTest, PackagesToo) {
  write("a.lua", "require('p') function f() end");
  write("p.lua", "return 1");
  ASSERT_EQ(compile("file: 'a.lua' package_folders: '.'"), "");
  start();
  write("p.lua", "require('q')");
  write("q.lua", "x = = 1");
  EXPECT_TRUE(until([this] { return metric("lua_failed_reloads_total") >= 1; }));
  // One that only the version that failed has read.
  write("q.lua", "return 22");
  EXPECT_TRUE(until([this] { return script_->version() == 2; }));
}

}  // namespace
}  // namespace weir::config
