// The benchmark's origin: answers GET /128 (128 bytes), /1m (1 MiB) and /echo (the request head it
// received) with keep-alive, from one thread. It is made to cost less than any proxy in front of
// it, so it parses nothing it does not need: a request is what ends in an empty line, without a
// body. A connection that starts with anything but a G, and each datagram, is sent back as it came.
//
// Usage: origin [PORTS]. Listens on PORTS loopback ports (default 2), TCP and UDP, that the kernel
// chooses and prints them on one line. TCP: of every address in 127.0.0.0/8.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::benchmark {
namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kMaxHeadBytes = 64 * 1024;
constexpr int kDatagramsPerTurn = 64;
constexpr int kPortAttempts = 16;
constexpr std::string_view kHeadEnd = "\r\n\r\n";

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::string httpDate(time_t now) {
  std::array<char, 64> text{};
  tm utc{};
  gmtime_r(&now, &utc);
  const size_t length = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return std::string(text.data(), length);
}

std::string response(std::string_view status, std::string_view body, time_t now,
                     std::string_view fields = {}) {
  std::string out = "HTTP/1.1 ";
  out.append(status).append("\r\nServer: origin\r\nDate: ").append(httpDate(now));
  out.append("\r\n").append(fields);
  out.append("Content-Type: text/plain\r\nContent-Length: ");
  out.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return out;
}

// Words in no order, of which gzip makes about a quarter, as of a page; the same in every run.
std::string someText(size_t bytes) {
  constexpr std::array kWords = {"stream ", "listener ", "of ",   "endpoint ", "the ", "weight ",
                                 "a ",      "cluster ",  "and\n", "healthy ",  "to ",  "route "};
  std::string text;
  uint32_t state = 1;
  while (text.size() < bytes) {
    state = state * 1664525 + 1013904223;
    text += kWords[(state >> 16) % kWords.size()];
    if ((state >> 28) == 0) text += std::to_string(state) + " ";
  }
  text.resize(bytes);
  return text;
}

// Worker-confined. The fixed answers, composed again only when the second changes.
class Answers {
 public:
  // Called once per loop turn.
  void refresh(time_t now) {
    if (now == second_) return;
    second_ = now;
    small_ = response("200 OK", small_body_, now);
    cacheable_ = response("200 OK", small_body_, now,
                          "Cache-Control: max-age=3600\r\nX-Made: " + std::to_string(now) + "\r\n");
    text_ = std::make_shared<const std::string>(response("200 OK", text_body_, now));
    // Connections may be in the middle of sending the old one: they hold a reference.
    large_ = std::make_shared<const std::string>(response("200 OK", large_body_, now));
  }

  time_t second() const { return second_; }
  const std::string& small() const { return small_; }
  const std::string& cacheable() const { return cacheable_; }
  std::shared_ptr<const std::string> large() const { return large_; }
  std::shared_ptr<const std::string> text() const { return text_; }

 private:
  const std::string small_body_ = std::string(128, 'x');
  const std::string large_body_ = std::string(1024 * 1024, 'x');
  const std::string text_body_ = someText(64 * 1024);
  time_t second_ = 0;
  std::string small_;
  std::string cacheable_;
  std::shared_ptr<const std::string> large_;
  std::shared_ptr<const std::string> text_;
};

// Worker-confined. One accepted connection: unparsed input and unsent output.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }

  // Both return false when the connection is over and must be destroyed by the caller.
  bool onReadable(const Answers& answers) {
    std::array<char, kReadBytes> bytes;
    const ssize_t got = read(fd_, bytes.data(), bytes.size());
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    const std::string_view received(bytes.data(), static_cast<size_t>(got));
    if (protocol_ == Protocol::kUnknown) {
      protocol_ = received.front() == 'G' ? Protocol::kHttp : Protocol::kEcho;
    }
    if (protocol_ == Protocol::kEcho) {
      output_ = received;  // nothing is read while something is unsent
      return flush();
    }
    input_.append(received);
    if (input_.size() > kMaxHeadBytes) return false;
    return advance(answers);
  }

  bool onWritable(const Answers& answers) { return advance(answers); }

  bool wantsWrite() const { return sent_ < pending().size(); }

 private:
  enum class Protocol { kUnknown, kHttp, kEcho };

  std::string_view pending() const { return large_ ? std::string_view(*large_) : output_; }

  // Answers the complete requests in order; a large answer is sent before the next is looked at.
  bool advance(const Answers& answers) {
    while (true) {
      if (!flush()) return false;
      if (wantsWrite()) return true;
      if (close_after_) return false;
      if (!answerNext(answers)) return true;
    }
  }

  // False when no complete request is at hand.
  bool answerNext(const Answers& answers) {
    const size_t end = input_.find(kHeadEnd);
    if (end == std::string::npos) return false;
    const std::string_view head(input_.data(), end + kHeadEnd.size());
    if (head.starts_with("GET /128 ")) {
      output_ = answers.small();
    } else if (head.starts_with("GET /1m ")) {
      large_ = answers.large();
    } else if (head.starts_with("GET /text ")) {
      large_ = answers.text();
    } else if (head.starts_with("GET /cacheable ")) {
      output_ = answers.cacheable();
    } else if (head.starts_with("GET /echo ")) {
      output_ = response("200 OK", head, answers.second());
    } else {
      output_ = response("404 Not Found", "no such path\n", answers.second());
    }
    close_after_ = head.find("\r\nConnection: close\r\n") != std::string_view::npos ||
                   head.find("\r\nconnection: close\r\n") != std::string_view::npos;
    input_.erase(0, head.size());
    return true;
  }

  bool flush() {
    while (wantsWrite()) {
      const std::string_view rest = pending().substr(sent_);
      const ssize_t put = send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (put < 0) return errno == EAGAIN || errno == EINTR;
      sent_ += static_cast<size_t>(put);
    }
    sent_ = 0;
    output_.clear();
    large_.reset();
    return true;
  }

  const int fd_;
  Protocol protocol_ = Protocol::kUnknown;
  std::string input_;
  std::string output_;
  std::shared_ptr<const std::string> large_;
  size_t sent_ = 0;
  bool close_after_ = false;
};

