#include "source/router/router.h"

#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/http/filter_chain.h"
#include "test/upstream/fake_needs.h"
#include "test/upstream/test_cluster.h"

namespace weir::router {
namespace {

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
    ended = end_stream;
  }
  void sendBody(buffer::Buffer& data, bool end_stream) override {
    body += data.toString();
    data.clear();
    ended = end_stream;
  }
  void sendTrailers(http::HeaderMap& map) override {
    trailers = map.size();
    ended = true;
  }
  void sendReset(const http::StreamError& why) override {
    ended = true;
    reset = why;
  }
  void setRequestReadEnabled(bool enabled) override { reading = enabled; }
  void clearRouteCache() override {}
  network::Connection* beginRawResponseBody(uint64_t) override { return raw; }
  void rawResponseBodyProgress(uint64_t bytes) override { raw_bytes += bytes; }
  void finishRawResponseBody() override { ended = true; }
  const http::Route* resolveRoute() override { return route; }

  network::Connection* raw = nullptr;
  uint64_t raw_bytes = 0;
  const http::Route* route = nullptr;
  uint16_t informational = 0;
  uint16_t status = 0;
  std::string location;
  std::string body;
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
    RouteEntry redirect, direct, nowhere, idle, all;
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
    all.match = {PathMatch::Kind::kPrefix, "/c"};
    all.cluster = {.cluster = "c", .timeout = milliseconds(1000)};
    host.routes = {redirect, direct, nowhere, idle, all};
    table = *RouteTable::compile({host});
    services.put(worker.clusters);
    factory = createRouterFactory(table)->bind(services);
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

TEST_F(RouterTest, NoRouteIs404) {
  auto s = stream("GET", "/x");
  s->send();
  EXPECT_EQ(s->sink.status, 404);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kNoRouteFound));
  EXPECT_EQ(s->info.detail, "route_not_found");
}

TEST_F(RouterTest, Redirects) {
  auto s = stream("GET", "/old?q=1");
  s->send();
  EXPECT_EQ(s->sink.status, 308);
  EXPECT_EQ(s->sink.location, "https://shop.example/new?q=1");
  EXPECT_TRUE(s->sink.ended);
}

TEST_F(RouterTest, AnswersDirectly) {
  auto s = stream("GET", "/hello");
  s->send();
  EXPECT_EQ(s->sink.status, 201);
  EXPECT_EQ(s->sink.body, "hi");
  EXPECT_TRUE(s->sink.ended);
  auto head = stream("HEAD", "/hello");
  head->send();
  EXPECT_EQ(head->sink.status, 201);
  EXPECT_EQ(head->sink.body, "");
  EXPECT_TRUE(head->sink.ended);
}

TEST_F(RouterTest, AnUnknownClusterIs503) {
  auto s = stream("GET", "/nowhere");
  s->send();
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kNoClusterFound));
}

TEST_F(RouterTest, ForwardsAndFillsTheStreamInfo) {
  apply();
  auto s = stream();
  s->send();
  EXPECT_EQ(worker.cluster().host(0).in_flight, 1u);
  EXPECT_EQ(process.gauge("cluster_active_requests"), 1);
  EXPECT_TRUE(received(0).starts_with("GET /c HTTP/1.1\r\n"));
  origin.send(0, "HTTP/1.1 103 Early Hints\r\n\r\n");
  origin.send(
      0,
      "HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nok\r\n0\r\nX-T: 1\r\n\r\n");
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.informational, 103);
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->sink.body, "ok");
  EXPECT_EQ(s->sink.trailers, 1u);
  EXPECT_EQ(s->info.cluster, "c");
  EXPECT_EQ(s->info.attempts, 1u);
  ASSERT_NE(s->info.upstream_address, nullptr);
  EXPECT_EQ(*s->info.upstream_address, origin.address());
  EXPECT_EQ(process.gauge("cluster_requests_total"), 1);
  EXPECT_EQ(process.store.valueOf("cluster_responses_total", {{"cluster", "c"}, {"class", "2xx"}}),
            1);
  EXPECT_EQ(worker.cluster().host(0).in_flight, 0u);
}

