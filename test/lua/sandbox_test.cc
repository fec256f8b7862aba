// Ways out of the sandbox that are known of Lua 5.1 and LuaJIT, each closed.
#include "test/lua/lua_fixture.h"

namespace weir::lua {
namespace {

using SandboxTest = LuaTest;

TEST_F(SandboxTest, WhatIsDangerousIsNotThere) {
  for (const char* const name : {"io",
                                 "ffi",
                                 "jit",
                                 "dofile",
                                 "loadfile",
                                 "module",
                                 "newproxy",
                                 "gcinfo",
                                 "getfenv",
                                 "setfenv",
                                 "os.execute",
                                 "os.exit",
                                 "os.remove",
                                 "os.rename",
                                 "os.getenv",
                                 "os.tmpname",
                                 "os.setlocale",
                                 "debug.getinfo",
                                 "debug.getregistry",
                                 "debug.getupvalue",
                                 "debug.setupvalue",
                                 "debug.sethook",
                                 "debug.getmetatable",
                                 "debug.setmetatable",
                                 "debug.upvaluejoin",
                                 "debug.getlocal",
                                 "debug.setfenv",
                                 "debug.getfenv",
                                 "debug.debug",
                                 "string.dump",
                                 "package.loadlib",
                                 "package.loaders",
                                 "package.cpath",
                                 "package.path",
                                 "package.searchpath",
                                 "package.loaded.io",
                                 "package.loaded.ffi",
                                 "package.loaded.jit",
                                 "package.loaded.debug",
                                 "package.loaded['jit.util']",
                                 "package.loaded['jit.opt']",
                                 "package.preload.ffi",
                                 "package.loaded.package"}) {
    EXPECT_EQ(eval(base::concat("return type(", name, ")")), "nil") << name;
  }
}

TEST_F(SandboxTest, WhatScriptsNeedIs) {
  for (const char* const name :
       {"pairs",        "ipairs",          "next",           "pcall",
        "xpcall",       "error",           "assert",         "select",
        "tonumber",     "tostring",        "type",           "unpack",
        "rawget",       "rawset",          "rawequal",       "setmetatable",
        "getmetatable", "require",         "load",           "loadstring",
        "print",        "os.time",         "os.date",        "os.clock",
        "os.difftime",  "debug.traceback", "string.format",  "table.concat",
        "math.random",  "bit.band",        "coroutine.wrap", "collectgarbage"}) {
    EXPECT_EQ(eval(base::concat("return type(", name, ")")), "function") << name;
  }
}

TEST_F(SandboxTest, PackagesOfLuaJitCannotBeRequired) {
  for (const char* const name : {"ffi", "io", "jit", "jit.util", "jit.opt", "jit.profile", "debug",
                                 "string.buffer", "package", "thread.exdata"}) {
    const std::string message = eval(base::concat("return require('", name, "')"));
    EXPECT_NE(message.find("there is no package"), std::string::npos) << name << ": " << message;
  }
  EXPECT_EQ(eval("return require('string') == string and require('os') == os"), "true");
  EXPECT_EQ(eval("return require('os').execute"), "");
}

TEST_F(SandboxTest, NamesOfPackagesStayInTheirFolder) {
  config_.package_folders = {"/usr/share"};
  for (const char* const name :
       {"../etc/passwd", "..", "a..b", ".hidden", "/etc/passwd", "a/b", "a\\0b", "", "a b", "a."}) {
    const std::string message = eval(base::concat("return require('", name, "')"));
    EXPECT_NE(message.find("is no name of a package"), std::string::npos) << name << message;
  }
  EXPECT_NE(eval("return require(1)").find("require wants the name"), std::string::npos);
}

TEST_F(SandboxTest, NoBytecode) {
  const std::string text = "'\\27LJ\\2\\0'";
  EXPECT_EQ(eval("return (select(2, load(" + text + ")))"),
            "attempt to load chunk with wrong mode");
  EXPECT_EQ(eval("return (select(2, loadstring(" + text + ")))"),
            "attempt to load chunk with wrong mode");
  EXPECT_EQ(eval("return (select(2, load(" + text + ", 'x', 'b')))"),
            "attempt to load chunk (mode is 'b', only text is allowed)");
  EXPECT_EQ(eval("return (select(2, load(" + text + ", 'x', 'bt')))"),
            "attempt to load chunk with wrong mode");
  EXPECT_EQ(eval("local n = 0 return (select(2, load(function() n = n + 1 return n == 1 and " +
                 text + " or nil end)))"),
            "attempt to load chunk with wrong mode");
  EXPECT_EQ(eval("return load('return 1 + 1')()"), "2");
  EXPECT_EQ(eval("return load('return x', 'c', 't', {x = 3})()"), "3");
  EXPECT_EQ(eval("return loadstring('return ...', '=c')(4)"), "4");
  EXPECT_EQ(eval("return (select(2, loadstring('return +', '=c')))"),
            "c:1: unexpected symbol near '+'");
  EXPECT_EQ(eval("return tostring(pcall(loadstring, print))"), "false");
}

TEST_F(SandboxTest, MetatablesOfStringsAndHandlesAreHidden) {
  EXPECT_EQ(eval("return getmetatable('')"), "false");
  EXPECT_NE(eval("setmetatable('', {})").find("table expected"), std::string::npos);
  EXPECT_EQ(eval("return getmetatable(print)"), "");
  EXPECT_NE(eval("rawset('', 'x', 1)").find("table expected"), std::string::npos);
}

TEST_F(SandboxTest, CollectingIsTheProxysBusiness) {
  EXPECT_EQ(eval("return type(collectgarbage('count'))"), "number");
  EXPECT_EQ(eval("return collectgarbage()"), "0");
  for (const char* const option : {"stop", "restart", "setpause", "setstepmul", "generational"}) {
    EXPECT_NE(eval(base::concat("return collectgarbage('", option, "')")).find("is not allowed"),
              std::string::npos);
  }
}

TEST_F(SandboxTest, NoFinalizersOfAScript) {
  EXPECT_EQ(eval("local ran = false setmetatable({}, {__gc = function() ran = true end}) "
                 "for i = 1, 1e5 do local t = {} end collectgarbage() return ran"),
            "false");
}

TEST_F(SandboxTest, TrustedFunctionsGiveNothingAway) {
  // Errors in ours show no more than a message, and tracebacks only text.
  EXPECT_EQ(eval("return type(debug.traceback('x'))"), "string");
  EXPECT_EQ(
      eval("local t = {} for k, v in pairs(package.loaded) do t[#t + 1] = k end table.sort(t) "
           "return table.concat(t, ' ')"),
      "_G bit coroutine math os string table table.clear table.new");
  EXPECT_EQ(eval("package.loaded.string = nil package.loaded.ffi = 1 return type(require('ffi'))"),
            "number");  // its own table, its own lie
  EXPECT_NE(eval("local old = tostring tostring = nil collectgarbage('stop')").find("not allowed"),
            std::string::npos);
  EXPECT_EQ(eval("pcall = function() error('mine') end string.find = nil type = nil "
                 "return load('return 5', 'x', 't')()"),
            "5");
}

TEST_F(SandboxTest, AYieldThatNobodyWaitsForIsAnError) {
  config_.entry_points = {"f"};
  ASSERT_EQ(load("function f() coroutine.yield() end"), "");
  Coroutine coroutine = state().coroutine();
  const Outcome outcome = coroutine.start(state().entryPoint(0), [](lua_State*) { return 0; });
  EXPECT_EQ(outcome.error.kind, ErrorKind::kMisuse);
  EXPECT_EQ(outcome.error.message,
            "test: coroutine.yield() outside of a coroutine of the script's own");
}

TEST_F(SandboxTest, EachStateHasItsOwnRandomNumbers) {
  const std::string first = eval("return math.random(1e9)");
  EXPECT_NE(eval("return math.random(1e9)"), first);
}

TEST_F(SandboxTest, PrintAndErrorsOfOddKinds) {
  EXPECT_EQ(eval("print(nil, {} ~= nil, 3) return 1"), "1");
  EXPECT_EQ(eval("error({})"), "test: the error is a table value");
  EXPECT_EQ(eval("error()"), "test: the error is a nil value");
  EXPECT_EQ(eval("error(42)"), "test:2: 42");
  EXPECT_EQ(eval("error('plain', 0)"), "plain");
}

}  // namespace
}  // namespace weir::lua
