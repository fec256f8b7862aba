#include "source/router/condition_index.h"

#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/random.h"
#include "source/http/dynamic_metadata.h"
#include "source/network/address.h"
#include "source/router/route_conditions.h"
#include "source/router/route_explanation.h"

namespace weir::router {
namespace {

using http::TextMatcher;
using Kind = PathMatch::Kind;

// A request that owns its texts.
struct Request {
  std::string method = "GET";
  std::string path = "/";
  http::RequestHead head;
  http::StreamInfo info;
  std::string server_name;

  void finish() {
    head.method = method;
    head.path = path;
    head.authority = "h";
    info.requested_server_name = server_name;
  }
};

RouteEntry route(std::shared_ptr<RouteConditions> conditions, PathMatch match = {}) {
  RouteEntry entry;
  entry.match = std::move(match);
  entry.cluster.cluster = "c";
  entry.conditions = std::move(conditions);
  return entry;
}

std::shared_ptr<RouteConditions> none() {
  return std::make_shared<RouteConditions>();
}

class ConditionIndexTest : public testing::Test {
 protected:
  absl::Status build() {
    std::vector<uint32_t> members(routes_.size());
    std::iota(members.begin(), members.end(), 0u);
    auto index = ConditionIndex::build(routes_, members);
    if (index.ok()) index_ = std::make_unique<ConditionIndex>(*std::move(index));
    return index.status();
  }
  uint32_t find(Request& request) {
    request.finish();
    return index_->find(routes_, request.head, request.info, ConditionIndex::kNone);
  }

  std::vector<RouteEntry> routes_;
  std::unique_ptr<ConditionIndex> index_;
};

TEST_F(ConditionIndexTest, ManyRoutesThatDifferByOneValue) {
  constexpr uint32_t kRoutes = 5000;
  for (uint32_t i = 0; i < kRoutes; ++i) {
    auto conditions = none();
    conditions->methods = {"GET", "POST"};
    conditions->headers.emplace_back("X-Tenant", TextMatcher::exact("t" + std::to_string(i)));
    routes_.push_back(route(conditions));
  }
  routes_.push_back(route(nullptr));
  ASSERT_TRUE(build().ok());
  for (const uint32_t tenant : {0u, 7u, kRoutes - 1}) {
    Request request;
    request.head.headers.add("x-tenant", "t" + std::to_string(tenant));
    EXPECT_EQ(find(request), tenant);
    request.method = "PUT";
    EXPECT_EQ(find(request), kRoutes) << "the rest";
  }
  EXPECT_EQ(index_->unconditional(), kRoutes);
}

TEST_F(ConditionIndexTest, RoutesBehindOneWithoutConditionsAreNeverReached) {
  routes_.push_back(route(nullptr));
  for (size_t i = 0; i < 2 * ConditionIndex::kMaxLinear; ++i) {
    auto conditions = none();
    conditions->headers.emplace_back("x", TextMatcher::present());
    routes_.push_back(route(conditions));
  }
  EXPECT_TRUE(build().ok());
}

TEST_F(ConditionIndexTest, RefusesWhatWouldBeSearchedOneByOne) {
  for (size_t i = 0; i < ConditionIndex::kMaxLinear; ++i) {
    auto conditions = none();
    conditions->headers.emplace_back("x", TextMatcher::prefix("p" + std::to_string(i)));
    routes_.push_back(route(conditions, {Kind::kPrefix, "/here"}));
  }
  EXPECT_TRUE(build().ok());
  auto conditions = none();
  conditions->headers.emplace_back("x", TextMatcher::prefix("more"));
  routes_.push_back(route(conditions, {Kind::kPrefix, "/here"}));
  const absl::Status refused = build();
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("1025 routes with the path"));
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("\"/here\""));
}

TEST_F(ConditionIndexTest, RepeatedFieldsCountAsOne) {
  for (int i = 0; i < 10; ++i) {
    auto conditions = none();
    conditions->headers.emplace_back("x-list", TextMatcher::exact("a" + std::to_string(i) + ",b"));
    routes_.push_back(route(conditions));
  }
  ASSERT_TRUE(build().ok());
  Request request;
  request.head.headers.add("X-List", "a3");
  request.head.headers.add("x-list", "b");
  EXPECT_EQ(find(request), 3u);
  request.head.headers.add("x-list", std::string(5000, 'c'));
  EXPECT_EQ(find(request), ConditionIndex::kNone);
}

TEST_F(ConditionIndexTest, LongValuesAreFoundToo) {
  for (int i = 0; i < 10; ++i) {
    auto conditions = none();
    conditions->query.emplace_back("q", TextMatcher::exact(std::string(400, 'x') + char('a' + i)));
    routes_.push_back(route(conditions));
  }
  ASSERT_TRUE(build().ok());
  Request request;
  request.path = "/?q=%78" + std::string(399, 'x') + "d";
  EXPECT_EQ(find(request), 3u);
}

// ---- against the naive reading of a table ------------------------------------------------------

const char* const kValues[] = {"a", "b", "c", "d"};
const char* const kMethods[] = {"GET", "POST", "PUT"};
const char* const kNames[] = {"x-one", "x-two", "accept"};

class RandomTable {
 public:
  explicit RandomTable(uint64_t seed) : random_(seed) {}

