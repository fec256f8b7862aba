#include "extensions/load_balancing/lua/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/load_balancing/override/config.h"
#include "extensions/load_balancing/ring_hash/config.h"
#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::lua {
namespace {

using testing::HasSubstr;

// The findings for a configuration, or the name of the balancing that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<LuaExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<override::OverrideExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<ring_hash::RingHashExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<round_robin::RoundRobinExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } load_balancing { "
                   "config { [load_balancing/lua] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  const auto& balancer = *snapshot->clusters.at(0)->load_balancer;
  return base::concat(balancer.name(), balancer.usesHash() ? " hash" : "");
}

constexpr std::string_view kScript = "script { inline: \"function choose() return 1 end\" }";

TEST(LuaBalancerConfig, TakesWhatIsRight) {
  EXPECT_EQ(outcome(kScript), "lua");
  EXPECT_EQ(outcome(base::concat(kScript, " uses_hash: true")), "lua hash");
  EXPECT_EQ(
      outcome(base::concat(kScript, " fallback { config { [load_balancing/ring_hash] {} } }")),
      "lua hash");
}

TEST(LuaBalancerConfig, RefusesWhatIsNot) {
  EXPECT_THAT(outcome(""), HasSubstr("load_balancing.config.script"));
  EXPECT_THAT(outcome("script { inline: \"x = = 1\" }"), HasSubstr("load_balancing/lua:1: "));
  EXPECT_THAT(outcome("script { inline: \"x = 1\" }"), HasSubstr("choose"));
  EXPECT_THAT(outcome("script { inline: \"function choose() end\" on_error: FAIL }"),
              HasSubstr("on_error: has no effect here"));
  EXPECT_THAT(outcome(base::concat(kScript,
                                   " fallback { config { [load_balancing/override] { header: "
                                   "\"x\" } } }")),
              HasSubstr("override does not choose among equals"));
  EXPECT_THAT(outcome("script { file: \"nowhere.lua\" }"), HasSubstr("nowhere.lua"));
}

}  // namespace
}  // namespace weir::extensions::load_balancing::lua