TEST_F(RouterTest, ABodyThatComesBeforeTheConnectionIsKeptAndTheClientSlowed) {
  apply();
  auto s = stream("POST");
  s->request.framing = http::BodyFraming::kChunked;
  s->sendHead();
  s->sendBody(std::string(80 * 1024, 'x'), false);
  EXPECT_FALSE(s->sink.reading);
  s->sendBody("tail", false);
  s->request_trailers.add("x-t", "1");
  s->sendTrailers();
  const std::string text = received(0, "0\r\nx-t: 1\r\n\r\n");
  EXPECT_NE(text.find("tail"), std::string::npos);
  EXPECT_TRUE(s->sink.reading);
  origin.send(0, kOk);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(worker.pool().idleConnections(), 1u);
}

TEST_F(RouterTest, ASlowEndpointSlowsTheClient) {
  apply();
  auto s = stream("POST");
  s->request.framing = http::BodyFraming::kContentLength;
  s->request.content_length = 64 << 20;
  s->sendHead();
  ASSERT_TRUE(worker.until(
      [&] { return worker.pool().openConnections() == 1 && !origin.read(0).empty(); }));
  for (int i = 0; i < 640 && s->sink.reading; ++i) {
    worker.dispatcher.post([&] { s->sendBody(std::string(100 * 1024, 'x'), false); });
    worker.run();
  }
  EXPECT_FALSE(s->sink.reading);
  EXPECT_TRUE(worker.until([&] {
    origin.read(0);
    return s->sink.reading;
  }));
  s->end();
  worker.run();
}

TEST_F(RouterTest, AnEarlyAnswerEndsTheUpstreamConnection) {
  apply();
  auto s = stream("POST");
  s->request.framing = http::BodyFraming::kChunked;
  s->sendHead();
  s->sendBody("part", false);
  received(0, "part\r\n");
  origin.send(0, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 413);
  s->sendBody("rest", true);
  worker.run();
  EXPECT_EQ(worker.pool().openConnections(), 0u);
}

TEST_F(RouterTest, NoEligibleEndpointIs503) {
  worker.clusters.apply({process.config({})});
  auto s = stream();
  s->send();
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kNoHealthyUpstream));
  EXPECT_EQ(process.gauge("cluster_no_endpoint_total"), 1);
}

TEST_F(RouterTest, RefusedIs503) {
  const network::Address address = origin.address();
  origin.kill();
  apply();
  auto s = stream();
  s->send();
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kUpstreamConnectionFailure));
}

TEST_F(RouterTest, ConnectTimeoutIs504) {
  apply({.connect_timeout = milliseconds(100)});
  worker.dispatcher.setPollFds(false);
  auto s = stream();
  s->send();
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(s->sink.status, 504);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kUpstreamConnectionFailure));
  worker.dispatcher.setPollFds(true);
}

TEST_F(RouterTest, OverflowIs503) {
  apply({.max_connections = 1, .max_pending_requests = 0});
  auto a = stream(), b = stream();
  a->send();
  b->send();
  EXPECT_EQ(b->sink.status, 503);
  EXPECT_TRUE(b->info.hasFlag(http::ResponseFlag::kUpstreamOverflow));
  received(0);
  origin.send(0, kOk);
  EXPECT_TRUE(ended(*a));
}

TEST_F(RouterTest, TheRouteTimeoutIs504) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  worker.dispatcher.advance(milliseconds(900));
  EXPECT_EQ(s->sink.status, 0);
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(s->sink.status, 504);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kUpstreamRequestTimeout));
  EXPECT_EQ(worker.pool().openConnections(), 0u);
}

TEST_F(RouterTest, TheRouteTimeoutAfterTheHeadResets) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "part"; }));
  worker.dispatcher.advance(milliseconds(1200));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kRequestTimeout);
}

TEST_F(RouterTest, TheRoutesIdleTimeoutRunsAnewWithEveryByte) {
  apply();
  auto s = stream("GET", "/idle");
  s->send();
  received(0);
  worker.dispatcher.advance(milliseconds(150));
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "part"; }));
  worker.dispatcher.advance(milliseconds(150));
  EXPECT_FALSE(s->sink.ended);
  worker.dispatcher.advance(milliseconds(100));
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kIdleTimeout);
}

TEST_F(RouterTest, AProtocolErrorIs502) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 502);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kUpstreamProtocolError));
}

