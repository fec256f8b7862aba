// Requests and connections that stay with their endpoints, through the whole proxy: on every
// worker, and across configurations.

#include <sys/socket.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/network/udp_peer.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::InProcessProxy;
using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

constexpr int kWorkers = 4;
// The origins' ports, and so the ring, are others in each run: it may take many keys until each of
// five has one, but not so many.
constexpr int kMostKeys = 500;
constexpr char kRingHash[] = "load_balancing { config { [load_balancing/ring_hash] {} } } ";
constexpr char kMaglev[] = "load_balancing { config { [load_balancing/maglev] {} } } ";

// Origins that say who they are: "a", "b", …
class HashBalancing : public testing::TestWithParam<const char*> {
 protected:
  HashBalancing() {
    for (const char* name : {"a", "b", "c", "d", "e"}) {
      origins_.push_back(std::make_unique<ScriptedOrigin>(ScriptedOrigin::answering(
          std::string("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n") + name)));
    }
  }
  std::string addressesFrom(size_t first, std::string_view fields) const {
    std::vector<std::string> addresses;
    for (size_t i = first; i < origins_.size(); ++i) addresses.push_back(origins_[i]->address());
    return test::cluster("origin", addresses, fields);
  }
  // One request over a connection of its own, whoever of the workers takes it.
  static std::string ask(const InProcessProxy& proxy, std::string_view fields,
                         std::string_view target = "/") {
    RawConnection client = RawConnection::connectTo(proxy.port("edge"));
    client.send("GET " + std::string(target) + " HTTP/1.1\r\nHost: shop.example\r\n" +
                std::string(fields) + "\r\n");
    const RawMessage answer = client.readMessage();
    EXPECT_EQ(answer.status(), 200);
    return answer.body;
  }
  static std::string user(int number) { return "X-User: user" + std::to_string(number) + "\r\n"; }

  std::vector<std::unique_ptr<ScriptedOrigin>> origins_;
};

TEST_P(HashBalancing, AHeaderDecidesOnEveryWorkerAndTheAddressWithoutIt) {
  const std::string config =
      test::edgeListener() +
      addressesFrom(0, std::string(GetParam()) +
                           "hash_keys { header: \"x-user\" } hash_keys { source_address {} }") +
      test::runtime(kWorkers);
  InProcessProxy proxy(config);
  std::map<int, std::string> owners;
  std::set<std::string> seen;
  for (int i = 0; i < 40 || (i < kMostKeys && seen.size() < 5); ++i) {
    seen.insert(owners[i] = ask(proxy, user(i)));
  }
  EXPECT_EQ(seen.size(), 5u);
  const std::string without_header = ask(proxy, "");
  for (int again = 0; again < 12; ++again) {
    for (int i = 0; i < 40; i += 5) EXPECT_EQ(ask(proxy, user(i)), owners[i]);
    EXPECT_EQ(ask(proxy, ""), without_header) << "all clients here have one address";
  }
  // Another configuration of the same cluster moves nobody.
  EXPECT_EQ(proxy.reload(config + "# again\n"), "");
  for (int i = 0; i < 40; ++i) EXPECT_EQ(ask(proxy, user(i)), owners[i]);
  EXPECT_EQ(ask(proxy, ""), without_header);
}

TEST_P(HashBalancing, WhenAnEndpointGoesOnlyItsUsersMove) {
  const std::string fields = std::string(GetParam()) + "hash_keys { header: \"x-user\" }";
  InProcessProxy proxy(test::edgeListener() + addressesFrom(0, fields) + test::runtime(kWorkers));
  std::map<int, std::string> owners;
  for (int i = 0; i < 60; ++i) owners[i] = ask(proxy, user(i));
  EXPECT_EQ(proxy.reload(test::edgeListener() + addressesFrom(1, fields) + test::runtime(kWorkers)),
            "");
  int others = 0;
  for (int i = 0; i < 60; ++i) {
    const std::string owner = ask(proxy, user(i));
    EXPECT_NE(owner, "a");
    others += owners[i] != "a" && owner != owners[i];
  }
  // Maglev lets a few of 60 move, the ring none.
  EXPECT_LE(others, GetParam() == kMaglev ? 3 : 0);
}

