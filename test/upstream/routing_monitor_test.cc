// Picks and host sets that break the laws are found, and others are not.

#include "source/upstream/routing_monitor.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/upstream/host_list.h"
#include "test/upstream/test_cluster.h"

namespace weir::upstream {
namespace {

// Picks what the test says, whatever its health.
class Stubborn final : public LoadBalancerFactory {
 public:
  std::string_view name() const override { return "stubborn"; }
  bool picksBeyondGroups(Health health) const override { return health == beyond; }
  std::unique_ptr<LoadBalancer> create(const BalancerContext&) const override {
    struct Balancer final : LoadBalancer {
      explicit Balancer(const uint32_t& which) : host(which) {}
      void onHostSet(const HostSet&, const HostLoads&) override {}
      Pick pick(const PickContext&) override { return Pick::endpoint(host); }
      const uint32_t& host;
    };
    return std::make_unique<Balancer>(host);
  }

  uint32_t host = 0;
  std::optional<Health> beyond;
};

class RoutingMonitorTest : public testing::Test {
 protected:
  RoutingMonitorTest() {
    worker_.services.put(monitor_);
    HostList hosts;
    int port = 0;
    for (const Health health : {Health::kHealthy, Health::kHealthy, Health::kUnhealthy,
                                Health::kDraining, Health::kDisabled, Health::kDegraded}) {
      hosts.add({.address = *network::Address::parse("127.0.0.1:" + std::to_string(++port))},
                health);
    }
    hosts.add({.address = *network::Address::parse("127.0.0.1:7"), .weight = 0});
    hosts.add({.address = *network::Address::parse("127.0.0.1:8"), .priority = 1});
    hosts_ = hosts.list();
    worker_.clusters.apply({process_.config({}, {.load_balancer = balancer_})},
                           {eligible(5, hosts_)});
  }
  // How many of so many picks of `host` were found to be wrong.
  int64_t wrong(uint32_t host, uint32_t picks = RoutingMonitor::kEvery) {
    const int64_t before = found("pick");
    balancer_->host = host;
    for (uint32_t i = 0; i < picks; ++i) worker_.cluster().choose({});
    return found("pick") - before;
  }
  int64_t found(const std::string& kind) {
    return process_.store.valueOf("routing_violations_total", {{"kind", kind}});
  }

  TestProcess process_;
  TestWorker worker_{process_};
  RoutingMonitor monitor_{worker_.dispatcher, process_.store, process_.store.block(1)};
  std::shared_ptr<Stubborn> balancer_ = std::make_shared<Stubborn>();
  std::vector<HostSet::Host> hosts_;
};

TEST_F(RoutingMonitorTest, EligibleOnesArePicked) {
  EXPECT_EQ(wrong(0, 10 * RoutingMonitor::kEvery), 0);
  EXPECT_EQ(wrong(1), 0);
}

TEST_F(RoutingMonitorTest, OthersAreFound) {
  for (uint32_t host = 2; host < 7; ++host) {
    EXPECT_EQ(wrong(host), 1) << "host " << host;
  }
  EXPECT_EQ(wrong(2, 10 * RoutingMonitor::kEvery), 10);
}

TEST_F(RoutingMonitorTest, InPanicTheUnhealthyAreEligible) {
  for (HostSet::Host& host : hosts_) {
    if (host.health == Health::kHealthy) host.health = Health::kUnhealthy;
  }
  worker_.clusters.updateHosts("c", eligible(6, hosts_, {.panic_percent = 100}));
  EXPECT_EQ(wrong(2), 0);
  EXPECT_EQ(wrong(3), 1) << "but not those that were taken out";
}

TEST_F(RoutingMonitorTest, AnAlgorithmMayBeToldEndpoints) {
  balancer_->beyond = Health::kUnhealthy;
  EXPECT_EQ(wrong(2), 0);
  EXPECT_EQ(wrong(3), 1);
}

TEST_F(RoutingMonitorTest, ClientsMayStayWhereTheyBelong) {
  for (uint32_t host = 0; host < hosts_.size(); ++host) {
    const Health health = hosts_[host].health;
    const bool kept = health != Health::kUnhealthy && health != Health::kDisabled;
    EXPECT_EQ(mayBePicked(worker_.cluster(), host, /*bound=*/true), kept) << "host " << host;
  }
  EXPECT_FALSE(mayBePicked(worker_.cluster(), 99, /*bound=*/true));
}

TEST_F(RoutingMonitorTest, HostSetsThatGoBackAreFound) {
  worker_.clusters.updateHosts("c", eligible(4, hosts_));
  EXPECT_EQ(worker_.cluster().hosts().version, 5u) << "it is refused";
  EXPECT_EQ(found("version"), 0);
  const auto config = process_.config({}, {.load_balancer = balancer_});
  worker_.clusters.apply({config}, {eligible(5, hosts_)});
  EXPECT_EQ(found("version"), 0);
  worker_.clusters.apply({config}, {eligible(4, hosts_)});
  EXPECT_EQ(found("version"), 1);
}

}  // namespace
}  // namespace weir::upstream