TEST_F(RouterTest, ClosedOrResetBeforeAnAnswerIs502) {
  for (const bool reset : {false, true}) {
    apply();
    auto s = stream();
    s->send();
    const size_t number = reset ? 1 : 0;
    received(number);
    origin.close(number, reset);
    EXPECT_TRUE(ended(*s));
    EXPECT_EQ(s->sink.status, 502);
    EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kUpstreamConnectionTermination));
    EXPECT_EQ(s->info.attempts, 1u);
  }
}

TEST_F(RouterTest, BrokenAfterTheHeadResets) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "part"; }));
  origin.close(0);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kConnectionClosed);
}

TEST_F(RouterTest, AReusedConnectionThatBreaksIsRetriedOnceOnAFreshOne) {
  apply();
  makeIdle();
  auto s = stream();
  s->send();
  received(0);
  origin.close(0);
  received(1);
  origin.send(1, kOk);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->info.attempts, 2u);
  EXPECT_EQ(process.gauge("cluster_retries_total"), 1);
}

TEST_F(RouterTest, TheRetryIsNotRetried) {
  apply();
  makeIdle();
  auto s = stream();
  s->send();
  received(0);
  origin.close(0);
  received(1);
  origin.close(1);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 502);
  EXPECT_EQ(s->info.attempts, 2u);
}

TEST_F(RouterTest, WhatMayHaveHadAnEffectIsNotRetried) {
  apply();
  makeIdle();
  auto post = stream("POST");
  post->send();
  received(0);
  origin.close(0);
  EXPECT_TRUE(ended(*post));
  EXPECT_EQ(post->sink.status, 502);
  EXPECT_EQ(process.gauge("cluster_retries_total"), 0);
}

TEST_F(RouterTest, ABodyThatHasBegunIsNotRetried) {
  apply();
  makeIdle();
  auto put = stream("PUT");
  put->request.framing = http::BodyFraming::kContentLength;
  put->request.content_length = 4;
  put->sendHead();
  put->sendBody("body", true);
  received(0, "body");
  origin.close(0);
  EXPECT_TRUE(ended(*put));
  EXPECT_EQ(put->sink.status, 502);
}

TEST_F(RouterTest, AnAnswerThatHasBegunIsNotRetried) {
  apply();
  makeIdle();
  auto s = stream();
  s->send();
  received(0);
  origin.send(0, "HTTP/1.1 2");
  worker.run();
  origin.close(0);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 502);
  EXPECT_EQ(s->info.attempts, 1u);
}

TEST_F(RouterTest, TheClientLeavesWhileWaitingOrReading) {
  apply();
  auto waiting = stream();
  waiting->send();
  waiting->end();
  auto reading = stream();
  reading->send();
  received(0);
  reading->end();
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
}

TEST_F(RouterTest, TunnelsAfterAnUpgradeWithoutTimeout) {
  apply();
  auto s = stream();
  s->request.upgrade = "websocket";
  s->sendHead();
  received(0);
  origin.send(
      0,
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "hello"; }));
  EXPECT_EQ(s->sink.status, 101);
  worker.dispatcher.advance(milliseconds(5000));
  s->sendBody("ping", false);
  EXPECT_EQ(received(0, "ping"), "ping");
  origin.close(0);
  EXPECT_TRUE(ended(*s));
}

TEST_F(RouterTest, AnUpgradeThatIsNotGrantedKeepsTheConnection) {
  apply();
  auto s = stream();
  s->request.upgrade = "websocket";
  s->sendHead();
  received(0);
  origin.send(0, kOk);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.body, "ok");
  EXPECT_TRUE(worker.until([&] { return worker.pool().idleConnections() == 1; }));
}

TEST_F(RouterTest, ARequestOutlivesItsClusterAndEndpoint) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  worker.clusters.apply({});
  worker.run();
  origin.send(0, kOk);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(*s->info.upstream_address, origin.address());
}

TEST_F(RouterTest, LongBodiesGoThroughTheChainWhenTheClientGivesNoRawConnection) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  const std::string body(300 * 1024, 'b');
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  std::string_view rest = body;
  EXPECT_TRUE(worker.until([&] {
    const std::string_view piece = rest.substr(0, 32 * 1024);
    origin.send(0, piece);
    rest.remove_prefix(piece.size());
    return s->sink.ended;
  }));
  EXPECT_EQ(s->sink.body.size(), body.size());
}

