#include "tools/benchmark/client/echo_slot.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/benchmark/client/sockets.h"

namespace weir::benchmark {
namespace {

// What the origin tells an echo from HTTP by; the number follows.
constexpr std::string_view kMark = "echo....";

}  // namespace

EchoSlot::EchoSlot(Run& run, bool datagrams, uint16_t port, size_t size)
    : run_(run), datagrams_(datagrams), port_(port), message_(size, 'x'), received_(size, '\0') {
  message_.replace(0, kMark.size(), kMark);
}

EchoSlot::~EchoSlot() {
  shut();
}

void EchoSlot::begin() {
  ++number_;
  std::memcpy(message_.data() + kMark.size(), &number_, sizeof(number_));
  sent_ = got_ = 0;
  waiting_ = true;
  if (fd_ < 0) open();
  if (fd_ < 0) {
    end(Outcome::kConnect);
  } else if (connected_) {
    advance();
  }
}

void EchoSlot::onReady(uint32_t /*events*/) {
  if (!connected_) {
    if (!connectionMade(fd_)) {
      shut();
      end(Outcome::kConnect);
      return;
    }
    connected_ = true;
  }
  // Between requests nothing is expected; what has come (the end, a late datagram) shows at the
  // next.
  if (waiting_) advance();
}

void EchoSlot::abandon() {
  waiting_ = false;
  // A late echo of the old message would be in the middle of a new one; datagrams have numbers.
  if (!datagrams_) shut();
}

void EchoSlot::open() {
  fd_ = connectToLoopback(datagrams_ ? SOCK_DGRAM : SOCK_STREAM, port_);
  if (fd_ < 0) return;
  connected_ = datagrams_;
  run_.watch(fd_, *this);
}

void EchoSlot::shut() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  connected_ = false;
}

void EchoSlot::end(Outcome outcome) {
  waiting_ = false;
  run_.finished(*this, outcome);
}

void EchoSlot::advance() {
  if (!sendRest()) return;
  if (!(datagrams_ ? readDatagram() : readStream())) return;
  end(received_ == message_ ? Outcome::kDone : Outcome::kAnswer);
}

// This and the next two return false when the request must wait, or is over.
bool EchoSlot::sendRest() {
  while (sent_ < message_.size()) {
    const ssize_t put = send(fd_, message_.data() + sent_, message_.size() - sent_, MSG_NOSIGNAL);
    if (put >= 0) {
      sent_ += static_cast<size_t>(put);
    } else if (errno != EAGAIN) {
      shut();
      end(Outcome::kRead);
      return false;
    } else {
      // A stream echoes what it has already got, and may wait for us to read it.
      return !datagrams_;
    }
  }
  return true;
}

bool EchoSlot::readStream() {
  while (got_ < received_.size()) {
    const ssize_t got = recv(fd_, received_.data() + got_, received_.size() - got_, 0);
    if (got > 0) {
      got_ += static_cast<size_t>(got);
    } else if (got < 0 && errno == EAGAIN) {
      return false;
    } else {
      shut();
      end(Outcome::kRead);
      return false;
    }
  }
  return true;
}

bool EchoSlot::readDatagram() {
  while (true) {
    const ssize_t got = recv(fd_, received_.data(), received_.size(), MSG_TRUNC);
    if (got < 0) {
      if (errno == EAGAIN) return false;
      shut();
      end(Outcome::kRead);
      return false;
    }
    uint64_t number = 0;
    std::memcpy(&number, received_.data() + kMark.size(), sizeof(number));
    const bool whole = static_cast<size_t>(got) == received_.size();
    if (whole && number < number_) continue;  // came after its time was up
    if (!whole) received_.assign(received_.size(), '\0');
    return true;
  }
}

}  // namespace weir::benchmark
