// Scripts in Lua that filter connections, find routes, choose endpoints and log, in the whole
// process.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"

#include "test/extensions/transport_sockets/common/tls_peer.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/test_certificates.h"

namespace weir {
namespace {

using test::InProcessProxy;
using test::RawConnection;
using test::ScriptedOrigin;

// A field `script` with this text.
std::string script(std::string_view text, std::string_view more = {}) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\n') {
      quoted += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return "script { inline: \"" + quoted + "\" " + std::string(more) + " }";
}

std::string extension(std::string_view field, std::string_view name, std::string_view fields) {
  return std::string(field) + " { config { [" + std::string(name) + "] { " + std::string(fields) +
         " } } } ";
}

std::string answer(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

test::RawMessage get(uint16_t port, const std::string& path, const std::string& fields = {}) {
  RawConnection client = RawConnection::connectTo(port);
  client.send("GET " + path + " HTTP/1.1\r\nHost: shop\r\n" + fields + "\r\n");
  return client.readMessage();
}

std::string contentOf(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class LuaScripts : public testing::Test {
 protected:
  ScriptedOrigin one_{ScriptedOrigin::answering(answer("one"))};
  ScriptedOrigin two_{ScriptedOrigin::answering(answer("two"))};
};

std::string tcpListener(std::string_view filters) {
  return R"(listeners { name: "l" address: "127.0.0.1:0" filter_chains { )" + std::string(filters) +
         " } }\n";
}

TEST_F(LuaScripts, AConnectionIsAskedForAndSentOn) {
  ScriptedOrigin first(
      [](RawConnection& connection, int) { connection.send("first " + connection.readSome()); });
  ScriptedOrigin second(
      [](RawConnection& connection, int) { connection.send("second " + connection.readSome()); });
  ScriptedOrigin auth([](RawConnection& connection, int number) {
    connection.readMessage();
    connection.send(number == 0
                        ? "HTTP/1.1 200 OK\r\nX-Pool: second\r\nContent-Length: 0\r\n\r\n"
                        : "HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  InProcessProxy proxy(
      tcpListener(extension("filters", "network_filters/lua", script(R"lua(
          function on_new_connection(conn)
            local answer = conn:httpCall{cluster = 'auth', path = '/?ip=' .. conn.remote_ip}
            if not answer or answer.status ~= 200 then
              conn:write('no\n')
              conn:close()
              return
            end
            assert(conn:setCluster(answer.headers['x-pool']))
            conn:sleep(0.02)
          end
          function on_data(conn, data) data:append('!') end
          function on_write(conn, data) data:setBytes(data:getBytes():upper()) end)lua")) +
                  extension("filters", "network_filters/tcp_proxy", "cluster: \"first\"")) +
      test::cluster("first", {first.address()}) + test::cluster("second", {second.address()}) +
      test::cluster("auth", {auth.address()}, "max_requests_per_connection: 1") + test::runtime(1));
  RawConnection client = RawConnection::connectTo(proxy.port("l"));
  client.send("hello");
  EXPECT_EQ(client.readExactly(13), "SECOND HELLO!");
  RawConnection refused = RawConnection::connectTo(proxy.port("l"));
  EXPECT_EQ(refused.readAll(), "no\n");
  EXPECT_EQ(proxy.stat("lua_errors_total", {{"script", "network_filters/lua"}}), 0);
}

TEST_F(LuaScripts, AConnectionOfHttpWaitsForItsScript) {
  InProcessProxy proxy(
      R"(listeners { name: "edge" address: "127.0.0.1:0" filter_chains { )" +
      extension("filters", "network_filters/lua",
                script("function on_new_connection(conn) conn:sleep(0.05) end "
                       "function on_data(conn, data) "
                       "if data:getBytes():find('bad') then error('bad') end end",
                       "name: \"guard\"")) +
      extension(
          "filters", "network_filters/http_connection_manager",
          R"(virtual_hosts { name: "all" domains: "*" routes { route { cluster: "one" } } })") +
      "} }\n" + test::cluster("one", {one_.address()}) + test::runtime());
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  for (int i = 0; i < 3; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.readMessage().body, "one");
  }
  client.send("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(client.closedByPeer());
  EXPECT_EQ(proxy.stat("lua_errors_total", {{"script", "guard"}}), 1);
  EXPECT_EQ(get(proxy.port("edge"), "/").body, "one");
}

TEST_F(LuaScripts, AScriptKnowsWhoTheClientIs) {
  using extensions::transport_sockets::test::TlsPeer;
  const test::TestPki pki;
  InProcessProxy proxy(
      tcpListener(
          "transport_socket { config { [transport_sockets/tls] { certificates { certificate_file: "
          "\"" +
          pki.serverCertificate() + "\" private_key_file: \"" + pki.serverKey() +
          "\" } client_certificate { ca_files: \"" + pki.ca() + "\" mode: MODE_OPTIONAL } } } } " +
          extension("filters", "network_filters/lua", script(R"lua(
            function on_new_connection(conn)
              local uris = conn.peer_uris or {}
              conn:write(conn.tls_version .. ' ' .. conn.server_name .. ' ' ..
                         (uris[1] or 'nobody') .. ' ' .. tostring(conn.peer_verified) .. '\n')
              conn:close()
            end)lua")) +
          extension("filters", "network_filters/echo", "")) +
      test::runtime());
  const auto said = [&](const test::TestCertificate* certificate) {
    const RawConnection connection = RawConnection::connectTo(proxy.port("l"));
    TlsPeer::Options options{.server_name = "localhost"};
    if (certificate != nullptr) options.certificate = *certificate;
    TlsPeer client(base::UniqueFd(::dup(connection.fd())), options);
    EXPECT_TRUE(test::eventually([&] { return client.step() != TlsPeer::State::kGoingOn; }));
    std::string got;
    EXPECT_TRUE(test::eventually([&] {
      got += client.read();
      return got.ends_with('\n') || client.ended() || client.failed();
    }));
    return got;
  };
  EXPECT_EQ(said(nullptr), "TLSv1.3 localhost nobody false\n");
  const std::string known = said(&pki.client);
  EXPECT_TRUE(known.starts_with("TLSv1.3 localhost spiffe://example.com/")) << known;
  EXPECT_TRUE(known.ends_with(" true\n")) << known;
}

TEST_F(LuaScripts, RoutesComeFromAScript) {
  InProcessProxy proxy(test::edgeListener(extension("route_provider", "routing/lua",
                                                    script(R"lua(
        function route(request, routes)
          if request.path == '/two' then return 'two' end
          if request.path == '/option' then
            return {cluster = 'two', timeout = 2, retry = {on = {'connect_failure'}}}
          end
          if request.path == '/moved' then return {redirect = {path = '/', status = 308}} end
          if request.path == '/soon' then
            return {direct_response = {status = 503, body = 'soon'}}
          end
          if request.path == '/none' then return false end
          if request.path == '/wrong' then return 'nowhere' end
          if request.path == '/loop' then while true do end end
        end)lua",
                                                           "cpu_time { nanos: "
                                                           "20000000 }")) +
                                          extension("access_logs", "access_loggers/stdout", "")) +
                       test::cluster("origin", {one_.address()}) +
                       test::cluster("two", {two_.address()}) + test::runtime());
  const uint16_t port = proxy.port("edge");
  EXPECT_EQ(get(port, "/").body, "one");
  EXPECT_EQ(get(port, "/two").body, "two");
  EXPECT_EQ(get(port, "/option").body, "two");
  const test::RawMessage moved = get(port, "/moved");
  EXPECT_EQ(moved.status(), 308);
  EXPECT_EQ(get(port, "/soon").body, "soon");
  EXPECT_EQ(get(port, "/none").status(), 404);
  EXPECT_EQ(get(port, "/wrong").status(), 500);
#ifndef WEIR_THREAD_SANITIZER  // which keeps signals back while code runs that it has not built
  EXPECT_EQ(get(port, "/loop").status(), 500);
  EXPECT_EQ(get(port, "/two").body, "two");
  EXPECT_EQ(proxy.stat("lua_budget_kills_total", {{"script", "routing/lua"}}), 1);
#endif
}

TEST_F(LuaScripts, EndpointsAreChosenByAScript) {
  InProcessProxy proxy(
      test::edgeListener() +
      test::cluster("origin", {one_.address(), two_.address()},
                    extension("load_balancing", "load_balancing/lua",
                              script("function choose(endpoints, context)\n"
                                     "  local wanted = context:header('x-number')\n"
                                     "  return wanted and tonumber(wanted)\nend",
                                     "name: \"chooser\""))) +
      test::runtime());
  const uint16_t port = proxy.port("edge");
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(get(port, "/", "X-Number: 1\r\n").body, "one");
    EXPECT_EQ(get(port, "/", "X-Number: 2\r\n").body, "two");
  }
  EXPECT_EQ(proxy.stat("lua_errors_total", {{"script", "chooser"}}), 0);
  EXPECT_EQ(proxy.stat("lua_balancer_chosen_total", {{"cluster", "origin"}}), 12);
  EXPECT_EQ(get(port, "/", "X-Number: 3\r\n").status(), 200);
  EXPECT_EQ(get(port, "/").status(), 200);
  EXPECT_EQ(proxy.stat("lua_errors_total", {{"script", "chooser"}}), 1);
  EXPECT_EQ(proxy.stat("lua_balancer_fallback_total", {{"cluster", "origin"}}), 2);
}

TEST_F(LuaScripts, AScriptLogsAndIsLoadedAgain) {
  const std::string folder = testing::TempDir() + "/lua_log" + std::to_string(::getpid());
  std::filesystem::create_directory(folder);
  const auto write = [&folder](std::string_view text) {
    std::ofstream(folder + "/next.lua") << text;
    std::filesystem::rename(folder + "/next.lua", folder + "/log.lua");
  };
  write("function on_log(info) return 'old ' .. info.status .. info.path .. info.cluster end");
  InProcessProxy proxy(
      test::edgeListener(extension(
          "access_logs", "access_loggers/lua",
          "script { file: \"" + folder + "/log.lua\" } path: \"" + folder + "/access.log\"")) +
      test::cluster("origin", {one_.address()}) + test::runtime());
  const uint16_t port = proxy.port("edge");
  EXPECT_EQ(get(port, "/a").body, "one");
  const std::string log = folder + "/access.log";
  EXPECT_TRUE(test::eventually([&] { return contentOf(log) == "old 200/aorigin\n"; }));
  const stats::Labels label = {{"script", "log"}};
  write("function on_log(info) return 'new ' .. info.status end");
  EXPECT_TRUE(proxy.waitForStat("lua_reloads_total", 1, label));
  EXPECT_EQ(get(port, "/b").body, "one");
  EXPECT_TRUE(test::eventually([&] { return contentOf(log) == "old 200/aorigin\nnew 200\n"; }));
  write("function on_log(info");
  EXPECT_TRUE(proxy.waitForStat("lua_failed_reloads_total", 1, label));
  EXPECT_EQ(get(port, "/c").body, "one");
  EXPECT_TRUE(
      test::eventually([&] { return contentOf(log) == "old 200/aorigin\nnew 200\nnew 200\n"; }));
  std::filesystem::remove_all(folder);
}

TEST_F(LuaScripts, ConnectionsAreLoggedByAScript) {
  const std::string log = testing::TempDir() + "/lua_tcp" + std::to_string(::getpid());
  InProcessProxy proxy(
      tcpListener(extension(
          "filters", "network_filters/tcp_proxy",
          "cluster: \"one\" " +
              extension("access_logs", "access_loggers/lua",
                        script("function on_log(i) return tostring(i.method) .. ' ' .. i.cluster "
                               ".. ' ' .. i.bytes_received .. ' ' .. i.remote_ip .. ' ' .. "
                               "tostring(i.duration >= 0) end") +
                            " path: \"" + log + "\""))) +
      test::cluster("one", {one_.address()}) + test::runtime());
  {
    RawConnection client = RawConnection::connectTo(proxy.port("l"));
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.readMessage().body, "one");
  }
  EXPECT_TRUE(test::eventually([&] { return contentOf(log) == "nil one 27 127.0.0.1 true\n"; }))
      << contentOf(log);
  ::unlink(log.c_str());
}

}  // namespace
}  // namespace weir
