#include "test/network/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "source/network/socket.h"

namespace weir::network::test {
namespace {

void unblock(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

}  // namespace

SocketPair unixPair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  return {base::UniqueFd(fds[0]), base::UniqueFd(fds[1])};
}

base::UniqueFd listenOnLoopback(int backlog) {
  int error = 0;
  const Address any = *Address::parse("127.0.0.1:0");
  base::UniqueFd fd = openStreamSocket(any, error);
  if (!fd || bind(fd.get(), any.data(), any.length()) != 0) std::abort();
  if (listen(fd.get(), backlog) != 0) std::abort();
  return fd;
}

Address addressOf(int fd) {
  return localAddressOf(fd);
}

SocketPair tcpPair() {
  const base::UniqueFd listener = listenOnLoopback();
  const Address address = addressOf(listener.get());
  SocketPair pair;
  pair.peer.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(pair.peer.get(), address.data(), address.length()) != 0) std::abort();
  unblock(listener.get());
  pair.ours.reset(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!pair.ours) std::abort();
  unblock(pair.peer.get());
  return pair;
}

std::string drainSocket(int fd, bool* ended, int* error) {
  std::string all;
  char chunk[65536];
  for (;;) {
    const ssize_t count = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (count == 0 && ended != nullptr) *ended = true;
    if (count < 0 && errno != EAGAIN && error != nullptr) *error = errno;
    if (count <= 0) return all;
    all.append(chunk, static_cast<size_t>(count));
  }
}

size_t fillSocket(int fd, std::string_view bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count =
        send(fd, bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += static_cast<size_t>(count);
  }
  return sent;
}

void setSendBuffer(int fd, int bytes) {
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

void setReceiveBuffer(int fd, int bytes) {
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

void resetOnClose(int fd) {
  setResetOnClose(fd);
}

int openDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  int count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

std::string pattern(size_t size, uint32_t seed) {
  std::string bytes(size, '\0');
  uint32_t state = seed * 2654435761u + 1;
  for (char& c : bytes) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return bytes;
}

std::unique_ptr<Connection> Worker::accept(base::UniqueFd fd, ConnectionHandler& handler,
                                           std::unique_ptr<TransportSocket> transport) {
  auto connection =
      Connection::accepted(io, fd.release(), Address(), nullptr, std::move(transport));
  connection->setHandler(handler);
  connection->start();
  dispatcher.post([] {});  // what it has to do at once is done at the end of a callback
  return connection;
}

}  // namespace weir::network::test
