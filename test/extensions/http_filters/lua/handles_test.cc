// Every call of the stream handle and its objects against what Envoy documents of it. What it does
// there beyond the documents (texts of errors that scripts may look at) is held to as well.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/lua/lua_chain.h"

namespace weir::extensions::http_filters::lua {
namespace {

using ::testing::HasSubstr;

struct Call {
  const char* name;
  const char* body;      // of a function of `handle`
  const char* expected;  // its result as text, or a part of "error: …"
};

void PrintTo(const Call& call, std::ostream* out) {
  *out << call.name;
}

std::string wrapped(const std::string& name, const std::string& body) {
  return "function " + name + "(handle)\nlocal ok, result = pcall(function()\n" + body +
         "\nend)\nhandle:respond({[':status'] = '200'}, (ok and '' or 'error: ') .. "
         "tostring(result))\nend\n";
}

class RequestCalls : public ::testing::TestWithParam<Call> {};

TEST_P(RequestCalls, IsAsDocumented) {
  LuaChain proxy;
  ASSERT_EQ(proxy.load(wrapped("envoy_on_request", GetParam().body)), "");
  proxy.request({{"One", "1"}, {"many", "a"}, {"Many", "b"}, {"host", "example.com"}});
  proxy.sendBody("hello ", false);
  proxy.sendBody("world", false);
  proxy.sendTrailers({{"trail", "er"}});
  const std::string& result = proxy.client.body;
  ASSERT_EQ(proxy.client.status, 200);
  const std::string expected = GetParam().expected;
  if (expected.starts_with("error: ")) {
    EXPECT_THAT(result, HasSubstr(expected.substr(7)));
    EXPECT_THAT(result, HasSubstr("error: "));
  } else {
    EXPECT_EQ(result, expected);
  }
}

const Call kHeaderCalls[] = {
    {"Get", "return handle:headers():get('one')", "1"},
    {"GetIgnoresCase", "return handle:headers():get('ONE')", "1"},
    {"GetNothing", "return handle:headers():get('none')", "nil"},
    {"GetSeveral", "return handle:headers():get('many')", "a,b"},
    {"GetMethod", "return handle:headers():get(':method')", "POST"},
    {"GetPath", "return handle:headers():get(':path')", "/path?q=1"},
    {"GetAuthority", "return handle:headers():get(':authority')", "example.com"},
    {"GetScheme", "return handle:headers():get(':scheme')", "http"},
    {"GetHost", "return handle:headers():get('host')", "example.com"},
    {"GetNoStatus", "return handle:headers():get(':status')", "nil"},
    {"GetWithoutName", "return handle:headers():get()", "error: string expected, got n"},
    {"GetAtIndexFirst", "return handle:headers():getAtIndex('many', 0)", "a"},
    {"GetAtIndexSecond", "return handle:headers():getAtIndex('many', 1)", "b"},
    {"GetAtIndexBehind", "return handle:headers():getAtIndex('many', 2)", "nil"},
    {"GetAtIndexBefore", "return handle:headers():getAtIndex('many', -1)", "nil"},
    {"GetAtIndexPseudo", "return handle:headers():getAtIndex(':path', 0)", "/path?q=1"},
    {"GetNumValues", "return handle:headers():getNumValues('many')", "2"},
    {"GetNumValuesNone", "return handle:headers():getNumValues('none')", "0"},
    {"GetNumValuesPseudo", "return handle:headers():getNumValues(':path')", "1"},
    {"Add", "local h = handle:headers() h:add('many', 'c') return h:get('many')", "a,b,c"},
    {"AddNumber", "local h = handle:headers() h:add('n', 12) return h:get('n')", "12"},
    {"AddNil", "handle:headers():add('n', nil)", "error: string expected, got nil"},
    {"Replace", "local h = handle:headers() h:replace('many', 'c') return h:get('many')", "c"},
    {"ReplaceAdds", "local h = handle:headers() h:replace('new', 'c') return h:get('new')", "c"},
    {"ReplaceHost",
     "local h = handle:headers() h:replace('host', 'b.example') return h:get(':authority')",
     "b.example"},
    {"Remove", "local h = handle:headers() h:remove('many') return h:get('many')", "nil"},
    {"RemoveNothing", "return handle:headers():remove('none')", "nil"},
    {"RemovePseudo", "handle:headers():remove(':path')", "error: cannot be removed"},
    {"LineFeed", R"(handle:headers():add('a', 'b\r\nc: d'))", "error: control characters"},
    {"Null", R"(handle:headers():add('a', 'b\0c'))", "error: control characters"},
    {"NameWithSpace", "handle:headers():add('a b', 'c')", "error: the name of a header"},
    {"NamesTheLine", "\nhandle:headers():replace('a b', 'c')",
     "error: test:4: the name of a header"},
    {"NumbersAreText", "local h = handle:headers() h:replace('n', 1) return h:get('n')", "1"},
    {"NameEmpty", "handle:headers():add('', 'c')", "error: the name of a header"},
    {"NameWithLineFeed", R"(handle:headers():replace('a\n', 'c'))", "error: the name of a header"},
    {"PathWithSpace", "handle:headers():replace(':path', '/a b')", "error: :path must begin"},
    {"PathWithoutSlash", "handle:headers():replace(':path', 'a')", "error: :path must begin"},
    {"AuthorityWithUser", "handle:headers():replace(':authority', 'a@b')", "error: :authority"},
    {"MethodWithSpace", "handle:headers():replace(':method', 'A B')", "error: :method"},
    {"MethodConnect", "handle:headers():replace(':method', 'CONNECT')", "error: :method"},
    {"SchemeUnknown", "handle:headers():replace(':scheme', 'ftp')", "error: :scheme"},
    {"UnknownPseudo", "handle:headers():add(':foo', 'x')", "error: the name of a header"},
    {"LengthIsANumber", "handle:headers():replace('content-length', 'x')", "error: content-length"},
    {"ReasonInRequest", "handle:headers():setHttp1ReasonPhrase('x')", "error: response"},
    {"TooMuch", "for i = 1, 100 do handle:headers():replace('a', ('x'):rep(10000)) end",
     "error: written too much"},
    {"Pairs",
     "local t = {} for k, v in pairs(handle:headers()) do t[#t + 1] = k .. '=' .. v end "
     "return table.concat(t, ' ')",
     ":method=POST :scheme=http :authority=example.com :path=/path?q=1 one=1 many=a many=b"},
    {"PairsProtects", "for k in pairs(handle:headers()) do handle:headers():remove('one') end",
     "error: header map cannot be modified while iterating"},
    {"PairsTwice", "for k in pairs(handle:headers()) do pairs(handle:headers()) end",
     "error: cannot create a second iterator before completing the first"},
    {"PairsThenChange",
     "local h = handle:headers() for k in pairs(h) do end h:remove('one') return h:get('one')",
     "nil"},
    {"PairsOfTables", "local n = 0 for k, v in pairs({a = 1, 2}) do n = n + v end return n", "3"},
    {"PairsOfNothing", "pairs(nil)", "error: bad argument #1"},
    {"SameObject", "return handle:headers() == handle:headers()", "true"},
    {"NotAHandle", "handle.headers({})", "error: stream handle expected, got table"},
    {"OtherHandle", "handle.headers(handle:headers())", "error: stream handle expected"},
    {"NoSuchMethod", "handle:nothing()", "error: attempt to call method 'nothing'"},
    {"Metatable", "return getmetatable(handle)", "false"},
};

INSTANTIATE_TEST_SUITE_P(Headers, RequestCalls, ::testing::ValuesIn(kHeaderCalls),
                         [](const auto& info) { return std::string(info.param.name); });

const Call kBodyCalls[] = {
    {"Length", "return handle:body():length()", "11"},
    {"GetBytes", "return handle:body():getBytes(3, 5)", "lo wo"},
    {"GetAll", "local b = handle:body() return b:getBytes(0, b:length())", "hello world"},
    {"GetNone", "return handle:body():getBytes(11, 0)", ""},
    {"GetBehind", "handle:body():getBytes(6, 6)", "error: must be <= buffer size"},
    {"GetNegative", "handle:body():getBytes(-1, 2)", "error: must be >= 0"},
    {"GetHuge", "handle:body():getBytes(2^31 - 1, 2^31 - 1)", "error: must be <= buffer size"},
    {"SetBytes", "return handle:body():setBytes('abc')", "3"},
    {"SetNumber", "local b = handle:body() b:setBytes(12) return b:getBytes(0, 2)", "12"},
    {"SetNil", "handle:body():setBytes(nil)", "error: string expected"},
    {"BodyTwice", "return handle:body() == handle:body()", "true"},
    {"ChunksAfterBody", "handle:body() handle:bodyChunks()",
     "error: cannot call bodyChunks after body processing has begun"},
    {"TrailersAfterBody", "handle:body() return handle:trailers():get('trail')", "er"},
    {"HeadAfterBody", "handle:body() handle:headers():add('a', 'b')", "nil"},
    {"YieldElsewhere", "coroutine.wrap(function() handle:body() end)()",
     "error: coroutine of the script's own"},
    {"YieldAcrossC", "string.gsub('a', 'a', function() handle:body() end)",
     "error: attempt to yield across C-call boundary"},
};

INSTANTIATE_TEST_SUITE_P(Bodies, RequestCalls, ::testing::ValuesIn(kBodyCalls),
                         [](const auto& info) { return std::string(info.param.name); });

const Call kOtherCalls[] = {
    {"Base64", "return handle:base64Escape('a\\0b?>')", "YQBiPz4="},
    {"Base64Empty", "return handle:base64Escape('')", ""},
    {"Base64Short", "return handle:base64Escape('foo') .. handle:base64Escape('fo')", "Zm9vZm8="},
    {"Timestamp", "return type(handle:timestamp())", "number"},
    {"TimestampUnit",
     "return handle:timestamp() == handle:timestamp("
     "EnvoyTimestampResolution.MILLISECOND)",
     "true"},
    {"TimestampMicroseconds", "handle:timestamp(EnvoyTimestampResolution.MICROSECOND)",
     "error: timestamp format must be MILLISECOND."},
    {"TimestampString",
     "return #handle:timestampString(EnvoyTimestampResolution.MICROSECOND) - "
     "#handle:timestampString()",
     "3"},
    {"TimestampStringUnknown", "handle:timestampString(7)",
     "error: timestamp format must be MILLISECOND or MICROSECOND."},
    {"Log",
     "handle:logTrace('a') handle:logDebug('b') handle:logInfo('c') handle:logWarn('d') "
     "handle:logErr('e') return handle:logCritical('f')",
     "nil"},
    {"MetadataOfNoRoute", "return handle:metadata():get('a')", "nil"},
    {"FilterContext", "return next(handle:filterContext())", "nil"},
    {"ClearRouteCache", "return handle:clearRouteCache()", "nil"},
    {"RespondLow", "handle:respond({[':status'] = '100'})",
     "error: :status must be between 200-599"},
    {"RespondHigh", "handle:respond({[':status'] = '600'})",
     "error: :status must be between 200-599"},
    {"RespondNone", "handle:respond({}, 'x')", "error: :status must be between 200-599"},
    {"RespondNoTable", "handle:respond('403')", "error: table expected, got string"},
    {"RespondBadValue", R"(handle:respond({[':status'] = '200', a = 'b\nc'}))",
     "error: control characters"},
    {"RespondBadName", "handle:respond({[':status'] = '200', ['a b'] = 'c'})",
     "error: the name of a header"},
    {"RespondBadType", "handle:respond({[':status'] = '200', a = true})",
     "error: must be a string or a list"},
    {"RespondBadList", "handle:respond({[':status'] = '200', a = {{}}})",
     "error: must be a string or a list"},
    {"RespondNumberedName", "handle:respond({'a'})", "error: name of a header must be a string"},
    {"CallNoHeaders", "handle:httpCall('c', {}, nil, 5000)",
     "error: http call headers must include ':path', ':method', and ':authority'"},
    {"CallNoTable", "handle:httpCall('c', nil)", "error: table expected, got nil"},
    {"CallNegativeTime",
     "handle:httpCall('c', {[':method']='GET', [':path']='/', [':authority']='a'}, nil, -1)",
     "error: http call timeout must be >= 0"},
    {"CallUnknownOption",
     "handle:httpCall('c', {[':method']='GET', [':path']='/', [':authority']='a'}, nil, {foo=1})",
     "error: there is no option"},
    {"CallBadFlag",
     "handle:httpCall('c', {[':method']='GET', [':path']='/', [':authority']='a'}, nil, 1, 'yes')",
     "error: asynchronous must be true or false"},
    {"CallAsynchronous",
     "return handle:httpCall('c', {[':method']='GET', [':path']='/', [':authority']='a'}, nil, 1, "
     "true)",
     "nil"},
};

INSTANTIATE_TEST_SUITE_P(Others, RequestCalls, ::testing::ValuesIn(kOtherCalls),
                         [](const auto& info) { return std::string(info.param.name); });

// What is an error once the head has gone on.
class LateCalls : public ::testing::TestWithParam<Call> {};

TEST_P(LateCalls, IsRefused) {
  LuaChain proxy;
  ASSERT_EQ(
      proxy.load("function envoy_on_request(handle)\n"
                 "for chunk in handle:bodyChunks() do last = chunk end\n"
                 "local t = handle:trailers()\n"
                 "local ok, result = pcall(function()\n" +
                 std::string(GetParam().body) + "\nend)\nt:add('result', tostring(result))\nend\n"),
      "");
  proxy.request();
  proxy.sendBody("abc", false);
  proxy.sendTrailers({{"a", "b"}});
  EXPECT_THAT(proxy.seen().trailers, HasSubstr(GetParam().expected));
}

const Call kLateCalls[] = {
    {"Add", "handle:headers():add('a', 'b')", "header map can no longer be modified"},
    {"Remove", "handle:headers():remove('a')", "header map can no longer be modified"},
    {"Replace", "handle:headers():replace('a', 'b')", "header map can no longer be modified"},
    {"Get", "return handle:headers():get(':path')", "/path?q=1"},
    {"Body", "handle:body()", "cannot call body() after body has been streamed"},
    {"Chunks", "handle:bodyChunks()", "cannot call bodyChunks after body processing has begun"},
    {"Respond", "handle:respond({[':status'] = '200'})",
     "respond() cannot be called if headers have been continued"},
    {"OldChunk", "last:length()", "buffer object used after its bytes have gone on"},
    {"TrailerThatFrames", "handle:trailers():add('content-length', '1')",
     "trailers cannot have this header"},
    {"TrailerPseudo", "handle:trailers():add(':status', '1')", "the name of a header"},
    {"TrailersTwice", "return handle:trailers():get('a')", "result: b"},
};

INSTANTIATE_TEST_SUITE_P(AfterTheHead, LateCalls, ::testing::ValuesIn(kLateCalls),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(LuaHandles, AreDeadBeyondTheirStream) {
  LuaChain proxy;
  ASSERT_EQ(proxy.load(R"(
    function envoy_on_request(handle)
      local ok, result = true, "first"
      if kept then ok, result = pcall(function() return kept:headers():get("a") end) end
      if kept_headers then ok, result2 = pcall(kept_headers.get, kept_headers, "a") end
      kept, kept_headers = handle, handle:headers()
      handle:headers():add("result", tostring(result) .. tostring(result2))
    end)"),
            "");
  proxy.request({}, true);
  EXPECT_THAT(proxy.seen().headers, HasSubstr("first"));
  proxy.request({}, true);
  EXPECT_THAT(proxy.seen().headers, HasSubstr("stream handle used after its stream ended"));
  EXPECT_THAT(proxy.seen().headers, HasSubstr("header object used after its stream ended"));
}

TEST(LuaHandles, TheAnswerToACallIsATable) {
  for (const bool all : {false, true}) {
    LuaChain proxy;
    ASSERT_EQ(proxy.load(std::string(R"(
      function envoy_on_request(handle)
        local h, body = handle:httpCall("c",
          {[":method"]="GET", [":path"]="/", [":authority"]="a"}, nil,
          {timeout_ms = 10, trace_sampled = false, send_xff = false, return_duplicate_headers = )") +
                         (all ? "true" : "false") + R"(})
        local key = type(h.key) == "table" and table.concat(h.key, "|") or h.key
        handle:headers():add("result", h[":status"] .. " " .. h.foo .. " " .. key .. " " ..
          tostring(body))
      end)"),
              "");
    proxy.request({}, true);
    EXPECT_FALSE(proxy.calls.last().send_xff);
    EXPECT_EQ(proxy.calls.last().timeout, std::chrono::milliseconds(10));
    proxy.calls.answer(proxy.calls.last(), 200, "",
                       {{"Foo", "bar"}, {"key", "0"}, {"Key", "1"}, {"key", "2"}});
    EXPECT_EQ(proxy.seen().headers,
              all ? "result: 200 bar 0|1|2 nil\n" : "result: 200 bar 2 nil\n");
  }
}

TEST(LuaHandles, ACallThatFailsIsAnAnswerToo) {
  using http::ErrorReason;
  struct Case {
    ErrorReason reason;
    const char* expected;
  };
  for (const Case& c : {Case{ErrorReason::kConnectFailure, "503 upstream failure"},
                        Case{ErrorReason::kStreamReset, "503 upstream failure"},
                        Case{ErrorReason::kRequestTimeout, "504 upstream request timeout"}}) {
    LuaChain proxy;
    ASSERT_EQ(proxy.load(R"(
      function envoy_on_request(handle)
        local h, body = handle:httpCall("c",
          {[":method"]="GET", [":path"]="/", [":authority"]="a"}, nil, 100)
        handle:headers():add("result", h[":status"] .. " " .. body)
      end)"),
              "");
    proxy.request({}, true);
    proxy.calls.fail(proxy.calls.last(), c.reason);
    EXPECT_EQ(proxy.seen().headers, std::string("result: ") + c.expected + "\n");
  }
}

TEST(LuaHandles, ACallToNoClusterFailsTheScript) {
  LuaChain proxy;
  ASSERT_EQ(proxy.load(R"(
    function envoy_on_request(handle)
      handle:httpCall("c", {[":method"]="GET", [":path"]="/", [":authority"]="a"}, nil, 100)
    end)"),
            "");
  proxy.request({}, true);
  proxy.calls.fail(proxy.calls.last(), http::ErrorReason::kNoCluster);
  EXPECT_EQ(proxy.client.status, 500);
}

TEST(LuaHandles, MetadataOfTheRoute) {
  using http::MetadataField;
  using http::MetadataValue;
  struct FakeRoute final : http::Route {
    std::string_view name() const override { return "r"; }
    std::string_view virtualHostName() const override { return "v"; }
    std::string_view clusterName() const override { return "c"; }
    const http::Metadata* metadata() const override { return &values; }
    static MetadataValue make() {
      static const MetadataField list[] = {{"", MetadataValue::of("x")},
                                           {"", MetadataValue::of(2.0)}};
      static const MetadataField mine[] = {{"foo", MetadataValue::of("bar")},
                                           {"flag", MetadataValue::of(true)},
                                           {"list", MetadataValue::list(list)}};
      static const MetadataField all[] = {
          {"envoy.filters.http.lua", MetadataValue::structure(mine)}};
      return MetadataValue::structure(all);
    }
    http::Metadata values{make()};
  } route;
  LuaChain proxy;
  proxy.client.route = &route;
  ASSERT_EQ(proxy.load(R"(
    function envoy_on_request(handle)
      local m = handle:metadata()
      local keys = ""
      for k, v in pairs(m) do keys = keys .. k .. ":" .. type(v) .. " " end
      handle:headers():add("result", m:get("foo") .. " " .. tostring(m:get("flag")) .. " " ..
        m:get("list")[1] .. m:get("list")[2] .. " " .. tostring(m:get("none")) .. " " .. keys)
    end)"),
            "");
  proxy.request({}, true);
  EXPECT_EQ(proxy.seen().headers, "result: bar true x2 nil foo:string flag:boolean list:table \n");
}

}  // namespace
}  // namespace weir::extensions::http_filters::lua