  template <class T, size_t kSize>
  T pick(T (&from)[kSize]) {
    return from[random_.uniform(kSize)];
  }
  bool chance(uint64_t of) { return random_.uniform(of) == 0; }

  TextMatcher text() {
    const std::string value = pick(kValues);
    switch (random_.uniform(8)) {
      case 0:
        return TextMatcher::present();
      case 1:
        return TextMatcher::prefix(value);
      case 2:
        return TextMatcher::exact("A", /*ignore_case=*/true);
      case 3:
        return TextMatcher::contains(value);
      default:
        return TextMatcher::exact(value);
    }
  }

  std::shared_ptr<RouteConditions> conditions() {
    if (chance(4)) return nullptr;
    auto made = none();
    if (chance(3)) {
      made->methods = {"GET"};
      if (chance(2)) made->methods.push_back("PUT");
    }
    while (chance(2)) made->headers.emplace_back(pick(kNames), text(), chance(6));
    if (chance(3)) made->query.emplace_back("q", text(), chance(6));
    if (chance(4)) made->cookies.emplace_back("k", text(), chance(6));
    if (chance(8)) made->grpc = chance(2);
    if (chance(8)) {
      const std::vector<network::Prefix> prefixes = {*network::Prefix::parse("10.0.0.0/8")};
      made->source = {.prefixes = network::CidrSet(prefixes), .invert = chance(2)};
    }
    if (chance(6)) {
      made->tls.emplace();
      made->tls->server_names = {std::string(pick(kValues)) + ".example"};
      if (chance(3)) made->tls->server_names.push_back("*.b.example");
    }
    if (chance(8)) {
      made->metadata.push_back({.name_space = "f", .path = {"k"}, .text = text()});
    }
    if (chance(8)) made->fraction = http::Fraction{.millionths = 500'000};
    return made;
  }

  std::string path() {
    std::string made = "/";
    for (uint64_t i = random_.uniform(7); i > 0; --i) made += "abA/"[random_.uniform(4)];
    return made;
  }

  PathMatch match() {
    PathMatch made{static_cast<Kind>(random_.uniform(5)), path(), chance(4)};
    if (chance(3)) made = {Kind::kPrefix, "/"};  // so that many have one path
    if (made.kind == Kind::kRegex) made.text += chance(2) ? "[ab]*" : ".b?";
    if (made.kind == Kind::kTemplate) {
      made.text.clear();
      for (uint64_t i = random_.uniform(4); i > 0; --i) {
        made.text += chance(2) ? "/*" : chance(2) ? "/a" : "/b";
      }
      if (made.text.empty() || chance(4)) made.text += "/**";
    }
    return made;
  }

  VirtualHost host() {
    VirtualHost made{.name = "all", .domains = {"*"}, .routes = {}};
    for (uint64_t i = random_.uniform(60); i > 0; --i) {
      made.routes.push_back(route(conditions(), match()));
      made.routes.back().route_name = std::to_string(made.routes.size() - 1);
    }
    return made;
  }

  void fill(Request& request) {
    request.method = pick(kMethods);
    request.path = path();
    if (chance(2)) request.path += std::string("?q=") + (chance(3) ? "%61" : pick(kValues));
    for (const char* name : kNames) {
      while (chance(2)) request.head.headers.add(name, pick(kValues));
    }
    if (chance(2)) request.head.headers.add("cookie", std::string("k=") + pick(kValues));
    if (chance(4)) request.head.headers.add("content-type", "application/grpc");
    if (chance(2)) request.server_name = std::string(pick(kValues)) + ".example";
    if (chance(6)) request.server_name = "x.b.example";
    if (chance(2)) request.info.downstream_remote = &client_;
    request.info.draw = random_.next();
    if (chance(2)) {
      http::dynamicMetadata(request.info, request.head.arena)
          .set("f", "k", std::string_view(pick(kValues)));
    }
    request.finish();
  }

 private:
  base::Random random_;
  const network::Address client_ = *network::Address::parse("10.1.2.3:4");
};

TEST(RandomTablesTest, LookupsAgreeWithTheFirstThatHolds) {
  RandomTable random(20261122);
  std::map<std::string, int> found;
  for (int round = 0; round < 300; ++round) {
    const auto table = RouteTable::compile({random.host()});
    ASSERT_TRUE(table.ok()) << table.status();
    for (int i = 0; i < 60; ++i) {
      Request request;
      random.fill(request);
      // Linear, and by other means: one route after the other.
      const RouteExplanation expected = (*table)->explain(request.head, request.info);
      const http::Route* const route = (*table)->resolve(request.head, request.info);
      ASSERT_EQ(route, expected.found)
          << "round " << round << " " << request.method << " " << request.path << " found "
          << (route == nullptr ? "none" : route->name()) << " expected "
          << (expected.found == nullptr ? "none" : expected.found->route_name);
      ++found[route == nullptr                                               ? "none"
              : static_cast<const RouteEntry*>(route)->conditions != nullptr ? "conditional"
                                                                             : "path alone"];
      // And what has no conditions is found without a head.
      const RouteEntry* const bare = (*table)->match("h", request.head.pathWithoutQuery());
      if (bare != nullptr) {
        EXPECT_EQ(bare->conditions, nullptr);
      }
    }
  }
  EXPECT_GT(found["none"], 1000);
  EXPECT_GT(found["conditional"], 1000);
  EXPECT_GT(found["path alone"], 1000);
}

}  // namespace
}  // namespace weir::router
