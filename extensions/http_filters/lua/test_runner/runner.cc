#include "extensions/http_filters/lua/test_runner/runner.h"

#include <string>
#include <vector>

#include <luajit-2.1/lua.hpp>

#include "extensions/http_filters/lua/test_runner/native.h"
#include "source/base/concat.h"

namespace weir::extensions::http_filters::lua::test_runner {
namespace {

struct Result {
  int passed = 0;
  std::vector<std::string> failures;
};

std::string textAt(lua_State* L, int index) {
  const char* const text = lua_tostring(L, index);
  return text == nullptr ? "an error without a text" : text;
}

// Closes the state, and only then what its functions work with.
class TestState {
 public:
  TestState() : state_(luaL_newstate()) {
    if (state_ != nullptr) luaL_openlibs(state_);
  }
  ~TestState() {
    if (state_ != nullptr) lua_close(state_);
  }
  TestState(const TestState&) = delete;
  TestState& operator=(const TestState&) = delete;

  Result run(const std::string& file) {
    lua_State* const L = state_;
    if (L == nullptr) return {0, {base::concat(file, ": there is no memory for Lua")}};
    const std::string_view library = libraryText();
    if (luaL_loadbuffer(L, library.data(), library.size(), "=weir.test") != 0) return failed(file);
    pushNative(L, session_);
    lua_pushlstring(L, file.data(), file.size());
    if (lua_pcall(L, 2, 1, 0) != 0 || lua_pcall(L, 0, 2, 0) != 0) return failed(file);
    Result result{static_cast<int>(lua_tointeger(L, -2)), {}};
    const size_t count = lua_objlen(L, -1);
    for (size_t i = 1; i <= count; ++i) {
      lua_rawgeti(L, -1, static_cast<int>(i));
      result.failures.push_back(textAt(L, -1));
      lua_pop(L, 1);
    }
    return result;
  }

 private:
  Result failed(const std::string& file) {
    return {0, {base::concat(file, ": ", textAt(state_, -1))}};
  }

  Session session_;
  lua_State* const state_;
};

}  // namespace

int runTests(std::span<const std::string> files, std::string& report) {
  int passed = 0;
  size_t failed = 0;
  for (const std::string& file : files) {
    TestState state;
    const Result result = state.run(file);
    passed += result.passed;
    failed += result.failures.size();
    for (const std::string& failure : result.failures) {
      report += base::concat("FAILED ", failure, "\n");
    }
  }
  report += base::concat(passed, " passed, ", failed, " failed\n");
  return failed == 0 ? 0 : 1;
}

}  // namespace weir::extensions::http_filters::lua::test_runner
