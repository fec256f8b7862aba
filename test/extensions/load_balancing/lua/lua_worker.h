#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "extensions/load_balancing/lua/lua.h"
#include "extensions/load_balancing/round_robin/round_robin.h"
#include "source/base/concat.h"
#include "source/base/random.h"
#include "source/stats/stats.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/upstream/test_hosts.h"

namespace weir::extensions::load_balancing::lua {

// A balancing script on one worker with simulated time.
struct LuaWorker {
  explicit LuaWorker(std::string_view text, bool uses_hash = false)
      : LuaWorker(scriptOf(text), uses_hash) {}
  explicit LuaWorker(weir::lua::ScriptConfig script_config, bool uses_hash = false) {
    services.put<event::Dispatcher>(dispatcher);
    services.put(store);
    services.put(store.block(1));
    script_config.entry_points = {"choose"};
    script_config.modules = {balancerModule()};
    auto script = weir::lua::Script::load(std::move(script_config), store);
    if (!script.ok()) {
      error = base::view(script.status().message());
      return;
    }
    config.script = *std::move(script);
    config.fallback_factory = std::make_shared<round_robin::RoundRobinFactory>();
    config.fallback = static_cast<const upstream::AlgorithmFactory*>(config.fallback_factory.get());
    config.uses_hash = uses_hash;
    config.stats.chosen = store.counter("chosen", "");
    config.stats.fallback = store.counter("fallback", "");
    factory = std::make_unique<LuaFactory>(config);
  }
  ~LuaWorker() { algorithm.reset(); }

  static weir::lua::ScriptConfig scriptOf(std::string_view text) {
    weir::lua::ScriptConfig script;
    script.name = "balancer";
    script.text = std::string(text);
    return script;
  }

  void use(std::shared_ptr<const upstream::HostSet> set) {
    if (algorithm == nullptr) {
      algorithm = factory->createAlgorithm({.random = random, .services = &services});
    }
    hosts = std::move(set);
    loads = std::make_unique<upstream::FakeLoads>(hosts->hosts.size());
    upstream::adopt(*algorithm, *hosts, *loads);
  }
  upstream::Pick pick(const upstream::PickContext& context = {}) {
    return algorithm->pick(context);
  }
  int64_t metric(std::string_view name) { return store.valueOf(name, {{"script", "balancer"}}); }

  stats::Store store;
  event::FakeDispatcher dispatcher;
  base::ServiceMap services;
  base::Random random{7};
  LuaBalancerConfig config;
  std::unique_ptr<LuaFactory> factory;
  std::shared_ptr<const upstream::HostSet> hosts;
  std::unique_ptr<upstream::FakeLoads> loads;
  std::unique_ptr<upstream::Algorithm> algorithm;
  std::string error;
};

}  // namespace weir::extensions::load_balancing::lua
