// What scripts do to messages, against what Envoy documents.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/lua/lua_chain.h"

namespace weir::extensions::http_filters::lua {
namespace {

using ::testing::HasSubstr;

class LuaFilterTest : public ::testing::Test {
 protected:
  // Runs `body` of envoy_on_request on a POST whose body is yet to come.
  void onRequest(const std::string& body) { load("envoy_on_request", body); }
  void onResponse(const std::string& body) { load("envoy_on_response", body); }
  void load(const std::string& name, const std::string& body) {
    ASSERT_EQ(proxy_.load("function " + name + "(handle)\n" + body + "\nend"), "");
  }

  LuaChain proxy_;
};

TEST_F(LuaFilterTest, ChangesTheHeadOfARequest) {
  onRequest(R"(
    local h = handle:headers()
    h:add("x-new", "1")
    h:replace("x-old", "2")
    h:remove("x-gone")
    h:replace(":path", "/other")
    h:replace(":authority", "shop.example")
    h:replace(":method", "PUT"))");
  proxy_.request({{"x-old", "a"}, {"X-Old", "b"}, {"x-gone", "c"}}, true);
  EXPECT_EQ(proxy_.seen().line, "PUT shop.example /other");
  EXPECT_EQ(proxy_.seen().headers, "x-old: 2\nx-new: 1\n");
  EXPECT_GT(proxy_.client.cleared, 0);
}

TEST_F(LuaFilterTest, WaitsForABodyAndChangesTheHeadAfterwards) {
  onRequest(R"(
    local body = handle:body()
    handle:headers():add("size", body:length())
    handle:headers():add("part", body:getBytes(1, 3)))");
  proxy_.request();
  EXPECT_FALSE(proxy_.arrived());
  proxy_.sendBody("abc", false);
  EXPECT_FALSE(proxy_.arrived());
  proxy_.sendBody("def", true);
  EXPECT_EQ(proxy_.seen().headers, "size: 6\npart: bcd\n");
  EXPECT_EQ(proxy_.seen().body, "abcdef");
  EXPECT_TRUE(proxy_.seen().complete);
}

TEST_F(LuaFilterTest, SetsABodyAndCorrectsItsLength) {
  onRequest(R"(
    local body = handle:body()
    local n = body:setBytes("longer than before")
    handle:headers():add("returned", n))");
  proxy_.request({{"content-length", "4"}});
  proxy_.sendBody("abcd", true);
  EXPECT_EQ(proxy_.seen().body, "longer than before");
  EXPECT_EQ(proxy_.request_head.content_length, 18u);
  EXPECT_EQ(proxy_.seen().headers, "content-length: 18\nreturned: 18\n");
}

TEST_F(LuaFilterTest, GivesABodyToARequestThatHadNone) {
  onRequest(R"(
    assert(handle:body() == nil)
    local body = handle:body(true)
    assert(body:length() == 0)
    body:setBytes("new"))");
  proxy_.request({}, true);
  EXPECT_EQ(proxy_.seen().body, "new");
  EXPECT_TRUE(proxy_.seen().complete);
  EXPECT_EQ(proxy_.request_head.framing, http::BodyFraming::kContentLength);
  EXPECT_EQ(proxy_.request_head.content_length, 3u);
}

TEST_F(LuaFilterTest, StreamsABodyWhileItPasses) {
  onRequest(R"(
    local all = ""
    for chunk in handle:bodyChunks() do
      all = all .. chunk:length() .. ","
      chunk:setBytes(chunk:getBytes(0, chunk:length()):upper())
    end
    local trailers = handle:trailers()
    trailers:add("pieces", all))");
  proxy_.request();
  EXPECT_TRUE(proxy_.arrived());
  proxy_.sendBody("abc", false);
  EXPECT_EQ(proxy_.seen().body, "ABC");
  proxy_.sendBody("de", false);
  EXPECT_EQ(proxy_.seen().body, "ABCDE");
  proxy_.sendTrailers({{"a", "b"}});
  EXPECT_EQ(proxy_.seen().trailers, "a: b\npieces: 3,2,\n");
}

TEST_F(LuaFilterTest, AnswersItself) {
  onRequest(R"(
    handle:respond({[":status"] = "403", ["x-why"] = "no", ["set-cookie"] = {"a=1", "b=2"}}, "nope")
    error("never runs"))");
  proxy_.request({}, true);
  EXPECT_EQ(proxy_.client.status, 403);
  EXPECT_EQ(proxy_.client.body, "nope");
  EXPECT_THAT(proxy_.client.headers, HasSubstr("x-why: no\n"));
  EXPECT_THAT(proxy_.client.headers, HasSubstr("set-cookie: a=1\nset-cookie: b=2\n"));
  EXPECT_FALSE(proxy_.arrived());
}

TEST_F(LuaFilterTest, WaitsForACall) {
  onRequest(R"(
    local headers, body = handle:httpCall("auth", {
      [":method"] = "POST", [":path"] = "/check", [":authority"] = "auth.local",
      ["x-list"] = {"a", "b"}, n = 7}, "question", 250)
    handle:headers():add("x-status", headers[":status"])
    handle:headers():add("x-user", headers["x-user"])
    handle:headers():add("x-body", body))");
  proxy_.request();
  ASSERT_EQ(proxy_.calls.calls.size(), 1u);
  auto& call = proxy_.calls.last();
  EXPECT_EQ(call.cluster, "auth");
  EXPECT_EQ(call.method, "POST");
  EXPECT_EQ(call.path, "/check");
  EXPECT_EQ(call.authority, "auth.local");
  EXPECT_EQ(call.body, "question");
  EXPECT_EQ(call.timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(call.fields.size(), 3u);
  EXPECT_FALSE(proxy_.arrived());
  proxy_.sendBody("data", false);
  EXPECT_FALSE(proxy_.arrived());
  proxy_.calls.answer(call, 200, "answer", {{"X-User", "ann"}});
  EXPECT_EQ(proxy_.seen().headers, "x-status: 200\nx-user: ann\nx-body: answer\n");
  EXPECT_EQ(proxy_.seen().body, "data");
  proxy_.sendBody("more", true);
  EXPECT_EQ(proxy_.seen().body, "datamore");
}

TEST_F(LuaFilterTest, WaitsForABodyAfterACall) {
  onRequest(R"(
    local h = handle:httpCall("c", {[":method"]="GET", [":path"]="/", [":authority"]="a"})
    local body = handle:body()
    local h2, answer = handle:httpCall("c", {[":method"]="GET", [":path"]="/", [":authority"]="a"})
    body:setBytes(body:getBytes(0, body:length()) .. answer))");
  proxy_.request({{"content-length", "4"}});
  proxy_.sendBody("ab", false);
  proxy_.calls.answer(proxy_.calls.last(), 200);
  proxy_.sendBody("cd", true);
  EXPECT_FALSE(proxy_.arrived());
  proxy_.calls.answer(proxy_.calls.last(), 200, "!!");
  EXPECT_EQ(proxy_.seen().body, "abcd!!");
  EXPECT_EQ(proxy_.request_head.content_length, 6u);
  EXPECT_TRUE(proxy_.seen().complete);
}

TEST_F(LuaFilterTest, ChangesAResponse) {
  onResponse(R"(
    local h = handle:headers()
    h:replace(":status", "201")
    h:setHttp1ReasonPhrase("Made")
    h:add("size", handle:body():length())
    handle:body():setBytes("other"))");
  proxy_.request({}, true);
  proxy_.answer(200, {}, false, http::BodyFraming::kContentLength, 4);
  EXPECT_EQ(proxy_.client.status, 0);
  proxy_.answerBody("abcd", true);
  EXPECT_EQ(proxy_.client.status, 201);
  EXPECT_EQ(proxy_.client.reason, "Made");
  EXPECT_EQ(proxy_.client.headers, "size: 4\n");
  EXPECT_EQ(proxy_.client.body, "other");
  EXPECT_EQ(proxy_.client.content_length, 5u);
  EXPECT_TRUE(proxy_.client.ended);
}

TEST_F(LuaFilterTest, AnErrorFailsTheRequest) {
  onRequest("error('oh')");
  proxy_.request({}, true);
  EXPECT_EQ(proxy_.client.status, 500);
  EXPECT_FALSE(proxy_.arrived());
  EXPECT_EQ(proxy_.info.detail, "lua_script_failed");
}

TEST_F(LuaFilterTest, AnErrorPassesTheRequestWhenItIsToldTo) {
  proxy_.config.on_error = weir::lua::OnError::kContinue;
  onRequest("handle:headers():add('a', '1') local b = handle:body() error('oh')");
  proxy_.request();
  proxy_.sendBody("abc", true);
  EXPECT_EQ(proxy_.seen().headers, "a: 1\n");
  EXPECT_EQ(proxy_.seen().body, "abc");
}

TEST_F(LuaFilterTest, EndsWhileItWaits) {
  onRequest(R"(handle:httpCall("c", {[":method"]="GET", [":path"]="/", [":authority"]="a"}))");
  proxy_.request();
  auto& call = proxy_.calls.last();
  EXPECT_TRUE(call.open());
  proxy_.clear();
  EXPECT_TRUE(call.cancelled);
}

}  // namespace
}  // namespace weir::extensions::http_filters::lua
