// What probing costs with connections that are kept: prints the CPU time of a probe over loopback,
// and the heap that an idle probe holds.

#include <malloc.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/health_checkers/http/http.h"
#include "extensions/health_checkers/http/http_probe.h"
#include "source/event/uv_dispatcher.h"
#include "source/network/io_context.h"
#include "source/stats/stats.h"
#include "test/network/support.h"

namespace weir::extensions::health_checkers::http {
namespace {

constexpr size_t kProbes = 400;  // as many descriptors on each side, within any limit
constexpr int kRounds = 10;

// Answers whatever comes on its connections, in a thread of its own and without any heap, until it
// goes.
class Origin {
 public:
  Origin() : address_(network::test::addressOf(listening_.get())) {}
  ~Origin() {
    stopping_ = true;
    ::shutdown(listening_.get(), SHUT_RDWR);
    thread_.join();
  }
  network::Address address() const { return address_; }

 private:
  void run() {
    add(listening_.get());
    while (!stopping_) {
      epoll_event events[64];
      const int count = ::epoll_wait(epoll_.get(), events, 64, -1);
      for (int i = 0; i < count; ++i) onReady(events[i].data.fd);
    }
  }
  void add(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }
  void onReady(int fd) {
    if (fd == listening_.get()) {
      const int accepted = ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted >= 0) add(accepted);
      return;
    }
    constexpr std::string_view kAnswer =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
    char scratch[4096];
    if (::recv(fd, scratch, sizeof scratch, 0) <= 0) {
      ::close(fd);
    } else {
      EXPECT_EQ(::send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(kAnswer.size()));
    }
  }

  const base::UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  const base::UniqueFd listening_ = network::test::listenOnLoopback(1024);
  const network::Address address_;
  std::atomic<bool> stopping_{false};
  std::thread thread_{[this] { run(); }};
};

double cpuOfThisThread() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// One half of the probes, then the other, then one after the other, round after round: as they come
// when they are spread over their interval, which costs more than all at once.
class Stages final : public upstream::ProbeListener {
 public:
  Stages(event::Dispatcher& dispatcher, upstream::HealthChecker& checker,
         const upstream::ProbeTarget& target)
      : dispatcher_(dispatcher) {
    probes_.reserve(kProbes);
    for (size_t i = 0; i < kProbes; ++i) probes_.push_back(checker.createProbe(target, *this));
  }
  void run() {
    start(0, kProbes / 2, [this] {
      first_half_ = ::mallinfo2().uordblks;
      start(kProbes / 2, kProbes, [this] {
        second_half_ = ::mallinfo2().uordblks;
        began_ = cpuOfThisThread();
        nextRound();
      });
    });
    dispatcher_.run();
  }
  size_t healthy = 0;
  size_t told = 0;
  // Beside the probe itself, which was there before.
  size_t heapOfOne() const { return (second_half_ - first_half_) / (kProbes / 2); }
  double microsOfOne() const { return spent_ * 1e6 / static_cast<double>(kProbes * kRounds); }

 private:
  void nextRound() {
    if (round_++ < kRounds * static_cast<int>(kProbes)) {
      const size_t next = static_cast<size_t>(round_) % kProbes;
      return start(next, next + 1, [this] { nextRound(); });
    }
    spent_ = cpuOfThisThread() - began_;
    dispatcher_.stop();
  }
  void start(size_t first, size_t end, std::function<void()> then) {
    waiting_ = end - first;
    then_ = std::move(then);
    dispatcher_.post([this, first, end] {
      for (size_t i = first; i < end; ++i) probes_[i]->start();
    });
  }
  void onProbeDone(const upstream::ProbeResult& result) override {
    ++told;
    healthy += result.verdict == upstream::ProbeResult::Verdict::kHealthy ? 1 : 0;
    // Not from inside: what the last one has borrowed is to be given back as well.
    if (--waiting_ == 0) dispatcher_.post([then = std::exchange(then_, nullptr)] { then(); });
  }

  event::Dispatcher& dispatcher_;
  std::vector<std::unique_ptr<upstream::HealthProbe>> probes_;
  size_t waiting_ = 0;
  std::function<void()> then_;
  int round_ = 0;
  size_t first_half_ = 0;
  size_t second_half_ = 0;
  double began_ = 0;
  double spent_ = 0;
};

TEST(HttpCost, OfAProbeWithAKeptConnection) {
  Origin origin;
  const auto loop = event::UvDispatcher::create();
  ASSERT_TRUE(loop.ok()) << loop.status();
  event::Dispatcher& dispatcher = **loop;
  network::IoContext io(dispatcher, 0);
  stats::Store store;
  base::ServiceMap services;
  services.put(io);
  services.put(store);
  services.put(store.block(0));
  const upstream::ClusterConfig cluster{};
  const HttpCheckerFactory factory(std::make_shared<HttpOptions>());
  const auto checker = factory.create(services, cluster, {});
  auto endpoint = std::make_shared<upstream::Endpoint>();
  endpoint->address = origin.address();
  Stages stages(dispatcher, *checker, {endpoint, origin.address()});
  stages.run();
  EXPECT_EQ(stages.told, kProbes * (kRounds + 1));
  EXPECT_EQ(stages.healthy, stages.told);
  std::printf("%.1f us of CPU for a probe; %zu bytes of heap for an idle one, and itself %zu\n",
              stages.microsOfOne(), stages.heapOfOne(), sizeof(HttpProbe));
  if (std::getenv("WEIR_SANITIZER") != nullptr) return;
  // 2000 probes each second: 250 us each would be half a core.
  EXPECT_LT(stages.microsOfOne(), 200);
  EXPECT_LT(stages.heapOfOne(), 1024);
}

}  // namespace
}  // namespace weir::extensions::health_checkers::http
