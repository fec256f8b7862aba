// Calls that a worker makes itself: what is sent, and what comes back.

#include <cctype>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "test/router/http_calls_fixture.h"
#include "test/upstream/fake_stickiness.h"
#include "test/upstream/test_http2_origin.h"

namespace weir::router {
namespace {

TEST_F(HttpCallsTest, AnswersWithHeadBodyAndTrailers) {
  apply();
  HttpCallHandle handle = start(get());
  EXPECT_TRUE(handle);
  const std::string request = received(0);
  EXPECT_EQ(request, "GET /x HTTP/1.1\r\nHost: auth.example\r\n\r\n");
  origin.send(0,
              "HTTP/1.1 201 Created\r\nX-A: 1\r\nx-b: 2\r\nx-a: 3\r\nConnection: x-c\r\nX-C: 4\r\n"
              "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\nx-sum: 9\r\n\r\n");
  ASSERT_TRUE(told());
  EXPECT_FALSE(handle);
  EXPECT_EQ(listener.status, 201);
  EXPECT_EQ(listener.head, "X-A: 1\nx-b: 2\nx-a: 3\n");
  EXPECT_EQ(listener.body, "onetwo");
  EXPECT_EQ(listener.trailers, "x-sum: 9\n");
  EXPECT_EQ(listener.attempts, 1u);
  EXPECT_EQ(listener.told, 1);
  EXPECT_EQ(stat("http_calls_total"), 1);
  EXPECT_EQ(stat("http_calls_answered_total"), 1);
}

TEST_F(HttpCallsTest, SendsFieldsAndBody) {
  apply();
  std::string value = "v";
  const std::vector<HttpCallField> fields = {{"X-A", value}, {"x-b", "  padded\t"}, {"x-a", ""}};
  buffer::Buffer body = bytes("hello");
  HttpCallRequest request = get("/p?q=1");
  request.method = "POST";
  request.fields = fields;
  request.body = &body;
  const HttpCallHandle handle = start(request);
  EXPECT_TRUE(body.empty());
  value = "changed";  // all was copied
  EXPECT_EQ(received(0, "hello"),
            "POST /p?q=1 HTTP/1.1\r\nHost: auth.example\r\nX-A: v\r\nx-b: padded\r\nx-a: \r\n"
            "Content-Length: 5\r\n\r\nhello");
  origin.send(0, "HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(told());
  EXPECT_EQ(listener.status, 204);
}

TEST_F(HttpCallsTest, SendsTrailersBehindAChunkedBody) {
  apply();
  const std::vector<HttpCallField> trailers = {{"x-sum", "9"}};
  for (const std::string_view text : {"hello", ""}) {
    buffer::Buffer body = bytes(text);
    HttpCallRequest request = get();
    request.method = "PUT";
    request.body = &body;
    request.trailers = trailers;
    const HttpCallHandle handle = start(request);
    const std::string chunk = text.empty() ? "" : "5\r\nhello\r\n";
    EXPECT_EQ(received(0, "x-sum: 9\r\n\r\n"),
              "PUT /x HTTP/1.1\r\nHost: auth.example\r\nTransfer-Encoding: chunked\r\n\r\n" +
                  chunk + "0\r\nx-sum: 9\r\n\r\n");
    origin.send(0, kOk);
    ASSERT_TRUE(told());
    listener = {};
  }
}

TEST_F(HttpCallsTest, AMethodThatHasABodySaysThatThereIsNone) {
  apply();
  HttpCallRequest request = get();
  request.method = "POST";
  const HttpCallHandle handle = start(request);
  EXPECT_NE(received(0).find("Content-Length: 0\r\n"), std::string::npos);
  origin.send(0, kOk);
  EXPECT_TRUE(told());
}

TEST_F(HttpCallsTest, AnAnswerToHeadHasNoBody) {
  apply();
  HttpCallRequest request = get();
  request.method = "HEAD";
  request.max_response_bytes = 10;
  const HttpCallHandle handle = start(request);
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
  ASSERT_TRUE(told());
  EXPECT_EQ(listener.status, 200);
  EXPECT_EQ(listener.body, "");
}

// What says how the message is framed, or belongs to the connection, is made here.
TEST_F(HttpCallsTest, LeavesOutWhatIsNotTheCallersToSay) {
  apply();
  const std::vector<HttpCallField> fields = {
      {"Host", "evil"},           {"content-length", "99"}, {"Transfer-Encoding", "chunked"},
      {"Expect", "100-continue"}, {"Connection", "x-hop"},  {"X-Hop", "1"},
      {"Keep-Alive", "3"},        {"Upgrade", "websocket"}, {"x-kept", "1"}};
  HttpCallRequest request = get();
  request.fields = fields;
  const HttpCallHandle handle = start(request);
  EXPECT_EQ(received(0), "GET /x HTTP/1.1\r\nHost: auth.example\r\nx-kept: 1\r\n\r\n");
  origin.send(0, kOk);
  EXPECT_TRUE(told());
}

TEST_F(HttpCallsTest, WhatIsNotHttpIsNotSent) {
  apply();
  const auto expectRefused = [&](const HttpCallRequest& request, std::string_view detail) {
    listener = {};
    const HttpCallHandle handle = start(request);
    EXPECT_EQ(listener.told, 0);
    ASSERT_TRUE(told());
    EXPECT_EQ(listener.error.origin, http::ErrorOrigin::kLocal);
    EXPECT_EQ(listener.error.reason, http::ErrorReason::kProtocol);
    EXPECT_EQ(listener.error.detail(), detail);
  };
  for (const std::string_view method : {"", "G T", "GET\r\n", "G\x01"}) {
    HttpCallRequest request = get();
    request.method = method;
    expectRefused(request, "http_call_method_malformed");
  }
  HttpCallRequest connect = get();
  connect.method = "CONNECT";
  expectRefused(connect, "http_call_method_connect");
  for (const std::string_view authority : {"", "a b", "a\r\nx: y", "user@host", "a:99999"}) {
    HttpCallRequest request = get();
    request.authority = authority;
    expectRefused(request, "http_call_authority_malformed");
  }
  for (const std::string_view path : {"", "x", "/a b", "/a\r\nx: y", "/#", "*", "http://a/"}) {
    expectRefused(get(path), "http_call_path_malformed");
  }
  HttpCallRequest scheme = get();
  scheme.scheme = "ftp";
  expectRefused(scheme, "http_call_scheme");
  for (const HttpCallField& field : std::vector<HttpCallField>{{"", "v"},
                                                               {":path", "/other"},
                                                               {"a b", "v"},
                                                               {"a", "v\r\nx: y"},
                                                               {"a", std::string_view("\0", 1)}}) {
    HttpCallRequest request = get();
    request.fields = {&field, 1};
    expectRefused(request, "http_call_field_malformed");
    HttpCallRequest with_trailer = get();
    with_trailer.trailers = {&field, 1};
    expectRefused(with_trailer, "http_call_trailer_malformed");
  }
  const HttpCallField length = {"Content-Length", "3"};
  HttpCallRequest trailer = get();
  trailer.trailers = {&length, 1};
  expectRefused(trailer, "http_call_trailer_not_allowed");
  const std::vector<HttpCallField> many(70'000, {"a", "b"});
  HttpCallRequest crowded = get();
  crowded.fields = many;
  expectRefused(crowded, "http_call_field_malformed");
  EXPECT_EQ(origin.accepted(), 0u);
  EXPECT_EQ(failures("bad_request"), stat("http_calls_total"));
}

TEST_F(HttpCallsTest, OptionsMayBeAboutTheServer) {
  apply();
  HttpCallRequest request = get("*");
  request.method = "OPTIONS";
  const HttpCallHandle handle = start(request);
  EXPECT_TRUE(received(0).starts_with("OPTIONS * HTTP/1.1\r\n"));
  origin.send(0, kOk);
  EXPECT_TRUE(told());
}

TEST_F(HttpCallsTest, TellsOfTheClientThatItIsMadeFor) {
  apply();
  const network::Address client = *network::Address::parse("192.0.2.7:1234");
  http::StreamInfo info;
  info.downstream_remote = &client;
  const HttpCallField before = {"X-Forwarded-For", "198.51.100.1"};
  struct Case {
    bool fields, send;
    std::string expected;
  };
  for (const Case& c :
       {Case{false, true, "X-Forwarded-For: 192.0.2.7\r\n"},
        Case{true, true, "X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\n"},
        Case{true, false, "X-Forwarded-For: 198.51.100.1\r\n"}, Case{false, false, ""}}) {
    listener = {};
    HttpCallRequest request = get();
    if (c.fields) request.fields = {&before, 1};
    request.on_behalf_of = &info;
    request.send_xff = c.send;
    const HttpCallHandle handle = start(request);
    std::string text = received(0);
    for (char& letter : text) letter = static_cast<char>(std::tolower(letter));
    std::string expected = "get /x http/1.1\r\nhost: auth.example\r\n" + c.expected + "\r\n";
    for (char& letter : expected) letter = static_cast<char>(std::tolower(letter));
    EXPECT_EQ(text, expected);
    origin.send(0, kOk);
    ASSERT_TRUE(told());
  }
}

TEST_F(HttpCallsTest, RetriesAsThePolicySays) {
  apply();
  const RetryPolicy policy{
      .max_retries = 2,
      .conditions = RetryPolicy::bit(RetryPolicy::Condition::kGatewayError),
      .base_interval = milliseconds(20),
      .max_interval = milliseconds(40),
  };
  HttpCallRequest request = get();
  buffer::Buffer body = bytes("again");
  request.method = "PUT";
  request.body = &body;
  request.retry = &policy;
  const HttpCallHandle handle = start(request);
  received(0, "again");
  origin.send(0, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  worker.run();
  EXPECT_EQ(listener.told, 0);
  std::string second;
  EXPECT_TRUE(worker.until([&] {
    worker.dispatcher.advance(milliseconds(10));
    second += origin.read(0);
    return second.ends_with("again");
  }));
  origin.send(0, kOk);
  ASSERT_TRUE(told());
  EXPECT_EQ(listener.status, 200);
  EXPECT_EQ(listener.attempts, 2u);
}

TEST_F(HttpCallsTest, AStatusOfFailureIsAnAnswer) {
  apply();
  const HttpCallHandle handle = start(get());
  received(0);
  origin.send(0, "HTTP/1.1 500 Broken\r\nContent-Length: 3\r\n\r\nbad");
  ASSERT_TRUE(told());
  EXPECT_EQ(listener.status, 500);
  EXPECT_EQ(listener.body, "bad");
  EXPECT_EQ(listener.error.reason, http::ErrorReason::kNone);
}

TEST_F(HttpCallsTest, InterimAnswersAreNotTheAnswer) {
  apply();
  const HttpCallHandle handle = start(get());
  received(0);
  origin.send(0, "HTTP/1.1 103 Early Hints\r\nx-early: 1\r\n\r\n");
  worker.run();
  EXPECT_EQ(listener.told, 0);
  origin.send(0, kOk);
  ASSERT_TRUE(told());
  EXPECT_EQ(listener.status, 200);
  EXPECT_EQ(listener.head, "Content-Length: 2\n");
}

TEST_F(HttpCallsTest, UsesConnectionsAgainAndGrowsNot) {
  apply();
  for (int i = 0; i < 1000; ++i) {
    listener = {};
    buffer::Buffer body = bytes("hello");
    HttpCallRequest request = get();
    request.method = "POST";
    request.body = &body;
    const HttpCallHandle handle = start(request);
    received(0, "hello");
    origin.send(0, kOk);
    ASSERT_TRUE(told());
    ASSERT_EQ(listener.body, "ok");
  }
  EXPECT_EQ(origin.accepted(), 1u);
  EXPECT_EQ(stat("http_calls_answered_total"), 1000);
}

TEST_F(HttpCallsTest, ManyAtOnce) {
  apply({.max_connections = 4});
  constexpr int kMany = 300;  // more than are kept
  std::vector<RecordingListener> listeners(kMany);
  std::vector<HttpCallHandle> handles;
  for (RecordingListener& each : listeners) handles.push_back(calls->start(get(), each));
  EXPECT_EQ(stat("http_calls_active"), kMany);
  EXPECT_TRUE(worker.until([&] {
    for (size_t i = 0; i < origin.accepted(); ++i) {
      if (!origin.read(i).empty()) origin.send(i, kOk);
    }
    return stat("http_calls_active") == 0;
  }));
  worker.run();
  for (const RecordingListener& each : listeners) EXPECT_EQ(each.body, "ok");
  EXPECT_LE(origin.accepted(), 4u);
}

TEST_F(HttpCallsTest, PassesByTheClustersStickiness) {
  upstream::FakeBindings bindings;
  auto config = std::make_shared<upstream::ClusterConfig>(*process.config({origin.address()}, {}));
  config->stickiness = std::make_shared<upstream::FakeStickinessFactory>(bindings);
  config->sticky_stats = upstream::StickyStats::create(process.store, "c");
  bindings.asks = true;
  worker.clusters.apply({config});
  const HttpCallHandle handle = start(get());
  received(0);
  origin.send(0, kOk);
  ASSERT_TRUE(told());
  EXPECT_EQ(listener.status, 200);
  EXPECT_EQ(bindings.asked + bindings.answers + bindings.sent, 0);
}

// Remembers what it was asked with.
class AskedBalancer final : public upstream::LoadBalancerFactory {
 public:
  AskedBalancer(std::optional<uint64_t>& hash, std::string& metadata, std::string& source)
      : hash_(hash), metadata_(metadata), source_(source) {}
  std::string_view name() const override { return "asked"; }
  std::unique_ptr<upstream::LoadBalancer> create(const upstream::BalancerContext&) const override {
    // Worker-confined.
    class Asked final : public upstream::LoadBalancer {
     public:
      explicit Asked(const AskedBalancer& factory) : factory_(factory) {}
      void onHostSet(const upstream::HostSet&, const upstream::HostLoads&) override {}
      upstream::Pick pick(const upstream::PickContext& context) override {
        factory_.hash_ = context.hash;
        factory_.metadata_ = context.metadata->empty() ? "" : context.metadata->front().second;
        factory_.source_ = context.source == nullptr ? "" : context.source->toString();
        return upstream::Pick::endpoint(0);
      }

     private:
      const AskedBalancer& factory_;
    };
    return std::make_unique<Asked>(*this);
  }

 private:
  std::optional<uint64_t>& hash_;
  std::string& metadata_;
  std::string& source_;
};

TEST_F(HttpCallsTest, SaysWhatItIsBalancedBy) {
  std::optional<uint64_t> hash;
  std::string metadata, source;
  apply({.load_balancer = std::make_shared<AskedBalancer>(hash, metadata, source)});
  const network::Address client = *network::Address::parse("192.0.2.7:1234");
  const upstream::MetadataMatch match = {{"stage", "canary"}};
  for (const bool first : {true, false}) {
    listener = {};
    HttpCallRequest request = get();
    http::StreamInfo info;
    info.downstream_remote = &client;
    if (first) {
      request.hash = 42;
      request.metadata_match = &match;
      request.on_behalf_of = &info;
    }
    const HttpCallHandle handle = start(request);
    received(0);
    origin.send(0, kOk);
    ASSERT_TRUE(told());
    EXPECT_EQ(hash, first ? std::optional<uint64_t>(42) : std::nullopt);
    EXPECT_EQ(metadata, first ? "canary" : "");
    EXPECT_EQ(source, first ? "192.0.2.7:1234" : "");
  }
}

TEST_F(HttpCallsTest, ShareAConnectionOfHttp2) {
  apply({.http_protocol = upstream::HttpProtocol::kHttp2});
  upstream::TestHttp2Origin peer(origin);
  std::vector<RecordingListener> listeners(3);
  std::vector<HttpCallHandle> handles;
  for (RecordingListener& each : listeners) {
    buffer::Buffer body = bytes("hello");
    const std::vector<HttpCallField> fields = {{"X-Upper", "1"}, {"Host", "evil"}};
    HttpCallRequest request = get();
    request.method = "POST";
    request.body = &body;
    request.fields = fields;
    handles.push_back(calls->start(request, each));
  }
  ASSERT_TRUE(worker.until([&] { return peer.connections() > 0 && peer.openOfAll() == 3; }));
  const std::vector<uint32_t> streams = peer.open(0);
  handles[1].cancel();
  ASSERT_TRUE(worker.until([&] { return peer.openOfAll() == 2; }));
  peer.answer(0, streams[0]);
  peer.reset(0, streams[2], test::http2::ErrorCode::kInternalError);
  ASSERT_TRUE(worker.until([&] { return listeners[0].told + listeners[2].told == 2; }));
  EXPECT_EQ(listeners[0].body, "ok");
  EXPECT_EQ(listeners[1].told, 0);
  EXPECT_EQ(listeners[2].error.reason, http::ErrorReason::kStreamReset);
  EXPECT_EQ(http::flagFor(listeners[2].error), http::ResponseFlag::kUpstreamRemoteReset);
  EXPECT_EQ(origin.accepted(), 1u);
}

}  // namespace
}  // namespace weir::router
