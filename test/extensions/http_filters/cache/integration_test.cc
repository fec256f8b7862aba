// The cache with real workers, clients and origins.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

class CacheIntegrationTest : public testing::Test {
 protected:
  void run(const std::string& settings = {}, int workers = 2) {
    origin_ = std::make_unique<ScriptedOrigin>([this](RawConnection& connection, int) {
      for (;;) {
        const RawMessage request = connection.readMessage();
        if (!request.complete) return;
        const int number = ++asked_;
        const std::string body = "answer " + std::to_string(number) + padding_;
        const bool validates = request.count("if-none-match") > 0;
        connection.send(
            validates ? "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n" + fields_ + "\r\n"
                      : "HTTP/1.1 200 OK\r\nETag: \"e\"\r\n" + fields_ +
                            "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
      }
    });
    config_ = test::edgeListener("http_filters { config { [http_filters/cache] { " + settings +
                                 " } } }") +
              test::cluster("origin", {origin_->address()}) + test::runtime(workers);
    proxy_ = std::make_unique<test::InProcessProxy>(config_);
  }
  RawMessage ask(const std::string& path, const std::string& lines = {},
                 const std::string& method = "GET") {
    RawConnection client = RawConnection::connectTo(proxy_->port("edge"));
    EXPECT_TRUE(client.send(method + " " + path + " HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"));
    return client.readMessage(method == "HEAD");
  }
  RawMessage admin(const std::string& method, const std::string& target) {
    RawConnection client = RawConnection::connectTo(proxy_->adminPort());
    EXPECT_TRUE(client.send(method + " " + target + " HTTP/1.1\r\nHost: a\r\n" +
                            (method == "POST" ? "Content-Length: 0\r\n" : "") + "\r\n"));
    return client.readMessage();
  }
  void TearDown() override {
    if (proxy_ != nullptr) {
      EXPECT_EQ(proxy_->shutdown(), 0);
    }
  }

  std::atomic<int> asked_ = 0;
  std::string fields_ = "Cache-Control: max-age=1000\r\n";
  std::string padding_;
  std::string config_;
  std::unique_ptr<ScriptedOrigin> origin_;
  std::unique_ptr<test::InProcessProxy> proxy_;
};

TEST_F(CacheIntegrationTest, WorkersShareWhatIsStored) {
  run();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask("/x").body, "answer 1");
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(ask("/x", {}, "HEAD").header("content-length"), "8");
  EXPECT_EQ(ask("/x", "Range: bytes=0-2\r\n").body, "ans");
  EXPECT_EQ(ask("/x", "If-None-Match: \"e\"\r\n").status(), 304);
  EXPECT_EQ(asked_, 1);
}

TEST_F(CacheIntegrationTest, ManyClientsAtOnceAskTheOriginOnce) {
  padding_ = std::string(1'000'000, 'x');
  run();
  std::vector<std::thread> clients;
  std::atomic<int> right = 0;
  for (int i = 0; i < 24; ++i) {
    clients.emplace_back([&] { right += ask("/big").body == "answer 1" + padding_ ? 1 : 0; });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right, 24);
  EXPECT_EQ(asked_, 1);
}

TEST_F(CacheIntegrationTest, TheStoreOutlivesAChangeOfTheConfiguration) {
  run("store: \"kept\"");
  EXPECT_EQ(ask("/x").body, "answer 1");
  EXPECT_EQ(proxy_->reload(config_), "");
  EXPECT_EQ(ask("/x").body, "answer 1");
  EXPECT_EQ(asked_, 1);
}

TEST_F(CacheIntegrationTest, AdminShowsAndPurges) {
  run("store: \"pages\"");
  ask("/a/1");
  ask("/a/2");
  ask("/b");
  EXPECT_NE(admin("GET", "/cache").body.find("\"entries\": 3"), std::string::npos);
  EXPECT_NE(admin("GET", "/").body.find("/cache/purge"), std::string::npos);
  EXPECT_EQ(admin("POST", "/cache/purge").status(), 400);
  EXPECT_EQ(admin("POST", "/cache/purge?all=true&store=x").status(), 404);
  EXPECT_EQ(admin("GET", "/cache/purge?all=true").status(), 405);
  EXPECT_EQ(admin("POST", "/cache/purge?url=http://a/b").body, "{\"purged\": 1}\n");
  EXPECT_EQ(admin("POST", "/cache/purge?prefix=http://a/a/").body, "{\"purged\": 2}\n");
  EXPECT_EQ(ask("/b").body, "answer 4");
  EXPECT_EQ(admin("POST", "/cache/purge?host=a").body, "{\"purged\": 1}\n");
  EXPECT_EQ(admin("POST", "/cache/purge?all=true").body, "{\"purged\": 0}\n");
}

TEST_F(CacheIntegrationTest, AnUnsafeRequestInvalidates) {
  run();
  EXPECT_EQ(ask("/x").body, "answer 1");
  ask("/x", "Content-Length: 0\r\n", "POST");
  EXPECT_EQ(ask("/x").body, "answer 3");
}

TEST_F(CacheIntegrationTest, WhatIsStaleIsValidated) {
  fields_ = "Cache-Control: max-age=0\r\n";
  run();
  EXPECT_EQ(ask("/x").body, "answer 1");
  EXPECT_EQ(ask("/x").body, "answer 1");
  EXPECT_EQ(asked_, 2);
  EXPECT_EQ(proxy_->stat("cache_requests_total", {{"filter", "edge"}, {"result", "validated"}}), 1);
}

TEST_F(CacheIntegrationTest, AnOriginThatHasGoneIsStoodInFor) {
  fields_ = "Cache-Control: max-age=0, stale-if-error=100\r\n";
  run();
  EXPECT_EQ(ask("/x").body, "answer 1");
  origin_->kill();
  EXPECT_EQ(ask("/x").body, "answer 1");
  EXPECT_EQ(ask("/y").status(), 503);
  const std::string told = admin("GET", "/requests?limit=1").body;
  EXPECT_NE(told.find("\"path\": \"/y\""), std::string::npos) << told;
  EXPECT_NE(told.find("\"cluster\": \"origin\""), std::string::npos) << told;
  EXPECT_NE(told.find(origin_->address()), std::string::npos) << told;
  EXPECT_EQ(told.find("\"attempts\": 0"), std::string::npos) << told;
}

}  // namespace
}  // namespace weir
