#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "extensions/transport_sockets/common/certificate_pair.h"
#include "extensions/transport_sockets/common/tls_facts.h"
#include "extensions/transport_sockets/common/tls_socket.h"

// Reading and writing once the handshake is done.
namespace weir::extensions::transport_sockets {

using network::IoResult;

IoResult TlsSocket::read(std::span<char> out) {
  if (state_ != State::kOpen) return {0, IoResult::State::kError, line_.error};
  Wire& wire = side_->worker().wire();
  // Sealed bytes become fewer when they are opened: what one recv(2) brings fits.
  Wire::Use use(wire, line_, out.size(), 1);
  size_t total = 0;
  while (total < out.size()) {
    const int result =
        SSL_read(ssl_.get(), out.data() + total, static_cast<int>(out.size() - total));
    if (result > 0) {
      total += static_cast<size_t>(result);
      if (wire.exhausted() && SSL_pending(ssl_.get()) == 0) {
        return {total, IoResult::State::kWouldBlock, 0};
      }
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ) {
      return {total, line_.drained ? IoResult::State::kWouldBlock : IoResult::State::kOk, 0};
    }
    // The next call fails again.
    if (total == 0) return readFailed(error);
    break;
  }
  return {total, IoResult::State::kOk, 0};
}

IoResult TlsSocket::readFailed(int error) {
  if (error == SSL_ERROR_ZERO_RETURN) return {0, IoResult::State::kEnd, 0};
  side_->cells().errors->add();
  if (line_.error != 0) return wireFailed();
  if (line_.ended && error == SSL_ERROR_SYSCALL) {
    // Somebody in between could have cut it off.
    fail("the peer ended the connection without close_notify");
  } else {
    TlsProblem problem = takeTlsProblem();
    sayGoodbye();
    fail(std::move(problem.text));
  }
  return {0, IoResult::State::kError, 0};
}

size_t TlsSocket::recordBytes() {
  const auto tick = static_cast<uint32_t>(side_->worker().dispatcher().wheel().currentTick());
  if (tick - wrote_tick_ > kIdleTicks) burst_bytes_ = 0;
  wrote_tick_ = tick;
  return burst_bytes_ < kSmallBurst ? kSmallRecord : kLargeRecord;
}

// One record of at most `bytes` from the front of `data`.
bool TlsSocket::sealRecord(buffer::Buffer& data, size_t bytes) {
  const std::string_view front = data.front();
  const char* from = front.data();
  size_t count = std::min(front.size(), bytes);
  if (front.size() < std::min(bytes, kJoinBelow) && front.size() < data.size()) {
    iovec pieces[16];
    const size_t used = data.fill(pieces);
    char* const room = side_->worker().joinRoom();
    count = 0;
    for (size_t i = 0; i < used && count < bytes; ++i) {
      const size_t part = std::min(pieces[i].iov_len, bytes - count);
      std::memcpy(room + count, pieces[i].iov_base, part);
      count += part;
    }
    from = room;
  }
  if (SSL_write(ssl_.get(), from, static_cast<int>(count)) != static_cast<int>(count)) return false;
  data.drain(count);
  burst_bytes_ = std::min(burst_bytes_ + static_cast<uint32_t>(count), kSmallBurst);
  return true;
}

IoResult TlsSocket::write(buffer::Buffer& data) {
  if (state_ != State::kOpen) return {0, IoResult::State::kError, line_.error};
  Wire& wire = side_->worker().wire();
  Wire::Use use(wire, line_, 0, 0);
  size_t total = 0;
  while (true) {
    if (!line_.unsent.empty()) {
      if (!wire.flush()) return wireFailed();
      if (!line_.unsent.empty()) return {total, IoResult::State::kWouldBlock, 0};
    }
    if (data.empty()) return {total, IoResult::State::kOk, 0};
    const size_t before = data.size();
    while (!data.empty() && wire.gathered() < Wire::kGather) {
      if (!sealRecord(data, recordBytes())) {
        fail(takeTlsProblem().text);
        return {total, IoResult::State::kError, 0};
      }
    }
    if (!wire.flush()) return wireFailed();
    total += before - data.size();
  }
}

IoResult TlsSocket::shutdownWrite() {
  if (write_ended_) return {};
  Wire& wire = side_->worker().wire();
  Wire::Use use(wire, line_, 0, 0);
  if (state_ == State::kOpen && !notified_) {
    notified_ = true;
    static_cast<void>(SSL_shutdown(ssl_.get()));
  }
  if (!wire.flush()) return wireFailed();
  if (!line_.unsent.empty()) return {0, IoResult::State::kWouldBlock, 0};
  if (::shutdown(line_.fd, SHUT_WR) != 0) return {0, IoResult::State::kError, errno};
  write_ended_ = true;
  return {};
}

}  // namespace weir::extensions::transport_sockets
