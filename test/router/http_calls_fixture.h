#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "source/router/worker_http_calls.h"
#include "test/upstream/test_cluster.h"

// Calls of one worker to origins on loopback, with simulated time.
namespace weir::router {

using std::chrono::milliseconds;
using upstream::ClusterOptions;
using upstream::TestOrigin;
using upstream::TestProcess;
using upstream::TestWorker;

// What a call has come to. Worker-confined.
class RecordingListener final : public HttpCallListener {
 public:
  void onHttpCallAnswer(HttpCallAnswer& answer) override {
    ++told;
    status = answer.head.status;
    answer.head.headers.forEach([this](const auto& field) {
      head += std::string(field.name) + ": " + std::string(field.value) + "\n";
    });
    body = answer.body.toString();
    answer.trailers.forEach([this](const auto& field) {
      trailers += std::string(field.name) + ": " + std::string(field.value) + "\n";
    });
    attempts = answer.info.attempts;
    after();
  }
  void onHttpCallFailure(const http::StreamError& why) override {
    ++told;
    error = why;
    after();
  }
  void after() {
    // It may destroy this.
    if (then) std::function<void()>(std::exchange(then, nullptr))();
  }

  int told = 0;
  uint16_t status = 0;
  std::string head;
  std::string body;
  std::string trailers;
  uint32_t attempts = 0;
  http::StreamError error;
  std::function<void()> then;
};

class HttpCallsTest : public testing::Test {
 protected:
  HttpCallsTest() {
    worker.services.put(worker.clusters);
    calls.emplace(worker.services);
  }
  // After every test nothing is under way, open or waiting.
  void TearDown() override {
    worker.run();
    EXPECT_EQ(process.store.valueOf("http_calls_active"), 0);
    expectNothingInFlight();
    calls.reset();
    worker.clusters.apply({});
    worker.run();
    EXPECT_EQ(process.gauge("cluster_active_connections"), 0);
    EXPECT_EQ(process.usage->connections, 0u);
    EXPECT_EQ(worker.io.connections(), 0u);
  }
  void expectNothingInFlight() {
    if (auto cluster = worker.clusters.find("c")) {
      for (uint32_t i = 0; i < cluster->config().hosts->hosts.size(); ++i) {
        EXPECT_EQ(cluster->host(i).in_flight, 0u);
      }
    }
    EXPECT_EQ(process.gauge("cluster_active_requests"), 0);
    EXPECT_EQ(process.gauge("cluster_pending_requests"), 0);
  }
  void apply(const ClusterOptions& options = {}) {
    worker.clusters.apply({process.config({origin.address()}, options)});
  }
  static HttpCallRequest get(std::string_view path = "/x") {
    return {.cluster = "c", .authority = "auth.example", .path = path};
  }
  buffer::Buffer bytes(std::string_view text) {
    buffer::Buffer buffer(worker.io.blocks());
    buffer.append(text);
    return buffer;
  }
  HttpCallHandle start(const HttpCallRequest& request) { return calls->start(request, listener); }
  bool told() {
    return worker.until([&] { return listener.told > 0; });
  }
  std::string received(size_t number, std::string_view end = "\r\n\r\n") {
    std::string text;
    EXPECT_TRUE(worker.until([&] {
      text += origin.read(number);
      return text.ends_with(end);
    })) << text;
    return text;
  }
  int64_t stat(const std::string& name) { return process.store.valueOf(name); }
  int64_t failures(const std::string& reason) {
    return process.store.valueOf("http_calls_failed_total", {{"reason", reason}});
  }

  TestProcess process;
  TestWorker worker{process};
  TestOrigin origin;
  RecordingListener listener;
  std::optional<WorkerHttpCalls> calls;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace weir::router
