#include "source/network/connect_race.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "source/network/socket.h"

namespace weir::network {

// One connect(2) under way.
class ConnectRace::Attempt final : public event::FdHandler, public event::DeferredDeletable {
 public:
  Attempt(ConnectRace& race, base::UniqueFd socket, const Address& address)
      : race_(race),
        socket_(std::move(socket)),
        address_(address),
        watcher_(race.dispatcher_.createFdWatcher(socket_.get(), *this)) {
    watcher_->watch({.readable = false, .writable = true});
  }
  ~Attempt() override { close(); }

  void onFdReady(event::FdEvents) override { race_.onReady(*this); }
  int fd() const { return socket_.get(); }
  const Address& address() const { return address_; }
  base::UniqueFd release() {
    watcher_.reset();
    return std::move(socket_);
  }
  void close() {
    if (watcher_) watcher_->closing();
    watcher_.reset();
    socket_.reset();
  }

 private:
  ConnectRace& race_;
  base::UniqueFd socket_;
  const Address address_;
  std::unique_ptr<event::FdWatcher> watcher_;
};

ConnectRace::ConnectRace(event::Dispatcher& dispatcher, std::vector<Address> addresses,
                         const ConnectOptions& options, absl::AnyInvocable<void()> decided)
    : dispatcher_(dispatcher),
      addresses_(std::move(addresses)),
      options_(options.socket),
      decided_(std::move(decided)),
      delay_(dispatcher.wheel(), event::wheelCallback<&ConnectRace::onDelay>, this) {}

ConnectRace::~ConnectRace() = default;

bool ConnectRace::start() {
  startNext();
  return over_;
}

void ConnectRace::cancel() {
  over_ = true;
  delay_.cancel();
  for (auto& attempt : attempts_) {
    attempt->close();
    dispatcher_.deferDelete(std::move(attempt));
  }
  attempts_.clear();
}

// Until one is under way, connected, or there are no more.
void ConnectRace::startNext() {
  delay_.cancel();
  while (!over_ && next_ < addresses_.size() && attempts_.size() < kMostAtOnce) {
    const Address& address = addresses_[next_++];
    int error = 0;
    base::UniqueFd socket = openConnectingSocket(address, options_, error);
    if (socket.valid()) {
      if (::connect(socket.get(), address.data(), address.length()) == 0) {
        return finish({.socket = std::move(socket), .address = address});
      }
      error = errno;
    }
    if (error == EINPROGRESS) {
      attempts_.push_back(std::make_unique<Attempt>(*this, std::move(socket), address));
      if (next_ < addresses_.size()) delay_.arm(kAttemptDelay);
      return;
    }
    last_error_ = error;
  }
  if (!over_ && attempts_.empty()) {
    finish({.socket = {}, .address = addresses_.back(), .error = last_error_});
  }
}

void ConnectRace::onDelay() {
  startNext();
  if (over_) decided_();
}

void ConnectRace::onReady(Attempt& attempt) {
  const int error = takeSocketError(attempt.fd());
  if (error == 0) {
    finish({.socket = attempt.release(), .address = attempt.address()});
    return decided_();
  }
  last_error_ = error;
  attempt.close();
  const auto mine = std::find_if(attempts_.begin(), attempts_.end(),
                                 [&](const auto& each) { return each.get() == &attempt; });
  dispatcher_.deferDelete(std::move(*mine));
  attempts_.erase(mine);
  startNext();
  if (over_) decided_();
}

void ConnectRace::finish(Outcome outcome) {
  outcome_ = std::move(outcome);
  cancel();
}

}  // namespace weir::network
