#include "gmock/gmock.h"

#include "extensions/health_checkers/http/http.h"
#include "source/base/concat.h"
#include "test/extensions/health_checkers/common/probe_fixture.h"

namespace weir::extensions::health_checkers::http {
namespace {

using test::EndpointConnection;
using ::testing::HasSubstr;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class Http1Test : public test::ProbeTest {
 protected:
  Http1Test() {
    endpoint_->on_data = [this](EndpointConnection& connection) {
      if (!connection.received.ends_with("\r\n\r\n")) return;
      asked_ = std::exchange(connection.received, {});
      if (answer_) answer_(connection);
    };
  }
  void openIt() { open(HttpCheckerFactory(std::make_shared<HttpOptions>(options_))); }
  std::string probeWith(std::string_view answer) {
    answer_ = [answer = std::string(answer)](EndpointConnection& connection) {
      connection.say(answer);
    };
    return probe();
  }
  EndpointConnection& last() { return endpoint_->connection(endpoint_->connections() - 1); }

  HttpOptions options_;
  std::string asked_;
  std::function<void(EndpointConnection&)> answer_ = [](EndpointConnection& connection) {
    connection.say(kOk);
  };
};

TEST_F(Http1Test, AsksForHealth) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(asked_, base::concat("GET /health HTTP/1.1\r\nHost: ", endpoint_->address().toString(),
                                 "\r\nUser-Agent: weir-health-check\r\n\r\n"));
}

TEST_F(Http1Test, AsksAsItIsTold) {
  options_.method = "POST";
  options_.path = "/status?full=1";
  options_.host = "shop.example";
  options_.fields = {{"Authorization", "Bearer x"}, {"user-agent", "me"}};
  openIt();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_THAT(asked_, HasSubstr("POST /status?full=1 HTTP/1.1\r\n"));
  EXPECT_THAT(asked_, HasSubstr("Host: shop.example\r\n"));
  EXPECT_THAT(asked_, HasSubstr("Authorization: Bearer x\r\nuser-agent: me\r\n"));
  EXPECT_THAT(asked_, HasSubstr("Content-Length: 0\r\n"));
  EXPECT_EQ(asked_.find("weir"), std::string::npos);
}

TEST_F(Http1Test, HeadHasNoBody) {
  options_.method = "HEAD";
  openIt();
  EXPECT_EQ(probeWith("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), "healthy");
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->connections(), 1u);
}

TEST_F(Http1Test, KeepsTheConnection) {
  openIt();
  for (const std::string_view answer :
       {kOk, std::string_view("HTTP/1.1 204 No Content\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\n0\r\nDigest: x\r\n\r\n"),
        std::string_view("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
                         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        std::string_view("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"),
        kOk}) {
    EXPECT_EQ(probeWith(answer), "healthy") << answer;
  }
  EXPECT_EQ(probeWith("HTTP/1.1 503 Unavailable\r\nContent-Length: 4\r\n\r\ndown"),
            "unhealthy: status 503, expected 200-299");
  EXPECT_EQ(endpoint_->connections(), 1u);
}

TEST_F(Http1Test, DoesNotKeepWhatCannotBeUsedAgain) {
  openIt();
  size_t connections = 0;
  for (const std::string_view answer :
       {std::string_view("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        std::string_view("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore"),
        std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")}) {
    EXPECT_EQ(probeWith(answer), "healthy") << answer;
    EXPECT_EQ(endpoint_->connections(), ++connections) << answer;
    EXPECT_TRUE(until([&] { return endpoint_->open() == 0; })) << answer;
  }
}

TEST_F(Http1Test, ABodyMayEndWithTheConnection) {
  openIt();
  answer_ = [](EndpointConnection& connection) {
    connection.say("HTTP/1.0 200 OK\r\n\r\nup to the end");
    connection.close();
  };
  EXPECT_EQ(probe(), "healthy");
}

TEST_F(Http1Test, AnAnswerMayComeInPieces) {
  openIt();
  answer_ = nullptr;
  start();
  ASSERT_TRUE(until([&] { return !asked_.empty(); }));
  for (const char c : kOk) {
    EXPECT_TRUE(listener_.results.empty());
    act([&] { last().say({&c, 1}); });
  }
  ASSERT_TRUE(until([&] { return listener_.results.size() == 1; }));
  EXPECT_EQ(test::textOf(listener_.results[0]), "healthy");
}

TEST_F(Http1Test, AnUnhealthyHeadIsEnough) {
  openIt();
  EXPECT_EQ(probeWith("HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nno"),
            "unhealthy: status 500, expected 200-299");
  EXPECT_TRUE(until([&] { return endpoint_->open() == 0; }));
}

TEST_F(Http1Test, AHealthyHeadIsNot) {
  openIt();
  answer_ = [](EndpointConnection& connection) {
    connection.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nno");
  };
  start();
  ASSERT_TRUE(until([&] { return !asked_.empty(); }));
  dispatcher_.advance(std::chrono::minutes(10));
  EXPECT_TRUE(listener_.results.empty());
  act([&] { last().close(); });
  ASSERT_TRUE(until([&] { return listener_.results.size() == 1; }));
  EXPECT_THAT(test::textOf(listener_.results[0]), HasSubstr("unhealthy: "));
}

TEST_F(Http1Test, Degraded) {
  options_.expected.degraded_statuses = {{429, 429}};
  openIt();
  EXPECT_EQ(probeWith("HTTP/1.1 200 OK\r\nX-Weir-Degraded: true\r\nContent-Length: 0\r\n\r\n"),
            "degraded: x-weir-degraded: true");
  EXPECT_EQ(probeWith("HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n"), "degraded: status 429");
  EXPECT_EQ(endpoint_->connections(), 1u);
}

TEST_F(Http1Test, LooksAtTheBody) {
  options_.expected.body_text.emplace("ok");
  openIt();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(probeWith("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "1\r\no\r\n1\r\nk\r\n0\r\n\r\n"),
            "healthy");
  EXPECT_EQ(probeWith("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"),
            "unhealthy: the body without \"ok\"");
  EXPECT_EQ(endpoint_->connections(), 1u);
}

// As much as is wanted, and then the connection goes.
TEST_F(Http1Test, ABodyWithoutEndIsJudgedByItsBeginning) {
  options_.expected.max_body_bytes = 1000;
  openIt();
  for (const std::string_view head :
       {"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n"}) {
    EXPECT_EQ(probeWith(base::concat(head, std::string(20'000, 'x'))), "healthy") << head;
    EXPECT_TRUE(until([&] { return endpoint_->open() == 0; }));
  }
  options_.expected.body_text.emplace("y");
  openIt();
  EXPECT_EQ(probeWith(base::concat("HTTP/1.1 200 OK\r\n\r\n", std::string(20'000, 'x'))),
            "unhealthy: the first 1000 bytes of the body without \"y\"");
}

TEST_F(Http1Test, WhatIsNotHttpIsUnhealthy) {
  openIt();
  for (const std::string& answer :
       {std::string("220 mail ESMTP\r\n\r\n"), std::string("HTTP/1.1 2000 OK\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        std::string("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        base::concat("HTTP/1.1 200 OK\r\nX: ", std::string(100'000, 'x'), "\r\n\r\n"),
        std::string(200'000, 'x'), std::string(300, '\0'),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    EXPECT_THAT(probeWith(answer), HasSubstr("unhealthy: ")) << answer.substr(0, 60);
    EXPECT_TRUE(until([&] { return endpoint_->open() == 0; }));
  }
  EXPECT_EQ(probeWith(kOk), "healthy");
}

TEST_F(Http1Test, InterimAnswersAreBounded) {
  openIt();
  std::string many;
  for (int i = 0; i < 17; ++i) many += "HTTP/1.1 102 Processing\r\n\r\n";
  EXPECT_EQ(probeWith(many + std::string(kOk)), "unhealthy: too many interim answers");
  EXPECT_TRUE(until([&] { return endpoint_->open() == 0; }));
}

TEST_F(Http1Test, EndsWithoutAnAnswerAreUnhealthy) {
  openIt();
  answer_ = [](EndpointConnection& connection) { connection.close(); };
  EXPECT_EQ(probe(), "unhealthy: connection closed before an answer");
  answer_ = [](EndpointConnection& connection) {
    connection.say("HTTP/1.1 200 OK\r\nContent-");
    connection.close();
  };
  EXPECT_EQ(probe(), "unhealthy: connection closed within a head");
  answer_ = [](EndpointConnection& connection) { connection.reset(); };
  EXPECT_EQ(probe(), "unhealthy: the connection was reset");
}

TEST_F(Http1Test, KeepAliveThatEndsIsNotIllHealth) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  act([&] { last().close(); });
  EXPECT_EQ(probe(), "healthy");
  for (const bool reset : {false, true}) {
    answer_ = [&, first = true](EndpointConnection& connection) mutable {
      if (!std::exchange(first, false)) return connection.say(kOk);
      reset ? connection.reset() : connection.close();
    };
    EXPECT_EQ(probe(), "healthy");
  }
  EXPECT_EQ(endpoint_->connections(), 4u);
}

// HAProxy and others say 408 when nothing was asked for too long (RFC 9110, 15.5.9).
TEST_F(Http1Test, ALate408IsNoAnswer) {
  constexpr std::string_view k408 =
      "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  openIt();
  EXPECT_EQ(probeWith(k408), "unhealthy: status 408, expected 200-299");
  EXPECT_EQ(probeWith(kOk), "healthy");
  answer_ = [&, first = true](EndpointConnection& connection) mutable {
    connection.say(std::exchange(first, false) ? k408 : kOk);
  };
  EXPECT_EQ(probe(), "healthy");
  act([&] { last().say(k408); });  // before it is asked
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->connections(), 4u);
  options_.expected.statuses = {{408, 408}};
  openIt();
  EXPECT_EQ(probeWith(k408), "healthy");
}

TEST_F(Http1Test, AnEndpointThatAnswersBeforeItIsAskedLosesItsConnection) {
  openIt();
  endpoint_->on_up = [](EndpointConnection& connection) { connection.say(kOk); };
  endpoint_->on_data = nullptr;
  EXPECT_EQ(probe(), "healthy");  // nobody can tell
  act([&] { last().say("HTTP/1.1 200 OK\r\n\r\n"); });
  EXPECT_TRUE(until([&] { return endpoint_->open() == 0; }));
}

TEST_F(Http1Test, MayBeCancelledOrDestroyedAtAnyTime) {
  const std::string answers[] = {
      std::string(kOk), "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nno",
      "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\n"};
  for (const std::string& answer : answers) {
    for (const bool kept : {false, true}) {
      for (int turns = 0; turns < 10; ++turns) {
        openIt();
        listener_.results.clear();
        if (kept) {
          ASSERT_EQ(probeWith(kOk), "healthy");
        }
        answer_ = [&](EndpointConnection& connection) { connection.say(answer); };
        dispatcher_.post([&] { probe_->start(); });
        dispatcher_.runUntilIdle(turns);
        const size_t told = listener_.results.size();
        dispatcher_.post([&] { turns % 2 == 0 ? probe_->cancel() : probe_.reset(); });
        settle();
        EXPECT_EQ(listener_.results.size(), told);
        if (probe_ != nullptr) {
          EXPECT_EQ(probeWith(kOk), "healthy");
        }
        probe_.reset();
        settle();
        ASSERT_TRUE(until([&] { return endpoint_->open() == 0; }));
      }
    }
  }
}

// Many probes of one checker at a time: what they borrow from it does not mix.
TEST_F(Http1Test, ManyAtATime) {
  openIt();
  std::vector<std::unique_ptr<upstream::HealthProbe>> probes;
  std::vector<std::unique_ptr<test::RecordingListener>> listeners;
  answer_ = [](EndpointConnection& connection) {
    connection.say(connection.number() % 3 == 0 ? "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
                                                : kOk);
  };
  for (int i = 0; i < 100; ++i) {
    listeners.push_back(std::make_unique<test::RecordingListener>());
    probes.push_back(checker_->createProbe(targetAt(endpoint_->address()), *listeners.back()));
  }
  for (int round = 0; round < 3; ++round) {
    act([&] {
      for (const auto& probe : probes) probe->start();
    });
    ASSERT_TRUE(until([&] {
      size_t told = 0;
      for (const auto& listener : listeners) told += listener->results.size();
      return told == 100u * static_cast<size_t>(round + 1);
    }));
  }
  EXPECT_EQ(endpoint_->connections(), 100u);
  int unhealthy = 0;
  for (const auto& listener : listeners) {
    ASSERT_EQ(listener->results.size(), 3u);
    for (const auto& result : listener->results) {
      unhealthy += test::textOf(result) != "healthy" ? 1 : 0;
    }
  }
  EXPECT_EQ(unhealthy, 34 * 3);
  act([&] { probes.clear(); });
}

TEST_F(Http1Test, ListenersMayStartTheNextOne) {
  openIt();
  listener_.on_done = [&] {
    if (listener_.results.size() < 5) probe_->start();
  };
  start();
  ASSERT_TRUE(until([&] { return listener_.results.size() == 5; }));
  for (const auto& result : listener_.results) EXPECT_EQ(test::textOf(result), "healthy");
  EXPECT_EQ(endpoint_->connections(), 1u);
}

}  // namespace
}  // namespace weir::extensions::health_checkers::http
