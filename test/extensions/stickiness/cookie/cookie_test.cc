#include "extensions/stickiness/cookie/cookie.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/arena.h"
#include "test/upstream/host_list.h"
#include "test/upstream/test_cluster.h"

namespace weir::extensions::stickiness::cookie {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using upstream::Health;
using upstream::StickyRequest;

// --- Reading and removing ---

struct Headers {
  explicit Headers(const std::vector<std::string>& fields) {
    for (const std::string& field : fields) map.add(http::HeaderId::kCookie, field);
  }
  base::Arena arena;
  http::HeaderMap map{arena};
};

std::string without(const std::vector<std::string>& fields) {
  Headers headers(fields);
  removeCookies(headers.map, "S");
  std::string text;
  headers.map.forEach(http::HeaderId::kCookie, [&](const http::HeaderMap::Field& field) {
    text += "[" + std::string(field.value) + "]";
  });
  return text;
}

TEST(RemoveCookiesTest, LeavesAllOthersAsTheyAre) {
  EXPECT_EQ(without({}), "");
  EXPECT_EQ(without({"S=1"}), "");
  EXPECT_EQ(without({"a=1; S=2; b=3"}), "[a=1; b=3]");
  EXPECT_EQ(without({"a=\"x\";S=2;b"}), "[a=\"x\"; b]");
  EXPECT_EQ(without({"a=1", "S=1", "b=2"}), "[a=1; b=2]");
  EXPECT_EQ(without({"a=1;b=2", "c=3"}), "[a=1;b=2][c=3]") << "not touched at all";
  EXPECT_EQ(without({"SS=1; s=2; xS=3"}), "[SS=1; s=2; xS=3]");
  EXPECT_EQ(without({"S=1; S=2", "S"}), "[S]") << "without a value it is another one";
  EXPECT_EQ(without({";;;a=1;;S=3;"}), "[a=1]");
}

TEST(RemoveCookiesTest, ManyPiecesWithoutSpacesFit) {
  std::string field = "S=1";
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    field += ";a";
    expected += i == 0 ? "a" : "; a";
  }
  EXPECT_EQ(without({field}), "[" + expected + "]");
}

TEST(RemoveCookiesTest, SecretsStaySecret) {
  Headers headers({"a=1; S=2"});
  headers.map.markNeverIndexed(http::HeaderId::kCookie);
  removeCookies(headers.map, "S");
  headers.map.forEach(http::HeaderId::kCookie, [](const http::HeaderMap::Field& field) {
    EXPECT_TRUE(field.never_indexed);
  });
}

TEST(ReadCookiesTest, AFewCandidatesAreLookedAt) {
  const CookieSeal seal({std::string(32, 'k')}, "c");
  CookieSeal::Text text;
  seal.seal({.uid = 7, .expires = 0}, text);
  const std::string good(text.data(), text.size());
  const auto uid = [&](const std::vector<std::string>& fields) {
    const auto content = readCookies(Headers(fields).map, "S", seal, 1);
    return content ? content->uid : 0;
  };
  EXPECT_EQ(uid({"S=" + good}), 7u);
  EXPECT_EQ(uid({"S=\"" + good + "\""}), 7u);
  EXPECT_EQ(uid({"a=b;S=x;S=" + good + "; S=y"}), 7u);
  EXPECT_EQ(uid({"S=" + good + ";S=" + good}), 7u) << "twice the same";
  EXPECT_EQ(uid({"S=1;S=2;S=3;S=4;S=" + good}), 0u);
  EXPECT_EQ(uid({"s=" + good}), 0u);
  seal.seal({.uid = 8, .expires = 0}, text);
  EXPECT_EQ(uid({"S=" + good + ";S=" + std::string(text.data(), text.size())}), 0u);
}

TEST(AttributesTest, AreWrittenAsBrowsersReadThem) {
  EXPECT_EQ(attributesText({}), "; Path=/; Max-Age=3600; HttpOnly");
  EXPECT_EQ(attributesText({.ttl = seconds(0),
                            .path = "/shop",
                            .domain = "example.com",
                            .secure = true,
                            .http_only = false,
                            .same_site = Attributes::SameSite::kNone,
                            .others = {"Partitioned", "Priority=High"}}),
            "; Path=/shop; Domain=example.com; Secure; SameSite=None; Partitioned; Priority=High");
}

// --- One client, with time that the test tells ---

