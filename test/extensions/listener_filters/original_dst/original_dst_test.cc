#include "extensions/listener_filters/original_dst/original_dst.h"

#include <sys/socket.h>

#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "source/base/fd.h"
#include "source/network/socket.h"

namespace weir::extensions::listener_filters::original_dst {
namespace {

using network::Address;
using Step = network::ListenerFilter::Step;

// A socket that is bound to loopback stands for an accepted one; the kernel's answers are the
// test's.
class OriginalDstTest : public ::testing::Test {
 protected:
  OriginalDstTest() {
    services_.put(store_);
    services_.put(store_.block(1));
    connection_.listener = &listener_;
    connection_.info = std::make_unique<network::ConnectionInfo>();
  }
  // What is found for a listener on `listener`, or "". `own`: the address is this host's.
  std::string found(const std::string& listener, const std::string& redirected_from, bool own) {
    int error = 0;
    const Address any = *Address::parse("127.0.0.1:0");
    const base::UniqueFd fd = network::openStreamSocket(any, error);
    EXPECT_EQ(::bind(fd.get(), any.data(), any.length()), 0);
    const Address local = network::localAddressOf(fd.get());
    listener_ = *Address::parse(listener);
    if (listener_.port() == 1) listener_ = listener_.withPort(local.port());
    connection_.fd = fd.get();
    KernelQueries kernel;
    kernel.redirected_from = [&](int asked, const Address& address) {
      EXPECT_EQ(asked, fd.get());
      EXPECT_EQ(address, local);
      if (redirected_from.empty()) return Address();
      Address answer = *Address::parse(redirected_from);
      return answer.port() == 1 ? answer.withPort(local.port()) : answer;
    };
    kernel.is_own_host = [&](const Address&) { return own; };
    OriginalDstFactory factory("edge", std::move(kernel));
    const auto worker = factory.bind(services_);
    const auto filter = worker->create();
    EXPECT_EQ(filter->maxBytes(connection_), 0u);
    size_t consume = 0;
    EXPECT_EQ(filter->inspect("", false, connection_, consume), Step::kContinue);
    const auto& destination = connection_.info->original_destination;
    return destination ? destination->toString() : "";
  }
  int64_t stat(const char* name) { return store_.valueOf(name, {{"listener", "edge"}}); }

  stats::Store store_;
  base::ServiceMap services_;
  Address listener_;
  network::InspectedConnection connection_;
};

// Port 1 stands for the port of the listener.
TEST_F(OriginalDstTest, RedirectedConnectionsHaveOne) {
  EXPECT_EQ(found("127.0.0.1:1", "192.0.2.1:80", false), "192.0.2.1:80");
  EXPECT_EQ(found("0.0.0.0:1", "192.0.2.1:80", true), "192.0.2.1:80") << "a service of this host";
  EXPECT_EQ(found("[::]:1", "[2001:db8::1]:80", false), "[2001:db8::1]:80");
  EXPECT_EQ(stat("original_dst_found_total"), 3);
  EXPECT_EQ(stat("original_dst_not_redirected_total"), 0);
}

TEST_F(OriginalDstTest, ConnectionsToTheListenerItselfHaveNone) {
  EXPECT_EQ(found("127.0.0.1:1", "127.0.0.1:1", true), "");
  EXPECT_EQ(found("0.0.0.0:1", "127.0.0.1:1", true), "");
  EXPECT_EQ(found("0.0.0.0:1", "192.0.2.1:1", true), "") << "another address of this host";
  EXPECT_EQ(stat("original_dst_own_address_total"), 3);
  EXPECT_NE(found("0.0.0.0:1", "192.0.2.1:1", false), "") << "another host's same port";
  EXPECT_NE(found("127.0.0.1:1", "192.0.2.1:1", true), "") << "nobody listens there";
}

TEST_F(OriginalDstTest, WithoutARedirectionTheLocalAddressCounts) {
  EXPECT_NE(found("0.0.0.0:2", "", true), "") << "TPROXY keeps the destination";
  EXPECT_EQ(stat("original_dst_not_redirected_total"), 1);
  EXPECT_EQ(stat("original_dst_found_total"), 1);
  EXPECT_EQ(found("0.0.0.0:1", "", true), "") << "but not when it is the listener";
  EXPECT_EQ(found("127.0.0.1:1", "", true), "");
  EXPECT_EQ(stat("original_dst_own_address_total"), 2);
}

TEST(OriginalDstKernel, KnowsTheAddressesOfThisHost) {
  const KernelQueries kernel = KernelQueries::real();
  EXPECT_TRUE(kernel.is_own_host(*Address::parse("127.0.0.1:80")));
  EXPECT_FALSE(kernel.is_own_host(*Address::parse("192.0.2.1:80")));
  EXPECT_FALSE(kernel.is_own_host(*Address::parse("[2001:db8::1]:80")));
}

// Where connections are tracked the kernel tells the address itself, elsewhere nothing.
TEST(OriginalDstKernel, SaysNothingElseOfWhatWasNotRedirected) {
  int error = 0;
  const Address any = *Address::parse("127.0.0.1:0");
  const base::UniqueFd listener = network::openStreamSocket(any, error);
  ASSERT_EQ(::bind(listener.get(), any.data(), any.length()), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  const Address address = network::localAddressOf(listener.get());
  const base::UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), address.data(), address.length()), 0);
  const base::UniqueFd accepted(::accept(listener.get(), nullptr, nullptr));
  const Address answer = KernelQueries::real().redirected_from(accepted.get(), address);
  EXPECT_TRUE(answer == address || answer == Address());
  EXPECT_EQ(KernelQueries::real().redirected_from(-1, address), Address());
  EXPECT_EQ(KernelQueries::real().redirected_from(accepted.get(), *Address::parse("unix:/x")),
            Address());
}

}  // namespace
}  // namespace weir::extensions::listener_filters::original_dst
