#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/ascii.h"
#include "source/network/filter_chain.h"

namespace weir::network {
namespace {

using Chains = std::vector<std::shared_ptr<const FilterChainConfig>>;

std::shared_ptr<FilterChainConfig> chain(std::string name) {
  auto config = std::make_shared<FilterChainConfig>();
  config->name = std::move(name);
  return config;
}

TEST(FilterChainSelectorTest, MostSpecificWins) {
  auto any = chain("any");
  auto port = chain("port");
  port->match.destination_port = 443;
  auto exact = chain("exact");
  exact->match.server_names = {"Shop.Example"};
  auto wildcard = chain("wildcard");
  wildcard->match.server_names = {"*.example"};
  auto longer = chain("longer");
  longer->match.server_names = {"*.api.example"};
  auto h2 = chain("h2");
  h2->match.server_names = {"*.example"};
  h2->match.application_protocols = {"h2"};
  auto inside = chain("inside");
  inside->match.source_prefixes = {*Prefix::parse("10.0.0.0/8")};
  auto deeper = chain("deeper");
  deeper->match.source_prefixes = {*Prefix::parse("10.1.0.0/16"), *Prefix::parse("fd00::/8")};
  const Chains chains = {any, port, exact, wildcard, longer, h2, inside, deeper};
  const FilterChainSelector selector(chains);

  const auto name = [&](const char* destination, const char* source, const char* server_name,
                        std::vector<std::string> protocols = {}) {
    const Address to = *Address::parse(destination);
    const Address from = *Address::parse(source);
    ConnectionInfo info;
    info.server_name = server_name;
    info.application_protocols = std::move(protocols);
    const int index = selector.select({&to, &from, &info});
    return index < 0 ? std::string("none") : chains[static_cast<size_t>(index)]->name;
  };
  EXPECT_EQ(name("1.1.1.1:80", "2.2.2.2:1", ""), "any");
  EXPECT_EQ(name("1.1.1.1:443", "2.2.2.2:1", "shop.example"), "port");
  EXPECT_EQ(name("1.1.1.1:80", "2.2.2.2:1", "shop.example"), "exact");
  EXPECT_EQ(name("1.1.1.1:80", "2.2.2.2:1", "x.example"), "wildcard");
  EXPECT_EQ(name("1.1.1.1:80", "2.2.2.2:1", "x.api.example"), "longer");
  EXPECT_EQ(name("1.1.1.1:80", "2.2.2.2:1", "x.example", {"http/1.1", "h2"}), "h2");
  EXPECT_EQ(name("1.1.1.1:80", "2.2.2.2:1", "example"), "any");
  EXPECT_EQ(name("1.1.1.1:80", "2.2.2.2:1", ".example"), "any");
  EXPECT_EQ(name("1.1.1.1:80", "10.2.0.1:1", ""), "inside");
  EXPECT_EQ(name("1.1.1.1:80", "10.1.0.1:1", ""), "deeper");
  EXPECT_EQ(name("1.1.1.1:80", "[fd00::1]:1", ""), "deeper");
  EXPECT_EQ(name("1.1.1.1:80", "unix:/x", ""), "any");
}

TEST(FilterChainSelectorTest, NoneFits) {
  auto only = chain("only");
  only->match.destination_port = 443;
  const FilterChainSelector selector({only});
  const Address to = *Address::parse("1.1.1.1:80");
  EXPECT_EQ(selector.select({&to, nullptr, nullptr}), -1);
  EXPECT_EQ(selector.select({}), -1);
  EXPECT_EQ(FilterChainSelector({}).select({&to, nullptr, nullptr}), -1);
}

// Oracle: looks at every chain and keeps the one whose facts are the most specific.
int selectSlowly(const Chains& chains, const FilterChainMatchInput& input) {
  int best = -1;
  std::vector<int> best_rank;
  for (size_t i = 0; i < chains.size(); ++i) {
    const FilterChainMatch& match = chains[i]->match;
    std::vector<int> rank(5, 0);
    if (match.destination_port) {
      if (*match.destination_port != input.destination->port()) continue;
      rank[0] = 1;
    }
    for (const std::string& server_name : match.server_names) {
      const std::string wanted = base::lowered(server_name);
      const std::string asked = input.info->server_name;
      if (wanted == asked) rank[1] = 1000;
      const std::string suffix = wanted.substr(1);
      if (wanted.starts_with("*.") && asked.size() > suffix.size() && asked.ends_with(suffix)) {
        rank[1] = std::max(rank[1], static_cast<int>(wanted.size()));
      }
    }
    if (!match.server_names.empty() && rank[1] == 0) continue;
    for (const std::string& wanted : match.application_protocols) {
      for (const std::string& offered : input.info->application_protocols) {
        rank[2] |= wanted == offered;
      }
    }
    if (!match.application_protocols.empty() && rank[2] == 0) continue;
    if (match.protocol != ConnectionInfo::Protocol::kUnknown) {
      if (match.protocol != input.info->protocol) continue;
      rank[3] = 1;
    }
    for (const Prefix& prefix : match.source_prefixes) {
      if (prefix.contains(*input.source)) rank[4] = std::max(rank[4], prefix.length() + 1);
    }
    if (!match.source_prefixes.empty() && rank[4] == 0) continue;
    if (best < 0 || rank > best_rank) {
      best = static_cast<int>(i);
      best_rank = rank;
    }
  }
  return best;
}

TEST(FilterChainSelectorTest, AgreesWithTheOracle) {
  std::mt19937 random(3);
  const std::vector<std::string> names = {"a.b.c", "*.b.c", "*.c",   "x.b.c",  "c",
                                          "B.C",   "*.B.c", "*.b.d", "a.a.b.c"};
  const std::vector<std::string> asked = {"",    "a.b.c",   "z.b.c", "c",
                                          "b.c", "a.a.b.c", "X.B.C", "d"};
  const std::vector<std::string> protocols = {"h2", "http/1.1", "x"};
  const std::vector<std::string> prefixes = {"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "::/0"};
  for (int round = 0; round < 400; ++round) {
    Chains chains;
    for (size_t i = 0, count = random() % 8; i < count; ++i) {
      auto config = chain(std::to_string(i));
      if (random() % 3 == 0) config->match.destination_port = 80 + random() % 2;
      for (size_t n = random() % 3; n > 0; --n) {
        config->match.server_names.push_back(names[random() % names.size()]);
      }
      if (random() % 3 == 0) config->match.application_protocols = {protocols[random() % 3]};
      config->match.protocol =
          std::vector{ConnectionInfo::Protocol::kUnknown, ConnectionInfo::Protocol::kUnknown,
                      ConnectionInfo::Protocol::kRaw, ConnectionInfo::Protocol::kTls}[random() % 4];
      for (size_t n = random() % 3; n > 0; --n) {
        config->match.source_prefixes.push_back(*Prefix::parse(prefixes[random() % 4]));
      }
      chains.push_back(std::move(config));
    }
    const FilterChainSelector selector(chains);
    for (int i = 0; i < 30; ++i) {
      const Address to = *Address::parse(random() % 2 ? "1.1.1.1:80" : "1.1.1.1:81");
      const Address from = *Address::parse(
          std::vector{"10.1.2.3:1", "10.2.0.1:1", "9.9.9.9:1", "[::2]:1"}[random() % 4]);
      ConnectionInfo info;
      info.server_name = base::lowered(asked[random() % asked.size()]);
      info.protocol =
          std::vector{ConnectionInfo::Protocol::kRaw, ConnectionInfo::Protocol::kTls}[random() % 2];
      for (size_t n = random() % 3; n > 0; --n) {
        info.application_protocols.emplace_back(protocols[random() % 3]);
      }
      const FilterChainMatchInput input{&to, &from, &info};
      EXPECT_EQ(selector.select(input), selectSlowly(chains, input)) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace weir::network