// The client's end of a raw downstream connection.
class RawClient final : public network::ConnectionHandler {
 public:
  explicit RawClient(TestWorker& worker) {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer_ = fds[1];
    connection =
        network::Connection::accepted(worker.io, fds[0], network::Address(), nullptr, nullptr);
    connection->setHandler(*this);
    connection->start();
  }
  ~RawClient() {
    connection.reset();
    ::close(peer_);
  }
  void onData(buffer::Buffer& data, bool) override { data.clear(); }
  void onClose(network::CloseReason) override {}
  void read() {
    char bytes[65536];
    for (int i = 0; i < 64; ++i) {
      const ssize_t count = ::recv(peer_, bytes, sizeof bytes, 0);
      if (count <= 0) return;
      text.append(bytes, static_cast<size_t>(count));
    }
  }

  std::unique_ptr<network::Connection> connection;
  std::string text;

 private:
  int peer_ = -1;
};

std::string pattern(size_t size) {
  std::string text(size, ' ');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 31 / 7 % 26);
  return text;
}

class RouterSpliceTest : public RouterTest {
 protected:
  // Sends the head with the first `first` bytes of `body` in one piece.
  std::unique_ptr<Stream> begin(RawClient& client, const std::string& body, size_t first) {
    apply();
    auto s = stream();
    s->sink.raw = client.connection.get();
    s->send();
    received(0);
    origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                       "\r\n\r\n" + body.substr(0, first));
    rest_ = std::string_view(body).substr(first);
    return s;
  }
  void sendMore() {
    const std::string_view piece = rest_.substr(0, 32 * 1024);
    origin.send(0, piece);
    rest_.remove_prefix(piece.size());
  }
  std::string_view rest_;
};

TEST_F(RouterSpliceTest, LongBodiesPassTheChainByAndTheConnectionIsReused) {
  const std::string body = pattern(1 << 20);
  for (const size_t first : {size_t{0}, size_t{5000}}) {
    RawClient client(worker);
    auto s = begin(client, body, first);
    EXPECT_TRUE(worker.until([&] {
      sendMore();
      client.read();
      return s->sink.ended && client.text.size() == body.size();
    }));
    EXPECT_TRUE(s->sink.body.empty()) << "it came through the chain";
    EXPECT_TRUE(client.text == body);
    EXPECT_EQ(s->sink.raw_bytes, body.size());
    EXPECT_TRUE(worker.until([&] { return worker.pool().idleConnections() == 1; }));
    EXPECT_EQ(origin.accepted(), 1u);
  }
}

TEST_F(RouterSpliceTest, AnEarlyEndOfTheOriginResets) {
  const std::string body = pattern(1 << 20);
  RawClient client(worker);
  auto s = begin(client, body, 5000);
  EXPECT_TRUE(worker.until([&] {
    client.read();
    return client.text.size() == 5000;
  }));
  origin.close(0);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kConnectionClosed);
}

TEST_F(RouterSpliceTest, ALeavingClientEndsTheOriginsConnection) {
  const std::string body = pattern(1 << 20);
  RawClient client(worker);
  auto s = begin(client, body, 5000);
  EXPECT_TRUE(worker.until([&] {
    client.read();
    return client.text.size() == 5000;
  }));
  s->end();
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
}

TEST_F(RouterSpliceTest, TheTimeoutEndsIt) {
  const std::string body = pattern(1 << 20);
  RawClient client(worker);
  auto s = begin(client, body, 5000);
  EXPECT_TRUE(worker.until([&] {
    client.read();
    return client.text.size() == 5000;
  }));
  worker.dispatcher.advance(milliseconds(1200));
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kRequestTimeout);
}

// Makes transports that note for whom they were made. Plain bytes.
class NotingTransports final : public network::TransportSocketFactory {
 public:
  struct Note {
    std::string server_name, source, destination;
    uint64_t connection_id;
    const network::ConnectionInfo* info;
  };
  std::unique_ptr<network::WorkerTransportSocketFactory> bind(base::ServiceMap&) const override {
    return std::make_unique<Worker>(notes);
  }
  network::TransportNeeds needs() const override { return {.server_name = true, .client = true}; }
  mutable std::vector<Note> notes;

