#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "test/plugin/kinds/test_plugin.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::plugin {
namespace {

using test::RawConnection;
using test::ScriptedOrigin;

const weir_host* host = nullptr;
std::mutex mutex;
std::vector<std::string> lines;

std::string headerOf(const weir_headers* headers, std::string_view name) {
  weir_str value{};
  if (headers == nullptr) return "none";
  host->headers_get(headers, str(name), &value);
  return std::string(view(value));
}

void log(void* worker, const weir_headers* request, const weir_headers* response,
         const weir_headers* trailers, const weir_info* info) {
  std::string line(*static_cast<std::string*>(worker));
  line += headerOf(request, ":path") + " " + headerOf(response, ":status") + " " +
          headerOf(trailers, "x-sum");
  int64_t number = 0;
  if (host->info_number(info, WEIR_NUMBER_STATUS, &number) == 1) {
    line += " " + std::to_string(number);
  }
  weir_scratch scratch;
  weir_str text{};
  if (host->info_text(info, WEIR_TEXT_CLUSTER, 0, &scratch, &text) == 1) {
    line += " " + std::string(view(text));
  }
  const std::lock_guard lock(mutex);
  lines.push_back(line);
}

weir_access_logger makeKind() {
  weir_access_logger kind{};
  kind.kind = kindHead<weir_access_logger>(WEIR_ACCESS_LOGGER, "kept");
  kind.kind.config_create = [](void*, const weir_config* config, weir_report*) -> void* {
    return new std::string(textOf(host, config));
  };
  kind.kind.config_destroy = [](void* config) { delete static_cast<std::string*>(config); };
  kind.log = log;
  return kind;
}

const weir_access_logger kKind = makeKind();
constexpr std::string_view kLogs =
    "access_logs { config { [access_loggers/kept] { text: \"log \" } } }";

std::vector<std::string> linesNow() {
  const std::lock_guard lock(mutex);
  return lines;
}

class PluginAccessLoggerTest : public testing::Test {
 protected:
  PluginAccessLoggerTest() {
    host = plugin_.host();
    lines.clear();
  }
  Plugin& plugin_ = testPlugin();
};

TEST_F(PluginAccessLoggerTest, HasHeadsAndFacts) {
  ScriptedOrigin origin(ScriptedOrigin::answering(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n"
      "2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n"));
  test::InProcessProxy proxy(
      test::edgeListener(kLogs) + test::cluster("origin", {origin.address()}) + test::runtime(1),
      offering(plugin_, {&kKind.kind}));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.readMessage().status(), 200);
  EXPECT_TRUE(test::eventually([] { return linesNow().size() == 1; }));
  EXPECT_EQ(linesNow().at(0), "log /a?b 200 7 200 origin");
  EXPECT_GE(proxy.stat("plugins_calls_total", {{"plugin", "tested"}}), 1);
}

TEST_F(PluginAccessLoggerTest, OfConnectionsThereAreNoHeads) {
  ScriptedOrigin origin([](RawConnection& connection, int) { connection.readAll(); });
  test::InProcessProxy proxy(
      R"(listeners { name: "tcp" address: "127.0.0.1:0" filter_chains { filters { config {
           [network_filters/tcp_proxy] { cluster: "origin" )" +
          std::string(kLogs) + "} } } } }\n" + test::cluster("origin", {origin.address()}) +
          test::runtime(1),
      offering(plugin_, {&kKind.kind}));
  { RawConnection client = RawConnection::connectTo(proxy.port("tcp")); }
  EXPECT_TRUE(test::eventually([] { return linesNow().size() == 1; }));
  EXPECT_EQ(linesNow().at(0), "log none none none origin");
}

TEST_F(PluginAccessLoggerTest, WithoutLogItIsNoKind) {
  weir_access_logger kind = makeKind();
  kind.log = nullptr;
  EXPECT_EQ(findKindType(WEIR_ACCESS_LOGGER)->check(&kind), "log is missing");
}

}  // namespace
}  // namespace weir::plugin