// On every loopback address, so that one origin can be a thousand endpoints, and on nothing else.
int listenOnLoopback() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) != 0 ||
      bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd, 4096) != 0) {
    die("listen");
  }
  return fd;
}

// -1 when the UDP port of this number is taken.
int openDatagrams(int port) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (fd < 0) die("socket");
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

int portOf(int fd) {
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) die("getsockname");
  return ntohs(address.sin_port);
}

// Worker-confined. The epoll loop; level-triggered, WRITABLE watched only after a short write.
class Origin {
 public:
  explicit Origin(int ports) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) die("epoll_create1");
    for (int i = 0; i < ports; ++i) openPort();
  }

  void printPorts() const {
    for (const int fd : listeners_) std::printf("%d ", portOf(fd));
    std::printf("\n");
    std::fflush(stdout);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      answers_.refresh(time(nullptr));
      for (int i = 0; i < count; ++i) handle(events[static_cast<size_t>(i)]);
    }
  }

 private:
  void openPort() {
    for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
      const int listener = listenOnLoopback();
      const int datagrams = openDatagrams(portOf(listener));
      if (datagrams < 0) {
        close(listener);
        continue;
      }
      listeners_.push_back(listener);
      datagram_sockets_.push_back(datagrams);
      watch(EPOLL_CTL_ADD, listener, EPOLLIN);
      watch(EPOLL_CTL_ADD, datagrams, EPOLLIN);
      return;
    }
    std::fprintf(stderr, "no port that is free for TCP and UDP\n");
    std::exit(1);
  }

  void watch(int operation, int fd, uint32_t mask) {
    epoll_event event{};
    event.events = mask;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, operation, fd, &event) != 0) die("epoll_ctl");
  }

  void handle(const epoll_event& event) {
    const size_t index = static_cast<size_t>(event.data.fd);
    if (index >= connections_.size() || !connections_[index]) {
      serve(event.data.fd);
      return;
    }
    Connection& connection = *connections_[index];
    const bool wanted = connection.wantsWrite();
    const bool alive = (event.events & EPOLLOUT) != 0 ? connection.onWritable(answers_)
                                                      : connection.onReadable(answers_);
    if (!alive) {
      connections_[index].reset();
    } else if (wanted != connection.wantsWrite()) {
      watch(EPOLL_CTL_MOD, connection.fd(), wanted ? EPOLLIN : EPOLLOUT);
    }
  }

  void serve(int fd) {
    if (std::find(listeners_.begin(), listeners_.end(), fd) != listeners_.end()) {
      acceptAll(fd);
    } else {
      echoDatagrams(fd);
    }
  }

  void echoDatagrams(int fd) {
    sockaddr_in from{};
    for (int i = 0; i < kDatagramsPerTurn; ++i) {
      socklen_t length = sizeof(from);
      auto* const address = reinterpret_cast<sockaddr*>(&from);
      const ssize_t got =
          recvfrom(fd, datagram_.data(), datagram_.size(), MSG_DONTWAIT, address, &length);
      if (got < 0) return;
      sendto(fd, datagram_.data(), static_cast<size_t>(got), MSG_DONTWAIT, address, length);
    }
  }

  void acceptAll(int listener) {
    while (true) {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      const size_t index = static_cast<size_t>(fd);
      if (index >= connections_.size()) connections_.resize(index + 1);
      connections_[index] = std::make_unique<Connection>(fd);
      watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  const int epoll_;
  Answers answers_;
  std::vector<int> listeners_;
  std::vector<int> datagram_sockets_;  // each with the number of a listener's port
  std::array<char, 64 * 1024> datagram_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by file descriptor
};

}  // namespace
}  // namespace weir::benchmark

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const int ports = argc > 1 ? std::atoi(argv[1]) : 2;
  if (ports < 1 || ports > 64) {
    std::fprintf(stderr, "usage: origin [PORTS]   (1 to 64 listening ports, default 2)\n");
    return 2;
  }
  static weir::benchmark::Origin origin(ports);
  origin.printPorts();
  origin.run();
}
