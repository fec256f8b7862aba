// What a datagram costs once its session exists.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/integration/udp_fixture.h"
#include "test/support/allocation_counter.h"

namespace weir::test_udp {
namespace {

TEST(UdpAllocation, NoAllocationForADatagramOfASession) {
  if (!test::AllocationCounter::available()) GTEST_SKIP() << "the sanitizer allocates";
  const UdpPeer origin;
  test::InProcessProxy proxy(config(origin));
  const Address to = listenerOf(proxy);
  std::vector<UdpPeer> clients(8);
  const auto rounds = [&](int count) {
    for (int i = 0; i < count; ++i) {
      for (const UdpPeer& client : clients) exchange(client, origin, to, std::string(500, 'x'));
    }
  };
  rounds(20);
  const test::AllocationCounter counter("weir-");
  rounds(100);
  EXPECT_EQ(counter.count(), 0u) << "in 800 datagrams each way";
  counter.printStacks();
}

}  // namespace
}  // namespace weir::test_udp
