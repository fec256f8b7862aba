// The table `weir`.
#include <string>

#include "nlohmann/json.hpp"

#include "source/base/random.h"
#include "source/base/shared_dictionary.h"
#include "source/base/worker_place.h"
#include "test/lua/lua_fixture.h"

namespace weir::lua {
namespace {

class LibraryTest : public LuaTest {
 protected:
  std::string errorOf(std::string_view body) {
    const std::string message = eval(body);
    EXPECT_TRUE(outcome_.failed()) << body << " gave " << message;
    return message;
  }
};

TEST_F(LibraryTest, Base64) {
  EXPECT_EQ(eval("return weir.base64.encode('')"), "");
  EXPECT_EQ(eval("return weir.base64.encode('f')"), "Zg==");
  EXPECT_EQ(eval("return weir.base64.encode('fo')"), "Zm8=");
  EXPECT_EQ(eval("return weir.base64.encode('foobar')"), "Zm9vYmFy");
  EXPECT_EQ(eval("return weir.base64.encode('\\255\\254\\253')"), "//79");
  EXPECT_EQ(eval("return weir.base64.encode('\\255\\254', true)"), "__4");
  EXPECT_EQ(eval("return weir.base64.decode('Zm9vYmFy')"), "foobar");
  EXPECT_EQ(eval("return weir.base64.decode('Zg==') .. weir.base64.decode('Zg')"), "ff");
  EXPECT_EQ(eval("return weir.base64.decode('__4') == '\\255\\254'"), "true");
  for (const char* const bad :
       {"Z", "Zg=", "=", "====", "Zh==", "Zm 9", "Zg==Zg==", "Z===", "\\0"}) {
    EXPECT_EQ(eval(base::concat("return weir.base64.decode('", bad, "') == nil")), "true") << bad;
  }
  EXPECT_EQ(eval("for n = 0, 300 do local s = {} for i = 1, n do s[i] = string.char(math.random(0, "
                 "255)) end "
                 "s = table.concat(s) for _, url in ipairs({true, false}) do "
                 "if weir.base64.decode(weir.base64.encode(s, url)) ~= s then return n end end end "
                 "return 'same'"),
            "same");
}

TEST_F(LibraryTest, JsonIsWritten) {
  EXPECT_EQ(eval("return weir.json.encode({a = 1})"), R"({"a":1})");
  EXPECT_EQ(eval("return weir.json.encode({1, 2.5, 'x', true, {}, weir.json.null})"),
            R"([1,2.5,"x",true,{},null])");
  EXPECT_EQ(eval("return weir.json.encode({1, nil, 3})"), "[1,null,3]");
  EXPECT_EQ(eval("return weir.json.encode(weir.json.array({}))"), "[]");
  EXPECT_EQ(eval("return weir.json.encode('a\\n\"\\\\\\1\\127')"), "\"a\\n\\\"\\\\\\u0001\x7f\"");
  EXPECT_EQ(eval("return weir.json.encode('\\195\\164\\255x')"), "\"\xc3\xa4\xef\xbf\xbdx\"");
  EXPECT_EQ(eval("return weir.json.encode(1e15) .. weir.json.encode(-0.1)"),
            "1000000000000000-0.1");
  EXPECT_EQ(eval("return weir.json.encode(nil)"), "null");
}

TEST_F(LibraryTest, WhatHasNoJsonIsRefused) {
  EXPECT_EQ(errorOf("local x = weir.json.encode(0/0)"),
            "test:2: json: a number is infinite or none at all");
  EXPECT_EQ(errorOf("return weir.json.encode({f = print})"), "test: json: a function has no JSON");
  EXPECT_EQ(errorOf("return weir.json.encode({1, x = 2})"),
            "test: json: a table has both texts and numbers as keys");
  EXPECT_EQ(errorOf("return weir.json.encode({[1e9] = 2})"),
            "test: json: an array has too many holes");
  EXPECT_EQ(errorOf("return weir.json.encode({[true] = 2})"),
            "test: json: a key is neither text nor a whole number above 0");
  EXPECT_EQ(errorOf("local t = {} t.t = t return weir.json.encode(t)"),
            "test: json: nested too deeply, or within itself");
  config_.memory_bytes = size_t{1} << 20;
  EXPECT_EQ(errorOf("local s = ('x'):rep(1e5) local t = {} for i = 1, 100 do t[i] = s end return "
                    "weir.json.encode(t)"),
            "test: json: the text gets larger than the script's memory");
}

TEST_F(LibraryTest, JsonIsRead) {
  EXPECT_EQ(eval("return weir.json.decode('{\"a\":[1,-2.5e1,\"x\",true,null]}').a[2]"), "-25");
  EXPECT_EQ(eval("return weir.json.decode(' [null] ')[1] == weir.json.null"), "true");
  EXPECT_EQ(eval("return weir.json.encode(weir.json.decode('[[],{},[1]]'))"), "[[],{},[1]]");
  EXPECT_EQ(eval("return weir.json.decode([[\"\\u00e4\\ud83d\\ude00\\n\\/\"]])"),
            "\xc3\xa4\xf0\x9f\x98\x80\n/");
  EXPECT_EQ(eval("return weir.json.decode('1e-400')"), "0");
  for (const char* const bad : {"",
                                " ",
                                "{",
                                "[",
                                "[1,]",
                                "{\"a\"}",
                                "{\"a\":}",
                                "{a:1}",
                                "01",
                                "1.",
                                ".5",
                                "+1",
                                "1e",
                                "-",
                                "nul",
                                "truefalse",
                                "[1 2]",
                                "\"",
                                "\"\\x\"",
                                "\"\\u12\"",
                                "\"\\ud800\"",
                                "\"\\udc00x\"",
                                "\"\x01\"",
                                "\"\xff\"",
                                "[1]x",
                                "1e999",
                                "NaN",
                                "{\"a\":1,}",
                                "'a'"}) {
    EXPECT_EQ(
        eval(base::concat("local v, e = weir.json.decode([==[", bad,
                          "]==]) return v == nil and e:match('^json: .* at byte %d+$') and 'no'")),
        "no")
        << bad;
  }
  EXPECT_EQ(eval("return (select(2, weir.json.decode(('['):rep(1e5))))"),
            "json: nested too deeply at byte 101");
  EXPECT_EQ(eval("return (select(2, weir.json.decode('[1,x]')))"), "json: no value at byte 4");
}

std::string randomJson(base::Random& random, int depth) {
  static constexpr const char* kLeaves[] = {"1",    "-0.5",          "true", "null",
                                            "\"\"", "\"a\\u0000b\"", "1e-3", "\"\\n\"",
                                            "[]",   "123456789",     "{}",   "\"\xe2\x82\xac\""};
  if (depth == 0 || random.uniform(3) == 0) return kLeaves[random.uniform(12)];
  const bool array = random.uniform(2) == 0;
  std::string text = array ? "[" : "{";
  for (uint64_t i = 0, n = random.uniform(4); i < n; ++i) {
    if (i != 0) text += " ,\n";
    if (!array) text += base::concat("\"k", i, "\" :");
    text += randomJson(random, depth - 1);
  }
  return text + (array ? "]" : "}");
}

// What is valid, and what is broken a little, is judged and understood as by nlohmann-json.
TEST_F(LibraryTest, JsonAgreesWithAnotherLibrary) {
  ASSERT_EQ(
      load("text = '' function f() local v, e = weir.json.decode(text) if e then return 'bad' end "
           "return weir.json.encode(v) end"),
      "");
  base::Random random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string text = randomJson(random, 5);
    if (i % 2 == 1) text[random.uniform(text.size())] = "{}[],:\"1eE.-+ntf\\ "[random.uniform(18)];
    state().call(
        state().identity(),
        [&text](lua_State* L) {
          pushText(L, text);
          lua_setglobal(L, "text");
          return 0;
        },
        [](lua_State*, int) {});
    const auto expected = nlohmann::json::parse(text, nullptr, false);
    const std::string got = call("f");
    if (expected.is_discarded()) {
      EXPECT_EQ(got, "bad") << text;
    } else {
      EXPECT_EQ(nlohmann::json::parse(got, nullptr, false), expected) << text << " became " << got;
    }
  }
}

TEST_F(LibraryTest, Crypto) {
  EXPECT_EQ(eval("return weir.crypto.hex(weir.crypto.sha256('abc'))"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, test case 2.
  EXPECT_EQ(eval("return weir.crypto.hex(weir.crypto.hmac_sha256('Jefe', 'what do ya want for "
                 "nothing?'))"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(eval("return weir.crypto.constant_time_equals('ab', 'ab')"), "true");
  EXPECT_EQ(eval("return weir.crypto.constant_time_equals('ab', 'ac')"), "false");
  EXPECT_EQ(eval("return weir.crypto.constant_time_equals('ab', 'abc')"), "false");
  EXPECT_NE(errorOf("weir.crypto.sha256({})").find("string expected"), std::string::npos);
}

TEST_F(LibraryTest, ClocksAndWorkers) {
  base::WorkerPlace place{2, 4};
  services_.put(place);
  EXPECT_EQ(eval("return weir.time()"), "1767225600");  // 2026-01-01
  EXPECT_EQ(eval("return weir.worker.id() .. '/' .. weir.worker.count()"), "2/4");
  ASSERT_EQ(load("began = weir.now() function f() return weir.now() - began end"), "");
  state();
  dispatcher_.advance(std::chrono::milliseconds(1500));
  EXPECT_EQ(call("f"), "1.5");
}

TEST_F(LibraryTest, TimersRunUntilTheyAreCancelled) {
  ASSERT_EQ(load("n, m = 0, 0 weir.timer.every(1, function() n = n + 1 end) "
                 "once = weir.timer.after(0.5, function() m = m + 1 end) "
                 "function f() return n .. ' ' .. m end "
                 "function stop() return weir.timer.cancel(1) end"),
            "");
  state();
  dispatcher_.advance(std::chrono::milliseconds(3100));
  EXPECT_EQ(call("f"), "3 1");
  EXPECT_EQ(call("stop"), "true");
  EXPECT_EQ(call("stop"), "false");
  dispatcher_.advance(std::chrono::seconds(5));
  EXPECT_EQ(call("f"), "3 1");
}

TEST_F(LibraryTest, ATimerThatFailsGoesOn) {
  ASSERT_EQ(load("n = 0 weir.timer.every(1, function() n = n + 1 error('no') end) function f() "
                 "return n end"),
            "");
  state();
  dispatcher_.advance(std::chrono::milliseconds(2100));
  EXPECT_EQ(call("f"), "2");
  EXPECT_EQ(metric("lua_errors_total"), 2);
}

TEST_F(LibraryTest, ATimerMayCancelItself) {
  ASSERT_EQ(
      load("n = 0 t = weir.timer.every(1, function() n = n + 1 weir.timer.cancel(t) end) "
           "weir.timer.after(1, function() weir.timer.after(0, function() n = n + 10 end) end) "
           "function f() return n end"),
      "");
  state();
  dispatcher_.advance(std::chrono::seconds(4));
  EXPECT_EQ(call("f"), "11");
}

TEST_F(LibraryTest, TimersAreBounded) {
  EXPECT_EQ(load("for i = 1, 1000 do weir.timer.after(i, print) end"), "");
  EXPECT_EQ(load("for i = 1, 1001 do weir.timer.after(i, print) end"),
            "test:1: a script has at most 1000 timers at a time on each worker");
  EXPECT_EQ(errorOf("weir.timer.every(0, print)"),
            "test:2: timer.every wants 0.01 to 2592000 seconds");
  EXPECT_EQ(errorOf("weir.timer.after(0/0, print)"),
            "test:2: timer.after wants 0 to 2592000 seconds");
  EXPECT_NE(errorOf("weir.timer.after(1)").find("function expected"), std::string::npos);
  base::WorkerPlace place{1, 2};
  services_.put(place);
  EXPECT_EQ(eval("return weir.timer.after(1, print, {one_worker = true}) == nil"), "true");
}

TEST_F(LibraryTest, SharedDictionaries) {
  base::SharedDictionaries dictionaries;
  services_.put(dictionaries);
  EXPECT_EQ(errorOf("weir.shared('x')"),
            "test:2: there is no shared dictionary 'x'; the configuration has none in "
            "shared_dictionaries");
  dictionaries.assign({std::make_shared<base::SharedDictionary>("limits", 1 << 20)});
  EXPECT_EQ(errorOf("weir.shared('x')"),
            "test:2: there is no shared dictionary 'x'; there are 'limits'");
  const auto with = [](std::string_view body) {
    return base::concat("local d = weir.shared('limits') ", body);
  };
  EXPECT_EQ(eval(with("d:set('a', 'text') d:set('b', 2) d:set('c', false) return d:get('a') .. "
                      "d:get('b') .. tostring(d:get('c'))")),
            "text2false");
  EXPECT_EQ(eval(with("return d:get('nothing') == nil")), "true");
  EXPECT_EQ(eval(with("return d:incr('n', 2, 5) + d:incr('n')")), "15");
  EXPECT_EQ(eval(with("return (select(2, d:incr('none')))")), "no such key");
  EXPECT_EQ(eval(with("return tostring(d:add('a', 1)) .. tostring(d:replace('zz', 1))")), "nilnil");
  EXPECT_EQ(
      eval(with(
          "d:set('t', 1, 0.05) return d:ttl('t') .. ' ' .. tostring(d:ttl('a') == math.huge)")),
      "0.05 true");
  dispatcher_.advance(std::chrono::milliseconds(100));
  EXPECT_EQ(eval(with("return d:get('t') == nil")), "true");
  EXPECT_EQ(eval(with("d:expire('a', 10) return d:ttl('a')")), "10");
  EXPECT_EQ(eval(with("return tostring(d:delete('a')) .. tostring(d:delete('a'))")), "truefalse");
  EXPECT_EQ(eval(with("local k = d:keys() table.sort(k) return table.concat(k, ' ')")), "b c n");
  EXPECT_EQ(eval(with("d:clear() return #d:keys()")), "0");
  EXPECT_NE(errorOf(with("d:set('a', {})")).find("a value is a text, a number or a boolean"),
            std::string::npos);
  EXPECT_NE(errorOf(with("d:set('a', 1, -1)")).find("a time to live is above 0"),
            std::string::npos);
  EXPECT_NE(errorOf(with("d.get('a', 'b')")).find("shared dictionary expected"), std::string::npos);
}

TEST_F(LibraryTest, AMainChunkMayUseDictionariesWhenItIsTried) {
  base::SharedDictionaries dictionaries;
  dictionaries.assign({std::make_shared<base::SharedDictionary>("d", 1 << 20)});
  services_.put(dictionaries);
  ASSERT_EQ(load("local d = weir.shared('d') d:incr('loads', 1, 0) function f() return "
                 "d:get('loads') end"),
            "");
  EXPECT_EQ(call("f"), "1");  // not that of the trial
}

TEST_F(LibraryTest, Metrics) {
  EXPECT_EQ(eval("local c = weir.metrics.counter('hits', {kind = 'a'}) c:add() c:add(2) "
                 "weir.metrics.gauge('level'):set(1.5) weir.metrics.histogram('size'):record(100) "
                 "return 1"),
            "1");
  EXPECT_EQ(store_.valueOf("script_hits", {{"script", "test"}, {"kind", "a"}}), 3);
  EXPECT_NE(store_.prometheus("script_level").find("1.5"), std::string::npos);
  EXPECT_EQ(errorOf("weir.metrics.counter('no good')").find("test:2: "), 0U);
  EXPECT_NE(errorOf("weir.metrics.counter('x', {1})").find("names and values of labels are texts"),
            std::string::npos);
  EXPECT_NE(errorOf("weir.metrics.counter('x'):add(-1)").find("a number from 0 to 2^53"),
            std::string::npos);
  EXPECT_NE(errorOf("weir.metrics.gauge('hits', {kind = 'a'})"), "");
}

}  // namespace
}  // namespace weir::lua
