#include "extensions/load_balancing/subset/config.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/load_balancing/subset/subset.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::subset {
namespace {

class SubsetConfigTest : public ::testing::Test {
 protected:
  SubsetConfigTest() {
    EXPECT_TRUE(registry_.add(std::make_unique<SubsetExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<round_robin::RoundRobinExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  }
  // Null after errors, which are in diagnostics_.
  const SubsetFactory* load(std::string_view fields) {
    diagnostics_ = config::Diagnostics();
    snapshot_ = loader_.loadText(
        base::concat("admin { address: \"127.0.0.1:1\" }\n"
                     "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } "
                     "load_balancing { config { [load_balancing/subset] {\n",
                     fields, "\n} } } }"),
        "w.textproto", 1, diagnostics_);
    if (snapshot_ == nullptr) return nullptr;
    return static_cast<const SubsetFactory*>(snapshot_->clusters.at(0)->load_balancer.get());
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

TEST_F(SubsetConfigTest, TheLeast) {
  const SubsetFactory* made = load("subsets { keys: \"version\" }");
  ASSERT_NE(made, nullptr) << diagnostics_.toString();
  EXPECT_EQ(made->name(), "subset");
  EXPECT_EQ(made->nested().name(), "round_robin");
  EXPECT_TRUE(made->usesMetadata());
  EXPECT_FALSE(made->usesHash());
  ASSERT_EQ(made->config().selectors.size(), 1u);
  EXPECT_EQ(made->config().fallback, Fallback::kAny);
  EXPECT_EQ(made->config().max_subsets, 100u);
  EXPECT_FALSE(made->config().panic_percent);
}

TEST_F(SubsetConfigTest, All) {
  const SubsetFactory* made = load(
      "subsets { keys: \"version\" keys: \"stage\" }\n"
      "subsets { keys: \"stage\" fallback: FALLBACK_FAIL }\n"
      "fallback: FALLBACK_DEFAULT\n"
      "default_subset { key: \"version\" value: \"1\" }\n"
      "default_subset { key: \"stage\" value: \"prod\" }\n"
      "load_balancing { config { [load_balancing/subset] { subsets { keys: \"x\" } } } }\n"
      "max_subsets: 10000 panic_percent: 0");
  ASSERT_NE(made, nullptr) << diagnostics_.toString();
  const SubsetConfig& config = made->config();
  EXPECT_EQ(config.selectors[0].keys, (std::vector<std::string>{"stage", "version"}));
  EXPECT_EQ(config.selectors[0].fallback, Fallback::kDefault);
  EXPECT_EQ(config.selectors[1].fallback, Fallback::kFail);
  EXPECT_EQ(config.default_subset, (upstream::MetadataMatch{{"stage", "prod"}, {"version", "1"}}));
  EXPECT_EQ(config.max_subsets, 10'000u);
  EXPECT_EQ(config.panic_percent, 0u);
  EXPECT_EQ(made->nested().name(), "subset");
}

TEST_F(SubsetConfigTest, WhatIsWrongIsFoundInItsPlace) {
  EXPECT_EQ(findings(""),
            "w.textproto:2:85: subsets: nothing says how the endpoints are parted; add subsets { "
            "keys: \"version\" }\n");
  EXPECT_EQ(findings("subsets { }"),
            "w.textproto:3:1: subsets[0].keys: a selector needs a key; add keys: \"version\"\n");
  EXPECT_EQ(findings("subsets { keys: \"a\" keys: \"\" keys: \"a\" }"),
            "w.textproto:3:27: subsets[0].keys[1]: is required; name a key of the endpoints' "
            "metadata\n"
            "w.textproto:3:36: subsets[0].keys[2]: \"a\" is there twice; remove one of them\n");
  EXPECT_EQ(findings("subsets { keys: \"a\" keys: \"b\" } subsets { keys: \"b\" keys: \"a\" }"),
            "w.textproto:3:33: subsets[1]: another selector has the same keys; remove one of "
            "them\n");
  EXPECT_EQ(findings("subsets { keys: \"a\" } fallback: FALLBACK_DEFAULT"),
            "w.textproto:2:85: default_subset: FALLBACK_DEFAULT needs to know which endpoints that "
            "are; add default_subset { key: \"stage\" value: \"production\" }\n");
  EXPECT_EQ(
      findings("subsets { keys: \"a\" } default_subset { key: \"a\" value: \"1\" }"),
      "w.textproto:3:23: default_subset: no fallback uses it; set fallback: FALLBACK_DEFAULT, or "
      "remove default_subset\n");
  EXPECT_EQ(findings("subsets { keys: \"a\" } max_subsets: 10001 panic_percent: 101"),
            "w.textproto:3:36: max_subsets: 10001 is out of range; it must be 1 to 10000\n"
            "w.textproto:3:57: panic_percent: 101 is out of range; it must be 0 to 100\n");
  EXPECT_NE(findings("subsets { keys: \"a\" } load_balancing { config { [load_balancing/nope] {} "
                     "} }")
                .find("load_balancing.config: "),
            std::string::npos);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::subset
