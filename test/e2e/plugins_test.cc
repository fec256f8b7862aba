// The plugins of docs/examples/plugins with their configurations, and builds of them outside of
// Bazel.

#include <zlib.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Finished;
using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using test::WeirProcess;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kFolder = "docs/examples/plugins/";

void replace(std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

// An example's configuration with this test's addresses instead of its own.
std::string exampleConfig(const std::string& name,
                          const std::vector<std::pair<std::string, std::string>>& changes) {
  std::string text = test::readFile(test::dataFile(kFolder + name + ".textproto"));
  replace(text, "\"" + name + ".so\"", "\"" + test::dataFile(kFolder + name + ".so") + "\"");
  for (const auto& [from, to] : changes) replace(text, from, to);
  return text + test::runtime(2);
}

const std::pair<std::string, std::string> kAnyPort{"0.0.0.0:8080", "127.0.0.1:0"};

RawMessage get(uint16_t port, const std::string& fields = {}, const std::string& path = "/") {
  RawConnection client = RawConnection::connectTo(port);
  client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
  return client.readMessage();
}

std::string answer(const std::string& body, const std::string& fields = {}) {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

TEST(PluginExamples, KeysAreAskedOnceAndKept) {
  std::atomic<int> asked{0};
  ScriptedOrigin auth([&](RawConnection& connection, int) {
    for (RawMessage request = connection.readMessage(); request.complete;
         request = connection.readMessage()) {
      ++asked;
      const bool good = request.target() == "/verify" && request.header("x-api-key") == "good";
      connection.send(good ? answer("", "X-User: ann\r\n")
                           : "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    }
  });
  ScriptedOrigin web(ScriptedOrigin::echoing());
  WeirProcess weir(exampleConfig(
      "key_service", {kAnyPort, {"10.0.0.1:80", web.address()}, {"10.0.0.2:80", auth.address()}}));
  const uint16_t port = weir.port("edge");
  ASSERT_NE(port, 0) << weir.process().err();
  EXPECT_EQ(get(port).status(), 401);
  EXPECT_EQ(asked, 0);
  for (int i = 0; i < 4; ++i) {
    const RawMessage let_in = get(port, "X-Api-Key: good\r\nX-User: eve\r\n");
    EXPECT_EQ(let_in.status(), 200);
    EXPECT_THAT(let_in.body, HasSubstr("x-user: ann"));
    EXPECT_THAT(let_in.body, Not(HasSubstr("eve")));
    EXPECT_EQ(get(port, "X-Api-Key: bad\r\n").status(), 403);
  }
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(weir.stat("plugin_keys_asked_total"), 2);
  auth.kill();
  EXPECT_EQ(get(port, "X-Api-Key: other\r\n").status(), 503);
  EXPECT_EQ(get(port, "X-Api-Key: good\r\n").status(), 200);
  EXPECT_GT(weir.stat("plugins_calls_total"), 0);
  EXPECT_EQ(weir.stat("plugins_errors_total"), 0);
}

std::string gunzip(std::string bytes) {
  z_stream zlib = {};
  if (inflateInit2(&zlib, 15 + 16) != Z_OK) return "no zlib";
  std::string out(1 << 20, '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(bytes.data());
  zlib.avail_in = static_cast<uInt>(bytes.size());
  zlib.next_out = reinterpret_cast<Bytef*>(out.data());
  zlib.avail_out = static_cast<uInt>(out.size());
  const int end = inflate(&zlib, Z_FINISH);
  out.resize(out.size() - zlib.avail_out);
  inflateEnd(&zlib);
  return end == Z_STREAM_END ? out : "broken after " + std::to_string(out.size());
}

TEST(PluginExamples, TextsAreCompressed) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i) + "\n";
  ScriptedOrigin web([&](RawConnection& connection, int) {
    for (RawMessage request = connection.readMessage(); request.complete;
         request = connection.readMessage()) {
      if (request.target() == "/trailers") {
        connection.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n");
        continue;
      }
      const bool image = request.target() == "/image";
      connection.send(answer(text, image ? "Content-Type: image/png\r\n"
                                         : "Content-Type: text/plain\r\nETag: \"1\"\r\n"));
    }
  });
  WeirProcess weir(exampleConfig("gzip", {kAnyPort, {"10.0.0.1:80", web.address()}}));
  const uint16_t port = weir.port("edge");
  ASSERT_NE(port, 0) << weir.process().err();
  const RawMessage small = get(port, "Accept-Encoding: br, gzip\r\n");
  EXPECT_TRUE(small.complete);
  EXPECT_EQ(small.header("content-encoding"), "gzip");
  EXPECT_EQ(small.count("etag"), 0u);
  EXPECT_LT(small.body.size(), text.size() / 2);
  EXPECT_EQ(gunzip(small.body), text);
  EXPECT_EQ(gunzip(get(port, "Accept-Encoding: gzip\r\n", "/trailers").body), "hello");
  EXPECT_EQ(get(port).body, text);
  EXPECT_EQ(get(port, "Accept-Encoding: gzip\r\n", "/image").body, text);
  const Finished curl = test::curl({"--compressed", weir.url("edge")});
  EXPECT_EQ(curl.code, 0);
  EXPECT_EQ(curl.out, text);
}

TEST(PluginExamples, LargeJobsGoToLargeMachines) {
  ScriptedOrigin small(ScriptedOrigin::answering(answer("small")));
  ScriptedOrigin large(ScriptedOrigin::answering(answer("large")));
  WeirProcess weir(exampleConfig(
      "size_class",
      {kAnyPort, {"10.0.0.1:80", small.address()}, {"10.0.0.2:80", large.address()}}));
  const uint16_t port = weir.port("edge");
  ASSERT_NE(port, 0) << weir.process().err();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(get(port, "X-Size: large\r\n").body, "large");
    EXPECT_EQ(get(port, "X-Size: small\r\n").body, "small");
    EXPECT_EQ(get(port, "X-Size: medium\r\n").status(), 200);
    EXPECT_EQ(get(port).status(), 200);
  }
}

ScriptedOrigin::Script memcached(const std::string& name, const std::string& connections) {
  return [=](RawConnection& connection, int) {
    const std::string command = connection.readSome();
    connection.send(command == "stats\r\n"
                        ? "STAT pid 1\r\nSTAT curr_connections " + connections + "\r\nEND\r\n"
                        : name);
    connection.readAll();
  };
}

TEST(PluginExamples, MemcachedServersAreAskedHowTheyAre) {
  ScriptedOrigin calm(memcached("calm", "10"));
  ScriptedOrigin busy(memcached("busy", "5000"));
  WeirProcess weir(exampleConfig("memcached", {{"127.0.0.1:11211", "127.0.0.1:0"},
                                               {"10.0.0.1:11211", calm.address()},
                                               {"10.0.0.2:11211", busy.address()},
                                               {"seconds: 1", "nanos: 100000000"},
                                               {"nanos: 500000000", "nanos: 90000000"}}));
  const uint16_t port = weir.port("cache");
  ASSERT_NE(port, 0) << weir.process().err();
  const auto healthy = [&] { return weir.stat("cluster_healthy_members"); };
  const auto answers = [&] {
    RawConnection client = RawConnection::connectTo(port);
    client.send("who\r\n");
    return client.readSome();
  };
  // One has more connections than the limit: it serves, and gets less.
  ASSERT_TRUE(test::eventually([&] { return healthy() == 1; }));
  EXPECT_TRUE(test::eventually(
      [&] { return weir.stat("cluster_health_checks_total", "result=\"degraded\"") > 0; }));
  calm.kill();
  EXPECT_TRUE(test::eventually([&] { return healthy() == 0; }));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(answers(), "busy");
}

TEST(PluginExamples, SlowRequestsAreLogged) {
  ScriptedOrigin web(ScriptedOrigin::answering(answer("ok")));
  WeirProcess weir(exampleConfig(
      "slow_log", {kAnyPort, {"10.0.0.1:80", web.address()}, {"250 slow.log", "0 slow.log"}}));
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  EXPECT_EQ(get(weir.port("edge"), "", "/slow?x").status(), 200);
  const auto lines = [&] { return test::readFile(weir.folder().file("slow.log")); };
  EXPECT_TRUE(test::eventually([&] { return lines().ends_with("\n"); }));
  EXPECT_THAT(lines(), HasSubstr("\t200\t" + web.address() + "\tGET\t/slow?x\n"));
}

TEST(PluginExamples, OneInCTellsWhoServed) {
  ScriptedOrigin web(ScriptedOrigin::answering(answer("ok")));
  const std::string config = exampleConfig("served_by", {kAnyPort, {"10.0.0.1:80", web.address()}});
  WeirProcess weir(config);
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  EXPECT_EQ(get(weir.port("edge")).header("x-served-by"), "edge-1");

  std::string wrong = config;
  replace(wrong, "text: \"edge-1\"", "text: \"\"");
  const test::TemporaryFolder folder;
  const Finished check = test::weir({"check", "-c", folder.write("wrong.textproto", wrong)});
  EXPECT_NE(check.code, 0);
  EXPECT_THAT(check.err + check.out, HasSubstr("is empty or too long; write a name"));
}

// One command, with what is installed: the folder of headers.
TEST(PluginExamples, BuildOutsideOfBazel) {
  const test::TemporaryFolder folder;
  const std::string include = "-I" + test::dataFile("api");
  for (const std::string name :
       {"key_service", "gzip", "size_class", "memcached", "slow_log", "served_by"}) {
    const bool in_c = name == "served_by";
    const std::string object = folder.file(name + ".so");
    std::vector<std::string> command = {in_c ? "gcc" : "g++",
                                        in_c ? "-std=c11" : "-std=c++20",
                                        "-shared",
                                        "-fPIC",
                                        "-fvisibility=hidden",
                                        "-Wall",
                                        "-Wextra",
                                        "-Werror",
                                        include,
                                        test::dataFile(kFolder + name + (in_c ? ".c" : ".cc")),
                                        "-o",
                                        object};
    if (name == "gzip") command.push_back("-lz");
    const Finished built = test::runToEnd(command, std::chrono::seconds(100));
    ASSERT_EQ(built.code, 0) << built.err;
    const Finished inspected = test::weir({"plugin", "inspect", object});
    EXPECT_EQ(inspected.code, 0) << inspected.err;
    EXPECT_THAT(inspected.out, HasSubstr(name));
  }
}

}  // namespace
}  // namespace weir
