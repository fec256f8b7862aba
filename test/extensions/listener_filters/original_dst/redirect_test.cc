// Connections that the kernel redirects: this process moves to a network of its own, writes
// nftables rules there, and asks where the connections wanted to go.

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/base/fd.h"
#include "source/network/address.h"
#include "test/support/child_process.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"

namespace weir {
namespace {

using test::InProcessProxy;
using test::RawConnection;

// Two listeners, one for each family; what they say names the port the client wanted.
std::string config() {
  std::string text;
  for (const char* address : {"0.0.0.0:0", "[::]:0"}) {
    text += base::concat("listeners { name: \"", address, "\" address: \"", address,
                         R"(" listener_filters { config { [listener_filters/original_dst] {} } }
      filter_chains { name: "80" match { destination_port: 80 }
        filters { config { [network_filters/direct_response] { text: "eighty" } } } }
      filter_chains { name: "any"
        filters { config { [network_filters/direct_response] { text: "other" } } } }
    }
)");
  }
  return text + "runtime { workers: 1 }\nadmin { address: \"127.0.0.1:0\" }\n";
}

// 192.0.2.0/24 and 2001:db8::/32 are this host's here; ports up to 1000 go to the listeners.
std::string rules(uint16_t v4, uint16_t v6) {
  return base::concat(
      "table ip weir {\n chain out {\n type nat hook output priority -100;\n"
      " ip daddr 192.0.2.0/24 tcp dport 1-1000 redirect to :",
      v4,
      "\n }\n}\ntable ip6 weir {\n chain out {\n type nat hook output priority -100;\n"
      " ip6 daddr 2001:db8::/32 tcp dport 1-1000 redirect to :",
      v6, "\n }\n}\n");
}

bool run(const std::vector<std::string>& command) {
  const test::Finished finished = test::runToEnd(command);
  if (finished.code != 0) ADD_FAILURE() << command[0] << ": " << finished.err;
  return finished.code == 0;
}

// What is said at `address`; "refused" when nobody is there.
std::string answerAt(const std::string& address) {
  const network::Address to = *network::Address::parse(address);
  base::UniqueFd fd(::socket(to.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), to.data(), to.length()) != 0) return "refused";
  return RawConnection(std::move(fd)).readAll();
}

int64_t count(const InProcessProxy& proxy, const char* name, const char* listener) {
  return proxy.stat(name, {{"listener", listener}});
}

TEST(OriginalDstRedirect, TellsWhereTheClientWantedToGo) {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNET) != 0) {
    GTEST_SKIP() << "needs root and leave to make network namespaces (CAP_SYS_ADMIN)";
  }
  ASSERT_TRUE(run({"ip", "link", "set", "lo", "up"}));
  ASSERT_TRUE(run({"ip", "route", "add", "local", "192.0.2.0/24", "dev", "lo"}));
  ASSERT_TRUE(run({"ip", "-6", "route", "add", "local", "2001:db8::/32", "dev", "lo"}));
  InProcessProxy proxy(config());
  const uint16_t v4 = proxy.port("0.0.0.0:0");
  const uint16_t v6 = proxy.port("[::]:0");
  const test::TemporaryFolder folder;
  ASSERT_TRUE(run({"nft", "-f", folder.write("rules.nft", rules(v4, v6))}));

  EXPECT_EQ(answerAt("192.0.2.1:80"), "eighty");
  EXPECT_EQ(answerAt("192.0.2.77:81"), "other");
  EXPECT_EQ(answerAt("[2001:db8::1]:80"), "eighty");
  EXPECT_EQ(answerAt("[2001:db8::1]:443"), "other");
  EXPECT_EQ(count(proxy, "original_dst_found_total", "0.0.0.0:0"), 2);
  EXPECT_EQ(count(proxy, "original_dst_found_total", "[::]:0"), 2);

  // Not redirected: the listener itself, whichever address of the host it is reached at.
  EXPECT_EQ(answerAt(base::concat("127.0.0.1:", v4)), "other");
  EXPECT_EQ(answerAt(base::concat("192.0.2.1:", v4)), "other");
  EXPECT_EQ(answerAt(base::concat("[2001:db8::1]:", v6)), "other");
  EXPECT_EQ(count(proxy, "original_dst_own_address_total", "0.0.0.0:0"), 2);
  EXPECT_EQ(count(proxy, "original_dst_own_address_total", "[::]:0"), 1);
  EXPECT_EQ(answerAt("192.0.2.1:2000"), "refused");
}

}  // namespace
}  // namespace weir
