#include <gtest/gtest.h>

#include <atomic>
#include <charconv>
#include <string>

#include "test/plugin/kinds/test_plugin.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::plugin {
namespace {

using test::RawConnection;
using test::ScriptedOrigin;

const weir_host* host = nullptr;
std::atomic<int> balancers{0};
std::atomic<int> responses{0};
std::atomic<uint32_t> size_told{0};
std::atomic<bool> facts_right{false};

// Chooses the index that the configuration says, or the last with "last".
struct Policy {
  bool last = false;
  int32_t index = 0;
};

void* createConfig(void*, const weir_config* config, weir_report* report) {
  const std::string text = textOf(host, config);
  auto* const policy = new Policy;
  policy->last = text == "last";
  const auto read = std::from_chars(text.data(), text.data() + text.size(), policy->index);
  if (policy->last || read.ec == std::errc()) return policy;
  host->report(report, str("text"), str("is no index"), str("write a number, or last"));
  delete policy;
  return nullptr;
}

struct Balancer {
  const Policy* policy;
  std::string cluster;
};

void* createBalancer(void* worker, weir_str cluster) {
  ++balancers;
  return new Balancer{static_cast<const Policy*>(worker), std::string(view(cluster))};
}

void onHosts(void*, weir_hosts* hosts) {
  const weir_balancer_api& api = *host->balancer;
  size_told = api.hosts_size(hosts);
  weir_endpoint endpoint{};
  endpoint.size = sizeof endpoint;
  weir_scratch scratch;
  weir_str address;
  weir_str zone;
  facts_right = api.endpoint(hosts, 0, &endpoint) == 1 && endpoint.weight == 1 &&
                endpoint.uid != 0 && endpoint.health != WEIR_HEALTH_UNHEALTHY &&
                api.endpoint_address(hosts, 0, &scratch, &address) == 1 &&
                view(address).starts_with("127.0.0.1:") && view(endpoint.id) == view(address) &&
                api.endpoint_metadata(hosts, 0, str("zone"), &zone) == 0 &&
                api.endpoint(hosts, 1'000'000, &endpoint) == 0 &&
                api.in_flight(hosts, 1'000'000) == 0;
}

int32_t pick(void* balancer, weir_hosts* hosts, const weir_pick* pick) {
  const auto* const own = static_cast<const Balancer*>(balancer);
  if (!own->policy->last) return own->policy->index;
  const weir_balancer_api& api = *host->balancer;
  auto index = static_cast<int32_t>(api.hosts_size(hosts)) - 1;
  while (index > 0 && api.tried(pick, hosts, static_cast<uint32_t>(index)) != 0) --index;
  return index;
}

weir_load_balancing makeKind() {
  weir_load_balancing kind{};
  kind.kind = kindHead<weir_load_balancing>(WEIR_LOAD_BALANCING, "indexed");
  kind.kind.config_create = createConfig;
  kind.kind.config_destroy = [](void* config) { delete static_cast<Policy*>(config); };
  kind.balancer_create = createBalancer;
  kind.balancer_destroy = [](void* balancer) {
    --balancers;
    delete static_cast<Balancer*>(balancer);
  };
  kind.on_hosts = onHosts;
  kind.pick = pick;
  kind.on_response = [](void*, weir_hosts*, uint32_t, uint64_t, int32_t success) {
    if (success != 0) ++responses;
  };
  return kind;
}

const weir_load_balancing kKind = makeKind();

std::string configOf(const std::vector<std::string>& addresses, std::string_view text) {
  return test::edgeListener() +
         test::cluster("origin", addresses,
                       "load_balancing { config { [load_balancing/indexed] { text: \"" +
                           std::string(text) + "\" } } }") +
         test::runtime(1);
}

int statusOf(uint16_t port, std::string* body = nullptr) {
  RawConnection client = RawConnection::connectTo(port);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const test::RawMessage answer = client.readMessage();
  if (body != nullptr) *body = answer.body;
  return answer.status();
}

std::string saying(std::string_view text) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" +
         std::string(text);
}

class PluginBalancingTest : public testing::Test {
 protected:
  PluginBalancingTest() { host = plugin_.host(); }
  Plugin& plugin_ = testPlugin();
  ScriptedOrigin a_{ScriptedOrigin::answering(saying("a"))};
  ScriptedOrigin b_{ScriptedOrigin::answering(saying("b"))};
};

TEST_F(PluginBalancingTest, ChoosesAndIsToldOfItsEndpointsAndTheOutcome) {
  responses = 0;
  {
    test::InProcessProxy proxy(configOf({a_.address(), b_.address()}, "last"),
                               offering(plugin_, {&kKind.kind}));
    for (int i = 0; i < 5; ++i) {
      std::string body;
      EXPECT_EQ(statusOf(proxy.port("edge"), &body), 200);
      EXPECT_EQ(body, "b");
    }
    EXPECT_EQ(size_told, 2u);
    EXPECT_TRUE(facts_right);
    EXPECT_TRUE(test::eventually([] { return responses == 5; }));
    EXPECT_EQ(balancers, 1);
    // The first of the list, from now on.
    EXPECT_EQ(proxy.reload(configOf({a_.address(), b_.address()}, "0")), "");
    std::string body;
    EXPECT_EQ(statusOf(proxy.port("edge"), &body), 200);
    EXPECT_EQ(body, "a");
    EXPECT_TRUE(test::eventually([] { return balancers == 1; }));
  }
  EXPECT_EQ(balancers, 0);
}

TEST_F(PluginBalancingTest, AnIndexThatThereIsNotFailsTheRequestAlone) {
  for (const std::string_view index : {"-1", "2", "2147483647", "-2147483648"}) {
    Plugin& plugin = testPlugin();
    test::InProcessProxy proxy(configOf({a_.address(), b_.address()}, index),
                               offering(plugin, {&kKind.kind}));
    EXPECT_EQ(statusOf(proxy.port("edge")), 503) << index;
    EXPECT_GE(proxy.stat("plugins_errors_total", {{"plugin", "tested"}}), 1) << index;
  }
}

TEST_F(PluginBalancingTest, WhatIsWrongWithItsConfigurationIsSaidAtTheField) {
  test::InProcessProxy proxy(configOf({a_.address()}, "last"), offering(plugin_, {&kKind.kind}));
  const std::string errors = proxy.reload(configOf({a_.address()}, "first"));
  EXPECT_NE(errors.find(".text: is no index; write a number, or last"), std::string::npos)
      << errors;
  EXPECT_EQ(statusOf(proxy.port("edge")), 200);
}

TEST_F(PluginBalancingTest, ABalancerThatCannotBeMadeFailsItsRequests) {
  static const weir_load_balancing kNone = [] {
    weir_load_balancing kind = makeKind();
    kind.balancer_create = [](void*, weir_str) -> void* { return nullptr; };
    return kind;
  }();
  test::InProcessProxy proxy(configOf({a_.address()}, "last"), offering(plugin_, {&kNone.kind}));
  EXPECT_EQ(statusOf(proxy.port("edge")), 503);
}

TEST_F(PluginBalancingTest, WithoutPickItIsNoKind) {
  weir_load_balancing kind = makeKind();
  kind.pick = nullptr;
  EXPECT_EQ(findKindType(WEIR_LOAD_BALANCING)->check(&kind), "pick is missing");
  kind = makeKind();
  kind.balancer_create = nullptr;
  EXPECT_EQ(findKindType(WEIR_LOAD_BALANCING)->check(&kind), "balancer_create is missing");
}

}  // namespace
}  // namespace weir::plugin
