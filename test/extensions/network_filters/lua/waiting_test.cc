// Scripts that pause, sleep and call out.

#include <cstdio>

#include "test/extensions/network_filters/lua/lua_host.h"

namespace weir::extensions::network_filters::lua {
namespace {

using std::chrono::milliseconds;
using WaitingScript = LuaFilterTest;

TEST_F(WaitingScript, ANewConnectionWaits) {
  use("function on_new_connection(conn) conn:sleep(2) end");
  Client& client = host_.connect();
  client.send("hello");
  host_.dispatcher.advance(milliseconds(1900));
  EXPECT_EQ(seen_.connected, 0);
  EXPECT_EQ(seen_.data, "");
  host_.dispatcher.advance(milliseconds(200));
  EXPECT_TRUE(host_.until([&] { return seen_.data == "hello"; }));
  EXPECT_EQ(seen_.connected, 1);
  EXPECT_EQ(errors(), 0);
}

TEST_F(WaitingScript, DataWaitsAndGathers) {
  use(R"lua(
    function on_data(conn, data)
      local before = #data
      conn:sleep(0.5)
      assert(#data >= before)
      data:append('|')
    end)lua");
  Client& client = host_.connect();
  client.send("one ");
  client.send("two");
  EXPECT_EQ(seen_.data, "");
  host_.dispatcher.advance(milliseconds(600));
  EXPECT_EQ(seen_.data, "one two|");
  client.send("three");
  host_.dispatcher.advance(milliseconds(600));
  EXPECT_EQ(seen_.data, "one two|three|");
  client.end();
  host_.dispatcher.advance(milliseconds(600));
  EXPECT_EQ(errors(), 0);
}

TEST_F(WaitingScript, PauseGathersUntilTheScriptIsContent) {
  use("function on_data(conn, data) if #data < 6 then return 'pause' end end");
  Client& client = host_.connect();
  client.send("abc");
  EXPECT_EQ(seen_.data, "");
  client.send("defg");
  EXPECT_EQ(seen_.data, "abcdefg");
}

TEST_F(WaitingScript, OneConnectionResumesAnother) {
  use(R"lua(
    local held
    function on_data(conn, data)
      if data:getBytes() == 'go' then
        held:resume()
      elseif not held then
        held = conn
        return 'pause'
      end
    end)lua");
  Client& first = host_.connect();
  first.send("first");
  EXPECT_EQ(seen_.data, "");
  host_.connect().send("go");
  EXPECT_EQ(seen_.data, "gofirst");
  EXPECT_EQ(errors(), 0);
}

TEST_F(WaitingScript, ResumeWithinTheCallCounts) {
  use("function on_new_connection(conn) conn:resume() return 'pause' end "
      "function on_data(conn) conn:resume() conn:resume() return 'pause' end");
  host_.connect().send("hello");
  EXPECT_TRUE(host_.until([&] { return seen_.data == "hello"; }));
  EXPECT_EQ(seen_.connected, 1);
}

TEST_F(WaitingScript, CallsOut) {
  use(R"lua(
    function on_new_connection(conn)
      local answer, why = conn:httpCall{
        cluster = 'auth', host = 'auth.example', path = '/check', method = 'POST',
        headers = {['x-ip'] = conn.remote_ip}, body = 'who', timeout = 2.5}
      assert(why == nil)
      assert(answer.status == 200 and answer.body == 'ann' and answer.headers['x-role'] == 'a, b')
      conn:setMetadata('auth', 'user', answer.body)
    end)lua");
  Client& client = host_.connect();
  ASSERT_EQ(calls_.calls.size(), 1u);
  const auto& call = calls_.last();
  EXPECT_EQ(call.cluster, "auth");
  EXPECT_EQ(call.authority, "auth.example");
  EXPECT_EQ(call.path, "/check");
  EXPECT_EQ(call.method, "POST");
  EXPECT_EQ(call.body, "who");
  EXPECT_EQ(call.timeout, milliseconds(2500));
  ASSERT_EQ(call.fields.size(), 1u);
  EXPECT_EQ(call.fields[0].second, "127.0.0.1");
  EXPECT_EQ(seen_.connected, 0);
  host_.act([this] {
    calls_.answer(calls_.last(), 200, "ann", {{"X-Role", "a"}, {"x-role", "b"}});
  });
  EXPECT_EQ(seen_.connected, 1);
  EXPECT_EQ(client.chain()->info()->metadata.size(), 1u);
  EXPECT_EQ(errors(), 0);
}

TEST_F(WaitingScript, ACallMayFail) {
  use(R"lua(
    function on_data(conn, data)
      local answer, why = conn:httpCall{cluster = 'auth'}
      assert(answer == nil)
      data:setBytes(why)
    end)lua");
  host_.connect().send("x");
  host_.act([this] { calls_.fail(calls_.last()); });
  EXPECT_EQ(seen_.data, "no answer");
  EXPECT_EQ(errors(), 0);
}

TEST_F(WaitingScript, AClosedConnectionWaitsForNothing) {
  use(R"lua(
    function on_data(conn, data)
      if data:getBytes() == 'call' then conn:httpCall{cluster = 'auth'} else conn:sleep(5) end
    end
    function on_close(conn, reason) weir.log.debug(reason) end)lua");
  host_.connect().send("call");
  host_.connect().send("sleep");
  EXPECT_FALSE(calls_.last().cancelled);
  host_.closeAll();
  EXPECT_TRUE(calls_.last().cancelled);
  host_.dispatcher.advance(milliseconds(6000));
  EXPECT_EQ(errors(), 0);
}

TEST_F(WaitingScript, OnlyItsOwnCoroutineWaits) {
  use(R"lua(
    local other
    function on_new_connection(conn)
      if not other then other = conn return end
      other:sleep(1)
    end)lua");
  host_.connect();
  EXPECT_TRUE(host_.connect().closed());
  EXPECT_EQ(errors(), 1);
  use("function on_write(conn) conn:sleep(1) end function on_data(conn) conn:write('a') end "
      "function on_close(conn) conn:sleep(1) end");
  host_.connect();
  host_.last().reset();
  EXPECT_EQ(errors(), 2);
}

TEST_F(WaitingScript, AnErrorAfterTheWaitCloses) {
  use("function on_data(conn) conn:sleep(0.1) error('late') end");
  Client& client = host_.connect();
  client.send("x");
  EXPECT_FALSE(client.closed());
  host_.dispatcher.advance(milliseconds(200));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(seen_.data, "");
}

TEST_F(WaitingScript, ANewVersionIsForNewConnections) {
  const std::string file = testing::TempDir() + "/waiting_script.lua";
  const auto write = [&file](const char* text) {
    FILE* const to = std::fopen(file.c_str(), "w");
    std::fputs(text, to);
    std::fclose(to);
  };
  write("function on_data(conn, data) conn:sleep(1) data:append('1') end");
  config_.file = file;
  use("");
  Client& old = host_.connect();
  old.send("a");
  write("function on_data(conn, data) data:append('2') end");
  ASSERT_TRUE(script_->reload(host_.stats.block(0)).ok());
  host_.connect().send("b");
  EXPECT_EQ(seen_.data, "b2");
  write("function on_data(conn, data) data:append('3'");
  EXPECT_FALSE(script_->reload(host_.stats.block(0)).ok());
  host_.connect().send("c");
  EXPECT_EQ(seen_.data, "b2c2");
  host_.dispatcher.advance(milliseconds(1100));
  EXPECT_EQ(seen_.data, "b2c2a1");
  std::remove(file.c_str());
}

}  // namespace
}  // namespace weir::extensions::network_filters::lua
