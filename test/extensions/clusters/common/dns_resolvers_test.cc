#include "extensions/clusters/common/dns_resolvers.h"

#include "test/extensions/clusters/common/dns_fixture.h"

namespace weir::extensions::clusters {
namespace {

TEST(DnsResolversTest, WhoAsksAlikeSharesOne) {
  event::FakeDispatcher dispatcher;
  base::ServiceMap services;
  services.put<event::Dispatcher>(dispatcher);
  DnsResolvers& resolvers = DnsResolvers::of(services);
  EXPECT_EQ(&resolvers, &DnsResolvers::of(services));
  const network::DnsOptions other{.servers = {*network::Address::parse("127.0.0.1:5353")}};
  const auto system = resolvers.get({});
  const auto own = resolvers.get(other);
  EXPECT_NE(system, own);
  EXPECT_EQ(resolvers.get({}), system);
  EXPECT_EQ(resolvers.get(other), own);
}

TEST(DnsResolversTest, OneThatNobodyUsesIsNotKept) {
  event::FakeDispatcher dispatcher;
  int made = 0;
  DnsResolvers resolvers([&](const network::DnsOptions&) {
    ++made;
    return std::make_shared<network::FakeDnsResolver>(dispatcher);
  });
  resolvers.get({});
  resolvers.get({});
  EXPECT_EQ(made, 2);
}

}  // namespace
}  // namespace weir::extensions::clusters
