// Connections that the kernel redirects reach where they wanted to go, from the client's own
// address: this process moves to a network of its own and writes nftables rules there.

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/base/fd.h"
#include "source/network/address.h"
#include "source/network/socket.h"
#include "test/support/child_process.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"

namespace weir {
namespace {

using test::InProcessProxy;
using test::RawConnection;
using test::RawMessage;

// Answers each request on every address of the host with "SOURCE to DESTINATION".
class Origin {
 public:
  explicit Origin(const std::string& address) {
    const network::Address at = *network::Address::parse(address);
    listening_.reset(::socket(at.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listening_.get(), at.data(), at.length()), 0);
    EXPECT_EQ(::listen(listening_.get(), 16), 0);
    port_ = network::localAddressOf(listening_.get()).port();
    thread_ = std::thread([this] { serve(); });
  }
  ~Origin() {
    ::shutdown(listening_.get(), SHUT_RDWR);
    thread_.join();
  }
  uint16_t port() const { return port_; }

 private:
  void serve() {
    while (true) {
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      auto* source = reinterpret_cast<sockaddr*>(&from);
      base::UniqueFd fd(::accept(listening_.get(), source, &length));
      if (!fd.valid()) return;
      const std::string text = base::concat(network::Address::fromSockaddr(source, length).ip(),
                                            " to ", network::localAddressOf(fd.get()).ip());
      RawConnection connection(std::move(fd));
      if (!connection.readMessage().complete) continue;
      connection.send(base::concat("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ",
                                   text.size(), "\r\n\r\n", text));
    }
  }
  base::UniqueFd listening_;
  uint16_t port_ = 0;
  std::thread thread_;
};

std::string listener(const std::string& address, const std::string& cluster) {
  return base::concat("listeners { name: \"", address, "\" address: \"", address,
                      R"(" listener_filters { config { [listener_filters/original_dst] {} } }
      filter_chains { filters { config { [network_filters/http_connection_manager] {
        virtual_hosts { name: "all" domains: "*" routes { route { cluster: ")",
                      cluster, "\" } } } } } } } }\n");
}

std::string cluster(const std::string& name, uint16_t port) {
  return base::concat("clusters { name: \"", name, "\" original_source: true discovery { ",
                      "config { [clusters/original_destination] { port: ", port,
                      " allowed_prefixes: \"192.0.2.0/25\" allowed_prefixes: \"2001:db8::/48\" } ",
                      "} } }\n");
}

// 192.0.2.0/24 and 2001:db8::/32 are this host's here; port 80 goes to the listeners.
std::string rules(uint16_t v4, uint16_t v6) {
  return base::concat(
      "table ip weir {\n chain out {\n type nat hook output priority -100;\n"
      " ip daddr 192.0.2.0/24 tcp dport 80 redirect to :",
      v4,
      "\n }\n}\ntable ip6 weir {\n chain out {\n type nat hook output priority -100;\n"
      " ip6 daddr 2001:db8::/32 tcp dport 80 redirect to :",
      v6, "\n }\n}\n");
}

bool run(const std::vector<std::string>& command) {
  const test::Finished finished = test::runToEnd(command);
  if (finished.code != 0) ADD_FAILURE() << command[0] << ": " << finished.err;
  return finished.code == 0;
}

// GET from one address to another.
RawMessage get(const std::string& from, const std::string& address) {
  const network::Address source = *network::Address::parse(from);
  const network::Address to = *network::Address::parse(address);
  base::UniqueFd fd(::socket(to.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(fd.get(), source.data(), source.length()), 0);
  EXPECT_EQ(::connect(fd.get(), to.data(), to.length()), 0);
  RawConnection connection(std::move(fd));
  connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  return connection.readMessage();
}

TEST(OriginalDestinationRedirect, GoesWhereTheClientWantedToFromWhereItIs) {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNET) != 0) {
    GTEST_SKIP() << "needs root and leave to make network namespaces (CAP_SYS_ADMIN)";
  }
  ASSERT_TRUE(run({"ip", "link", "set", "lo", "up"}));
  ASSERT_TRUE(run({"ip", "route", "add", "local", "192.0.2.0/24", "dev", "lo"}));
  ASSERT_TRUE(run({"ip", "-6", "route", "add", "local", "2001:db8::/32", "dev", "lo"}));
  ASSERT_TRUE(run({"ip", "-6", "address", "add", "2001:db8::70/128", "dev", "lo", "nodad"}));
  const Origin origin4("0.0.0.0:0"), origin6("[::]:0");
  InProcessProxy proxy(listener("0.0.0.0:0", "v4") + listener("[::]:0", "v6") +
                       cluster("v4", origin4.port()) + cluster("v6", origin6.port()) +
                       "runtime { workers: 1 }\nadmin { address: \"127.0.0.1:0\" }\n");
  const uint16_t v4 = proxy.port("0.0.0.0:0");
  const uint16_t v6 = proxy.port("[::]:0");
  const test::TemporaryFolder folder;
  ASSERT_TRUE(run({"nft", "-f", folder.write("rules.nft", rules(v4, v6))}));

  EXPECT_EQ(get("192.0.2.70:0", "192.0.2.1:80").body, "192.0.2.70 to 192.0.2.1");
  EXPECT_EQ(get("192.0.2.71:0", "192.0.2.1:80").body, "192.0.2.71 to 192.0.2.1");
  EXPECT_EQ(get("192.0.2.70:0", "192.0.2.2:80").body, "192.0.2.70 to 192.0.2.2");
  EXPECT_EQ(get("[2001:db8::70]:0", "[2001:db8::1]:80").body, "2001:db8::70 to 2001:db8::1");
  // Outside of what is allowed, and not redirected at all.
  EXPECT_EQ(get("192.0.2.70:0", "192.0.2.200:80").status(), 503);
  EXPECT_EQ(get("[2001:db8::70]:0", "[2001:db8:9::1]:80").status(), 503);
  EXPECT_EQ(get("192.0.2.70:0", base::concat("192.0.2.1:", v4)).status(), 503);
  EXPECT_EQ(proxy.stat("cluster_no_endpoint_total", {{"cluster", "v4"}}), 2);
}

}  // namespace
}  // namespace weir
