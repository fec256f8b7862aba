#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "source/base/concat.h"
#include "source/network/listener.h"
#include "source/network/socket.h"
#include "source/network/udp_socket.h"

namespace weir::network {
namespace {

std::string remedyFor(int error, const Address& address) {
  switch (error) {
    case EADDRINUSE:
      return "; another process listens there: stop it or choose another address";
    case EACCES:
      return address.isIp() ? "; use a port from 1024, or give the process CAP_NET_BIND_SERVICE"
                            : "; let the process's user write to the folder";
    case EADDRNOTAVAIL:
      return "; use an address of this host, or 0.0.0.0 or [::] for all of them";
    case ENOENT:
      return "; make the folder first";
    default:
      return "";
  }
}

absl::Status listenerError(const ListenerConfig& config, const Address& address, int error) {
  const absl::Status status =
      errnoStatus(error, base::concat("listener \"", config.name, "\": bind ", address.toString()));
  return absl::Status(status.code(), base::concat(status.message(), remedyFor(error, address)));
}

const char* pathOf(const Address& address) {
  const auto* name = reinterpret_cast<const sockaddr_un*>(address.data());
  return name->sun_path[0] == '\0' ? nullptr : name->sun_path;
}

// True when `path` was a socket that nobody listens on any more, and is removed now.
bool removeStale(const Address& address) {
  const char* path = pathOf(address);
  struct stat status {};
  if (path == nullptr || lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  int error = 0;
  const base::UniqueFd probe = openStreamSocket(address, error);
  if (!probe.valid() || connect(probe.get(), address.data(), address.length()) == 0) return false;
  return errno == ECONNREFUSED && unlink(path) == 0;
}

int bindTo(int fd, const Address& address) {
  return ::bind(fd, address.data(), address.length()) == 0 ? 0 : errno;
}

bool takesDatagrams(const ListenerConfig& config) {
  return config.udp_filter != nullptr;
}

base::UniqueFd openSocket(const ListenerConfig& config, const Address& address, int& error) {
  return takesDatagrams(config) ? openDatagramSocket(address, error)
                                : openStreamSocket(address, error);
}

// Room for a burst, as far as the system allows it, and on a wildcard address the destination of
// each datagram: answers leave from there. 0 or the errno.
int prepareForDatagrams(int fd, const Address& address) {
  const int bytes = 2 * 1024 * 1024;
  (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  return address.isWildcard() ? enablePacketInfo(fd, address) : 0;
}

// SO_REUSEPORT would let a second process of the same user share the port without a word. A socket
// without it cannot be bound while somebody listens.
int probePort(const ListenerConfig& config, const Address& address) {
  int error = 0;
  const base::UniqueFd probe = openSocket(config, address, error);
  if (!probe.valid()) return error;
  // A datagram socket with SO_REUSEADDR could be bound beside another one.
  if (!takesDatagrams(config) && !setReuseAddress(probe.get()).ok()) return 0;
  if (address.family() == Address::Family::kIpv6 && !setIpv6Only(probe.get()).ok()) return 0;
  return bindTo(probe.get(), address);
}

absl::StatusOr<base::UniqueFd> bindPort(const ListenerConfig& config, const Address& address) {
  int error = 0;
  base::UniqueFd socket = openSocket(config, address, error);
  if (!socket.valid()) return listenerError(config, address, error);
  const int fd = socket.get();
  const bool datagrams = takesDatagrams(config);
  if (!datagrams) {
    if (auto s = setReuseAddress(fd); !s.ok()) return s;
  }
  if (auto s = setReusePort(fd); !s.ok()) return s;
  if (address.family() == Address::Family::kIpv6) {
    if (auto s = setIpv6Only(fd); !s.ok()) return s;
  }
  if (datagrams) error = prepareForDatagrams(fd, address);
  if (error == 0) error = bindTo(fd, address);
  if (error == 0 && !datagrams && ::listen(fd, static_cast<int>(config.backlog)) != 0) {
    error = errno;
  }
  if (error != 0) return listenerError(config, address, error);
  return socket;
}

absl::StatusOr<base::UniqueFd> bindUnix(const ListenerConfig& config, const Address& address) {
  int error = 0;
  base::UniqueFd socket = openStreamSocket(address, error);
  if (!socket.valid()) return listenerError(config, address, error);
  error = bindTo(socket.get(), address);
  if (error == EADDRINUSE && removeStale(address)) error = bindTo(socket.get(), address);
  if (error == 0 && ::listen(socket.get(), static_cast<int>(config.backlog)) != 0) error = errno;
  if (error != 0) return listenerError(config, address, error);
  return socket;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ListenSocketSet>> ListenSocketSet::bind(const ListenerConfig& config,
                                                                       uint32_t workers) {
  std::unique_ptr<ListenSocketSet> set(new ListenSocketSet);
  set->address_ = config.address;
  if (config.address.family() == Address::Family::kUnix) {
    auto socket = bindUnix(config, config.address);
    if (!socket.ok()) return socket.status();
    set->fds_.push_back(socket->release());
    struct stat status {};
    if (const char* path = pathOf(config.address); path && lstat(path, &status) == 0) {
      set->unix_device_ = status.st_dev;
      set->unix_inode_ = status.st_ino;
    }
    for (uint32_t i = 1; i < workers; ++i) {
      const int copy = fcntl(set->fds_.front(), F_DUPFD_CLOEXEC, 0);
      if (copy < 0) return listenerError(config, config.address, errno);
      set->fds_.push_back(copy);
    }
    return set;
  }
  if (config.address.port() != 0) {
    const int error = probePort(config, config.address);
    if (error != 0) return listenerError(config, config.address, error);
  }
  for (uint32_t i = 0; i < workers; ++i) {
    auto socket = bindPort(config, set->address_);
    if (!socket.ok()) return socket.status();
    set->fds_.push_back(socket->release());
    if (i == 0) set->address_ = localAddressOf(set->fds_.front());
  }
  return set;
}

ListenSocketSet::~ListenSocketSet() {
  if (unix_inode_ != 0) {
    struct stat status {};
    const char* path = pathOf(address_);
    const bool ours =
        lstat(path, &status) == 0 && status.st_dev == unix_device_ && status.st_ino == unix_inode_;
    if (ours) unlink(path);
  }
  for (const int fd : fds_) {
    if (fd >= 0) ::close(fd);
  }
}

void ListenSocketSet::close(uint32_t worker) {
  if (const int fd = std::exchange(fds_[worker], -1); fd >= 0) ::close(fd);
}

int ListenSocketSet::fd(uint32_t worker) const {
  return fds_[worker];
}

}  // namespace weir::network
