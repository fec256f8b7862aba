#include "extensions/http_filters/cors/cors.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/service_map.h"
#include "test/extensions/http_filters/common/lone_filter.h"

namespace weir::extensions::http_filters::cors {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CorsPolicy shop() {
  CorsPolicy policy;
  policy.origins.push_back(http::TextMatcher::exact("https://shop.example"));
  policy.headers = "x-token";
  policy.expose = "x-total";
  policy.max_age = "600";
  return policy;
}

// One request through the filter. Worker-confined.
class Chain : public LoneFilter {
 public:
  explicit Chain(CorsPolicy policy) {
    ids_ = {.allowed = stats_.counter("allowed", "A test's."),
            .denied = stats_.counter("denied", "A test's."),
            .preflights = stats_.counter("preflights", "A test's.")};
    shared_ =
        std::make_unique<CorsFactory>(std::make_shared<const CorsPolicy>(std::move(policy)), ids_);
    base::ServiceMap services;
    services.put(stats_.block(1));
    factory_ = shared_->bind(services);
  }
  ~Chain() { chain.clear(); }

  // The head that the client gets; `answer` is what the endpoint adds to its own.
  std::string ask(std::string_view method, Fields fields, Fields answer = {}) {
    begin(*factory_);
    request_head.method = method;
    request_head.authority = "api.example";
    request_head.path = "/";
    for (const auto& [name, value] : fields) request_head.headers.add(name, value);
    chain.requestHead(true);
    if (client.status == 0) {
      auto& head = terminal->begin(200, http::BodyFraming::kContentLength);
      for (const auto& [name, value] : answer) head.headers.add(name, value);
      chain.respondHead(true);
    }
    return std::to_string(client.status) + "\n" + client.headers;
  }
  std::string preflight(std::string_view origin, std::string_view method = "PUT",
                        std::string_view headers = "x-token") {
    return ask("OPTIONS", {{"Origin", origin},
                           {"Access-Control-Request-Method", method},
                           {"Access-Control-Request-Headers", headers}});
  }
  uint64_t allowed() const { return stats_.value(ids_.allowed); }
  uint64_t denied() const { return stats_.value(ids_.denied); }
  uint64_t preflights() const { return stats_.value(ids_.preflights); }

