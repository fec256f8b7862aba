// The benchmark's bare relay: an epoll loop that copies bytes between two sockets without looking
// at them. It is the floor for a proxy that makes one read and one write each way.
//
// Usage: relay ORIGIN_PORT. Listens on a loopback port that the kernel chooses and prints it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace weir::benchmark {
namespace {

constexpr size_t kCopyBytes = 64 * 1024;
constexpr int kSendFlags = MSG_NOSIGNAL | MSG_DONTWAIT;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

void setNoDelay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

// Worker-confined. One socket of a pair; `unsent` is what its peer has read for it and it could not
// take yet.
struct Side {
  explicit Side(int socket) : fd(socket) {}
  ~Side() { close(fd); }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  const int fd;
  Side* peer = nullptr;
  std::string unsent;
  uint32_t watched = EPOLLIN;
  bool read_ended = false;
};

// Worker-confined. The epoll loop; a side is not read while its peer cannot take what it has.
class Relay {
 public:
  explicit Relay(uint16_t origin_port)
      : origin_port_(origin_port),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    if (epoll_ < 0 || listener_ < 0 ||
        bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
        listen(listener_, 4096) != 0) {
      die("listen");
    }
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
  }

  void printPort() const {
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    if (getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      die("getsockname");
    }
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int i = 0; i < count; ++i) handle(events[static_cast<size_t>(i)]);
      ended_.clear();
    }
  }

 private:
  void watch(int operation, int fd, uint32_t mask) {
    epoll_event event{};
    event.events = mask;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, operation, fd, &event) != 0) die("epoll_ctl");
  }

  void rewatch(Side& side) {
    const bool may_read = !side.read_ended && side.peer->unsent.empty();
    const uint32_t mask = (may_read ? static_cast<uint32_t>(EPOLLIN) : 0U) |
                          (side.unsent.empty() ? 0U : static_cast<uint32_t>(EPOLLOUT));
    if (mask == side.watched) return;
    side.watched = mask;
    watch(EPOLL_CTL_MOD, side.fd, mask);
  }

  void handle(const epoll_event& event) {
    if (event.data.fd == listener_) {
      acceptAll();
      return;
    }
    // Null when the other side's event of this turn has ended the pair.
    Side* side = sides_[static_cast<size_t>(event.data.fd)].get();
    if (side == nullptr) return;
    bool alive = true;
    if ((event.events & EPOLLOUT) != 0) alive = flush(*side);
    if (alive && (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) alive = copyFrom(*side);
    if (!alive) {
      end(*side);
      return;
    }
    rewatch(*side);
    rewatch(*side->peer);
  }

  bool copyFrom(Side& side) {
    if (side.read_ended) return false;  // only HUP or ERR can come now
    const ssize_t got = recv(side.fd, scratch_.data(), scratch_.size(), MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) {
      side.read_ended = true;
      if (finished(side)) return false;
      if (side.peer->unsent.empty()) shutdown(side.peer->fd, SHUT_WR);
      return true;
    }
    const size_t size = static_cast<size_t>(got);
    const ssize_t put = send(side.peer->fd, scratch_.data(), size, kSendFlags);
    if (put < 0 && errno != EAGAIN) return false;
    const size_t sent = put < 0 ? 0 : static_cast<size_t>(put);
    if (sent < size) side.peer->unsent.assign(scratch_.data() + sent, size - sent);
    return true;
  }

  bool flush(Side& side) {
    const ssize_t put = send(side.fd, side.unsent.data(), side.unsent.size(), kSendFlags);
    if (put < 0) return errno == EAGAIN || errno == EINTR;
    side.unsent.erase(0, static_cast<size_t>(put));
    if (finished(side)) return false;
    if (side.unsent.empty() && side.peer->read_ended) shutdown(side.fd, SHUT_WR);
    return true;
  }

  static bool finished(const Side& side) {
    return side.read_ended && side.peer->read_ended && side.unsent.empty() &&
           side.peer->unsent.empty();
  }

  // The descriptors stay open until the turn is over, so that no event of this turn meets a new
  // owner.
  void end(Side& side) {
    const size_t peer = static_cast<size_t>(side.peer->fd);
    ended_.push_back(std::move(sides_[static_cast<size_t>(side.fd)]));
    ended_.push_back(std::move(sides_[peer]));
  }

  void acceptAll() {
    while (true) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (client < 0) return;
      const int origin = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address = loopback(origin_port_);
      // Blocking: on loopback the origin's backlog answers at once.
      if (origin < 0 ||
          connect(origin, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
        die("connect to the origin");
      }
      setNoDelay(client);
      setNoDelay(origin);
      join(client, origin);
    }
  }

  void join(int client, int origin) {
    Side& downstream = add(client);
    Side& upstream = add(origin);
    downstream.peer = &upstream;
    upstream.peer = &downstream;
  }

  Side& add(int fd) {
    const size_t index = static_cast<size_t>(fd);
    if (index >= sides_.size()) sides_.resize(index + 1);
    sides_[index] = std::make_unique<Side>(fd);
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    return *sides_[index];
  }

  const uint16_t origin_port_;
  const int epoll_;
  const int listener_;
  std::vector<std::unique_ptr<Side>> sides_;  // by file descriptor
  std::vector<std::unique_ptr<Side>> ended_;
  std::array<char, kCopyBytes> scratch_;
};

}  // namespace
}  // namespace weir::benchmark

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const int port = argc == 2 ? std::atoi(argv[1]) : 0;
  if (port < 1 || port > 65535) {
    std::fprintf(stderr, "usage: relay ORIGIN_PORT\n");
    return 2;
  }
  static weir::benchmark::Relay relay(static_cast<uint16_t>(port));
  relay.printPort();
  relay.run();
}
