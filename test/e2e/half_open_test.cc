// Ten thousand clients that begin a TLS handshake and say no more: little memory, and others are
// served as if they were not there.

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::RawConnection;

constexpr size_t kClients = 10'000;
constexpr size_t kMostBytesEach = 16 * 1024;

// How many sockets this process may have beside a few other files.
size_t raiseDescriptorLimit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max - std::min<size_t>(limit.rlim_max, 500);
}

// Resident memory in bytes.
size_t memoryOf(pid_t process) {
  std::istringstream words(test::readFile("/proc/" + std::to_string(process) + "/statm"));
  size_t pages = 0;
  words >> pages >> pages;
  return pages * 4096;
}

// The head of a ClientHello that announces 512 bytes, and the first of them.
std::string beginning(size_t bytes) {
  const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  return (hello + std::string(100, 'r')).substr(0, bytes);
}

class HalfOpenTest : public ::testing::Test {
 protected:
  std::string configuration() {
    const auto pair = ca_.issue("www", "DNS:www.weir.example");
    return R"(listeners { name: "tls" address: "127.0.0.1:0" filter_chains {
  filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } } } } } }
  transport_socket { config { [transport_sockets/tls] { handshake_timeout { seconds: 15 }
    certificates { certificate_file: ")" +
           pair.certificate + "\" private_key_file: \"" + pair.key + "\" } } } } } }\n" +
           test::runtime(2, "max_connections: 11000");
  }
  int64_t open() { return weir_.stat("listener_connections_active", "listener=\"tls\""); }
  // A request on a new connection; how many seconds it took, 99 when it failed.
  double probe() {
    const std::string port = std::to_string(weir_.port("tls"));
    const test::Finished answer =
        test::curl({"--cacert", ca_.file(), "--resolve", "www.weir.example:" + port + ":127.0.0.1",
                    "--output", "/dev/null", "--write-out", "%{http_code} %{time_total}",
                    "https://www.weir.example:" + port + "/"});
    return answer.out.starts_with("200 ") ? std::atof(answer.out.c_str() + 4) : 99;
  }

  test::TemporaryFolder folder_;
  test::CertificateAuthority ca_{folder_};
  test::WeirProcess weir_{configuration()};
};

TEST_F(HalfOpenTest, TenThousandHandshakesThatNeverEndLeaveTheOthersAlone) {
  const uint16_t port = weir_.port("tls");
  ASSERT_NE(port, 0) << weir_.process().err();
  const size_t count = std::min(kClients, raiseDescriptorLimit());
  ASSERT_LT(probe(), 1.0);
  const size_t before = memoryOf(weir_.process().pid());
  std::vector<RawConnection> clients;
  for (size_t i = 0; i < count; ++i) {
    clients.push_back(RawConnection::connectTo(port));
    ASSERT_GE(clients.back().fd(), 0) << i;
    ASSERT_TRUE(clients.back().send(beginning(1 + i % 100)));
    if (i % 1000 == 999) {
      EXPECT_LT(probe(), 1.0) << i;
    }
  }
  EXPECT_GE(open(), static_cast<int64_t>(count) / 2);
  const size_t after = memoryOf(weir_.process().pid());
  EXPECT_LT(after - std::min(after, before), count * kMostBytesEach);
  RecordProperty("bytes_each", static_cast<int>((after - std::min(after, before)) / count));
  EXPECT_LT(probe(), 1.0);
  // They have their time, and no more.
  EXPECT_TRUE(test::eventually([&] { return open() == 0; }, std::chrono::seconds(30)));
  EXPECT_LT(probe(), 1.0);
}

}  // namespace
}  // namespace weir
