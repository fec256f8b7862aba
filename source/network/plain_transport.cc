#include "source/network/plain_transport.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

namespace weir::network {
namespace {

IoResult failed(size_t bytes, int error) {
  if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR) {
    return {bytes, IoResult::State::kWouldBlock, 0};
  }
  return {bytes, IoResult::State::kError, error};
}

// One piece, the usual case, spares the kernel the copy of a msghdr.
ssize_t sendAll(int fd, std::span<iovec> pieces, int flags) {
  if (pieces.size() == 1) {
    return ::send(fd, pieces[0].iov_base, pieces[0].iov_len, flags);
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  return ::sendmsg(fd, &message, flags);
}

}  // namespace

IoResult PlainTransport::read(std::span<char> out) {
  const ssize_t count = ::recv(fd_, out.data(), out.size(), 0);
  if (count < 0) return failed(0, errno);
  if (count == 0) return {0, IoResult::State::kEnd, 0};
  const auto bytes = static_cast<size_t>(count);
  return {bytes, bytes == out.size() ? IoResult::State::kOk : IoResult::State::kWouldBlock, 0};
}

IoResult PlainTransport::write(buffer::Buffer& data, bool close_follows) {
  const int flags = MSG_NOSIGNAL | (close_follows ? MSG_MORE : 0);
  size_t total = 0;
  while (!data.empty()) {
    iovec vectors[kVectors];
    const size_t pieces = data.fill(vectors);
    size_t asked = 0;
    for (size_t i = 0; i < pieces; ++i) asked += vectors[i].iov_len;
    const ssize_t count = sendAll(fd_, {vectors, pieces}, flags);
    if (count < 0) return failed(total, errno);
    const auto bytes = static_cast<size_t>(count);
    data.drain(bytes);
    total += bytes;
    if (bytes < asked) return {total, IoResult::State::kWouldBlock, 0};
  }
  return {total, IoResult::State::kOk, 0};
}

IoResult PlainTransport::shutdownWrite() {
  if (::shutdown(fd_, SHUT_WR) != 0) return {0, IoResult::State::kError, errno};
  return {};
}

}  // namespace weir::network
