#include "extensions/http_filters/header_mutation/header_mutation.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/service_map.h"
#include "test/extensions/http_filters/common/lone_filter.h"

namespace weir::extensions::http_filters::header_mutation {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = http::HeaderRule::Kind;

std::shared_ptr<const http::HeaderRules> rules(std::vector<http::HeaderRule> list) {
  return std::make_shared<const http::HeaderRules>(std::move(list));
}

// An exchange through the filter. Worker-confined.
class Chain : public LoneFilter {
 public:
  explicit Chain(Mutations mutations, std::shared_ptr<const Mutations> of_route = nullptr) {
    ids_ = {.requests = stats_.counter("requests", "A test's."),
            .responses = stats_.counter("responses", "A test's.")};
    shared_ = std::make_unique<HeaderMutationFactory>(
        std::make_shared<const Mutations>(std::move(mutations)), ids_);
    base::ServiceMap services;
    services.put(stats_.block(1));
    factory_ = shared_->bind(services);
    if (of_route != nullptr) route_.emplace(std::move(of_route));
  }
  ~Chain() { chain.clear(); }

  void exchange() {
    begin(*factory_, route_ ? &*route_ : nullptr);
    request_head.method = "POST";
    request_head.authority = "shop.example";
    request_head.path = "/p?q";
    request_head.framing = http::BodyFraming::kChunked;
    request_head.headers.add("x-a", "1");
    chain.requestHead(false);
    sendBody("body", false);
    request_trailers.add("x-sum", "7");
    chain.requestTrailers();
    terminal->begin(203, http::BodyFraming::kChunked).headers.add("x-b", "2");
    chain.respondHead(false);
    answerTrailers({{"x-end", "3"}});
  }
  uint64_t requests() const { return stats_.value(ids_.requests); }
  uint64_t responses() const { return stats_.value(ids_.responses); }

 private:
  stats::Store stats_;
  HeaderMutationStats ids_{};
  std::unique_ptr<HeaderMutationFactory> shared_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
  std::optional<SettingRoute> route_;
};

TEST(HeaderMutation, ChangesHeadsAndTrailers) {
  Mutations mutations;
  mutations.request =
      rules({{Kind::kSet, "x-path", "%REQ(:PATH)%%RESPONSE_CODE%"}, {Kind::kRemove, "x-a"}});
  mutations.response = rules({{Kind::kAdd, "x-code", "%RESPONSE_CODE% %REQ(x-path)%"}});
  mutations.request_trailers = rules({{Kind::kAppend, "x-sum", "8"}});
  mutations.response_trailers = rules({{Kind::kSet, "x-end", "4"}});
  Chain proxy(std::move(mutations));
  proxy.exchange();
  EXPECT_THAT(proxy.seen().headers, HasSubstr("x-path: /p?q\n"));
  EXPECT_THAT(proxy.seen().headers, Not(HasSubstr("x-a")));
  EXPECT_EQ(proxy.seen().trailers, "x-sum: 7, 8\n");
  EXPECT_THAT(proxy.client.headers, HasSubstr("x-code: 203 /p?q\n"));
  EXPECT_EQ(proxy.client.trailers, "x-end: 4\n");
  EXPECT_EQ(proxy.requests(), 1u);
  EXPECT_EQ(proxy.responses(), 1u);
  EXPECT_EQ(proxy.client.cleared, 0);
}

TEST(HeaderMutation, RoutesAddOrReplace) {
  for (const bool replace : {false, true}) {
    Mutations own;
    own.request = rules({{Kind::kSet, "x", "own"}, {Kind::kSet, "y", "own"}});
    auto route = std::make_shared<Mutations>();
    route->request = rules({{Kind::kSet, "x", "route"}});
    route->replace = replace;
    Chain proxy(std::move(own), route);
    proxy.exchange();
    EXPECT_THAT(proxy.seen().headers, HasSubstr("x: route\n"));
    if (replace) {
      EXPECT_THAT(proxy.seen().headers, Not(HasSubstr("own")));
    } else {
      EXPECT_THAT(proxy.seen().headers, HasSubstr("y: own\n"));
    }
  }
}

TEST(HeaderMutation, MayAskForTheRouteAgain) {
  Mutations mutations;
  mutations.request = rules({{Kind::kSet, "x-group", "a"}});
  mutations.clear_route_cache = true;
  Chain proxy(std::move(mutations));
  proxy.exchange();
  EXPECT_EQ(proxy.client.cleared, 1);
}

TEST(HeaderMutation, WithoutRulesNothingIsCounted) {
  Chain proxy{Mutations()};
  proxy.exchange();
  EXPECT_EQ(proxy.seen().headers.find("x-a: 1\n"), 0u);
  EXPECT_EQ(proxy.requests() + proxy.responses(), 0u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::header_mutation
