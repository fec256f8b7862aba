// The filter in a whole proxy with several workers, which have their limits together.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"

namespace weir::extensions::http_filters::local_rate_limit {
namespace {

using test::RawConnection;

// An hour between two tokens: however slow the machine is, no other one comes.
std::string config(int burst) {
  return test::runtime(3) +
         test::edgeListener(
             "http_filters { config { [http_filters/local_rate_limit] { limits { "
             "name: \"client\" requests: 1 per { seconds: 3600 } burst: " +
                 std::to_string(burst) + " key { parts { client_address {} } } } } } }",
             "routes { direct_response { status: 200 } }");
}

int ask(uint16_t port, int requests) {
  auto client = RawConnection::connectTo(port);
  int passed = 0;
  for (int i = 0; i < requests; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    passed += client.readMessage().status() == 200 ? 1 : 0;
  }
  return passed;
}

TEST(LocalRateLimitProxy, ExactOverAllWorkersAndConfigurations) {
  test::InProcessProxy proxy(config(500));
  std::atomic<int> passed{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] { passed += ask(proxy.port("edge"), 100); });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(passed, 500);
  const stats::Labels labels{{"filter", "edge"}, {"limit", "client"}};
  EXPECT_EQ(proxy.stat("http_local_rate_limit_passed_total", labels), 500);
  EXPECT_EQ(proxy.stat("http_local_rate_limit_refused_total", labels), 300);
  EXPECT_EQ(proxy.reload(config(500)), "");
  EXPECT_EQ(ask(proxy.port("edge"), 10), 0) << "a new configuration gives nothing away";
}

}  // namespace
}  // namespace weir::extensions::http_filters::local_rate_limit
