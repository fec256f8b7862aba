// Our matcher against LuaJIT's: the same results for everything.
#include <string>

#include "source/base/random.h"
#include "test/lua/lua_fixture.h"

namespace weir::lua {
namespace {

constexpr std::string_view kRun = R"lua(
local function all(ok, ...)
  if not ok then return "error" end
  local t = {}
  for i = 1, select("#", ...) do t[i] = tostring((select(i, ...))) end
  return table.concat(t, "|")
end
function run()
  local out = {}
  out[#out + 1] = all(pcall(string.find, s, p))
  out[#out + 1] = all(pcall(string.find, s, p, n))
  out[#out + 1] = all(pcall(string.find, s, p, n, true))
  out[#out + 1] = all(pcall(string.match, s, p, n))
  out[#out + 1] = all(pcall(string.gsub, s, p, r))
  out[#out + 1] = all(pcall(string.gsub, s, p, r, n))
  out[#out + 1] = all(pcall(string.gsub, s, p, {a = "X", b = 7, ab = false}))
  out[#out + 1] = all(pcall(string.gsub, s, p, function(x, y) if y then return y end end))
  out[#out + 1] = all(pcall(function()
    local t = {}
    for x, y in string.gmatch(s, p) do
      t[#t + 1] = tostring(x) .. ":" .. tostring(y)
      if #t > 50 then break end
    end
    return table.concat(t, ",")
  end))
  return table.concat(out, "\n")
end
)lua";

std::string randomText(base::Random& random, std::string_view letters, size_t most) {
  std::string text;
  for (uint64_t i = 0, n = random.uniform(most + 1); i < n; ++i) {
    text += letters[random.uniform(letters.size())];
  }
  return text;
}

std::string randomPattern(base::Random& random) {
  static constexpr const char* kParts[] = {
      "a",     "b",  ".", "%a", "%d", "%s", "%W",  "[ab]",  "[^a]", "*",      "+",
      "-",     "?",  "(", ")",  "()", "^",  "$",   "%1",    "%b()", "%f[%w]", "[%d-]",
      "[a-c]", "%.", "%", "[",  "]",  "%z", "[]]", "[^]a]", "%2",   "[%a_]"};
  std::string pattern;
  for (uint64_t i = 0, n = random.uniform(8); i < n; ++i) {
    pattern += kParts[random.uniform(sizeof kParts / sizeof *kParts)];
  }
  return pattern;
}

struct Case {
  std::string subject, pattern, replacement;
  int begin;
};

void set(lua_State* L, const Case& from) {
  pushText(L, from.subject);
  lua_setglobal(L, "s");
  pushText(L, from.pattern);
  lua_setglobal(L, "p");
  pushText(L, from.replacement);
  lua_setglobal(L, "r");
  lua_pushinteger(L, from.begin);
  lua_setglobal(L, "n");
}

class PatternTest : public LuaTest {
 protected:
  PatternTest() : plain_(luaL_newstate()) {
    luaL_openlibs(plain_);
    EXPECT_EQ(luaL_loadbuffer(plain_, kRun.data(), kRun.size(), "run"), 0);
    lua_call(plain_, 0, 0);
    EXPECT_EQ(load(kRun), "");
  }
  ~PatternTest() override { lua_close(plain_); }

  std::string theirs(const Case& tried) {
    set(plain_, tried);
    lua_getglobal(plain_, "run");
    lua_call(plain_, 0, 1);
    size_t size = 0;
    const char* const text = lua_tolstring(plain_, -1, &size);
    std::string result(text, size);
    lua_settop(plain_, 0);
    return result;
  }
  std::string ours(const Case& tried) {
    state().call(
        state().identity(),
        [&tried](lua_State* L) {
          set(L, tried);
          return 0;
        },
        [](lua_State*, int) {});
    return call("run");
  }

  lua_State* const plain_;
};

TEST_F(PatternTest, TheManualsOwn) {
  for (const auto& [subject, pattern] : {std::pair<const char*, const char*>{"hello world", "%w+"},
                                         {"key = value", "(%w+)%s*=%s*(%w+)"},
                                         {"THE (quick) fox", "%((%a+)%)"},
                                         {"THE (quick) fox", "%f[%a]%a+"},
                                         {"x(a(b)c)d", "%b()"},
                                         {"  trim me  ", "^%s*(.-)%s*$"},
                                         {"\"a\" and 'b'", "([\"'])(.-)%1"},
                                         {"2026-11-21", "(%d+)-(%d+)-(%d+)"},
                                         {"", ""},
                                         {"abc", "()"},
                                         {"a.b.c", "[^.]+"}}) {
    const Case tried{subject, pattern, "<%0>%1", 2};
    EXPECT_EQ(ours(tried), theirs(tried)) << subject << " " << pattern;
  }
}

TEST_F(PatternTest, SameResultsForWhatChanceBrings) {
  base::Random random(42);
  for (int i = 0; i < 4000; ++i) {
    const Case tried{randomText(random, "aabbc()1.- _\n]", 12), randomPattern(random),
                     randomText(random, "x%01a", 4), static_cast<int>(random.uniform(20)) - 8};
    ASSERT_EQ(ours(tried), theirs(tried)) << "s=" << tried.subject << " p=" << tried.pattern
                                          << " r=" << tried.replacement << " n=" << tried.begin;
  }
}

}  // namespace
}  // namespace weir::lua
