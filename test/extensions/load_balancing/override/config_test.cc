#include "extensions/load_balancing/override/config.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "extensions/load_balancing/override/override.h"
#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::override {
namespace {

class OverrideConfigTest : public ::testing::Test {
 protected:
  OverrideConfigTest() {
    EXPECT_TRUE(registry_.add(std::make_unique<OverrideExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<round_robin::RoundRobinExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  }
  // Null after errors, which are in diagnostics_.
  const OverrideFactory* load(std::string_view fields) {
    diagnostics_ = config::Diagnostics();
    snapshot_ = loader_.loadText(
        base::concat("admin { address: \"127.0.0.1:1\" }\n"
                     "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } "
                     "load_balancing { config { [load_balancing/override] {\n",
                     fields, "\n} } } }"),
        "w.textproto", 1, diagnostics_);
    if (snapshot_ == nullptr) return nullptr;
    return static_cast<const OverrideFactory*>(snapshot_->clusters.at(0)->load_balancer.get());
  }
  std::string findings(std::string_view fields) {
    EXPECT_EQ(load(fields), nullptr);
    std::string text = diagnostics_.toString();
    constexpr std::string_view kPath = "clusters[0].load_balancing.config.";
    for (size_t at = text.find(kPath); at != std::string::npos; at = text.find(kPath)) {
      text.erase(at, kPath.size());
    }
    return text;
  }

  base::Registry registry_;
  stats::Store store_;
  config::Loader loader_{registry_, store_};
  config::Diagnostics diagnostics_;
  std::shared_ptr<const config::Snapshot> snapshot_;
};

TEST_F(OverrideConfigTest, TheLeast) {
  const OverrideFactory* made = load("");
  ASSERT_NE(made, nullptr) << diagnostics_.toString();
  EXPECT_EQ(made->name(), "override");
  EXPECT_EQ(made->nested().name(), "round_robin");
  EXPECT_EQ(made->overrideHeader(), "");
  EXPECT_FALSE(made->config().strict);
  using upstream::Health;
  EXPECT_EQ(made->config().allowed, OverrideConfig::bit(Health::kHealthy) |
                                        OverrideConfig::bit(Health::kUnknown) |
                                        OverrideConfig::bit(Health::kDegraded));
}

TEST_F(OverrideConfigTest, All) {
  const OverrideFactory* made = load(
      "header: \"X-Endpoint\" strict: true allow: UNHEALTHY allow: DRAINING\n"
      "load_balancing { config { [load_balancing/round_robin] {} } }");
  ASSERT_NE(made, nullptr) << diagnostics_.toString();
  EXPECT_EQ(made->overrideHeader(), "x-endpoint");
  EXPECT_TRUE(made->config().strict);
  using upstream::Health;
  EXPECT_EQ(made->config().allowed,
            OverrideConfig::bit(Health::kUnhealthy) | OverrideConfig::bit(Health::kDraining));
}

TEST_F(OverrideConfigTest, WhatIsWrongIsFoundInItsPlace) {
  EXPECT_EQ(findings("header: \"x y\" allow: STATUS_UNSPECIFIED"),
            "w.textproto:3:9: header: \"x y\" is not the name of a field; use letters, digits and "
            "\"-\", such as \"x-weir-endpoint\"\n"
            "w.textproto:3:22: allow[0]: names no state; use HEALTHY, DEGRADED, UNHEALTHY or "
            "DRAINING\n");
  EXPECT_EQ(findings("header: \"Host\""),
            "w.textproto:3:9: header: \"Host\" means something else, and cannot be removed; use a "
            "field of your own, such as \"x-weir-endpoint\"\n");
  EXPECT_EQ(findings("header: \"a\" load_balancing { config { [load_balancing/override] { header: "
                     "\"b\" } } }"),
            "w.textproto:3:9: header: the nested algorithm is an override by a field as well; "
            "leave one of them out\n");
}

}  // namespace
}  // namespace weir::extensions::load_balancing::override
