// An origin for tests of health: health_origin PORT NAME (port 0: any; the one it has is printed).
// One thread, HTTP/1.1 over kept connections, no request bodies. The first segment of a path says
// what is asked:
// - /health: 200, or what was set;
// - /set/STATUS/HEALTH/FAILS/DELAY: from now on requests are answered with STATUS and checks with
//   HEALTH, both after DELAY milliseconds; of each FAILS checks the last one fails whatever HEALTH
//   is, unless FAILS is 0;
// - /count: how many requests other than these there were;
// - anything else: NAME.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace {

// Main-thread only.
class Origin {
 public:
  Origin(int listening, std::string name) : listening_(listening), name_(std::move(name)) {}

  void run() {
    poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    watch(listening_);
    std::array<epoll_event, 64> events;
    for (;;) {
      const int count = ::epoll_wait(poll_, events.data(), events.size(), waitFor());
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<size_t>(i)].data.fd;
        fd == listening_ ? accept() : read(fd);
      }
      while (!later_.empty() && later_.begin()->first <= Clock::now()) {
        const auto due = later_.extract(later_.begin());
        send(due.mapped().first, due.mapped().second);
      }
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  // Milliseconds until an answer is due; -1: none is.
  int waitFor() const {
    if (later_.empty()) return -1;
    const auto left = later_.begin()->first - Clock::now();
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return static_cast<int>(std::max<int64_t>(rounded, 0));
  }

  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
  }

  void accept() {
    const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    inputs_[fd].clear();
    watch(fd);
  }

  void read(int fd) {
    std::array<char, 16 * 1024> bytes;
    const ssize_t count = ::read(fd, bytes.data(), bytes.size());
    if (count <= 0) {
      inputs_.erase(fd);
      std::erase_if(later_, [fd](const auto& each) { return each.second.first == fd; });
      ::close(fd);
      return;
    }
    std::string& input = inputs_[fd];
    input.append(bytes.data(), static_cast<size_t>(count));
    for (size_t end; (end = input.find("\r\n\r\n")) != std::string::npos;) {
      const size_t start = input.find(' ') + 1;
      answer(fd, std::string_view(input).substr(start, input.find(' ', start) - start));
      input.erase(0, end + 4);
    }
  }

  void answer(int fd, std::string_view path) {
    int status = 200;
    int delay = delay_;
    std::string body = name_;
    if (path.starts_with("/health")) {
      const bool due = fails_ > 0 && ++checks_ % fails_ == 0;
      status = due ? 503 : health_;
    } else if (path.starts_with("/set/")) {
      std::sscanf(std::string(path).c_str(), "/set/%d/%d/%d/%d", &status_, &health_, &fails_,
                  &delay_);
      delay = 0;
    } else if (path.starts_with("/count")) {
      body = std::to_string(requests_);
      delay = 0;
    } else {
      ++requests_;
      status = status_;
    }
    const std::string text = "HTTP/1.1 " + std::to_string(status) +
                             " x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                             body;
    if (delay == 0) return send(fd, text);
    later_.emplace(Clock::now() + std::chrono::milliseconds(delay), std::pair(fd, text));
  }

  // Small against the socket's buffer; a peer that does not read is no part of these tests.
  void send(int fd, const std::string& text) {
    if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) ::shutdown(fd, SHUT_RDWR);
  }

  const int listening_;
  const std::string name_;
  int poll_ = -1;
  std::map<int, std::string> inputs_;
  std::multimap<Clock::time_point, std::pair<int, std::string>> later_;  // answers
  int status_ = 200;
  int health_ = 200;
  int fails_ = 0;
  int delay_ = 0;
  int checks_ = 0;
  long requests_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(arguments[1])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(fd, generic, size) != 0 || ::listen(fd, 1024) != 0) {
    std::perror("health_origin");
    return 1;
  }
  ::getsockname(fd, generic, &size);
  std::printf("port %d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  Origin(fd, arguments[2]).run();
}
