#include "gmock/gmock.h"

#include "extensions/health_checkers/http/http.h"
#include "test/extensions/health_checkers/common/probe_fixture.h"
#include "test/grpc/scripted_server.h"

namespace weir::extensions::health_checkers::http {
namespace {

using grpc::test::ScriptedServer;
using grpc::test::ServerOptions;
using grpc::test::ServerStream;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uint32_t kNoError = 0;
constexpr uint32_t kRefusedStream = 7;
constexpr uint32_t kInternalError = 2;

void sayOk(ServerStream& stream) {
  stream.rawHead({{":status", "200"}}, false);
  stream.data("ok", true);
}

class Http2Test : public test::ProbeTest {
 protected:
  Http2Test() {
    cluster_.http_protocol = upstream::HttpProtocol::kHttp2;
    server_.on_request = sayOk;
  }
  void openIt() {
    open(HttpCheckerFactory(std::make_shared<HttpOptions>(options_)), server_.address());
  }
  bool allClosed() {
    return until([&] {
      for (size_t i = 0; i < server_.connections(); ++i) {
        if (!server_.connection(i).closed()) return false;
      }
      return true;
    });
  }

  HttpOptions options_;
  ScriptedServer server_{io_};
};

TEST_F(Http2Test, AsksForHealthOnOneConnection) {
  openIt();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(probe(), "healthy");
  ASSERT_EQ(server_.connections(), 1u);
  ASSERT_EQ(server_.streams().size(), 3u);
  const ServerStream& stream = server_.stream(2);
  EXPECT_EQ(stream.header(":method"), "GET");
  EXPECT_EQ(stream.header(":path"), "/health");
  EXPECT_EQ(stream.header(":scheme"), "http");
  EXPECT_EQ(stream.header(":authority"), server_.address().toString());
  EXPECT_EQ(stream.header("user-agent"), "weir-health-check");
  EXPECT_TRUE(stream.ended);
  probe_.reset();
  EXPECT_TRUE(allClosed());
  EXPECT_TRUE(server_.connection(0).goAwayReceived());
}

TEST_F(Http2Test, TheCheckMaySayItWhereTheClusterDoesNot) {
  cluster_.http_protocol = upstream::HttpProtocol::kHttp1;
  options_.protocol = upstream::HttpProtocol::kHttp2;
  openIt();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(store_.valueOf("http2_connections_total", {{"client", "health_checks"}}), 1);
}

TEST_F(Http2Test, AConnectionForEachWhenItIsToldTo) {
  settings_.reuse_connection = false;
  openIt();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(server_.connections(), 2u);
  EXPECT_TRUE(allClosed());
  EXPECT_TRUE(server_.connection(1).goAwayReceived());
}

TEST_F(Http2Test, DegradedAndUnhealthy) {
  openIt();
  server_.on_request = [](ServerStream& stream) {
    stream.rawHead({{":status", "200"}, {"x-weir-degraded", "true"}}, true);
  };
  EXPECT_EQ(probe(), "degraded: x-weir-degraded: true");
  server_.on_request = [](ServerStream& stream) { stream.rawHead({{":status", "503"}}, true); };
  EXPECT_EQ(probe(), "unhealthy: status 503, expected 200-299");
  EXPECT_EQ(server_.connections(), 1u);
  server_.on_request = [](ServerStream& stream) { stream.rawHead({{":status", "500"}}, false); };
  EXPECT_EQ(probe(), "unhealthy: status 500, expected 200-299");
  EXPECT_TRUE(allClosed());
}

TEST_F(Http2Test, InterimHeadsBodiesAndTrailers) {
  options_.expected.body_text.emplace("all well");
  openIt();
  server_.on_request = [](ServerStream& stream) {
    stream.rawHead({{":status", "103"}}, false);
    stream.rawHead({{":status", "200"}}, false);
    stream.data("all we");
    stream.data("ll");
    stream.trailers({{"x-digest", "1"}});
  };
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(server_.connections(), 1u);
}

TEST_F(Http2Test, ABodyWithoutEndIsJudgedByItsBeginning) {
  options_.expected.max_body_bytes = 1000;
  openIt();
  server_.on_request = [](ServerStream& stream) {
    stream.rawHead({{":status", "200"}}, false);
    stream.data(std::string(30'000, 'x'));
  };
  EXPECT_EQ(probe(), "healthy");
  EXPECT_TRUE(allClosed());
  server_.on_request = sayOk;
  EXPECT_EQ(probe(), "healthy");
}

TEST_F(Http2Test, AStreamThatIsResetIsUnhealthy) {
  openIt();
  server_.on_request = [](ServerStream& stream) { stream.reset(kInternalError); };
  EXPECT_THAT(probe(), StartsWith("unhealthy: "));
  server_.on_request = [](ServerStream& stream) {
    stream.rawHead({{":status", "200"}}, false);
    stream.reset(kInternalError);
  };
  EXPECT_THAT(probe(), StartsWith("unhealthy: "));
  server_.on_request = sayOk;
  EXPECT_EQ(probe(), "healthy");
}

// A server that shuts down in good order between two probes, or while it is asked.
TEST_F(Http2Test, GoawayIsNotIllHealth) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  act([&] { server_.connection(0).goAway(1, kNoError); });
  EXPECT_EQ(probe(), "healthy");
  ASSERT_EQ(server_.connections(), 2u);
  server_.on_request = [&](ServerStream& stream) {
    if (&stream.connection() != &server_.connection(1)) return sayOk(stream);
    stream.connection().goAway(1, kNoError);  // leaves it out
  };
  EXPECT_EQ(probe(), "healthy");
  ASSERT_EQ(server_.connections(), 3u);
  server_.on_request = [&](ServerStream& stream) {
    if (&stream.connection() != &server_.connection(2)) return sayOk(stream);
    stream.reset(kRefusedStream);
  };
  EXPECT_EQ(probe(), "healthy");
  ASSERT_EQ(server_.connections(), 4u);
  // It finishes what it has taken.
  server_.on_request = [&](ServerStream& stream) {
    stream.connection().goAway(stream.id(), kNoError);
    sayOk(stream);
  };
  EXPECT_EQ(probe(), "healthy");
  EXPECT_TRUE(allClosed());
}

TEST_F(Http2Test, ClosingAnIdleConnectionIsNotIllHealth) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  act([&] { server_.connection(0).endOrderly(); });
  EXPECT_EQ(probe(), "healthy");
  act([&] { server_.connection(1).close(); });
  EXPECT_EQ(probe(), "healthy");
  server_.on_request = [&](ServerStream& stream) {
    if (&stream.connection() != &server_.connection(2)) return sayOk(stream);
    stream.connection().endOrderly();
  };
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(server_.connections(), 4u);
}

TEST_F(Http2Test, AnIdleServerMayTalk) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  const std::string ping("\0\0\x08\x06\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);
  act([&] { server_.connection(0).raw(ping); });
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(server_.connections(), 1u);
  act([&] { server_.connection(0).raw("garbage that is no frame at all, as long as it may be"); });
  EXPECT_TRUE(allClosed());
  EXPECT_EQ(probe(), "healthy");
}

TEST_F(Http2Test, WhatIsNotHttp2IsUnhealthy) {
  endpoint_->on_up = [](test::EndpointConnection& connection) {
    connection.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  };
  open(HttpCheckerFactory(std::make_shared<HttpOptions>(options_)));
  EXPECT_THAT(probe(), StartsWith("unhealthy: "));
  EXPECT_TRUE(until([&] { return endpoint_->open() == 0; }));
  endpoint_->on_up = [](test::EndpointConnection& connection) { connection.close(); };
  EXPECT_THAT(probe(), StartsWith("unhealthy: "));
  endpoint_->stopListening();
  EXPECT_EQ(probe(), "unhealthy: connect: Connection refused");
}

TEST_F(Http2Test, SilenceIsForTheSchedulerToEnd) {
  openIt();
  server_.on_request = [](ServerStream&) {};
  start();
  ASSERT_TRUE(until([&] { return server_.streams().size() == 1; }));
  dispatcher_.advance(std::chrono::hours(1));
  EXPECT_TRUE(listener_.results.empty());
  cancel();
  EXPECT_TRUE(allClosed());
  server_.on_request = sayOk;
  EXPECT_EQ(probe(), "healthy");
}

TEST_F(Http2Test, MayBeCancelledOrDestroyedAtAnyTime) {
  for (const bool kept : {false, true}) {
    for (int turns = 0; turns < 14; ++turns) {
      openIt();
      listener_.results.clear();
      if (kept) {
        ASSERT_EQ(probe(), "healthy");
      }
      server_.on_request = [&](ServerStream& stream) {
        stream.rawHead({{":status", "200"}}, false);
        stream.data("o");
        if (turns % 3 == 0) stream.data("k", true);
        if (turns % 3 == 1) stream.reset(kInternalError);
      };
      dispatcher_.post([&] { probe_->start(); });
      dispatcher_.runUntilIdle(turns);
      const size_t told = listener_.results.size();
      dispatcher_.post([&] { turns % 2 == 0 ? probe_->cancel() : probe_.reset(); });
      settle();
      EXPECT_EQ(listener_.results.size(), told);
      server_.on_request = sayOk;
      if (probe_ != nullptr) {
        EXPECT_EQ(probe(), "healthy");
      }
      probe_.reset();
      settle();
      ASSERT_TRUE(allClosed());
    }
  }
}

TEST_F(Http2Test, ListenersMayStartTheNextOneOrDestroyIt) {
  openIt();
  listener_.on_done = [&] {
    if (listener_.results.size() < 5) return probe_->start();
    probe_.reset();
  };
  start();
  ASSERT_TRUE(until([&] { return listener_.results.size() == 5; }));
  for (const auto& result : listener_.results) EXPECT_EQ(test::textOf(result), "healthy");
  EXPECT_EQ(server_.connections(), 1u);
  EXPECT_TRUE(allClosed());
}

}  // namespace
}  // namespace weir::extensions::health_checkers::http
