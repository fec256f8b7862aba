// The filter in a whole proxy: what endpoints and a collector hear of exchanges.

#include <google/protobuf/unknown_field_set.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::tracing {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpan[] = "00f067aa0ba902b7";
const std::string kParent = std::string("00-") + kTrace + "-" + kSpan + "-01";

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text.push_back("0123456789abcdef"[static_cast<unsigned char>(c) >> 4]);
    text.push_back("0123456789abcdef"[c & 15]);
  }
  return text;
}

// A span as a collector reads it.
struct Seen {
  std::string trace, span, parent, name, attributes;
  uint64_t kind = 0;
  uint64_t start = 0;
  uint64_t end = 0;
  bool error = false;
};

using Fields = std::unique_ptr<google::protobuf::UnknownFieldSet>;

Fields read(const std::string& bytes) {
  Fields fields = std::make_unique<google::protobuf::UnknownFieldSet>();
  EXPECT_TRUE(fields->ParseFromString(bytes));
  return fields;
}

template <class Visit>
void each(const Fields& fields, int number, Visit&& visit) {
  for (int i = 0; i < fields->field_count(); ++i) {
    if (fields->field(i).number() == number) visit(fields->field(i));
  }
}

std::string valueText(const std::string& any) {
  std::string text;
  const Fields fields = read(any);
  each(fields, 1, [&](const auto& field) { text = field.length_delimited(); });
  each(fields, 3, [&](const auto& field) { text = std::to_string(field.varint()); });
  return text;
}

std::string attribute(const std::string& pair) {
  std::string key, value;
  const Fields fields = read(pair);
  each(fields, 1, [&](const auto& field) { key = field.length_delimited(); });
  each(fields, 2, [&](const auto& field) { value = valueText(field.length_delimited()); });
  return key + "=" + value + "\n";
}

Seen spanOf(const std::string& bytes) {
  Seen seen;
  const Fields fields = read(bytes);
  each(fields, 1, [&](const auto& field) { seen.trace = hex(field.length_delimited()); });
  each(fields, 2, [&](const auto& field) { seen.span = hex(field.length_delimited()); });
  each(fields, 4, [&](const auto& field) { seen.parent = hex(field.length_delimited()); });
  each(fields, 5, [&](const auto& field) { seen.name = field.length_delimited(); });
  each(fields, 6, [&](const auto& field) { seen.kind = field.varint(); });
  each(fields, 7, [&](const auto& field) { seen.start = field.fixed64(); });
  each(fields, 8, [&](const auto& field) { seen.end = field.fixed64(); });
  each(fields, 9,
       [&](const auto& field) { seen.attributes += attribute(field.length_delimited()); });
  each(fields, 15, [&](const auto&) { seen.error = true; });
  return seen;
}

// Takes exports and answers them with a status of the test's. Thread-safe.
class Collector {
 public:
  explicit Collector(int status = 200)
      : origin_([this, status](RawConnection& connection, int) {
          for (;;) {
            const RawMessage request = connection.readMessage();
            if (!request.complete) return;
            take(request);
            if (!connection.send("HTTP/1.1 " + std::to_string(status) +
                                 " X\r\nContent-Length: 0\r\n\r\n")) {
              return;
            }
          }
        }) {}

  std::string cluster() const { return test::cluster("collector", {origin_.address()}); }
  // Waits until so many spans have come.
  std::vector<Seen> spans(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        came_.wait_for(lock, std::chrono::seconds(10), [&] { return spans_.size() >= count; }));
    return spans_;
  }
  std::string resource() {
    const std::lock_guard lock(mutex_);
    return resource_;
  }
  RawMessage last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  void take(const RawMessage& request) {
    const std::lock_guard lock(mutex_);
    last_ = request;
    each(read(request.body), 1, [&](const auto& of_resource) {
      const Fields fields = read(of_resource.length_delimited());
      each(fields, 1, [&](const auto& resource) {
        const Fields inside = read(resource.length_delimited());
        each(inside, 1, [&](const auto& pair) { resource_ += attribute(pair.length_delimited()); });
      });
      each(fields, 2, [&](const auto& scope) {
        const Fields inside = read(scope.length_delimited());
        each(inside, 2,
             [&](const auto& span) { spans_.push_back(spanOf(span.length_delimited())); });
      });
    });
    came_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Seen> spans_;
  std::string resource_;
  RawMessage last_;
  ScriptedOrigin origin_;
};

