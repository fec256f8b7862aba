#include "source/server/listen_sockets.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"

namespace weir::server {
namespace {

std::shared_ptr<const network::ListenerConfig> listener(const std::string& name,
                                                        const std::string& address,
                                                        uint32_t max_connections = 0) {
  auto config = std::make_shared<network::ListenerConfig>();
  config->name = name;
  config->address = *network::Address::parse(address);
  config->max_connections = max_connections;
  return config;
}

config::Snapshot snapshotOf(std::vector<std::shared_ptr<const network::ListenerConfig>> listeners) {
  config::Snapshot snapshot;
  snapshot.listeners = std::move(listeners);
  return snapshot;
}

TEST(ListenSockets, BindsOneSocketPerWorkerOnOnePort) {
  ListenSockets sockets(3);
  const auto bound = sockets.update(snapshotOf({listener("a", "127.0.0.1:0")}));
  ASSERT_TRUE(bound.ok()) << bound.status();
  const network::ListenSocketSet& set = *(*bound)[0].sockets;
  EXPECT_NE(set.address().port(), 0);
  EXPECT_NE(set.fd(0), set.fd(1));
  EXPECT_NE(set.fd(1), set.fd(2));
}

TEST(ListenSockets, KeepsSocketsAndCountsWhereTheAddressStays) {
  ListenSockets sockets(1);
  const auto first = sockets.update(snapshotOf({listener("a", "127.0.0.1:0", 5)}));
  ASSERT_TRUE(first.ok());
  const auto second =
      sockets.update(snapshotOf({listener("a", "127.0.0.1:0", 9), listener("b", "127.0.0.1:0")}));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ((*second)[0].sockets, (*first)[0].sockets);
  EXPECT_EQ((*second)[0].budget, (*first)[0].budget);
  EXPECT_NE((*second)[1].sockets, (*first)[0].sockets);
}

TEST(ListenSockets, AnAddressThatCannotBeBoundChangesNothing) {
  ListenSockets sockets(1);
  ASSERT_TRUE(sockets.update(snapshotOf({listener("a", "127.0.0.1:0")})).ok());
  const auto before = sockets.bound().at("a").sockets;
  const auto failed =
      sockets.update(snapshotOf({listener("a", "127.0.0.1:0"), listener("b", "192.0.2.1:80")}));
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(std::string(base::view(failed.status().message())),
              ::testing::HasSubstr("192.0.2.1:80"));
  EXPECT_EQ(sockets.bound().at("a").sockets, before);
  EXPECT_EQ(sockets.bound().size(), 1u);
}

}  // namespace
}  // namespace weir::server
