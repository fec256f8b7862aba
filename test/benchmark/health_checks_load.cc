// What active checks of many endpoints cost the main thread, and how soon one that has died is
// found: real sockets on the loopback, one address for each endpoint, a child process that answers.
//
//   health_checks_load [endpoints] [tcp|http] [kept|new] [seconds]

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/health_checkers/http/http.h"
#include "extensions/health_checkers/tcp/tcp.h"
#include "extensions/load_balancing/round_robin/round_robin.h"
#include "source/control/routing_state.h"
#include "source/event/uv_dispatcher.h"
#include "source/network/io_context.h"
#include "source/upstream/endpoint_health.h"
#include "test/upstream/host_list.h"

namespace weir {
namespace {

using std::chrono::milliseconds;
using upstream::Health;

constexpr int kVictims = 20;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int listenAt(uint32_t ip, uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(ip);
  address.sin_port = htons(port);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 4096) != 0) {
    fail("listen");
  }
  return fd;
}

uint16_t portOf(int fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

// Accepts, answers whatever comes in one read, and ends a victim when told its number.
class Responder {
 public:
  Responder(int shared, const std::vector<int>& victims, int orders) : orders_(orders) {
    epoll_ = epoll_create1(0);
    listeners_[shared] = -1;
    for (int i = 0; i < kVictims; ++i) listeners_[victims[static_cast<size_t>(i)]] = i;
    for (const auto& [fd, victim] : listeners_) watch(fd);
    watch(orders);
  }
  void run() {
    epoll_event events[256];
    while (true) {
      const int n = epoll_wait(epoll_, events, 256, -1);
      for (int i = 0; i < n; ++i) handle(events[i].data.fd);
    }
  }

 private:
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  void handle(int fd) {
    if (fd == orders_) return obey();
    if (const auto listener = listeners_.find(fd); listener != listeners_.end()) {
      for (int made; (made = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
        watch(made);
        if (listener->second >= 0) of_victims_[made] = listener->second;
      }
      return;
    }
    char bytes[4096];
    if (read(fd, bytes, sizeof bytes) > 0) {
      constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
      [[maybe_unused]] const ssize_t written = write(fd, kAnswer.data(), kAnswer.size());
      return;
    }
    of_victims_.erase(fd);
    close(fd);
  }
  void obey() {
    unsigned char victim;
    if (read(orders_, &victim, 1) != 1) _exit(0);
    for (auto it = listeners_.begin(); it != listeners_.end();) {
      if (it->second == victim) close(it->first);
      it = it->second == victim ? listeners_.erase(it) : std::next(it);
    }
    for (auto it = of_victims_.begin(); it != of_victims_.end();) {
      if (it->second == victim) close(it->first);
      it = it->second == victim ? of_victims_.erase(it) : std::next(it);
    }
  }

  const int orders_;
  int epoll_;
  std::map<int, int> listeners_;  // to the victim; -1: all others
  std::map<int, int> of_victims_;
};

double cpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

long residentKiB() {
  long pages = 0;
  if (FILE* file = std::fopen("/proc/self/statm", "r")) {
    [[maybe_unused]] const int read = std::fscanf(file, "%*d %ld", &pages);
    std::fclose(file);
  }
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

struct Options {
  int endpoints = 10'000;
  bool http = false;
  bool kept = true;
  int seconds = 20;
};

std::string addressOf(int i, uint16_t port) {
  return "127." + std::to_string(1 + i / 60'000) + "." + std::to_string(i / 240 % 250) + "." +
         std::to_string(1 + i % 240) + ":" + std::to_string(port);
}

std::shared_ptr<const upstream::ClusterConfig> clusterOf(const Options& options, uint16_t port,
                                                         uint16_t victims_port,
                                                         stats::Store& stats) {
  auto config = std::make_shared<upstream::ClusterConfig>();
  config->name = "c";
  upstream::HostList hosts;
  const auto add = [&](const std::string& id, const std::string& address) {
    hosts.add({.id = id, .address = *network::Address::parse(address)}, Health::kUnknown);
  };
  for (int i = 0; i < options.endpoints - kVictims; ++i) {
    add("e" + std::to_string(i), addressOf(i, port));
  }
  for (int i = 0; i < kVictims; ++i) {
    add("v" + std::to_string(i),
        "127.250.0." + std::to_string(1 + i) + ":" + std::to_string(victims_port));
  }
  config->hosts = upstream::eligible(1, hosts.list());
  config->load_balancer =
      std::make_shared<extensions::load_balancing::round_robin::RoundRobinFactory>();
  config->usage = std::make_shared<upstream::ClusterUsage>();
  config->stats = upstream::ClusterStats::create(stats, "c");
  auto check = std::make_shared<upstream::HealthCheckConfig>();
  check->name = options.http ? "http" : "tcp";
  check->identity = check->name;
  check->settings.reuse_connection = options.kept;
  if (options.http) {
    check->factory = std::make_shared<extensions::health_checkers::http::HttpCheckerFactory>(
        std::make_shared<extensions::health_checkers::http::HttpOptions>());
  } else {
    check->factory = std::make_shared<extensions::health_checkers::tcp::TcpCheckerFactory>(
        std::make_shared<extensions::health_checkers::tcp::TcpOptions>());
  }
  config->health_checks.push_back(check);
  return config;
}

// The main thread and what happens on it.
class Load {
 public:
  Load(const Options& options, uint16_t port, uint16_t victims_port, int orders)
      : options_(options),
        dispatcher_(std::move(event::UvDispatcher::create().value())),
        io_(*dispatcher_, 0),
        orders_(orders),
        step_(dispatcher_->createTimer([this] { step(); })) {
    services_.put<event::Dispatcher>(*dispatcher_);
    services_.put(io_);
    services_.put(stats_);
    services_.put(stats_.block(0));
    const auto config = clusterOf(options, port, victims_port, stats_);
    const long before = residentKiB();
    state_ = std::make_unique<control::RoutingState>(
        services_, [this](const std::shared_ptr<const control::HostsBatch>&) { ++published_; });
    listening_ =
        state_->events().listen([this](const control::HealthEvent& event) { onEvent(event); });
    state_->follow({config});
    resident_before_ = before;
  }

  void run() {
    step_->start(milliseconds(8000));  // all have been asked for the first time, and once more
    dispatcher_->run();
  }

 private:
  event::MonotonicTime now() const { return dispatcher_->preciseNow(); }

  void step() {
    if (baseline_ < 0) {
      std::printf(
          "%d endpoints, %s, connections %s: %zu healthy after 8 s, %.0f KiB resident for "
          "them (%.2f KiB each)\n",
          options_.endpoints, options_.http ? "http" : "tcp", options_.kept ? "kept" : "new",
          healthy_.size(), static_cast<double>(residentKiB() - resident_before_),
          static_cast<double>(residentKiB() - resident_before_) / options_.endpoints);
      baseline_ = cpuSeconds();
      baseline_at_ = now();
      step_->start(milliseconds(1000 * options_.seconds));
      return;
    }
    if (killed_ == 0) {
      const double seconds = std::chrono::duration<double>(now() - baseline_at_).count();
      std::printf("steady: %.1f %% of a core over %.0f s\n",
                  100 * (cpuSeconds() - baseline_) / seconds, seconds);
      baseline_ = cpuSeconds();
      baseline_at_ = now();
    }
    if (killed_ < kVictims) {
      const auto victim = static_cast<unsigned char>(killed_);
      if (write(orders_, &victim, 1) != 1) fail("write");
      died_["v" + std::to_string(killed_)] = now();
      ++killed_;
    }
    // The second half has traffic, which meets trouble.
    for (const auto& [id, since] : died_) {
      if (std::stoi(id.substr(1)) >= kVictims / 2 && found_.count(id) == 0) {
        state_->onTrouble("c", id, upstream::Trouble::kConnectFailure);
      }
    }
    if (found_.size() == kVictims) return finish();
    step_->start(milliseconds(137));
  }

  void onEvent(const control::HealthEvent& event) {
    if (event.to == Health::kHealthy) healthy_.insert(event.endpoint);
    if (event.to != Health::kUnhealthy) return;
    if (died_.count(event.endpoint) == 0) {
      std::printf("%s is %s: %s\n", event.endpoint.c_str(),
                  std::string(upstream::healthName(event.to)).c_str(), event.cause.c_str());
      return;
    }
    found_[event.endpoint] = std::chrono::duration<double>(now() - died_[event.endpoint]).count();
  }

  void finish() {
    double longest[2] = {0, 0}, sum[2] = {0, 0};
    for (const auto& [id, seconds] : found_) {
      const size_t half = std::stoi(id.substr(1)) >= kVictims / 2 ? 1 : 0;
      longest[half] = std::max(longest[half], seconds);
      sum[half] += seconds;
    }
    for (const size_t half : {0u, 1u}) {
      std::printf("killed, %s traffic: found after %.2f s on average, %.2f s at most\n",
                  half == 0 ? "without" : "under", 2 * sum[half] / kVictims, longest[half]);
    }
    const double seconds = std::chrono::duration<double>(now() - baseline_at_).count();
    std::printf("meanwhile: %.1f %% of a core, %d host sets\n",
                100 * (cpuSeconds() - baseline_) / seconds, published_);
    dispatcher_->stop();
  }

  const Options options_;
  stats::Store stats_;
  std::unique_ptr<event::UvDispatcher> dispatcher_;
  network::IoContext io_;
  base::ServiceMap services_;
  const int orders_;
  std::unique_ptr<event::Timer> step_;
  std::unique_ptr<control::RoutingState> state_;
  std::shared_ptr<void> listening_;
  long resident_before_ = 0;
  int published_ = 0;
  std::set<std::string> healthy_;
  double baseline_ = -1;
  event::MonotonicTime baseline_at_;
  int killed_ = 0;
  std::map<std::string, event::MonotonicTime> died_;
  std::map<std::string, double> found_;
};

void raiseLimit(size_t wanted) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted) {
    std::fprintf(stderr, "needs %zu descriptors, the limit is %lu\n", wanted,
                 static_cast<unsigned long>(limit.rlim_cur));
    std::exit(1);
  }
}

int run(const Options& options) {
  raiseLimit(static_cast<size_t>(options.endpoints) + 100);
  const int shared = listenAt(INADDR_ANY, 0);
  std::vector<int> victims;
  uint16_t victims_port = 0;
  for (uint32_t i = 0; i < kVictims; ++i) {
    victims.push_back(listenAt(0x7ffa0001 + i, victims_port));
    victims_port = portOf(victims.front());
  }
  int orders[2];
  if (pipe(orders) != 0) fail("pipe");
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(orders[1]);
    Responder(shared, victims, orders[0]).run();
  }
  for (const int fd : victims) close(fd);
  const uint16_t port = portOf(shared);
  close(shared);
  close(orders[0]);
  Load(options, port, victims_port, orders[1]).run();
  close(orders[1]);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return 0;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  weir::Options options;
  if (argc > 1) options.endpoints = std::atoi(argv[1]);
  if (argc > 2) options.http = std::string_view(argv[2]) == "http";
  if (argc > 3) options.kept = std::string_view(argv[3]) != "new";
  if (argc > 4) options.seconds = std::atoi(argv[4]);
  std::signal(SIGPIPE, SIG_IGN);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return weir::run(options);
}