std::string filter(const std::string& fields) {
  return "http_filters { config { [http_filters/tracing] { exporter { cluster: \"collector\" "
         "flush_interval { nanos: 100000000 } fields { key: \"x-key\" value: \"k\" } "
         "service_name: \"edge\" resource_attributes { key: \"zone\" value: \"a\" } } " +
         fields + " } } }";
}

RawMessage get(uint16_t port, const std::string& fields, const std::string& path = "/a?secret=1") {
  auto client = RawConnection::connectTo(port);
  client.send("GET " + path + " HTTP/1.1\r\nHost: shop.example:8080\r\n" + fields + "\r\n");
  return client.readMessage();
}

// The line of that field in what an echoing origin has seen.
std::string line(const RawMessage& answer, const std::string& name) {
  const size_t begin = answer.body.find(name + ": ");
  if (begin == std::string::npos) return {};
  const size_t value = begin + name.size() + 2;
  return answer.body.substr(value, answer.body.find_first_of("\r\n", value) - value);
}

TEST(TracingProxy, ATraceGoesOnAndIsTold) {
  Collector collector;
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(
      test::runtime(1) +
      test::edgeListener(filter("response_field: \"x-trace-id\" "
                                "attributes { key: \"user\" value: \"%REQ(x-user)%\" }"),
                         "routes { name: \"items\" match { path_template: \"/items/{id}\" } "
                         "route { cluster: \"origin\" } }") +
      test::cluster("origin", {origin.address()}) + collector.cluster());
  const RawMessage answer =
      get(proxy.port("edge"), "traceparent: " + kParent + "\r\ntracestate: a=1\r\nx-user: ann\r\n",
          "/items/7?secret=1");
  ASSERT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.header("x-trace-id"), kTrace);
  EXPECT_EQ(line(answer, "tracestate"), "a=1");
  const std::vector<Seen> spans = collector.spans(2);
  const Seen& server = spans[0];
  const Seen& client = spans[1];
  EXPECT_EQ(server.trace, kTrace);
  EXPECT_EQ(server.parent, kSpan);
  EXPECT_EQ(server.kind, 2u);
  EXPECT_EQ(server.name, "GET /items/{id}");
  EXPECT_EQ(client.trace, kTrace);
  EXPECT_EQ(client.parent, server.span);
  EXPECT_EQ(client.kind, 3u);
  EXPECT_EQ(line(answer, "traceparent"), std::string("00-") + kTrace + "-" + client.span + "-01");
  EXPECT_LE(server.start, client.start);
  EXPECT_LE(client.start, client.end);
  EXPECT_LE(client.end, server.end);
  for (const char* each :
       {"http.request.method=GET\n", "url.path=/items/7\n", "server.address=shop.example\n",
        "server.port=8080\n", "http.route=/items/{id}\n", "http.response.status_code=200\n",
        "client.address=127.0.0.1\n", "network.protocol.version=1.1\n", "user=ann\n",
        "weir.cluster=origin\n", "weir.route=items\n"}) {
    EXPECT_THAT(server.attributes, HasSubstr(each));
  }
  EXPECT_THAT(server.attributes, Not(HasSubstr("secret")));
  EXPECT_FALSE(server.error);
  EXPECT_THAT(client.attributes, HasSubstr("server.port=" + std::to_string(origin.port()) + "\n"));
  EXPECT_THAT(collector.resource(), HasSubstr("service.name=edge\nzone=a\n"));
  EXPECT_EQ(collector.last().target(), "/v1/traces");
  EXPECT_EQ(collector.last().header("content-type"), "application/x-protobuf");
  EXPECT_EQ(collector.last().header("x-key"), "k");
  EXPECT_TRUE(proxy.waitForStat("tracing_spans_sent_total", 2, {{"filter", "edge"}}));
}

TEST(TracingProxy, MalformedContextsBeginATrace) {
  Collector collector;
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(test::runtime(1) + test::edgeListener(filter("")) +
                             test::cluster("origin", {origin.address()}) + collector.cluster());
  const RawMessage answer = get(proxy.port("edge"), "traceparent: 00-zz\r\ntracestate: a=1\r\n");
  EXPECT_THAT(answer.body, Not(HasSubstr("tracestate")));
  const Seen server = collector.spans(2)[0];
  EXPECT_EQ(server.parent, "");
  EXPECT_THAT(line(answer, "traceparent"), HasSubstr("00-" + server.trace + "-"));
  EXPECT_EQ(proxy.stat("tracing_malformed_contexts_total", {{"filter", "edge"}}), 1);
}

