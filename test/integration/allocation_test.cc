// In the steady state of keep-alive traffic a request costs no allocation on the workers.

#include <pthread.h>
#include <unistd.h>

#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/allocation_counter.h"
#include "test/support/child_process.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::RawConnection;
using test::ScriptedOrigin;

constexpr int kConnections = 16;
constexpr int kWarmUpRounds = 60;
constexpr int kCountedRounds = 200;
constexpr char kResponse[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello, weir\n";

std::string browserHead() {
  return "GET /shop/items?page=2&sort=price HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: "
         "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\nAccept: "
         "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
         "Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
         "Referer: https://shop.example/shop\r\nDNT: 1\r\nConnection: keep-alive\r\nCookie: "
         "session=" +
         std::string(180, 'c') +
         "\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\n"
         "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nPriority: u=0, i\r\n\r\n";
}

struct Traffic {
  const char* name;
  std::string request;
  std::string response = kResponse;
  std::string manager = {};
  std::string cluster = {};
  int endpoints = 1;
  bool http2_between = false;  // the proxy passes it to itself over HTTP/2 first
};

// For GoogleTest's messages.
void PrintTo(const Traffic& traffic, std::ostream* out) {
  *out << traffic.name;
}

class AllocationTest : public ::testing::TestWithParam<Traffic> {
 protected:
  static void exchange(std::vector<RawConnection>& clients, const std::string& request,
                       int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (RawConnection& client : clients) ASSERT_TRUE(client.send(request));
      for (RawConnection& client : clients) ASSERT_EQ(client.readMessage().status(), 200);
    }
  }

  void expectNone(const std::string& config) {
    test::InProcessProxy proxy(config);
    std::vector<RawConnection> clients;
    for (int i = 0; i < kConnections; ++i) {
      clients.push_back(RawConnection::connectTo(proxy.port("edge")));
    }
    exchange(clients, GetParam().request, kWarmUpRounds);
    const test::AllocationCounter counter("weir-");
    exchange(clients, GetParam().request, kCountedRounds);
    // Free lists grow as often as more streams than ever before are open at once.
    const size_t allowed = GetParam().http2_between ? 64 : 0;
    EXPECT_LE(counter.count(), allowed) << "in " << kCountedRounds * kConnections << " requests";
    if (counter.count() > allowed) counter.printStacks();
  }
};

TEST_P(AllocationTest, NoneInTheSteadyState) {
  if (!test::AllocationCounter::available()) GTEST_SKIP() << "the sanitizer allocates";
  const Traffic& traffic = GetParam();
  std::vector<std::unique_ptr<ScriptedOrigin>> origins;
  std::vector<std::string> addresses;
  for (int i = 0; i < traffic.endpoints; ++i) {
    origins.push_back(
        std::make_unique<ScriptedOrigin>(ScriptedOrigin::answering(traffic.response)));
    addresses.push_back(origins.back()->address());
  }
  const test::TemporaryFolder folder;
  const std::string log =
      "access_logs { config { [access_loggers/file] { path: \"" + folder.file("log") + "\" } } } ";
  if (!traffic.http2_between) {
    return expectNone(test::edgeListener(log + traffic.manager) +
                      test::cluster("origin", addresses, traffic.cluster) + test::runtime());
  }
  // Not logged: the text of a unix address would be made for it.
  const std::string inner = "unix:@weir-allocation-test-" + std::to_string(::getpid());
  expectNone(
      test::edgeListener(traffic.manager) +
      test::cluster("origin", {inner}, "http_protocol: HTTP_PROTOCOL_HTTP2") +
      "listeners { name: \"inner\" address: \"" + inner +
      "\" filter_chains { filters { config { [network_filters/http_connection_manager] { "
      "virtual_hosts { name: \"all\" domains: \"*\" routes { route { cluster: \"second\" } } "
      "} } } } } }\n" +
      test::cluster("second", addresses, traffic.cluster) + test::runtime());
}

// Otherwise the tests above would hold for any program.
TEST(AllocationCounter, SeesTheThreadsItIsToldOf) {
  if (!test::AllocationCounter::available()) GTEST_SKIP() << "the sanitizer allocates";
  const auto allocatesOn = [](const char* name) {
    const test::AllocationCounter counter("weir-");
    std::thread([name] {
      ::pthread_setname_np(::pthread_self(), name);
      std::vector<std::unique_ptr<std::string>> kept;
      for (int i = 0; i < 10; ++i) kept.push_back(std::make_unique<std::string>(1000, 'x'));
    }).join();
    return counter.count();
  };
  EXPECT_GE(allocatesOn("weir-7"), 20u);
  EXPECT_EQ(allocatesOn("other"), 0u);
}

