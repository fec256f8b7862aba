#include "extensions/http_filters/csrf/csrf.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "source/base/service_map.h"
#include "test/extensions/http_filters/common/lone_filter.h"

namespace weir::extensions::http_filters::csrf {
namespace {

// One request through the filter. Worker-confined.
class Chain : public LoneFilter {
 public:
  explicit Chain(CsrfPolicy policy = {}) {
    ids_ = {.allowed = stats_.counter("allowed", "A test's."),
            .missing = stats_.counter("missing", "A test's."),
            .foreign = stats_.counter("foreign", "A test's."),
            .shadow_denied = stats_.counter("shadow", "A test's.")};
    shared_ =
        std::make_unique<CsrfFactory>(std::make_shared<const CsrfPolicy>(std::move(policy)), ids_);
    base::ServiceMap services;
    services.put(stats_.block(1));
    factory_ = shared_->bind(services);
  }
  ~Chain() { chain.clear(); }

  // The status: 200 when the request has reached the end.
  int ask(std::string_view method, Fields fields, std::string_view upgrade = {}) {
    begin(*factory_);
    request_head.method = method;
    request_head.authority = "shop.example";
    request_head.path = "/";
    request_head.upgrade = upgrade;
    for (const auto& [name, value] : fields) request_head.headers.add(name, value);
    const size_t before = script.requests.size();
    chain.requestHead(true);
    if (client.status == 0 && script.requests.size() == before) terminal->respond(200, "");
    return client.status;
  }
  uint64_t allowed() const { return stats_.value(ids_.allowed); }
  uint64_t missing() const { return stats_.value(ids_.missing); }
  uint64_t foreign() const { return stats_.value(ids_.foreign); }
  uint64_t shadowDenied() const { return stats_.value(ids_.shadow_denied); }

 private:
  stats::Store stats_;
  CsrfStats ids_{};
  std::unique_ptr<CsrfFactory> shared_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

TEST(Csrf, ComparesHostsAndPorts) {
  const auto same = [](std::string_view origin, std::string_view authority) {
    return isOfHost(originIn(origin), authority);
  };
  EXPECT_TRUE(same("https://shop.example", "shop.example"));
  EXPECT_TRUE(same("https://Shop.example", "SHOP.example:443"));
  EXPECT_TRUE(same("http://shop.example", "shop.example:80"));
  EXPECT_TRUE(same("https://shop.example:443/x?y", "shop.example"));
  EXPECT_TRUE(same("https://shop.example:8443", "shop.example:8443"));
  EXPECT_TRUE(same("http://[::1]:81", "[::1]:81"));
  EXPECT_FALSE(same("https://shop.example:8443", "shop.example"));
  EXPECT_FALSE(same("http://shop.example", "shop.example:443"));
  EXPECT_FALSE(same("https://shop.example.evil", "shop.example"));
  EXPECT_FALSE(same("https://shop.example@evil.example", "shop.example"));
  EXPECT_FALSE(same("https://evil.example/https://shop.example", "shop.example"));
  EXPECT_FALSE(same("https://", ""));
  EXPECT_FALSE(same("null", "null"));
  EXPECT_FALSE(same("", ""));
  EXPECT_FALSE(same("shop.example", "shop.example"));
}

TEST(Csrf, OnlyWhatChangesSomethingIsLookedAt) {
  Chain proxy;
  for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE"}) {
    EXPECT_EQ(proxy.ask(method, {{"Origin", "https://evil.example"}}), 200) << method;
  }
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "PURGE", "get"}) {
    EXPECT_EQ(proxy.ask(method, {{"Origin", "https://evil.example"}}), 403) << method;
    EXPECT_EQ(proxy.ask(method, {{"Origin", "https://shop.example"}}), 200) << method;
  }
  EXPECT_EQ(proxy.foreign(), 6u);
  EXPECT_EQ(proxy.allowed(), 6u);
}

TEST(Csrf, UpgradesOfForeignPages) {
  Chain proxy;
  EXPECT_EQ(proxy.ask("GET", {{"Origin", "https://evil.example"}}, "websocket"), 403);
  EXPECT_EQ(proxy.ask("GET", {{"Origin", "https://shop.example"}}, "websocket"), 200);
  EXPECT_EQ(proxy.ask("GET", {}, "websocket"), 200) << "no browser";
}

TEST(Csrf, TheRefererCountsWithoutAnOrigin) {
  Chain proxy;
  EXPECT_EQ(proxy.ask("POST", {{"Referer", "https://shop.example/form?x"}}), 200);
  EXPECT_EQ(proxy.ask("POST", {{"Referer", "https://evil.example/shop.example"}}), 403);
  EXPECT_EQ(proxy.ask("POST", {{"Origin", "null"}, {"Referer", "https://shop.example/"}}), 403);
  EXPECT_EQ(proxy.ask("POST", {}), 403);
  EXPECT_EQ(
      proxy.ask("POST", {{"Origin", "https://shop.example"}, {"Origin", "https://x.example"}}),
      403);
  EXPECT_EQ(proxy.missing(), 3u);
}

TEST(Csrf, OthersMayBeAllowed) {
  CsrfPolicy policy;
  policy.additional_origins.push_back(http::TextMatcher::suffix(".shop.example"));
  Chain proxy(std::move(policy));
  EXPECT_EQ(proxy.ask("POST", {{"Origin", "https://admin.shop.example"}}), 200);
  EXPECT_EQ(proxy.ask("POST", {{"Origin", "https://evil.example"}}), 403);
}

TEST(Csrf, ShadowAndShareOnlyCount) {
  CsrfPolicy policy;
  policy.shadow = true;
  Chain shadow(std::move(policy));
  EXPECT_EQ(shadow.ask("POST", {}), 200);
  EXPECT_EQ(shadow.shadowDenied(), 1u);
  CsrfPolicy none;
  none.enforced.millionths = 0;
  Chain proxy(std::move(none));
  EXPECT_EQ(proxy.ask("POST", {}), 200);
  EXPECT_EQ(proxy.shadowDenied(), 1u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::csrf
