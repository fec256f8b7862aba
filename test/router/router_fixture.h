#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/http/filter_chain.h"
#include "source/router/router.h"
#include "test/upstream/test_cluster.h"

// The router between a stream that records and origins on loopback, with simulated time.
namespace weir::router {

using std::chrono::milliseconds;
using upstream::ClusterOptions;
using upstream::TestOrigin;
using upstream::TestProcess;
using upstream::TestWorker;

// What the client would have got.
class FakeSink final : public http::ResponseSink {
 public:
  void sendInformational(http::ResponseHead& head) override { informational = head.status; }
  void sendHead(http::ResponseHead& head, bool end_stream) override {
    status = head.status;
    location = std::string(head.headers.get(http::HeaderId::kLocation));
    set_cookie = std::string(head.headers.get(http::HeaderId::kSetCookie));
    noteGrpc(head.headers);
    ++heads;
    ended = end_stream;
  }
  void sendBody(buffer::Buffer& data, bool end_stream) override {
    body += data.toString();
    data.clear();
    ended = end_stream;
  }
  void sendTrailers(http::HeaderMap& map) override {
    trailers = map.size();
    noteGrpc(map);
    ended = true;
  }
  void sendReset(const http::StreamError& why) override {
    ended = true;
    reset = why;
  }
  void setRequestReadEnabled(bool enabled) override { reading = enabled; }
  void clearRouteCache() override {
    if (resolve) route = nullptr;
  }
  bool mayRestartRequest() const override { return may_restart; }
  void restartRequest(buffer::Buffer& again) override {
    restarted = again.toString();
    ended = true;
  }
  network::Connection* beginRawResponseBody(uint64_t) override { return raw; }
  void rawResponseBodyProgress(uint64_t bytes) override { raw_bytes += bytes; }
  void finishRawResponseBody() override { ended = true; }
  const http::Route* resolveRoute() override {
    if (route == nullptr && resolve) route = resolve();
    return route;
  }
  void noteGrpc(const http::HeaderMap& fields) {
    if (!fields.has("grpc-status")) return;
    grpc_status = std::string(fields.get("grpc-status"));
    grpc_message = std::string(fields.get("grpc-message"));
  }

  network::Connection* raw = nullptr;
  uint64_t raw_bytes = 0;
  const http::Route* route = nullptr;
  std::function<const http::Route*()> resolve;  // after clearRouteCache(); empty: it stays
  bool may_restart = false;
  std::optional<std::string> restarted;  // with this body
  uint16_t informational = 0;
  uint16_t status = 0;
  int heads = 0;
  std::string location;
  std::string set_cookie;
  std::string body;
  std::string grpc_status;  // of head or trailers
  std::string grpc_message;
  size_t trailers = 0;
  bool ended = false;
  bool reading = true;
  http::StreamError reset;
};

// One downstream exchange.
class Stream {
 public:
  Stream(TestWorker& worker, const RouteTable& table, http::WorkerTerminalFactory& factory,
         std::string_view method, std::string_view path)
      : chain_({request, response_, request_trailers, response_trailers_, info, arena_,
                worker.dispatcher, worker.io.blocks()},
               sink),
        blocks_(worker.io.blocks()) {
    request.method = method;
    request.scheme = "http";
    request.authority = "shop.example";
    request.path = path;
    request.headers.add(http::HeaderId::kHost, "shop.example");
    sink.route = table.resolve(request, info);
    info.route = sink.route;
    chain_.setTerminal(factory.create(arena_, chain_));
  }
  ~Stream() {
    chain_.end();
    chain_.clear();
  }
  void send() { chain_.requestHead(true); }
  void sendHead() { chain_.requestHead(false); }
  void sendBody(std::string_view bytes, bool end_stream) {
    buffer::Buffer body(blocks_);
    body.append(bytes);
    chain_.requestBody(body, end_stream);
  }
  void sendTrailers() { chain_.requestTrailers(); }
  void end() { chain_.end(); }
  // The client cannot take more / can again.
  void setBlocked(bool blocked) { chain_.responseBlocked(blocked); }

  http::RequestHead request;
  http::StreamInfo info;
  FakeSink sink;

