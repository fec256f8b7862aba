#include "extensions/network_filters/lua/lua.h"

#include "test/extensions/network_filters/lua/lua_host.h"

namespace weir::extensions::network_filters::lua {
namespace {

using ScriptedConnection = LuaFilterTest;

TEST_F(ScriptedConnection, SeesAndChangesWhatComes) {
  use(R"lua(
    function on_data(conn, data, end_stream)
      assert(data:length() == #data and data:endStream() == end_stream)
      if #data == 0 then return end
      data:setBytes(data:getBytes():upper())
      data:append('.')
      data:prepend('<' .. data:getBytes(0, 1) .. '>')
    end)lua");
  Client& client = host_.connect();
  client.send("hello");
  EXPECT_EQ(seen_.data, "<H>HELLO.");
  client.end();
  EXPECT_EQ(errors(), 0);
}

TEST_F(ScriptedConnection, DrainsAndAnswers) {
  use(R"lua(
    function on_data(conn, data)
      data:drain(2)
      if data:getBytes(0, 1) == 'q' then
        data:drain()
        assert(conn:write('bye\n'))
        conn:close()
      end
      return 'continue'
    end)lua");
  Client& client = host_.connect();
  client.send("xyhello");
  EXPECT_EQ(seen_.data, "hello");
  client.send("..q");
  EXPECT_TRUE(client.receives(4));
  EXPECT_EQ(client.received(), "bye\n");
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(errors(), 0);
}

TEST_F(ScriptedConnection, KnowsTheConnection) {
  use(R"lua(
    local closed
    function on_new_connection(conn)
      assert(conn.remote_ip == '127.0.0.1' and conn.remote_port > 0)
      assert(conn.remote_address == conn.remote_ip .. ':' .. conn.remote_port)
      assert(conn.local_ip == '127.0.0.1' and conn.local_port > 0)
      assert(conn.direct_remote_ip == '198.51.100.1')
      assert(conn.id > 0 and conn.open and not conn.ended)
      assert(conn.server_name == 'sni.example' and conn.tls_version == nil)
      assert(conn.peer_subject == nil and conn.original_destination == '10.9.9.9:443')
      assert(conn.application_protocols[1] == 'h2' and conn:proxyTlv(5) == 'vpc')
      assert(conn:proxyTlv(6) == nil and conn.cluster == nil)
      assert(conn.bytes_received == 0 and conn.bytes_sent == 0)
    end
    function on_data(conn, data) assert(conn.bytes_received == 5) end
    function on_close(conn, reason) assert(reason == 'remote' or reason == 'reset', reason) end
  )lua");
  auto info = std::make_unique<network::ConnectionInfo>();
  info->server_name = "sni.example";
  info->direct_source = *network::Address::parse("198.51.100.1:1");
  info->original_destination = *network::Address::parse("10.9.9.9:443");
  info->application_protocols = {"h2"};
  info->proxy_tlvs.push_back({5, "vpc"});
  Client& client = host_.connect(std::move(info));
  client.send("hello");
  client.reset();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(errors(), 0);
  EXPECT_EQ(metric("lua_calls_total"), 4);  // with the main chunk
}

TEST_F(ScriptedConnection, ChoosesTheCluster) {
  use(R"lua(
    function on_new_connection(conn)
      assert(conn:setCluster('d') == false and conn.cluster == nil)
      assert(conn:setCluster('c') == true and conn.cluster == 'c')
    end)lua");
  host_.connect();
  EXPECT_EQ(seen_.cluster, "c");
  EXPECT_EQ(errors(), 0);
}

TEST_F(ScriptedConnection, SetsMetadata) {
  use(R"lua(
    function on_new_connection(conn)
      assert(conn:metadata('a', 'b') == nil)
      conn:setMetadata('a', 'b', 'text')
      conn:setMetadata('a', 'n', 7)
      conn:setMetadata('a', 't', true)
      conn:setMetadata('a', 'b', 'other')
      conn:setMetadata('a', 't', nil)
      assert(conn:metadata('a', 'b') == 'other' and conn:metadata('a', 'n') == 7)
      assert(not pcall(conn.setMetadata, conn, 'a', 'b', {}))
      assert(not pcall(conn.setMetadata, conn, 'a', 'b', ('x'):rep(5000)))
      local ok = true
      for i = 1, 100 do ok = ok and pcall(conn.setMetadata, conn, 'b', 'k' .. i, i) end
      assert(not ok)
    end)lua");
  Client& client = host_.connect();
  EXPECT_EQ(errors(), 0);
  const network::ConnectionInfo* const info = client.chain()->info();
  ASSERT_NE(info, nullptr);
  ASSERT_EQ(info->metadata.size(), 64u);
  EXPECT_EQ(std::get<std::string>(info->metadata[0].value), "other");
  EXPECT_EQ(std::get<double>(info->metadata[1].value), 7);
}

TEST_F(ScriptedConnection, SeesWhatIsWritten) {
  use(R"lua(
    function on_data(conn, data)
      conn:write('direct ')
    end
    function on_write(conn, data, end_stream)
      data:setBytes(data:getBytes():upper())
    end)lua");
  // Behind the script, another that answers.
  weir::lua::ScriptConfig answering = config_;
  answering.text = "function on_data(conn, data) conn:write('you said ' .. data:getBytes()) end";
  auto script = weir::lua::Script::load(answering, host_.stats);
  ASSERT_TRUE(script.ok());
  host_.use({std::make_shared<LuaFilterFactory>(script_),
             std::make_shared<LuaFilterFactory>(*std::move(script)),
             std::make_shared<network::test::SinkFactory>(seen_)});
  Client& client = host_.connect();
  client.send("hello");
  EXPECT_TRUE(client.receives(21));
  EXPECT_EQ(client.received(), "direct YOU SAID HELLO");
  EXPECT_EQ(seen_.data, "hello");
  EXPECT_EQ(errors(), 0);
}

TEST_F(ScriptedConnection, ClosesAndResets) {
  use("function on_new_connection(conn) conn:close('now') end");
  EXPECT_TRUE(host_.connect().closed());
  use("function on_data(conn) conn:close('reset') end");
  Client& client = host_.connect();
  client.send("x");
  EXPECT_TRUE(client.broken());
  EXPECT_EQ(seen_.data, "");
  EXPECT_EQ(errors(), 0);
}

TEST_F(ScriptedConnection, AnErrorClosesTheConnection) {
  int count = 0;
  for (const char* body : {"error('x')",
                           "return 7",
                           "return 'paus'",
                           "return {}",
                           "data:drain(6)",
                           "data:getBytes(6)",
                           "data:getBytes(0, 6)",
                           "data:getBytes(-1)",
                           "data:setBytes()",
                           "data:setBytes(('x'):rep(2^20 + 1))",
                           "data:append(('x'):rep(2^20))",
                           "conn.nothing()",
                           "conn:close('later')",
                           "conn:sleep()",
                           "conn:sleep(-1)",
                           "conn:sleep(1e9)",
                           "conn.close(data)",
                           "data.length(conn)",
                           "conn:setCluster()",
                           "conn:httpCall()",
                           "conn:httpCall({})",
                           "conn:httpCall({cluster = 'c', x = 1})",
                           "conn:httpCall({cluster = 1})",
                           "conn:httpCall({cluster = 'c', timeout = 0})",
                           "conn:httpCall({cluster = 'c', headers = {a = {}}})",
                           "conn:httpCall({'c'})",
                           "coroutine.yield()",
                           "coroutine.wrap(function() conn:sleep(1) end)()"}) {
    use(base::concat("function on_data(conn, data) ", body, " end"));
    Client& client = host_.connect();
    client.send("hello");
    EXPECT_TRUE(client.closed()) << body;
    EXPECT_EQ(errors(), ++count) << body;
  }
  EXPECT_EQ(seen_.data, "");
}

TEST_F(ScriptedConnection, OrGoesOnWithoutTheScript) {
  config_.on_error = weir::lua::OnError::kContinue;
  use("function on_data(conn, data) error('x') end function on_close() error('never') end");
  Client& client = host_.connect();
  client.send("hello");
  client.send("more");
  EXPECT_EQ(seen_.data, "hellomore");
  client.reset();
  EXPECT_EQ(errors(), 1);
}

// The one behind writes while the one in front holds what came.
TEST_F(ScriptedConnection, AFailingOnWriteLetsGoWhatItHeld) {
  config_.on_error = weir::lua::OnError::kContinue;
  weir::lua::ScriptConfig greeting = config_;
  greeting.text = "function on_new_connection(conn) conn:sleep(1) conn:write('welcome') end";
  auto script = weir::lua::Script::load(greeting, host_.stats);
  ASSERT_TRUE(script.ok());
  use("function on_data() return 'pause' end function on_write() error('x') end");
  host_.use({std::make_shared<LuaFilterFactory>(script_),
             std::make_shared<LuaFilterFactory>(*std::move(script)),
             std::make_shared<network::test::SinkFactory>(seen_)});
  Client& client = host_.connect();
  host_.dispatcher.advance(std::chrono::milliseconds(1100));
  EXPECT_TRUE(client.receives(7));
  client.send("hello");
  EXPECT_EQ(seen_.data, "hello");
}

TEST_F(ScriptedConnection, AHandleThatOutlivesItsConnectionIsDead) {
  use(R"lua(
    local kept, kept_data
    function on_data(conn, data)
      if kept then
        local ok, why = pcall(function() return kept.id end)
        assert(not ok and why:find('used after its connection was closed'), why)
        ok, why = pcall(kept_data.length, kept_data)
        assert(not ok)
        data:setBytes('dead')
      end
      kept, kept_data = kept or conn, kept_data or data
    end)lua");
  host_.connect().send("a");
  host_.last().reset();
  host_.connect().send("b");
  EXPECT_EQ(seen_.data, "adead");
  EXPECT_EQ(errors(), 0);
}

TEST_F(ScriptedConnection, DataIsForItsCallOnly) {
  use(R"lua(
    local kept
    function on_data(conn, data) kept = data end
    function on_close(conn) kept:length() end)lua");
  host_.connect().send("a");
  host_.last().reset();
  EXPECT_EQ(metric("lua_misuses_total"), 1);
}

TEST_F(ScriptedConnection, ARunawayEndsItsConnectionOnly) {
  config_.cpu_time = std::chrono::milliseconds(5);
  use("function on_data(conn, data) while data:getBytes() == 'loop' do end end");
  Client& good = host_.connect();
  Client& bad = host_.connect();
  bad.send("loop");
  EXPECT_TRUE(bad.closed());
  good.send("fine");
  EXPECT_EQ(seen_.data, "fine");
  EXPECT_EQ(metric("lua_budget_kills_total"), 1);
}

TEST_F(ScriptedConnection, AfterFailuresItIsLeftOut) {
  config_.bypass_failures = 2;
  use("function on_data() error('x') end");
  for (int i = 0; i < 4; ++i) host_.connect().send("x");
  EXPECT_EQ(errors(), 2);
  EXPECT_EQ(seen_.data, "xx");
}

TEST_F(ScriptedConnection, ManyConnectionsLeaveNothingBehind) {
  use("function on_new_connection() end function on_data(conn, data) conn:setMetadata('a','b',1) "
      "end function on_write() end function on_close() end");
  for (int i = 0; i < 200; ++i) {
    Client& client = host_.connect();
    client.send("x");
    client.reset();
  }
  const int64_t before = metric("lua_memory_bytes");
  for (int i = 0; i < 2000; ++i) {
    Client& client = host_.connect();
    client.send("x");
    client.reset();
  }
  EXPECT_LT(metric("lua_memory_bytes"), 2 * before);
  EXPECT_EQ(errors(), 0);
}

}  // namespace
}  // namespace weir::extensions::network_filters::lua