TEST_P(HashBalancing, ARouteHashesWhatItLikes) {
  const std::string routes = R"(
      routes { match { prefix: "/user" } route { cluster: "origin" hash_keys { query_parameter: "id" } } }
      routes { match { prefix: "/cart" } route { cluster: "origin" hash_keys { cookie: "cart" } } }
      routes { route { cluster: "origin" } })";
  InProcessProxy proxy(test::edgeListener({}, routes) +
                       addressesFrom(0, std::string(GetParam()) + "hash_keys { path {} }") +
                       test::runtime(kWorkers));
  std::set<std::string> users, carts, paths;
  const auto all_seen = [&] { return users.size() + carts.size() + paths.size() == 15; };
  for (int i = 0; i < 30 || (i < kMostKeys && !all_seen()); ++i) {
    const std::string id = std::to_string(i);
    const std::string by_user = ask(proxy, "", "/user/x?id=" + id);
    EXPECT_EQ(ask(proxy, "", "/user/y?z=1&id=" + id), by_user);
    users.insert(by_user);
    const std::string by_cart = ask(proxy, "Cookie: a=b; cart=" + id + "\r\n", "/cart");
    EXPECT_EQ(ask(proxy, "Cookie: cart=\"" + id + "\"\r\n", "/cart/more"), by_cart);
    carts.insert(by_cart);
    const std::string by_path = ask(proxy, "", "/doc/" + id);
    EXPECT_EQ(ask(proxy, "", "/doc/" + id + "?q"), by_path);
    paths.insert(by_path);
  }
  EXPECT_EQ(users.size(), 5u);
  EXPECT_EQ(carts.size(), 5u);
  EXPECT_EQ(paths.size(), 5u);
}

INSTANTIATE_TEST_SUITE_P(All, HashBalancing, testing::Values(kRingHash, kMaglev),
                         [](const auto& info) { return info.index == 0 ? "Ring" : "Maglev"; });

std::unique_ptr<ScriptedOrigin> named(char name) {
  return std::make_unique<ScriptedOrigin>([name](RawConnection& connection, int) {
    connection.send(std::string(1, name));
    connection.readAll();
  });
}

TEST(HashBalancingL4, ConnectionsAreSpreadByFiveTupleAndStayByAddress) {
  const auto a = named('a'), b = named('b'), c = named('c');
  const std::vector<std::string> origins = {a->address(), b->address(), c->address()};
  const auto config = [&](std::string_view keys) {
    return R"(listeners { name: "db" address: "127.0.0.1:0" filter_chains {
               filters { config { [network_filters/tcp_proxy] { cluster: "db" } } } } })" +
           test::cluster("db", origins, kMaglev + std::string(keys)) + test::runtime(kWorkers);
  };
  const auto endpoints = [](const InProcessProxy& proxy) {
    std::set<std::string> seen;
    for (int i = 0; i < 40; ++i) {
      seen.insert(RawConnection::connectTo(proxy.port("db")).readExactly(1));
    }
    return seen.size();
  };
  InProcessProxy proxy(config(""));
  EXPECT_EQ(endpoints(proxy), 1u) << "one client, one address";
  // Keys that only requests have are passed over.
  EXPECT_EQ(proxy.reload(config("hash_keys { cookie: \"x\" } hash_keys { five_tuple {} }")), "");
  EXPECT_EQ(endpoints(proxy), 3u) << "each connection is another one";
  EXPECT_EQ(proxy.reload(config("hash_keys { tls_session {} } hash_keys { source_address {} }")),
            "");
  EXPECT_EQ(endpoints(proxy), 1u);
}

TEST(HashBalancingL4, DatagramsOfAPortGoToOneEndpoint) {
  const network::UdpPeer a, b, c;
  const std::vector<std::string> origins = {a.address().toString(), b.address().toString(),
                                            c.address().toString()};
  InProcessProxy proxy(
      R"(listeners { name: "dns" address: "127.0.0.1:0" udp_filter { config {
                            [udp_filters/udp_proxy] { cluster: "dns" } } } })" +
      test::cluster("dns", origins, kRingHash + std::string("hash_keys { five_tuple {} }")) +
      test::runtime(kWorkers));
  const auto to = network::Address::parse("127.0.0.1:1")->withPort(proxy.port("dns"));
  const std::vector<network::UdpPeer> clients(24);
  for (const network::UdpPeer& client : clients) client.send("x", to);
  ASSERT_TRUE(proxy.waitForStat("udp_proxy_sessions_total", 24, {{"listener", "dns"}}));
  size_t endpoints = 0;
  for (const network::UdpPeer* origin : {&a, &b, &c}) {
    char byte;
    // Which of them are asked depends on the ports; that all 24 go to one has a chance of 1e-11.
    endpoints += ::recv(origin->fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  }
  EXPECT_GE(endpoints, 2u);
}

}  // namespace
}  // namespace weir
