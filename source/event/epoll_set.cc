#include "source/event/epoll_set.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "source/base/log.h"

namespace weir::event {

EpollSet::~EpollSet() {
  if (fd_ >= 0) ::close(fd_);
}

int EpollSet::open() {
  fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  return fd_ >= 0 ? 0 : errno;
}

std::unique_ptr<FdWatcher> EpollSet::createWatcher(int fd, FdHandler& handler) {
  return std::make_unique<Watcher>(*this, fd, handler);
}

int EpollSet::watchForeign(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kForeign;
  return ::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

void EpollSet::wait(int timeout_ms) {
  const int count = ::epoll_wait(fd_, ready_.data(), kBatch, timeout_ms);
  ready_count_ = count > 0 ? count : 0;
}

uint32_t EpollSet::takeSlot(FdHandler& handler) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].handler = &handler;
  return slot;
}

void EpollSet::giveSlot(uint32_t slot) {
  slots_[slot].handler = nullptr;
  slots_[slot].wanted = {};
  ++slots_[slot].generation;
  free_slots_.push_back(slot);
}

EpollSet::Watcher::Watcher(EpollSet& set, int fd, FdHandler& handler)
    : set_(set), fd_(fd), slot_(set.takeSlot(handler)) {}

EpollSet::Watcher::~Watcher() {
  watch({});
  set_.giveSlot(slot_);
}

void EpollSet::Watcher::watch(FdEvents events) {
  const bool any = events.readable || events.writable;
  FdEvents& wanted = set_.slots_[slot_].wanted;
  if (events.readable == wanted.readable && events.writable == wanted.writable &&
      any == registered_) {
    return;
  }
  wanted = events;
  // Watched for nothing it must leave the set: errors are reported all the same.
  if (!any && !registered_) return;
  epoll_event event{};
  event.events = (events.readable ? EPOLLIN : 0u) | (events.writable ? EPOLLOUT : 0u);
  event.data.u64 = set_.tag(slot_);
  const int operation = !any ? EPOLL_CTL_DEL : registered_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(set_.fd_, operation, fd_, &event) != 0 && operation != EPOLL_CTL_DEL) {
    base::log::error("event", "cannot watch descriptor ", fd_, ": ", std::strerror(errno));
    return;
  }
  registered_ = any;
}

// An error shows by the handler's own read or write; a hang-up by whichever it waits for.
FdEvents EpollSet::eventsOf(uint32_t ready, FdEvents wanted) {
  const bool failed = (ready & EPOLLERR) != 0;
  const bool hung_up = (ready & EPOLLHUP) != 0;
  return {.readable = failed || (ready & EPOLLIN) != 0 || (hung_up && wanted.readable),
          .writable = failed || (ready & EPOLLOUT) != 0 || (hung_up && wanted.writable)};
}

}  // namespace weir::event
