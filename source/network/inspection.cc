#include "source/network/inspection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "source/network/socket.h"

namespace weir::network {

const Address& InspectedConnection::localAddress() {
  if (!local) local = std::make_shared<const Address>(localAddressOf(fd));
  return *local;
}

WorkerListenerFilters::WorkerListenerFilters(Factories factories, std::chrono::milliseconds timeout,
                                             base::ServiceMap& services)
    : factories_(std::move(factories)), timeout_(timeout) {
  bound_.reserve(factories_.size());
  for (const auto& factory : factories_) bound_.push_back(factory->bind(services));
}

std::vector<std::unique_ptr<ListenerFilter>> WorkerListenerFilters::create() {
  std::vector<std::unique_ptr<ListenerFilter>> filters;
  filters.reserve(bound_.size());
  for (const auto& factory : bound_) filters.push_back(factory->create());
  return filters;
}

Inspection::Inspection(Owner& owner, event::Dispatcher& dispatcher, base::UniqueFd fd,
                       InspectedConnection connection)
    : owner_(owner),
      dispatcher_(dispatcher),
      fd_(std::move(fd)),
      timer_(dispatcher.wheel(), event::wheelCallback<&Inspection::onTimeout>, this),
      connection_(std::move(connection)) {
  if (!connection_.info) connection_.info = std::make_unique<ConnectionInfo>();
}

void Inspection::start(base::LocalRef<WorkerListenerFilters> filters) {
  bound_ = std::move(filters);
  filters_ = bound_->create();
  if (bound_->timeout().count() > 0) deadline_ = dispatcher_.now() + bound_->timeout();
  beginFilter();
  run();
}

base::UniqueFd Inspection::takeFd() {
  return std::move(fd_);
}

void Inspection::beginFilter() {
  filter_deadline_ = event::MonotonicTime::max();
  fresh_bytes_ = !bytes_.empty() || peer_ended_;
  if (finished()) return;
  const auto timeout = filter().timeout();
  if (timeout.count() > 0) filter_deadline_ = dispatcher_.now() + timeout;
}

void Inspection::run() {
  while (!over_ && !finished()) {
    if (!step()) return;
  }
  if (over_) return;
  over_ = true;
  stopWatching();
  owner_.onInspected(*this);
}

bool Inspection::step() {
  const bool wants_bytes = filter().maxBytes(connection_) > 0;
  if (wants_bytes && !fresh_bytes_ && !readMore()) return false;
  size_t consume = 0;
  fresh_bytes_ = false;
  switch (filter().inspect(bytes_, peer_ended_, connection_, consume)) {
    case ListenerFilter::Step::kContinue:
      advance(consume);
      return true;
    case ListenerFilter::Step::kNeedMore:
      if (!peer_ended_ && bytes_.size() < filter().maxBytes(connection_)) return true;
      refuse(peer_ended_ ? Owner::Refusal::kPeerGone : Owner::Refusal::kByFilter);
      return false;
    case ListenerFilter::Step::kClose:
      refuse(Owner::Refusal::kByFilter);
      return false;
  }
  return false;
}

void Inspection::advance(size_t consume) {
  bytes_.erase(0, consume);
  ++current_;
  beginFilter();
}

// False when there is nothing yet, or it is over.
bool Inspection::readMore() {
  char room[4096];
  const size_t limit = filter().maxBytes(connection_);
  const size_t wanted = std::min(sizeof room, limit - std::min(limit, bytes_.size()));
  const ssize_t count = ::recv(fd_.get(), room, wanted, 0);
  if (count > 0) {
    bytes_.append(room, static_cast<size_t>(count));
    return true;
  }
  if (count == 0) {
    peer_ended_ = true;
    return true;
  }
  if (errno == EAGAIN || errno == EINTR) {
    wait();
  } else {
    refuse(Owner::Refusal::kPeerGone);
  }
  return false;
}

void Inspection::wait() {
  const event::MonotonicTime first = std::min(deadline_, filter_deadline_);
  if (first == event::MonotonicTime::max()) {
    timer_.cancel();
  } else {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - dispatcher_.now());
    timer_.arm(std::max(left, std::chrono::milliseconds(0)));
  }
  if (watcher_) return;
  watcher_ = dispatcher_.createFdWatcher(fd_.get(), *this);
  watcher_->watch({true, false});
}

void Inspection::onFdReady(event::FdEvents) {
  if (!over_) run();
}

void Inspection::onTimeout() {
  if (over_) return;
  const event::MonotonicTime now = dispatcher_.now();
  if (now >= deadline_) return refuse(Owner::Refusal::kTimeout);
  if (now < filter_deadline_) return wait();
  if (filter().onTimeout(connection_) == ListenerFilter::Step::kContinue) {
    advance(0);
    return run();
  }
  refuse(Owner::Refusal::kTimeout);
}

void Inspection::refuse(Owner::Refusal refusal) {
  over_ = true;
  stopWatching();
  owner_.onRefused(*this, refusal);
}

void Inspection::cancel() {
  if (!over_) refuse(Owner::Refusal::kByOwner);
}

void Inspection::stopWatching() {
  timer_.cancel();
  watcher_.reset();
}

}  // namespace weir::network
