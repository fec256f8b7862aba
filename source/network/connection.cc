#include "source/network/connection.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "source/network/connection_extra.h"
#include "source/network/io_context.h"
#include "source/network/socket.h"
#include "source/network/splice_pump.h"

// Setting up, readiness and reading. Writing and closing are in connection_output.cc.
namespace weir::network {

static_assert(sizeof(Connection) <= 184, "an idle connection must stay in a 192-byte heap chunk");

std::unique_ptr<Connection> Connection::accepted(IoContext& io, int fd, const Address& remote,
                                                 std::shared_ptr<const Address> local,
                                                 std::unique_ptr<TransportSocket> transport) {
  const State state = transport ? State::kHandshaking : State::kOpen;
  std::unique_ptr<Connection> connection(
      new Connection(io, fd, remote, std::move(local), std::move(transport), state));
  if (connection->transport_) connection->transport_->attach(fd, *connection);
  return connection;
}

std::unique_ptr<Connection> Connection::connect(IoContext& io, const Address& remote,
                                                std::unique_ptr<TransportSocket> transport,
                                                const ConnectOptions& options) {
  const bool race = !options.more_addresses.empty();
  int error = 0;
  const int fd = race ? -1 : openConnectingSocket(remote, options.socket, error).release();
  std::unique_ptr<Connection> connection(
      new Connection(io, fd, remote, nullptr, std::move(transport), State::kConnecting));
  if (race) {
    connection->startRace(options);
  } else if (fd >= 0) {
    connection->startConnecting(options);
  } else {
    connection->finish(CloseReason::kConnectFailed, error);
    io.wake();
  }
  return connection;
}

Connection::Connection(IoContext& io, int fd, const Address& remote,
                       std::shared_ptr<const Address> local,
                       std::unique_ptr<TransportSocket> transport, State state)
    : io_(io),
      transport_(std::move(transport)),
      remote_(remote),
      local_(std::move(local)),
      id_(io.nextConnectionId()),
      state_(state) {
  plain_.attach(fd);
  ++io_.connections_;
}

Connection::~Connection() {
  closeDescriptor();
  if (enqueued_) io_.forget(*this);
  if (input_) io_.returnBuffer(std::move(input_));
  if (output_) io_.returnBuffer(std::move(output_));
  --io_.connections_;
}

void Connection::unread(buffer::Buffer& early) {
  if (early.empty()) return;
  if (transport_) return transport_->unread(early);
  bytes_received_ += early.size();
  if (!input_) input_ = io_.borrowBuffer();
  input_->append(early);
  resume_due_ = true;
  enqueue();
}

void Connection::start(std::chrono::milliseconds handshake_timeout) {
  if (state_ == State::kHandshaking && handshake_timeout.count() > 0) armTimer(handshake_timeout);
  watchFd();
  if (state_ == State::kHandshaking) {
    resume_due_ = true;
    enqueue();
  }
}

void Connection::startConnecting(const ConnectOptions& options) {
  if (::connect(fd(), remote_.data(), remote_.length()) == 0) {
    resume_due_ = true;
    enqueue();
    io_.wake();
  } else if (errno != EINPROGRESS) {
    finish(CloseReason::kConnectFailed, errno);
    io_.wake();
    return;
  }
  armTimer(options.timeout);
  watchFd();
}

void Connection::startRace(const ConnectOptions& options) {
  std::vector<Address> addresses{remote_};
  addresses.insert(addresses.end(), options.more_addresses.begin(), options.more_addresses.end());
  extra().race = std::make_unique<ConnectRace>(io_.dispatcher(), std::move(addresses), options,
                                               [this] { finishRace(); });
  armTimer(options.timeout);
  if (!extra_->race->start()) return;
  resume_due_ = true;
  enqueue();
  io_.wake();
}

void Connection::finishRace() {
  if (!extra_->race->over()) return;
  ConnectRace::Outcome outcome = extra_->race->take();
  io_.dispatcher().deferDelete(std::move(extra_->race));
  if (!outcome.socket.valid()) return finish(CloseReason::kConnectFailed, outcome.error);
  remote_ = outcome.address;
  plain_.attach(outcome.socket.release());
  finishConnecting();
  watchFd();
}

void Connection::finishConnecting() {
  if (extra_ && extra_->race) return finishRace();
  const int error = takeSocketError(fd());
  if (error != 0) return finish(CloseReason::kConnectFailed, error);
  if (!transport_) return becomeOpen();
  state_ = State::kHandshaking;
  transport_->attach(fd(), *this);
  driveHandshake();
}

void Connection::driveHandshake() {
  const IoResult result = transport().handshake();
  switch (result.state) {
    case IoResult::State::kOk:
      return becomeOpen();
    case IoResult::State::kWouldBlock:
      return;
    case IoResult::State::kEnd:
      return finish(CloseReason::kRemote, 0);
    case IoResult::State::kError:
      return finish(result.error != 0 ? CloseReason::kReset : CloseReason::kTransportError,
                    result.error);
  }
}

void Connection::becomeOpen() {
  state_ = State::kOpen;
  cancelTimer();
  // What was written early goes out; a transport may have read ahead of the poll.
  flush_due_ = flush_due_ || hasOutput() || end_requested_;
  resume_due_ = !transport().bytesAreRaw();
  if (flush_due_ || resume_due_) enqueue();
  if (handler_ != nullptr) handler_->onConnected();
}

void Connection::watchFd() {
  if (fd() < 0 || watcher_) return;
  watcher_ = io_.dispatcher().createFdWatcher(fd(), *this);
  updateWatch(false);
}

bool Connection::wantsRead() const {
  switch (state_) {
    case State::kConnecting:
    case State::kClosing:
    case State::kClosed:
      return false;
    case State::kHandshaking:
      return !transport_->wantsWrite() && !transport_->waitsForTurn();
    case State::kOpen:
      if (remote_ended_) return false;
      return splice_source_ ? extra_->source_pump->wantsSource() : readAllowed();
    case State::kFlushing:
    case State::kLingering:
      return !remote_ended_;
  }
  return false;
}

bool Connection::wantsWrite() const {
  switch (state_) {
    case State::kConnecting:
      return true;
    case State::kHandshaking:
      return transport_->wantsWrite();
    case State::kOpen:
    case State::kFlushing:
      return write_blocked_ || (transport_ != nullptr && transport_->wantsWrite());
    case State::kLingering:
    case State::kClosing:
    case State::kClosed:
      return false;
  }
  return false;
}

void Connection::updateWatch(bool woke_in_vain) {
  if (!watcher_) return;
  const bool lazily = state_ == State::kOpen && watching_read_ && !woke_in_vain;
  const bool read = lazily || wantsRead();
  const bool write = wantsWrite();
  if (read == watching_read_ && write == watching_write_) return;
  watching_read_ = read;
  watching_write_ = write;
  watcher_->watch({read, write});
}

void Connection::onFdReady(event::FdEvents events) {
  const bool in_vain = events.readable && !wantsRead();
  switch (state_) {
    case State::kConnecting:
      finishConnecting();
      break;
    case State::kHandshaking:
      driveHandshake();
      break;
    case State::kOpen:
      onOpenReady({events.readable && !in_vain, events.writable});
      break;
    case State::kFlushing:
      if (events.readable && !in_vain) discardWhileFlushing();
      if (events.writable && fd() >= 0) {
        flush_due_ = true;
        enqueue();
      }
      break;
    case State::kLingering:
      discardWhileLingering();
      break;
    case State::kClosing:
    case State::kClosed:
      return;
  }
  // Settling looks at it again, and then nothing may have changed.
  if (in_vain || !enqueued_) updateWatch(in_vain);
}

void Connection::transportReady() {
  if (state_ != State::kHandshaking) return;
  resume_due_ = true;
  enqueue();
}

void Connection::onOpenReady(event::FdEvents events) {
  if (events.readable) {
    if (splice_source_) {
      extra_->source_pump->pump();
    } else {
      readAvailable();
    }
  }
  if (!events.writable || state_ != State::kOpen) return;
  if (splice_target_) {
    extra_->target_pump->pump();
  } else if (write_blocked_) {
    flush_due_ = true;
    enqueue();
  } else if (transport_ && transport_->wantsWrite() && readAllowed()) {
    readAvailable();
  }
}

void Connection::readAvailable() {
  for (int round = 0; round < kReadRounds; ++round) {
    const auto room = io_.readRoom();
    const IoResult result = transport_ ? transport_->read(room) : plain_.read(room);
    if (result.bytes > 0) {
      bytes_received_ += result.bytes;
      if (!input_) input_ = io_.borrowBuffer();
      input_->append(io_.takeRead(result.bytes));
    }
    if (result.state == IoResult::State::kError && result.bytes == 0) {
      return finish(
          result.error != 0 || write_dead_ ? CloseReason::kReset : CloseReason::kTransportError,
          result.error != 0 ? result.error : error_);
    }
    const bool ended = result.state == IoResult::State::kEnd;
    // After a reset nobody knows whether the end is the real one.
    remote_ended_ = ended && !write_dead_;
    if (result.bytes > 0 || remote_ended_) deliver();
    if (ended && write_dead_) return finish(CloseReason::kReset, error_);
    if (state_ != State::kOpen || remote_ended_ || splice_source_ || !readAllowed()) return;
    if (result.state != IoResult::State::kOk) return;
  }
  // The poll tells only of what the kernel has, not of what waits inside the transport.
  if (!transport().bytesAreRaw()) {
    resume_due_ = true;
    enqueue();
  }
}

void Connection::deliver() {
  if (!input_) input_ = io_.borrowBuffer();
  if (handler_ != nullptr) handler_->onData(*input_, remote_ended_);
  if (input_->empty()) {
    io_.returnBuffer(std::move(input_));
  } else {
    input_->compact();
  }
  io_.rewindReadBlock();
  finishWhenBothEnded();
}

void Connection::discardWhileFlushing() {
  for (int round = 0; round < kReadRounds; ++round) {
    const IoResult result = transport().read(io_.readRoom());
    if (result.state == IoResult::State::kError) return finish(CloseReason::kLocal, result.error);
    remote_ended_ = result.state == IoResult::State::kEnd;
    if (result.state != IoResult::State::kOk) return;
  }
}

void Connection::discardWhileLingering() {
  for (int round = 0; round < kReadRounds; ++round) {
    const auto room = io_.readRoom();
    const ssize_t count = ::recv(fd(), room.data(), room.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return finish(CloseReason::kLocal, 0);
    extra().discarded_bytes += static_cast<uint32_t>(count);
    if (extra().discarded_bytes > kLingerBytes) return finish(CloseReason::kLocal, 0);
  }
}

void Connection::setReadEnabled(bool enabled) {
  const bool resume = enabled && (!read_enabled_ || hasInput());
  read_enabled_ = enabled;
  if (!resume || state_ == State::kConnecting) return;
  resume_due_ = true;
  enqueue();
}

void Connection::holdReading(bool hold) {
  const bool resume = read_held_ && !hold;
  read_held_ = hold;
  if (!resume || state_ == State::kConnecting) return;
  resume_due_ = true;
  enqueue();
}

buffer::Buffer& Connection::input() {
  if (!input_) input_ = io_.borrowBuffer();
  enqueue();  // it may be drained now: reading may go on, and an empty one goes back
  return *input_;
}

const Address& Connection::localAddress() const {
  if (!local_) local_ = std::make_shared<const Address>(localAddressOf(fd()));
  return *local_;
}

}  // namespace weir::network