// A request for each kind of work that keep-alive traffic brings.
std::vector<Traffic> kinds() {
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  return {
      {.name = "Small", .request = get},
      {.name = "BrowserHead", .request = browserHead()},
      {.name = "PostWithBody",
       .request = "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" +
                  std::string(2000, 'p')},
      {.name = "ChunkedBothWays",
       .request = "POST /form HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
       .response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n6\r\nsecond"
                   "\r\n0\r\n\r\n"},
      {.name = "BodyOf200Kilobytes",
       .request = get,
       .response = "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + std::string(200'000, 'b')},
      {.name = "RoundRobinOverThree", .request = get, .endpoints = 3},
      {.name = "LeastRequestOverThree",
       .request = get,
       .cluster = "load_balancing { config { [load_balancing/least_request] {} } }",
       .endpoints = 3},
      {.name = "TrustedHopsViaAndRequestId",
       .request = "GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7, 192.0.2.8\r\n\r\n",
       .manager =
           "forwarded { trusted_hops: 1 via: \"weir\" } request_id { add_to_response: true }"},
      {.name = "OverHttp2", .request = browserHead(), .http2_between = true},
      {.name = "BodiesOverHttp2",
       .request = "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" +
                  std::string(2000, 'p'),
       .response = "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + std::string(50'000, 'b'),
       .http2_between = true},
      {.name = "PathThatNeedsNormalising",
       .request = "GET /a/./b/../%63//d HTTP/1.1\r\nHost: a\r\n\r\n"},
      {.name = "JsonAccessLog",
       .request = get,
       .manager =
           "access_logs { config { [access_loggers/file] { path: \"/dev/null\" json_format { "
           "key: \"path\" value: \"%REQ(:PATH)%\" } json_format { key: \"status\" value: "
           "\"%RESPONSE_CODE%\" } } } }"},
  };
}

INSTANTIATE_TEST_SUITE_P(Traffic, AllocationTest, ::testing::ValuesIn(kinds()),
                         [](const auto& info) { return std::string(info.param.name); });

std::string filter(const std::string& name, const std::string& settings) {
  return "http_filters { config { [http_filters/" + name + "] { " + settings + " } } } ";
}

// A filter at work on requests that it lets through. What each of them needs is in `head`.
std::vector<Traffic> filters() {
  const std::string head =
      " / HTTP/1.1\r\nHost: shop.example\r\nOrigin: https://shop.example\r\nX-API-Key: secret\r\n"
      "Authorization: Basic YWxpY2U6c2VjcmV0\r\nX-Token: "
      "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.eyJzdWIiOiJhbGljZSJ9.Kb"
      "en12aPRzFgqAMFC2xL1G2htoznzZXPvfwY4t6F7gNMV0t8q0aarbMiw7ijo97JIhuJvhvSgV3KT4TGvRSWAw\r\n"
      "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n";
  const std::string get = "GET" + head + "\r\n";
  const std::string post = "POST" + head + "Content-Length: 4\r\n\r\nbody";
  return {
      {.name = "Fault",
       .request = get,
       .manager =
           filter("fault", "abort { http_status: 503 percentage { percent: 0 } } max_active: 9")},
      {.name = "IpFilter",
       .request = get,
       .manager = filter("ip_filter", "allow: \"127.0.0.0/8\" deny: \"192.0.2.0/24\"")},
      {.name = "Rbac",
       .request = get,
       .manager = filter("rbac",
                         "rules { name: \"a\" action: ACTION_ALLOW match { all { "
                         "of { source { prefixes: \"127.0.0.0/8\" } } "
                         "of { path { prefix: \"/\" } } "
                         "of { header { name: \"x-api-key\" exact: \"secret\" } } } } }")},
      {.name = "Cors",
       .request = get,
       .manager = filter("cors", "allow_origins { exact: \"https://shop.example\" }")},
      {.name = "Csrf",
       .request = post,
       .manager = filter("csrf", "additional_origins { suffix: \"shop.example\" }")},
      {.name = "ApiKey",
       .request = get,
       .manager =
           filter("api_key",
                  "clients { name: \"till\" sha256: "
                  "\"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\" "
                  "} places { header { name: \"X-API-Key\" } } client_header: \"x-client\"")},
      {.name = "BasicAuth",
       .request = get,
       .manager = filter("basic_auth",
                         "users { name: \"alice\" hash: "
                         "\"$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.\" } "
                         "user_header: \"x-user\"")},
      {.name = "JwtAuth",
       .request = get,
       .manager = filter("jwt_auth",
                         "providers { name: \"login\" allow_no_expiration: true inline_jwks: "
                         "'{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\",\"x\":"
                         "\"MP8EIF_3mAiTU_IFT3FrHJuc8qE_UTN2SbgtuEYBLCM\"}]}' "
                         "algorithms: \"EdDSA\" places { header { name: \"x-token\" } } "
                         "claim_headers { header: \"x-user\" claim: \"sub\" } } "
                         "requirement { provider: \"login\" }")},
      {.name = "LocalRateLimit",
       .request = get,
       .manager = filter("local_rate_limit",
                         "limits { name: \"client\" requests: 1000000 burst: 1000000 "
                         "key { parts { client_address {} } } }")},
      {.name = "HeaderMutation",
       .request = get,
       .manager = filter("header_mutation",
                         "request { remove_prefix: \"x-api-\" set { name: \"x-a\" value: "
                         "\"%REQ(:PATH)%\" } } response { remove: \"server\" }")},
      {.name = "Buffer", .request = post, .manager = filter("buffer", "max_request_bytes: 1000")},
      {.name = "AdmissionControl", .request = get, .manager = filter("admission_control", "")},
      {.name = "AdaptiveConcurrency",
       .request = get,
       .manager = filter("adaptive_concurrency", "min_concurrency: 100")},
      {.name = "TracingOfWhatIsNotSampled",
       .request = get,
       .manager = filter("tracing",
                         "exporter { cluster: \"origin\" } client_context: JOIN "
                         "sampling { percent: 0 }")},
  };
}

INSTANTIATE_TEST_SUITE_P(Filters, AllocationTest, ::testing::ValuesIn(filters()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace weir
