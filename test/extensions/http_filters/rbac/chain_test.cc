#include "gtest/gtest.h"

#include "extensions/http_filters/rbac/rbac.h"
#include "test/extensions/http_filters/common/access/filter_stage.h"

namespace weir::extensions::http_filters::rbac {
namespace {

Rule rule(std::string name, bool allow, std::string path) {
  return {.name = std::move(name),
          .allow = allow,
          .condition = {PathIs{PathIs::Kind::kPrefix, std::move(path)}}};
}
CountedRules counted(RuleList list, stats::Store& store) {
  CountedRules to;
  for (size_t i = 0; i <= list.rules.size(); ++i) {
    to.decided.push_back(
        store.counter("decided", "A test's.", {{"rule", std::string(list.nameOf(i))}}));
  }
  to.list = std::move(list);
  return to;
}

TEST(HttpRbacChain, TheFirstRuleDecides) {
  FilterStage stage;
  auto settings = std::make_shared<RbacSettings>();
  settings->rules =
      counted({.rules = {rule("no", false, "/admin"), rule("yes", true, "/")}}, stage.stats);
  settings->shadow =
      counted({.rules = {rule("old", false, "/v1")}, .allow_by_default = true}, stage.stats);
  settings->body = "nothing here";
  stage.use(RbacFactory(settings, "edge"));
  stage.ask("/admin/x?y");
  EXPECT_FALSE(stage.passed());
  EXPECT_EQ(stage.client.status, 403);
  EXPECT_EQ(stage.client.body, "nothing here");
  EXPECT_EQ(stage.info.detail, "rbac_denied");
  stage.ask("/v1");
  EXPECT_TRUE(stage.passed());
  EXPECT_EQ(stage.stats.valueOf("decided", {{"rule", "no"}}), 1);
  EXPECT_EQ(stage.stats.valueOf("decided", {{"rule", "yes"}}), 1);
  EXPECT_EQ(stage.stats.valueOf("decided", {{"rule", "old"}}), 1);
}

}  // namespace
}  // namespace weir::extensions::http_filters::rbac