TEST(TracingProxy, WhoDecides) {
  Collector collector;
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  const std::string no(std::string("00-") + kTrace + "-" + kSpan + "-00");
  struct Case {
    std::string fields, parent;
    std::string flags;  // that the endpoint sees
    bool same_trace;
  };
  const std::string never = "sampling { percent: 0 } ";
  const std::vector<Case> cases = {
      {"", kParent, "01", true},
      {"", no, "00", true},
      {never, kParent, "01", true},
      {never + "client_context: JOIN", kParent, "00", true},
      {"client_context: JOIN", no, "01", true},
      {"client_context: REPLACE", kParent, "01", false},
      {never + "always { name: \"host\" prefix: \"shop\" } client_context: JOIN", no, "01", true},
      {never + "always { name: \"host\" prefix: \"shop\" }", no, "00", true},
  };
  for (const Case& each : cases) {
    test::InProcessProxy proxy(test::runtime(1) + test::edgeListener(filter(each.fields)) +
                               test::cluster("origin", {origin.address()}) + collector.cluster());
    const std::string parent =
        line(get(proxy.port("edge"), "traceparent: " + each.parent + "\r\n"), "traceparent");
    EXPECT_EQ(parent.substr(53), each.flags) << each.fields;
    EXPECT_EQ(parent.substr(3, 32) == kTrace, each.same_trace) << each.fields;
  }
}

TEST(TracingProxy, EveryExchangeHasItsOwnIds) {
  Collector collector;
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(test::runtime(2) + test::edgeListener(filter("propagation: B3")) +
                             test::cluster("origin", {origin.address()}) + collector.cluster());
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(line(get(proxy.port("edge"), ""), "b3").size(), 32u + 1 + 16 + 2 + 1 + 16);
  }
  std::set<std::string> traces, ids;
  for (const Seen& span : collector.spans(100)) {
    traces.insert(span.trace);
    EXPECT_TRUE(ids.insert(span.span).second);
  }
  EXPECT_EQ(traces.size(), 50u);
}

TEST(TracingProxy, OwnAnswersAreErrorsAndLostCollectorsHurtNobody) {
  Collector collector(400);
  test::InProcessProxy proxy(
      test::runtime(1) +
      test::edgeListener(filter(""),
                         "routes { match { path: \"/no\" } direct_response { status: 503 } } "
                         "routes { direct_response { status: 200 } filters { name: \"tracing\" "
                         "config { [http_filters/tracing] { sampling { percent: 0 } } } } }") +
      collector.cluster());
  EXPECT_EQ(get(proxy.port("edge"), "", "/quiet").status(), 200);
  EXPECT_EQ(get(proxy.port("edge"), "", "/no").status(), 503);
  const std::vector<Seen> spans = collector.spans(1);
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_TRUE(spans[0].error);
  EXPECT_THAT(spans[0].attributes, HasSubstr("error.type=503\n"));
  EXPECT_TRUE(proxy.waitForStat("tracing_spans_failed_total", 1, {{"filter", "edge"}}));
  EXPECT_EQ(proxy.stat("tracing_not_sampled_total", {{"filter", "edge"}}), 1);
}

// What waits when a configuration goes, and when the process ends, is sent.
TEST(TracingProxy, SpansOutlastTheirConfiguration) {
  Collector collector;
  const std::string slow =
      "http_filters { config { [http_filters/tracing] { exporter { cluster: \"collector\" "
      "flush_interval { seconds: 60 } } } } }";
  const std::string config =
      test::runtime(1) + test::edgeListener(slow, "routes { direct_response { status: 200 } }") +
      collector.cluster();
  test::InProcessProxy proxy(config);
  EXPECT_EQ(get(proxy.port("edge"), "").status(), 200);
  EXPECT_EQ(proxy.reload(test::runtime(1) +
                         test::edgeListener("", "routes { direct_response { status: 200 } }") +
                         collector.cluster()),
            "");
  EXPECT_EQ(collector.spans(1).size(), 1u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::tracing
