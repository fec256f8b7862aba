#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "extensions/network_filters/lua/lua.h"
#include "source/base/concat.h"
#include "test/extensions/network_filters/common/filter_host.h"
#include "test/fakes/fake_http_calls.h"
#include "test/upstream/test_cluster.h"

namespace weir::extensions::network_filters::lua {

// A script in front of what remembers the bytes that come through.
class LuaFilterTest : public testing::Test {
 protected:
  using Client = network::test::FilterHost::Client;

  LuaFilterTest() {
    host_.services.put(clusters_);
    host_.services.put<router::HttpCalls>(calls_);
    host_.act([this] { clusters_.apply({process_.config({})}); });
    config_.name = "filter";
    config_.entry_points = entryPoints();
    config_.modules = {connectionModule()};
  }
  ~LuaFilterTest() override {
    host_.closeAll();
    host_.use({});
    host_.act([this] { clusters_.apply({}); });
  }

  // Clients from now on run this script.
  void use(std::string_view text) {
    config_.text = std::string(text);
    auto script = weir::lua::Script::load(config_, host_.stats);
    ASSERT_TRUE(script.ok()) << script.status().message();
    script_ = *std::move(script);
    host_.use({std::make_shared<LuaFilterFactory>(script_),
               std::make_shared<network::test::SinkFactory>(seen_)});
  }
  int64_t metric(std::string_view name) {
    return host_.stats.valueOf(name, {{"script", "filter"}});
  }
  int64_t errors() { return metric("lua_errors_total"); }

  network::test::FilterHost host_;
  upstream::TestProcess process_;  // has cluster "c"
  upstream::ClusterSet clusters_{host_.services};
  router::FakeHttpCalls calls_;
  network::test::SinkFactory::Seen seen_;
  weir::lua::ScriptConfig config_;
  std::shared_ptr<weir::lua::Script> script_;
};

}  // namespace weir::extensions::network_filters::lua