 private:
  stats::Store stats_;
  CorsStats ids_{};
  std::unique_ptr<CorsFactory> shared_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

TEST(Cors, AnswersPreflights) {
  Chain proxy(shop());
  const std::string head = proxy.preflight("https://shop.example");
  EXPECT_THAT(head, HasSubstr("204\n"));
  EXPECT_THAT(head, HasSubstr("access-control-allow-origin: https://shop.example\n"));
  EXPECT_THAT(head, HasSubstr("access-control-allow-methods: GET, HEAD, POST\n"));
  EXPECT_THAT(head, HasSubstr("access-control-allow-headers: x-token\n"));
  EXPECT_THAT(head, HasSubstr("access-control-max-age: 600\n"));
  EXPECT_THAT(head, HasSubstr("vary: Origin, Access-Control-Request-Method"));
  EXPECT_THAT(head, Not(HasSubstr("credentials")));
  EXPECT_THAT(head, Not(HasSubstr("private-network")));
  EXPECT_EQ(proxy.preflights(), 1u);
  EXPECT_EQ(proxy.allowed(), 1u);
}

TEST(Cors, RefusesPreflightsOfOthers) {
  Chain proxy(shop());
  for (const char* origin : {"https://evil.example", "https://shop.example.evil", "null", "",
                             "http://shop.example", "https://shop.example/"}) {
    const std::string head = proxy.preflight(origin);
    EXPECT_THAT(head, HasSubstr("403\n")) << origin;
    EXPECT_THAT(head, Not(HasSubstr("access-control"))) << origin;
    EXPECT_THAT(head, HasSubstr("vary: Origin\n")) << origin;
  }
  EXPECT_EQ(proxy.denied(), 6u);
}

TEST(Cors, OptionsThatAreNoPreflightGoOn) {
  Chain proxy(shop());
  EXPECT_THAT(proxy.ask("OPTIONS", {{"Origin", "https://shop.example"}}), HasSubstr("200\n"));
  EXPECT_THAT(proxy.ask("OPTIONS", {{"Access-Control-Request-Method", "PUT"}}), HasSubstr("200\n"));
  EXPECT_EQ(proxy.preflights(), 0u);
}

TEST(Cors, ResponsesSayWhoMayRead) {
  Chain proxy(shop());
  const http::RecordedChain::Fields theirs = {{"Access-Control-Allow-Origin", "*"},
                                              {"Access-Control-Allow-Credentials", "true"},
                                              {"X-Total", "3"},
                                              {"Vary", "Accept"}};
  const std::string allowed = proxy.ask("GET", {{"Origin", "https://shop.example"}}, theirs);
  EXPECT_THAT(allowed, HasSubstr("access-control-allow-origin: https://shop.example\n"));
  EXPECT_THAT(allowed, HasSubstr("access-control-expose-headers: x-total\n"));
  EXPECT_THAT(allowed, HasSubstr("X-Total: 3\n"));
  EXPECT_THAT(allowed, HasSubstr("Origin\n"));
  EXPECT_THAT(allowed, Not(HasSubstr("*")));
  EXPECT_THAT(allowed, Not(HasSubstr("redentials")));
  const std::string denied = proxy.ask("GET", {{"Origin", "https://evil.example"}}, theirs);
  EXPECT_THAT(denied, HasSubstr("200\n")) << "this is no access control";
  EXPECT_THAT(denied, Not(HasSubstr("ccess-")));
  EXPECT_THAT(denied, HasSubstr("Origin\n")) << "for caches";
  const std::string none = proxy.ask("GET", {}, {{"Vary", "accept, ORIGIN"}});
  EXPECT_THAT(none, Not(HasSubstr("access-control")));
  EXPECT_THAT(none, Not(HasSubstr("Origin\n"))) << "said already";
}

TEST(Cors, AllOrigins) {
  CorsPolicy policy = shop();
  policy.any_origin = true;
  policy.methods = policy.headers = "*";
  Chain proxy(std::move(policy));
  const std::string head = proxy.ask("GET", {{"Origin", "https://any.example"}});
  EXPECT_THAT(head, HasSubstr("access-control-allow-origin: *\n"));
  EXPECT_THAT(head, Not(HasSubstr("vary")));
  const std::string preflight = proxy.preflight("null");
  EXPECT_THAT(preflight, HasSubstr("access-control-allow-origin: *\n"));
  EXPECT_THAT(preflight, HasSubstr("access-control-allow-methods: *\n"));
  EXPECT_THAT(preflight, HasSubstr("access-control-allow-headers: *\n"));
}

TEST(Cors, WithCredentialsNothingIsAStar) {
  CorsPolicy policy = shop();
  policy.credentials = true;
  policy.methods = policy.headers = "*";
  Chain proxy(std::move(policy));
  const std::string head = proxy.preflight("https://shop.example", "PURGE", "a, B");
  EXPECT_THAT(head, HasSubstr("access-control-allow-credentials: true\n"));
  EXPECT_THAT(head, HasSubstr("access-control-allow-methods: PURGE\n"));
  EXPECT_THAT(head, HasSubstr("access-control-allow-headers: a, B\n"));
  EXPECT_THAT(head, Not(HasSubstr(": *")));
  EXPECT_THAT(proxy.preflight("https://shop.example", "PUT", "a b"),
              Not(HasSubstr("allow-headers")));
  EXPECT_THAT(proxy.ask("GET", {{"Origin", "https://shop.example"}}),
              HasSubstr("access-control-allow-credentials: true\n"));
}

TEST(Cors, PrivateNetworks) {
  CorsPolicy policy = shop();
  policy.private_network = true;
  Chain proxy(std::move(policy));
  const http::RecordedChain::Fields fields = {{"Origin", "https://shop.example"},
                                              {"Access-Control-Request-Method", "GET"},
                                              {"Access-Control-Request-Private-Network", "true"}};
  EXPECT_THAT(proxy.ask("OPTIONS", fields),
              HasSubstr("access-control-allow-private-network: true\n"));
  EXPECT_THAT(proxy.preflight("https://shop.example"), Not(HasSubstr("allow-private-network")));
}

TEST(Cors, RepeatedOriginsAreNobody) {
  Chain proxy(shop());
  EXPECT_THAT(
      proxy.ask("GET", {{"Origin", "https://shop.example"}, {"Origin", "https://evil.example"}}),
      Not(HasSubstr("access-control")));
}

TEST(Cors, InTheShadowNothingChanges) {
  CorsPolicy policy = shop();
  policy.shadow = true;
  Chain proxy(std::move(policy));
  EXPECT_THAT(proxy.preflight("https://evil.example"), HasSubstr("200\n"));
  EXPECT_THAT(proxy.ask("GET", {{"Origin", "https://shop.example"}},
                        {{"Access-Control-Allow-Origin", "*"}}),
              HasSubstr("Access-Control-Allow-Origin: *\n"));
  EXPECT_EQ(proxy.denied(), 1u);
  EXPECT_EQ(proxy.allowed(), 1u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::cors
