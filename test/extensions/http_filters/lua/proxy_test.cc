// Scripts in a whole proxy: calls to another cluster, settings of routes, reload while they wait.

#include <condition_variable>
#include <mutex>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::lua {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;
using ::testing::Not;

std::string inText(std::string_view script) {
  std::string text = "\"";
  for (const char c : script) {
    if (c == '"' || c == '\\') text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text + "\"";
}

std::string filter(std::string_view script, std::string_view more = {}) {
  return "http_filters { name: \"lua\" config { [http_filters/lua] { script { inline: " +
         inText(script) + " } " + std::string(more) + " } } }";
}

RawMessage get(RawConnection& client, const std::string& path, const std::string& fields = "") {
  client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
  return client.readMessage();
}

TEST(LuaProxy, ChangesHeadsAndBodies) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(test::runtime(1) + test::edgeListener(filter(R"(
    function envoy_on_request(handle)
      handle:headers():add("x-size", handle:body():length())
      handle:body():setBytes("changed")
    end
    function envoy_on_response(handle)
      handle:headers():replace(":status", "203")
      local body = handle:body()
      body:setBytes(body:getBytes(0, body:length()) .. "!")
    end)")) + test::cluster("origin", {origin.address()}));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  for (int i = 0; i < 3; ++i) {
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    const RawMessage answer = client.readMessage();
    EXPECT_EQ(answer.status(), 203);
    EXPECT_THAT(answer.body, HasSubstr("x-size: 5"));
    EXPECT_THAT(answer.body, HasSubstr("\n\nchanged!"));
  }
}

TEST(LuaProxy, AsksAnotherService) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  ScriptedOrigin auth(
      ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nX-User: ann\r\nContent-Length: 2\r\n\r\nok"));
  test::InProcessProxy proxy(test::runtime(1) + test::edgeListener(filter(R"(
    function envoy_on_request(handle)
      local cluster = handle:headers():get("x-ask")
      local headers, body = handle:httpCall(cluster,
        {[":method"] = "GET", [":path"] = "/check", [":authority"] = "auth"}, nil, 2000)
      if headers[":status"] ~= "200" then
        handle:respond({[":status"] = "403"}, headers[":status"] .. " " .. body)
      end
      handle:headers():add("x-user", headers["x-user"] .. " " .. body)
    end)")) + test::cluster("origin", {origin.address()}) +
                             test::cluster("auth", {auth.address()}) +
                             test::cluster("dead", {"127.0.0.1:1"}));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_THAT(get(client, "/", "X-Ask: auth\r\n").body, HasSubstr("x-user: ann ok"));
  const RawMessage refused = get(client, "/", "X-Ask: dead\r\n");
  EXPECT_EQ(refused.status(), 403);
  EXPECT_THAT(refused.body, HasSubstr("503 "));
  EXPECT_EQ(get(client, "/", "X-Ask: none\r\n").status(), 500);
  EXPECT_THAT(get(client, "/", "X-Ask: auth\r\n").body, HasSubstr("x-user: ann ok"));
}

TEST(LuaProxy, RoutesHaveOtherScriptsOrNone) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  const std::string tag = "function on_request(h) h:headers():add('x-by', '";
  const std::string route = "route { cluster: \"origin\" } ";
  const std::string routes =
      "routes { match { prefix: \"/off\" } " + route +
      "filters { name: \"lua\" disabled: true } }" + "routes { match { prefix: \"/named\" } " +
      route + "filters { name: \"lua\" config { [http_filters/lua] { source: \"other\" } } } }" +
      "routes { match { prefix: \"/inline\" } " + route +
      "filters { name: \"lua\" config { [http_filters/lua] { script { inline: " +
      inText("function on_request(h) h:headers():add('x-by', h:filterContext().who) end") +
      " } filter_context { fields { key: \"who\" value { string_value: \"context\" } } } } } } }" +
      "routes { match { prefix: \"/move\" } " + route + "} routes { " + route + "}";
  test::InProcessProxy proxy(
      test::runtime(1) +
      test::edgeListener(filter(tag + "default') end", "sources { key: \"other\" value { inline: " +
                                                           inText(tag + "named') end") + " } }"),
                         routes) +
      test::cluster("origin", {origin.address()}));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_THAT(get(client, "/").body, HasSubstr("x-by: default"));
  EXPECT_THAT(get(client, "/off").body, Not(HasSubstr("x-by")));
  EXPECT_THAT(get(client, "/named").body, HasSubstr("x-by: named"));
  EXPECT_THAT(get(client, "/inline").body, HasSubstr("x-by: context"));
}

TEST(LuaProxy, FailsAndRecovers) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(test::runtime(1) + test::edgeListener(filter(R"(
    function on_request(handle)
      if handle:headers():get(":path") == "/loop" then while true do end end
      if handle:headers():get(":path") == "/error" then error("oh") end
      if handle:headers():get(":path") == "/fill" then
        local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1e5) .. i end
      end
    end)")) + test::cluster("origin", {origin.address()}));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  for (const char* path : {"/error", "/loop", "/fill"}) {
    EXPECT_EQ(get(client, path).status(), 500) << path;
    EXPECT_EQ(get(client, "/").status(), 200) << path;
  }
  EXPECT_EQ(proxy.stat("lua_budget_kills_total", {{"script", "lua"}}), 1);
}

TEST(LuaProxy, ReloadWhileStreamsWait) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  std::mutex mutex;
  std::condition_variable changed;
  int asked = 0;
  bool open = false;
  ScriptedOrigin slow([&](RawConnection& connection, int) {
    while (connection.readMessage().complete) {
      std::unique_lock lock(mutex);
      ++asked;
      changed.notify_all();
      changed.wait(lock, [&] { return open; });
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  const auto config = [&](const std::string& version) {
    return test::runtime(1) + test::edgeListener(filter(R"(
    function on_request(handle)
      local h, body = handle:httpCall("slow",
        {[":method"] = "GET", [":path"] = "/", [":authority"] = "a"}, nil, 0)
      handle:headers():add("x-version", ")" + version + R"(" .. body)
    end)")) +
           test::cluster("origin", {origin.address()}) + test::cluster("slow", {slow.address()});
  };
  test::InProcessProxy proxy(config("one"));
  auto first = RawConnection::connectTo(proxy.port("edge"));
  auto gone = RawConnection::connectTo(proxy.port("edge"));
  first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  gone.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return asked == 2; });
  }
  gone.close();
  EXPECT_EQ(proxy.reload(config("two")), "");
  {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  EXPECT_THAT(first.readMessage().body, HasSubstr("x-version: oneok"));
  auto second = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_THAT(get(second, "/").body, HasSubstr("x-version: twook"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::lua
