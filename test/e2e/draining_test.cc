// An endpoint is drained and replaced as the page says it is done, with the real binary and curl,
// and the event log tells of it.

#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using nlohmann::json;
using test::RawConnection;
using test::ScriptedOrigin;

std::vector<json> linesOf(const std::string& path) {
  std::istringstream text(test::readFile(path));
  std::vector<json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
  return lines;
}

TEST(DrainingEndToEnd, AnEndpointIsReplacedWithoutAFailedRequest) {
  std::atomic<bool> go{false};
  std::atomic<int> reached{0};
  ScriptedOrigin slow([&](RawConnection& connection, int) {
    while (connection.readMessage().complete) {
      ++reached;
      test::eventually([&] { return go.load(); });
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
    }
  });
  ScriptedOrigin other(
      ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"));
  test::WeirProcess weir("health { event_log: \"events.jsonl\" }\n" + test::edgeListener() +
                         "clusters { name: \"origin\" endpoints { id: \"one\" address: \"" +
                         slow.address() + "\" } endpoints { id: \"two\" address: \"" +
                         other.address() + "\" priority: 1 } }\n" + test::runtime());
  const uint16_t port = weir.port("edge");
  const std::string admin = "http://127.0.0.1:" + std::to_string(weir.adminPort());
  const auto ask = [&](std::vector<std::string> arguments) {
    return json::parse(test::curl(std::move(arguments)).out);
  };

  RawConnection busy = RawConnection::connectTo(port);
  busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(test::eventually([&] { return reached == 1; }));
  const json state =
      ask({"-X", "POST", admin + "/endpoints/drain?cluster=origin&endpoint=one&revision=1"});
  EXPECT_EQ(state["state"], "draining");
  const std::string since = std::to_string(state["sequence"].get<uint64_t>());
  const json draining =
      ask({admin + "/events?since=" + since + "&endpoint=one&kind=draining&wait=20s"});
  ASSERT_EQ(draining["events"].size(), 1u);
  EXPECT_EQ(draining["events"][0]["connections"], 1);
  EXPECT_EQ(draining["events"][0]["requests"], 1);
  EXPECT_EQ(test::curl({weir.url("edge")}).out, "other");
  go = true;
  EXPECT_EQ(busy.readMessage().body, "slow");
  const json drained =
      ask({admin + "/events?since=" + since + "&endpoint=one&kind=drained&wait=20s"});
  ASSERT_EQ(drained["events"].size(), 1u);
  EXPECT_EQ(drained["events"][0]["finished"], 1);
  EXPECT_EQ(weir.stat("cluster_drained_connections_total"), 1);
  EXPECT_EQ(weir.stat("routing_violations_total"), 0);

  // Each event is a line; the file may be moved away.
  const std::string path = weir.folder().file("events.jsonl");
  ASSERT_TRUE(test::eventually([&] { return linesOf(path).size() == 3; }));
  const std::vector<json> lines = linesOf(path);
  EXPECT_EQ(lines[0]["kind"], "health");
  EXPECT_EQ(lines[0]["to"], "draining");
  EXPECT_EQ(lines[2], drained["events"][0]);
  ASSERT_EQ(std::rename(path.c_str(), (path + ".1").c_str()), 0);
  ASSERT_EQ(::kill(weir.process().pid(), SIGUSR1), 0);
  struct stat there = {};
  ASSERT_TRUE(test::eventually([&] { return ::stat(path.c_str(), &there) == 0; }));
  ask({"-X", "POST", admin + "/endpoints/enable?cluster=origin&endpoint=one&revision=2"});
  ASSERT_TRUE(test::eventually([&] { return linesOf(path).size() == 1; }));
  EXPECT_EQ(linesOf(path)[0]["to"], "healthy");
  EXPECT_EQ(linesOf(path + ".1").size(), 3u);
}

}  // namespace
}  // namespace weir
