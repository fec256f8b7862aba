#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/clusters/common/dns_resolvers.h"
#include "extensions/clusters/common/dns_settings.h"
#include "source/base/concat.h"
#include "source/base/service_map.h"
#include "source/stats/stats.h"
#include "source/upstream/discovery.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/fakes/fake_dns_resolver.h"

namespace weir::extensions::clusters {

// Remembers the members as "id" or "id w=… p=… +more", one string each.
class RecordingSink final : public upstream::MembershipSink {
 public:
  void onMembers(std::vector<std::shared_ptr<const upstream::Endpoint>> members) override {
    ++told;
    all = std::move(members);
  }
  void onReason(std::string_view why) override { reason = why; }

  std::vector<std::string> ids() const {
    std::vector<std::string> result;
    for (const auto& member : all) result.push_back(member->id);
    return result;
  }
  std::vector<std::string> addresses() const {
    std::vector<std::string> result;
    for (const auto& member : all) {
      std::string text = member->address.toString();
      for (const network::Address& more : member->more_addresses) text += " " + more.toString();
      result.push_back(text);
    }
    return result;
  }

  int told = 0;
  std::vector<std::shared_ptr<const upstream::Endpoint>> all;
  std::string reason;
};

// The main thread's services with a resolver that answers from a table, under simulated time.
class DnsFixture : public ::testing::Test {
 protected:
  using Seconds = std::chrono::seconds;
  static constexpr auto kIpv4 = network::DnsFamily::kIpv4;
  static constexpr auto kIpv6 = network::DnsFamily::kIpv6;

  DnsFixture() {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(store_.block(0));
    services_.put(resolvers_);
  }
  DnsCluster cluster(DnsSettings settings = {}) {
    return {.name = "web",
            .identity = "web",
            .settings = std::move(settings),
            .stats = DnsStats::create(store_, "web")};
  }
  static upstream::EndpointEntry entry(const std::string& host, uint16_t port = 80) {
    upstream::EndpointEntry made{.host = host, .port = port, .endpoint = {}};
    made.endpoint.id = base::concat(host, ":", port);
    return made;
  }
  void settle() { EXPECT_TRUE(dispatcher_.runUntilIdle()); }
  // Long enough for what is due after `time`, give or take.
  void after(std::chrono::milliseconds time) {
    dispatcher_.advance(time + time / 5 + std::chrono::milliseconds(100));
  }
  int64_t failures(const std::string& kind) const {
    return store_.valueOf("dns_failures_total", {{"cluster", "web"}, {"kind", kind}});
  }

  event::FakeDispatcher dispatcher_;
  stats::Store store_;
  std::shared_ptr<network::FakeDnsResolver> dns_ =
      std::make_shared<network::FakeDnsResolver>(dispatcher_);
  DnsResolvers resolvers_{[this](const network::DnsOptions&) { return dns_; }};
  base::ServiceMap services_;
  RecordingSink sink_;
};

}  // namespace weir::extensions::clusters