 private:
  class Worker final : public network::WorkerTransportSocketFactory {
   public:
    explicit Worker(std::vector<Note>& notes) : notes_(notes) {}
    std::unique_ptr<network::TransportSocket> create(
        const network::TransportTarget& target) override {
      const auto text = [](const network::Address* a) { return a ? a->toString() : "none"; };
      notes_.push_back({std::string(target.server_name), text(target.source),
                        text(target.destination), target.connection_id, target.info});
      return nullptr;
    }

   private:
    std::vector<Note>& notes_;
  };
};

TEST_F(RouterTest, ATransportHearsForWhomItIs) {
  auto transports = std::make_shared<NotingTransports>();
  auto config = std::make_shared<upstream::ClusterConfig>(*process.config({origin.address()}));
  config->transport = transports;
  worker.clusters.apply({config});
  const auto remote = *network::Address::parse("192.0.2.1:4000");
  const auto local = *network::Address::parse("192.0.2.9:80");
  network::ConnectionInfo redirected;
  redirected.original_destination = *network::Address::parse("198.51.100.1:8080");
  size_t number = 0;
  const auto exchange = [&](std::string_view authority, const network::ConnectionInfo* info,
                            uint64_t connection_id) {
    auto s = stream();
    s->request.authority = authority;
    s->info.downstream_remote = &remote;
    s->info.downstream_local = &local;
    s->info.connection_info = info;
    s->info.connection_id = connection_id;
    s->send();
    received(number);
    origin.send(number, kOk);
    EXPECT_TRUE(ended(*s));
  };
  exchange("shop.example:8443", nullptr, 5);
  exchange("shop.example", nullptr, 5);
  ASSERT_EQ(transports->notes.size(), 1u) << "the second went over the same connection";
  const NotingTransports::Note& first = transports->notes[0];
  EXPECT_EQ(first.server_name, "shop.example");
  EXPECT_EQ(first.source, "192.0.2.1:4000");
  EXPECT_EQ(first.destination, "192.0.2.9:80");
  EXPECT_EQ(first.connection_id, 5u);
  EXPECT_EQ(first.info, nullptr);
  number = 1;
  exchange("[2001:db8::1]:80", &redirected, 6);
  ASSERT_EQ(transports->notes.size(), 2u);
  EXPECT_EQ(transports->notes[1].server_name, "2001:db8::1");
  EXPECT_EQ(transports->notes[1].destination, "198.51.100.1:8080");
  EXPECT_EQ(transports->notes[1].info, &redirected);
}

// A request that has ended while it waited in a pool of its own.
TEST_F(RouterTest, CancellingInAPoolByKeyLeavesNothing) {
  auto config = std::make_shared<upstream::ClusterConfig>(
      *process.config({origin.address()}, {.max_connections = 1}));
  config->transport =
      std::make_shared<upstream::FakeNeeds>(network::TransportNeeds{.client = true});
  worker.clusters.apply({config});
  auto first = stream(), second = stream();
  first->info.connection_id = 1;
  second->info.connection_id = 2;
  first->send();
  received(0);
  second->send();
  EXPECT_EQ(process.gauge("cluster_pending_requests"), 1);
  second->end();
  EXPECT_EQ(process.gauge("cluster_pending_requests"), 0);
  first->end();
  worker.run();
  EXPECT_EQ(worker.cluster().host(0).openConnections(), 0u);
}

// Goes where the client wanted to go.
class OriginalDestination final : public upstream::EndpointSource {
 public:
  Named name(const upstream::PickContext& context) const override {
    if (context.original_destination == nullptr) return {{}, "no_original_destination"};
    return {*context.original_destination, {}};
  }
};

TEST_F(RouterTest, AnEndpointSourceNamesTheEndpoint) {
  auto config = std::make_shared<upstream::ClusterConfig>(*process.config({}));
  config->endpoint_source = std::make_shared<OriginalDestination>();
  worker.clusters.apply({config});
  network::ConnectionInfo info;
  info.original_destination = origin.address();
  auto s = stream();
  s->info.connection_info = &info;
  s->send();
  received(0);
  origin.send(0, kOk);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(*s->info.upstream_address, origin.address());
  auto lost = stream();
  lost->send();
  EXPECT_EQ(lost->sink.status, 503);
  EXPECT_EQ(lost->info.detail, "no_original_destination");
}

}  // namespace
}  // namespace weir::router
