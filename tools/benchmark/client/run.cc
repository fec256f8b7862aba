#include "tools/benchmark/client/run.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>

namespace weir::benchmark {
namespace {

constexpr uint64_t kSecond = 1'000'000;
constexpr uint64_t kSweepEvery = 100'000;  // microseconds; also the longest wait

constexpr std::array<const char*, kOutcomes> kNames = {
    "requests", "connect", "handshake", "session", "read", "answer", "timeout"};

uint64_t nowUs() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

}  // namespace

Run::Run(uint64_t seconds, uint64_t rate, uint64_t timeout_us)
    : seconds_(seconds),
      rate_(rate),
      timeout_us_(timeout_us),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) die("epoll_create1");
}

Run::~Run() {
  close(epoll_);
}

void Run::add(std::unique_ptr<Slot> slot) {
  idle_.push_back(slot.get());
  slots_.push_back(std::move(slot));
}

void Run::watch(int fd, Slot& slot) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.ptr = &slot;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

void Run::finished(Slot& slot, Outcome outcome) {
  if (!slot.busy_) {
    std::fprintf(stderr, "client: a request ended twice\n");
    std::abort();
  }
  slot.busy_ = false;
  idle_.push_back(&slot);
  if (outcome == Outcome::kDone) {
    latencies_.add(nowUs() - slot.due_us_);
    if (latencies_.total() == 1) {
      std::printf("running\n");
      std::fflush(stdout);
    }
  }
  ++outcomes_[static_cast<size_t>(outcome)];
}

std::string Run::run() {
  begin_us_ = nowUs();
  const uint64_t end = begin_us_ + seconds_ * kSecond;
  uint64_t now = begin_us_;
  while (now < end) {
    startDue();
    wait();
    now = nowUs();
    if (now >= next_sweep_us_) {
      next_sweep_us_ = now + kSweepEvery;
      leaveLate();
    }
  }
  return report(now - begin_us_);
}

// Each idle slot is started at most once, so that a request that fails at once cannot hold the
// loop.
void Run::startDue() {
  std::vector<Slot*> idle;
  idle.swap(idle_);
  const uint64_t now = nowUs();
  size_t used = 0;
  while (used < idle.size()) {
    const uint64_t due = rate_ == 0 ? now : begin_us_ + started_ * kSecond / rate_;
    if (due > now) break;
    ++started_;
    start(*idle[used++], due);
  }
  idle_.insert(idle_.end(), idle.begin() + static_cast<ptrdiff_t>(used), idle.end());
}

void Run::start(Slot& slot, uint64_t due_us) {
  slot.busy_ = true;
  slot.due_us_ = due_us;
  slot.begun_us_ = nowUs();
  slot.begin();
}

void Run::wait() {
  uint64_t longest = kSweepEvery;
  if (!idle_.empty()) {
    const uint64_t now = nowUs();
    const uint64_t due = rate_ == 0 ? now : begin_us_ + started_ * kSecond / rate_;
    longest = std::min(longest, due > now ? due - now : 0);
  }
  // The kernel may wait a whole millisecond longer in epoll_wait(2), which counts in milliseconds.
  const timespec limit{.tv_sec = 0, .tv_nsec = static_cast<long>(longest * 1000)};
  std::array<epoll_event, 256> events;
  const int count =
      epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &limit, nullptr);
  if (count < 0 && errno != EINTR) die("epoll_pwait2");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    static_cast<Slot*>(event.data.ptr)->onReady(event.events);
  }
}

void Run::leaveLate() {
  const uint64_t now = nowUs();
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (!slot->busy_ || now - slot->begun_us_ < timeout_us_) continue;
    slot->abandon();
    finished(*slot, Outcome::kTimeout);
  }
}

std::string Run::report(uint64_t elapsed_us) const {
  std::string line = "result microseconds=" + std::to_string(elapsed_us);
  for (size_t i = 0; i < kOutcomes; ++i) {
    line.append(" ").append(kNames[i]).append("=").append(std::to_string(outcomes_[i]));
  }
  for (const int percent : {50, 90, 99}) {
    line.append(" p").append(std::to_string(percent)).append("=");
    line.append(std::to_string(latencies_.percentile(percent)));
  }
  return line;
}

}  // namespace weir::benchmark
