#include "extensions/access_loggers/lua/lua.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "gtest/gtest.h"

#include "extensions/access_loggers/lua/bindings.h"
#include "source/base/concat.h"
#include "source/base/file_writer.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/route.h"
#include "source/stats/stats.h"
#include "test/fakes/fake_dispatcher.h"

namespace weir::extensions::access_loggers::lua {
namespace {

class LuaLoggerTest : public testing::Test {
 protected:
  LuaLoggerTest() : path_(testing::TempDir() + "/lua_logger" + std::to_string(::getpid())) {
    ::unlink(path_.c_str());
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(store_);
    services_.put(store_.block(1));
    config_.name = "logger";
    config_.entry_points = {"on_log"};
    config_.modules = {logModule()};
  }
  ~LuaLoggerTest() override { ::unlink(path_.c_str()); }

  // `body` of on_log(info).
  void use(std::string_view body, bool with_path = true) {
    config_.text = base::concat("function on_log(info)\n", body, "\nend");
    writer_.emplace();
    logger_services_ = services_;
    logger_services_.put(*writer_);
    auto script = weir::lua::Script::load(config_, store_);
    ASSERT_TRUE(script.ok()) << script.status().message();
    factory_ = std::make_unique<LuaLoggerFactory>(*std::move(script), with_path ? path_ : "");
    logger_ = factory_->bind(logger_services_);
  }
  void log() { logger_->log(request_, response_, trailers_, info_); }
  // What was written, after which nothing is any more.
  std::string written() {
    logger_.reset();
    writer_.reset();
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // What a logger of one expression writes for the exchange.
  std::string eval(std::string_view expression) {
    ::unlink(path_.c_str());
    use(base::concat("return tostring(", expression, ")"));
    log();
    return written();
  }
  int64_t metric(std::string_view name) { return store_.valueOf(name, {{"script", "logger"}}); }

  const std::string path_;
  stats::Store store_;
  event::FakeDispatcher dispatcher_;
  base::ServiceMap services_;
  base::ServiceMap logger_services_;
  std::optional<base::FileWriter> writer_;
  weir::lua::ScriptConfig config_;
  std::unique_ptr<LuaLoggerFactory> factory_;
  std::unique_ptr<http::AccessLogger> logger_;
  http::RequestHead request_;
  http::ResponseHead response_;
  base::Arena arena_;
  http::HeaderMap trailers_{arena_};
  http::StreamInfo info_;
};

TEST_F(LuaLoggerTest, WritesWhatIsReturned) {
  use("n = (n or 0) + 1 if n ~= 2 then return 'line ' .. n end");
  for (int i = 0; i < 3; ++i) log();
  EXPECT_EQ(written(), "line 1\nline 3\n");
  EXPECT_EQ(metric("lua_errors_total"), 0);
}

TEST_F(LuaLoggerTest, ALineIsOneLine) {
  use("return 'a\\nb\\r\\0\\tc\\127\\195\\164'");
  log();
  EXPECT_EQ(written(), "a\\x0ab\\x0d\\x00\tc\\x7f\303\244\n");
}

TEST_F(LuaLoggerTest, KnowsTheExchange) {
  using std::chrono::milliseconds;
  request_.method = "POST";
  request_.path = "/a?b=c";
  request_.authority = "shop.example";
  request_.scheme = "https";
  request_.version = http::Version::kHttp2;
  request_.headers.add("user-agent", "curl");
  response_.headers.add("x-cache", "hit");
  trailers_.add("grpc-message", "fine");
  info_.status = 200;
  info_.request_bytes = 7;
  info_.response_bytes = 9;
  info_.cluster = "web";
  info_.attempts = 2;
  info_.detail = "via_upstream";
  info_.request_id = "id-1";
  info_.connection_id = 12;
  info_.requested_server_name = "shop.example";
  info_.started = event::MonotonicTime() + milliseconds(1000);
  info_.request_complete = info_.started + milliseconds(250);
  info_.ended = info_.started + milliseconds(1500);
  info_.start_time = event::SystemTime(std::chrono::seconds(1700000000));
  const network::Address remote = *network::Address::parse("192.0.2.1:4711");
  const network::Address local = *network::Address::parse("[::1]:443");
  const network::Address upstream = *network::Address::parse("10.0.0.1:80");
  info_.downstream_remote = info_.downstream_direct = &remote;
  info_.downstream_local = &local;
  info_.upstream_address = &upstream;
  info_.addFlag(http::ResponseFlag::kNoRouteFound);
  http::DynamicMetadata& metadata = http::dynamicMetadata(info_, arena_);
  metadata.set("auth", "user", std::string_view("ann"));
  metadata.set("auth", "level", 3.0);
  metadata.set("auth", "admin", true);
  const http::MetadataField roles[] = {{"", http::MetadataValue::of("a")},
                                       {"", http::MetadataValue::of("b")}};
  const http::MetadataField more[] = {{"roles", http::MetadataValue::list(roles)}};
  const http::MetadataValue claims = http::MetadataValue::structure(more);
  metadata.set("auth", "claims", &claims);
  EXPECT_EQ(eval("info.method .. info.target .. info.path .. info.query .. info.host .. "
                 "info.scheme .. info.protocol"),
            "POST/a?b=c/ab=cshop.examplehttpsHTTP/2\n");
  EXPECT_EQ(eval("info.status + info.bytes_received + info.bytes_sent + info.attempts"), "218\n");
  EXPECT_EQ(eval("info:header('User-Agent') .. info:responseHeader('x-cache') .. "
                 "info:responseTrailer('grpc-message') .. tostring(info:header('x'))"),
            "curlhitfinenil\n");
  EXPECT_EQ(eval("info.duration .. ' ' .. info.request_duration .. ' ' .. "
                 "tostring(info.response_duration) .. ' ' .. info.start_time"),
            "1.5 0.25 nil 1700000000\n");
  EXPECT_EQ(eval("info.cluster .. info.detail .. info.flags .. info.request_id .. "
                 "info.connection_id .. info.server_name"),
            "webvia_upstreamNRid-112shop.example\n");
  EXPECT_EQ(eval("info.remote_address .. ' ' .. info.remote_ip .. ' ' .. info.remote_port .. ' ' "
                 ".. info.local_address .. ' ' .. info.local_ip .. ' ' .. info.local_port .. ' ' "
                 ".. info.upstream_address .. ' ' .. info.direct_remote_ip"),
            "192.0.2.1:4711 192.0.2.1 4711 [::1]:443 ::1 443 10.0.0.1:80 192.0.2.1\n");
  EXPECT_EQ(eval("info:metadata('auth', 'user') .. info:metadata('auth', 'level') .. "
                 "tostring(info:metadata('auth', 'admin')) .. tostring(info:metadata('a', 'b'))"),
            "ann3truenil\n");
  EXPECT_EQ(eval("table.concat(info:metadata('auth', 'claims').roles, '+')"), "a+b\n");
  EXPECT_EQ(eval("info:json('a\"\\n')"), "\"a\\\"\\u000a\"\n");
  EXPECT_EQ(metric("lua_errors_total"), 0);
}

// A connection without exchange: nothing is there, and nothing breaks.
TEST_F(LuaLoggerTest, WhatIsNotThereIsNil) {
  for (const char* fact : {"status",
                           "method",
                           "path",
                           "query",
                           "protocol",
                           "flags",
                           "detail",
                           "grpc_status",
                           "duration",
                           "request_duration",
                           "response_duration",
                           "cluster",
                           "upstream_address",
                           "route",
                           "virtual_host",
                           "remote_address",
                           "remote_ip",
                           "local_address",
                           "request_id",
                           "server_name",
                           "tls_version",
                           "tls_cipher",
                           "tls_session_id",
                           "peer_subject",
                           "peer_dns_names",
                           "peer_not_after",
                           "local_subject",
                           "original_destination"}) {
    EXPECT_EQ(eval(base::concat("info.", fact)), "nil\n") << fact;
  }
  EXPECT_EQ(eval("info:proxyTlv(5)"), "nil\n");
  EXPECT_EQ(eval("info:header('a')"), "nil\n");
}

TEST_F(LuaLoggerTest, KnowsTheConnection) {
  network::ConnectionInfo connection;
  connection.original_destination = *network::Address::parse("10.1.1.1:25");
  connection.proxy_tlvs.push_back({5, "vpc-1"});
  info_.connection_info = &connection;
  EXPECT_EQ(eval("info.original_destination .. info:proxyTlv(5)"), "10.1.1.1:25vpc-1\n");
}

TEST_F(LuaLoggerTest, WrongUsesAreErrorsAndNoLines) {
  int errors = 0;
  for (const char* body :
       {"return 7", "return {}", "return true", "return info", "error('x')", "return info.nothing",
        "return info:header()", "info.status = 3", "return info.header(nil, 'a')",
        "return info:metadata('a')", "coroutine.yield()", "return info:json({})"}) {
    use(body);
    log();
    EXPECT_EQ(metric("lua_errors_total"), ++errors) << body;
    EXPECT_EQ(written(), "") << body;
  }
}

TEST_F(LuaLoggerTest, ALineWithoutAFileIsAnError) {
  use("return 'x'", false);
  log();
  EXPECT_EQ(metric("lua_errors_total"), 1);
  use("weir.log.info('x')", false);
  log();
  EXPECT_EQ(metric("lua_errors_total"), 1);
}

TEST_F(LuaLoggerTest, TheHandleIsDeadAfterwards) {
  config_.text = "";
  use("kept = kept or info return kept.status and 'a' or 'b'");
  log();
  log();  // it stands for the exchange that is being logged now
  EXPECT_EQ(written(), "b\nb\n");
  EXPECT_EQ(metric("lua_errors_total"), 0);
}

TEST_F(LuaLoggerTest, ARunawayIsEndedAndThenLeftOut) {
  config_.cpu_time = std::chrono::milliseconds(5);
  config_.bypass_failures = 2;
  use("while true do end");
  for (int i = 0; i < 5; ++i) log();
  EXPECT_EQ(metric("lua_budget_kills_total"), 2);
  EXPECT_EQ(metric("lua_bypasses_total"), 1);
  EXPECT_EQ(metric("lua_bypassed_streams_total"), 3);
}

}  // namespace
}  // namespace weir::extensions::access_loggers::lua
