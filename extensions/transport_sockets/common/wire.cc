#include "extensions/transport_sockets/common/wire.h"

#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

#include "source/network/plain_transport.h"

namespace weir::extensions::transport_sockets {

Wire::Wire()
    : method_(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "wire")),
      in_(std::make_unique_for_overwrite<char[]>(kReceive)),
      out_(std::make_unique_for_overwrite<char[]>(kGatherRoom)) {
  BIO_meth_set_read(method_.get(), onRead);
  BIO_meth_set_write(method_.get(), onWrite);
  BIO_meth_set_ctrl(method_.get(), onControl);
  bio_.reset(BIO_new(method_.get()));
  BIO_set_data(bio_.get(), this);
  BIO_set_init(bio_.get(), 1);
}

Wire::~Wire() = default;

Wire::Use::Use(Wire& wire, Line& line, size_t receive_bytes, int receives) : wire_(wire) {
  assert(wire.line_ == nullptr && "one connection at a time");
  wire.line_ = &line;
  wire.receive_bytes_ = std::min(receive_bytes, kReceive);
  wire.receives_ = receives;
  wire.at_ = wire.end_ = wire.gathered_ = 0;
}

Wire::Use::~Use() {
  Line& line = *wire_.line_;
  if (wire_.at_ < wire_.end_) {
    line.received.append({wire_.in_.get() + wire_.at_, wire_.end_ - wire_.at_});
  }
  wire_.spill();
  wire_.line_ = nullptr;
}

TlsSocket& Wire::socketOf(BIO* bio) {
  return static_cast<Wire*>(BIO_get_data(bio))->line_->socket;
}

std::string_view Wire::peek(bool more) {
  buffer::Buffer& kept = line_->received;
  if (kept.empty() && at_ == end_) receive();
  if (kept.empty()) return {in_.get() + at_, std::min(end_ - at_, kPeek)};
  if (more && receive()) {
    kept.append({in_.get(), end_});
    at_ = end_;
  }
  return kept.linearize(std::min(kept.size(), kPeek));
}

// True when there is something to take. Nothing is in in_ before.
bool Wire::receive() {
  if (receives_ <= 0 || line_->ended || line_->error != 0) return false;
  --receives_;
  const ssize_t count = ::recv(line_->fd, in_.get(), receive_bytes_, 0);
  at_ = end_ = 0;
  line_->drained = count < static_cast<ssize_t>(receive_bytes_);
  if (count > 0) {
    end_ = static_cast<size_t>(count);
    // A short one says that there is no more for now.
    if (line_->drained) receives_ = 0;
    return true;
  }
  receives_ = 0;
  if (count == 0) {
    line_->ended = true;
  } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
    line_->error = errno;
  }
  return false;
}

size_t Wire::take(std::span<char> out) {
  if (!line_->received.empty()) {
    const std::string_view front = line_->received.front();
    const size_t bytes = std::min(front.size(), out.size());
    std::memcpy(out.data(), front.data(), bytes);
    line_->received.drain(bytes);
    return bytes;
  }
  if (at_ == end_ && !receive()) return 0;
  const size_t bytes = std::min(end_ - at_, out.size());
  std::memcpy(out.data(), in_.get() + at_, bytes);
  at_ += bytes;
  return bytes;
}

int Wire::onRead(BIO* bio, char* out, int bytes) {
  Wire& wire = *static_cast<Wire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (wire.line_ == nullptr || bytes <= 0) return -1;
  const size_t taken = wire.take({out, static_cast<size_t>(bytes)});
  if (taken > 0) return static_cast<int>(taken);
  if (wire.line_->error != 0) return -1;
  if (wire.line_->ended) return 0;
  BIO_set_retry_read(bio);
  return -1;
}

int Wire::onWrite(BIO* bio, const char* data, int bytes) {
  Wire& wire = *static_cast<Wire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (wire.line_ == nullptr || bytes <= 0) return -1;
  wire.gather({data, static_cast<size_t>(bytes)});
  return bytes;
}

long Wire::onControl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;  // flush() sends
}

void Wire::gather(std::string_view bytes) {
  if (gathered_ + bytes.size() > kGatherRoom) {
    spill();
    line_->unsent.append(bytes);
    return;
  }
  std::memcpy(out_.get() + gathered_, bytes.data(), bytes.size());
  gathered_ += bytes.size();
}

void Wire::spill() {
  if (gathered_ > 0) line_->unsent.append({out_.get(), gathered_});
  gathered_ = 0;
}

bool Wire::flush() {
  if (line_->error != 0) return false;
  if (!line_->unsent.empty()) {
    spill();
    return sendUnsent();
  }
  if (gathered_ == 0) return true;
  const ssize_t count = ::send(line_->fd, out_.get(), gathered_, MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
    line_->error = errno;
    gathered_ = 0;
    return false;
  }
  const size_t sent = count > 0 ? static_cast<size_t>(count) : 0;
  if (sent < gathered_) line_->unsent.append({out_.get() + sent, gathered_ - sent});
  gathered_ = 0;
  return true;
}

bool Wire::sendUnsent() {
  network::PlainTransport plain;
  plain.attach(line_->fd);
  const network::IoResult result = plain.write(line_->unsent);
  if (result.state != network::IoResult::State::kError) return true;
  line_->error = result.error;
  line_->unsent.clear();
  return false;
}

}  // namespace weir::extensions::transport_sockets
