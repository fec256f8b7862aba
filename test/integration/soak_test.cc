// Mixed traffic for a while. At the end nothing is left of it: no connection, stream, byte or
// descriptor, and the memory of the process has not grown since the warm-up. 20 seconds, or ten
// minutes when WEIR_LONG is set; WEIR_SOAK_SEED repeats a run.

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "test/integration/soak_peers.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

constexpr int kClients = 12;
// The free lists and the allocator's arenas may still grow a little after the warm-up.
constexpr double kMemoryTolerance = 1.1;
constexpr size_t kMemorySlack = 4 << 20;

std::chrono::seconds roundLength() {
  return std::chrono::seconds(std::getenv("WEIR_LONG") != nullptr ? 300 : 7);
}

uint64_t chosenSeed() {
  const char* given = std::getenv("WEIR_SOAK_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

// Descriptors of another process that are sockets.
int openSockets(pid_t pid) {
  int count = 0;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error)) {
    const auto target = std::filesystem::read_symlink(entry.path(), error);
    if (target.string().starts_with("socket:")) ++count;
  }
  return count;
}

size_t residentBytes(pid_t pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  size_t total = 0;
  size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

class SoakTest : public ::testing::Test {
 protected:
  // Traffic for a while; returns when every client has gone.
  void round(uint64_t seed) {
    const auto end = std::chrono::steady_clock::now() + roundLength();
    std::mutex mutex;
    std::atomic<uint64_t> steps{0};
    std::atomic<uint64_t> bytes{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kClients; ++i) {
      threads.emplace_back([&, i] {
        test::SoakClient client(weir_.port("edge"), seed + static_cast<uint64_t>(i));
        while (std::chrono::steady_clock::now() < end) {
          const std::string wrong = client.step();
          ++steps;
          if (wrong.empty()) continue;
          const std::lock_guard lock(mutex);
          ADD_FAILURE() << wrong;
        }
        bytes += client.bytes();
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::printf("%llu exchanges, %llu MiB read\n", static_cast<unsigned long long>(steps),
                static_cast<unsigned long long>(bytes >> 20));
    EXPECT_GT(steps, 100u);
  }

  void expectNothingLeft() {
    const std::pair<const char*, const char*> gauges[] = {
        {"listener_connections_active", "listener=\"edge\""},
        {"http_active_connections", "manager=\"edge\""},
        {"http_active_streams", "manager=\"edge\""},
        {"cluster_active_requests", ""},
        {"cluster_pending_requests", ""},
        {"cluster_active_connections", ""},  // idle ones close after a second
        {"buffer_bytes", ""},
    };
    for (const auto& gauge : gauges) {
      const auto value = [&] { return weir_.stat(gauge.first, gauge.second); };
      EXPECT_TRUE(test::eventually([&] { return value() == 0; }))
          << gauge.first << " is " << value();
    }
  }

  pid_t pid() { return weir_.process().pid(); }

  test::ScriptedOrigin origin_{test::soakOrigin};
  test::ScriptedOrigin other_{test::soakOrigin};
  test::WeirProcess weir_{test::edgeListener() +
                          test::cluster("origin", {origin_.address(), other_.address()},
                                        "idle_timeout { seconds: 1 }") +
                          test::runtime()};
};

TEST_F(SoakTest, MixedTrafficLeavesNothingBehind) {
  const uint64_t seed = chosenSeed();
  std::printf("WEIR_SOAK_SEED=%llu\n", static_cast<unsigned long long>(seed));
  ASSERT_NE(weir_.port("edge"), 0) << weir_.process().err();
  const int sockets = openSockets(pid());
  round(seed);
  expectNothingLeft();
  const size_t warm = residentBytes(pid());
  round(seed + kClients);
  expectNothingLeft();
  const size_t resident = residentBytes(pid());
  std::printf("resident: %zu KiB after the warm-up, %zu KiB at the end\n", warm >> 10,
              resident >> 10);
  EXPECT_TRUE(test::eventually([&] { return openSockets(pid()) == sockets; }))
      << openSockets(pid()) << " sockets, " << sockets << " before";
  // A sanitizer keeps freed memory for a while.
  if (std::getenv("WEIR_SANITIZER") == nullptr) {
    EXPECT_LT(static_cast<double>(resident),
              kMemoryTolerance * static_cast<double>(warm) + kMemorySlack);
  }
  weir_.process().signal(SIGTERM);
  EXPECT_EQ(weir_.process().wait(), 0) << weir_.process().err();
}

}  // namespace
}  // namespace weir