class CookieTest : public ::testing::Test {
 protected:
  void start(const Options& options = {}) {
    auto config = std::make_shared<upstream::ClusterConfig>(*process_.config({}));
    Options mine = options;
    mine.keys = {std::string(32, 'k')};
    mine.cluster = "c";
    config->stickiness = std::make_shared<CookieFactory>(mine);
    config->sticky_stats = upstream::StickyStats::create(process_.store, "c");
    upstream::HostList hosts;
    for (int i = 1; i <= 3; ++i) {
      hosts.add({.address = *network::Address::parse("127.0.0.1:" + std::to_string(i))});
    }
    config->hosts = makeHostSet(1, hosts.list(), config->policy, *config->load_balancer);
    worker_.clusters.apply({config});
  }
  struct Exchange {
    uint32_t host = 0;
    std::string set;  // Set-Cookie
    StickyRequest::Outcome outcome = StickyRequest::Outcome::kNew;
  };
  // With the cookies that the client has, which it then keeps as a browser does.
  Exchange ask() {
    http::RequestHead request;
    if (!jar_.empty()) request.headers.add(http::HeaderId::kCookie, jar_);
    StickyRequest sticky;
    upstream::PickContext context;
    context.request = &request;
    context.sticky = &sticky;
    const auto choice = worker_.cluster().choose(context);
    EXPECT_EQ(choice.kind, upstream::Pick::Kind::kEndpoint);
    worker_.cluster().stickiness()->onSend(sticky, request);
    EXPECT_FALSE(request.headers.has(http::HeaderId::kCookie));
    http::ResponseHead answer;
    worker_.cluster().stickyAnswer(context, *choice.endpoint, answer);
    Exchange exchange{choice.endpoint->index(),
                      std::string(answer.headers.get(http::HeaderId::kSetCookie)), sticky.outcome};
    if (!exchange.set.empty()) jar_ = exchange.set.substr(0, exchange.set.find(';'));
    return exchange;
  }
  uint32_t pinned(uint32_t host) {
    usage().stickyTotals(worker_.dispatcher.now());
    return worker_.cluster().host(host).usage().pinned.load();
  }
  uint64_t entries() { return usage().stickyTotals(worker_.dispatcher.now()).entries; }
  upstream::ClusterUsage& usage() { return *worker_.cluster().config().usage; }

  upstream::TestProcess process_;
  upstream::TestWorker worker_{process_};
  std::string jar_;
};

TEST_F(CookieTest, IsRenewedAtHalfItsTime) {
  start();
  const uint32_t host = ask().host;
  worker_.dispatcher.advance(minutes(29));
  EXPECT_EQ(ask().set, "");
  worker_.dispatcher.advance(minutes(1));
  for (int i = 0; i < 10; ++i) {
    const Exchange exchange = ask();
    EXPECT_EQ(exchange.host, host);
    EXPECT_NE(exchange.set, "") << "so that active clients stay for ever";
    EXPECT_EQ(ask().set, "");
    worker_.dispatcher.advance(minutes(31));
  }
}

TEST_F(CookieTest, IsReplacedWhenItIsOver) {
  start();
  ask();
  worker_.dispatcher.advance(minutes(61));
  const Exchange exchange = ask();
  EXPECT_NE(exchange.set, "");
  EXPECT_EQ(exchange.outcome, StickyRequest::Outcome::kNew);
}

TEST_F(CookieTest, ASessionsCookieIsSetOnce) {
  start({.attributes = {.ttl = seconds(0)}});
  EXPECT_NE(ask().set, "");
  for (int i = 0; i < 5; ++i) {
    worker_.dispatcher.advance(hours(48));
    EXPECT_EQ(ask().set, "");
  }
}

TEST_F(CookieTest, PinnedCountsClientsAndNotCookies) {
  start();
  const uint32_t host = ask().host;
  EXPECT_EQ(pinned(host), 1u);
  for (int i = 0; i < 10; ++i) {
    worker_.dispatcher.advance(minutes(31));
    ask();
    EXPECT_EQ(pinned(host), 1u) << "renewed, the same client";
  }
  worker_.dispatcher.advance(minutes(65));
  EXPECT_EQ(pinned(host), 0u);
  for (int i = 0; i < 30; ++i) {
    jar_.clear();
    ask();
  }
  EXPECT_EQ(entries(), 30u);
  EXPECT_EQ(pinned(0), 10u);
}

TEST_F(CookieTest, TakesWhatItIsGiven) {
  start();
  for (const char* field : {"SERVERID", "SERVERID=", "SERVERID=AAAA", "=;;=;", "SERVERID=\x80\xff",
                            "SERVERID=AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    http::RequestHead request;
    request.headers.add(http::HeaderId::kCookie, field);
    StickyRequest sticky;
    upstream::PickContext context;
    context.request = &request;
    context.sticky = &sticky;
    worker_.cluster().choose(context);
    EXPECT_EQ(sticky.outcome, StickyRequest::Outcome::kNew) << field;
    EXPECT_EQ(sticky.found, 0u);
  }
}

// Connections know no cookies.
TEST_F(CookieTest, IsForHttpAlone) {
  start();
  StickyRequest sticky;
  upstream::PickContext context;
  context.sticky = &sticky;
  EXPECT_EQ(worker_.cluster().choose(context).kind, upstream::Pick::Kind::kEndpoint);
  EXPECT_EQ(sticky.found, 0u);
}

}  // namespace
}  // namespace weir::extensions::stickiness::cookie