 private:
  http::ResponseHead response_;
  base::Arena arena_;

 public:
  http::HeaderMap request_trailers{arena_};

 private:
  http::HeaderMap response_trailers_{arena_};
  http::FilterChain chain_;
  buffer::BlockPool& blocks_;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    VirtualHost host{.name = "shop", .domains = {"shop.example"}, .routes = {}};
    RouteEntry redirect, direct, nowhere, idle, retried, again, any_method, capped, own, all;
    redirect.match = {PathMatch::Kind::kExact, "/old"};
    redirect.kind = RouteEntry::Kind::kRedirect;
    redirect.redirect = {
        .status = 308, .scheme = "https", .host = {}, .path = "/new", .strip_query = false};
    direct.match = {PathMatch::Kind::kExact, "/hello"};
    direct.kind = RouteEntry::Kind::kDirectResponse;
    direct.direct = {.status = 201, .body = "hi", .content_type = "text/x"};
    nowhere.match = {PathMatch::Kind::kExact, "/nowhere"};
    nowhere.cluster.cluster = "unknown";
    idle.match = {PathMatch::Kind::kExact, "/idle"};
    idle.cluster = {.cluster = "c", .timeout = milliseconds(0), .idle_timeout = milliseconds(200)};
    retried.match = {PathMatch::Kind::kExact, "/retried"};
    retried.cluster = {.cluster = "c", .timeout = milliseconds(0)};
    retried.cluster.retry =
        RetryPolicy{.max_retries = 2,
                    .grpc_statuses = RetryPolicy::bit(http::GrpcStatus::kUnavailable) |
                                     RetryPolicy::bit(http::GrpcStatus::kResourceExhausted),
                    .base_interval = milliseconds(20),
                    .max_interval = milliseconds(40),
                    .max_body_bytes = 32 * 1024};
    again.match = {PathMatch::Kind::kExact, "/again"};
    again.cluster = {.cluster = "c", .timeout = milliseconds(3000)};
    using Condition = RetryPolicy::Condition;
    again.cluster.retry = RetryPolicy{.max_retries = 2,
                                      .conditions = RetryPolicy::bit(Condition::kGatewayError) |
                                                    RetryPolicy::bit(Condition::kResetBeforeAnswer),
                                      .per_try_timeout = milliseconds(300),
                                      .base_interval = milliseconds(20),
                                      .max_interval = milliseconds(40),
                                      .max_body_bytes = 32 * 1024};
    any_method = again;
    any_method.match = {PathMatch::Kind::kExact, "/any_method"};
    any_method.cluster.retry->any_method = true;
    RouteEntry numbered = again;
    numbered.match = {PathMatch::Kind::kExact, "/numbered"};
    numbered.cluster.retry->attempt_field = true;
    RouteEntry hedged, hedged_retried, hedged_rarely, followed;
    hedged.match = {PathMatch::Kind::kExact, "/hedged"};
    hedged.cluster = {.cluster = "c", .timeout = milliseconds(3000)};
    HedgePolicy hedge;
    hedge.initial_delay = milliseconds(100);
    hedge.min_samples = 100'000;
    hedge.budget = 1;
    hedged.cluster.resilience = std::make_shared<Resilience>(Resilience{{}, {}, hedge});
    hedged_retried = hedged;
    hedged_retried.match = {PathMatch::Kind::kExact, "/hedged_retried"};
    hedged_retried.cluster.resilience = std::make_shared<Resilience>(Resilience{{}, {}, hedge});
    hedged_retried.cluster.retry = again.cluster.retry;
    hedged_rarely = hedged;
    hedged_rarely.match = {PathMatch::Kind::kExact, "/hedged_rarely"};
    hedge.budget = 0.5;
    hedged_rarely.cluster.resilience = std::make_shared<Resilience>(Resilience{{}, {}, hedge});
    followed.match = {PathMatch::Kind::kPrefix, "/followed"};
    followed.cluster = {.cluster = "c", .timeout = milliseconds(3000)};
    followed.cluster.resilience =
        std::make_shared<Resilience>(Resilience{{}, InternalRedirectPolicy(), {}});
    capped.match = {PathMatch::Kind::kExact, "/capped"};
    capped.cluster = {.cluster = "c", .grpc_timeout = {.max = milliseconds(500)}};
    own.match = {PathMatch::Kind::kExact, "/own"};
    own.cluster = {
        .cluster = "c", .timeout = milliseconds(1000), .grpc_timeout = {.respected = false}};
    all.match = {PathMatch::Kind::kPrefix, "/c"};
    all.cluster = {.cluster = "c", .timeout = milliseconds(1000)};
    host.routes = {redirect, direct,     nowhere,  idle,   retried,
                   again,    any_method, numbered, capped, own};
    addResilience(host);
    host.routes.push_back(all);
    table = *RouteTable::compile({host});
    services = worker.services;
    services.put(worker.clusters);
    factory = createRouterFactory(table)->bind(services);
  }
  // Routes with a second attempt after 100 ms, and one that follows redirects.
  static void addResilience(VirtualHost& host) {
    HedgePolicy hedge;
    hedge.initial_delay = milliseconds(100);
    hedge.min_samples = 100'000;
    hedge.budget = 1;
    const auto add = [&host](PathMatch::Kind kind, std::string path, const Resilience& resilience) {
      RouteEntry& route = host.routes.emplace_back();
      route.route_name = path.substr(1);
      route.match = {kind, std::move(path)};
      route.cluster = {.cluster = "c", .timeout = milliseconds(3000)};
      route.cluster.resilience = std::make_shared<Resilience>(resilience);
      return &route;
    };
    using Kind = PathMatch::Kind;
    add(Kind::kExact, "/hedged", {{}, {}, hedge});
    RouteEntry* const retried = add(Kind::kExact, "/hedged_retried", {{}, {}, hedge});
    retried->cluster.retry =
        RetryPolicy{.max_retries = 2,
                    .conditions = RetryPolicy::bit(RetryPolicy::Condition::kGatewayError),
                    .per_try_timeout = milliseconds(300),
                    .base_interval = milliseconds(20),
                    .max_interval = milliseconds(40)};
    hedge.budget = 0.5;
    add(Kind::kExact, "/hedged_rarely", {{}, {}, hedge});
    add(Kind::kPrefix, "/followed", {{}, InternalRedirectPolicy(), {}});
  }
  // After every test nothing is in flight, open or waiting.
  void TearDown() override {
    worker.run();
    if (auto cluster = worker.clusters.find("c")) {
      for (uint32_t i = 0; i < cluster->config().hosts->hosts.size(); ++i) {
        EXPECT_EQ(cluster->host(i).in_flight, 0u);
      }
    }
    EXPECT_EQ(process.gauge("cluster_active_requests"), 0);
    EXPECT_EQ(process.gauge("cluster_pending_requests"), 0);
    worker.clusters.apply({});
    worker.run();
    EXPECT_EQ(process.gauge("cluster_active_connections"), 0);
    EXPECT_EQ(process.usage->connections, 0u);
    EXPECT_EQ(worker.io.connections(), 0u);
  }
  void apply(const ClusterOptions& options = {}) {
    worker.clusters.apply({process.config({origin.address()}, options)});
  }
  std::unique_ptr<Stream> stream(std::string_view method = "GET", std::string_view path = "/c") {
    return std::make_unique<Stream>(worker, *table, *factory, method, path);
  }
  std::string received(size_t number, std::string_view end = "\r\n\r\n") {
    std::string text;
    EXPECT_TRUE(worker.until([&] {
      text += origin.read(number);
      return text.ends_with(end);
    })) << text;
    return text;
  }
  bool ended(Stream& stream) {
    return worker.until([&] { return stream.sink.ended; });
  }
  // A connection that has carried an exchange and waits for the next.
  void makeIdle() {
    auto first = stream();
    first->send();
    received(0);
    origin.send(0, kOk);
    EXPECT_TRUE(ended(*first));
    EXPECT_TRUE(worker.until([&] { return worker.pool().idleConnections() == 1; }));
  }

  TestProcess process;
  TestWorker worker{process};
  TestOrigin origin;
  base::ServiceMap services;
  std::shared_ptr<const RouteTable> table;
  std::unique_ptr<http::WorkerTerminalFactory> factory;
};

}  // namespace weir::router
