#include "source/server/signal_source.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

namespace weir::server {
namespace {

sigset_t setOf(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

void SignalSource::block(std::initializer_list<int> signals) {
  const sigset_t set = setOf(signals);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

absl::StatusOr<std::unique_ptr<SignalSource>> SignalSource::create(
    event::Dispatcher& dispatcher, std::initializer_list<int> signals,
    std::function<void(int)> callback) {
  const sigset_t set = setOf(signals);
  std::unique_ptr<SignalSource> source(new SignalSource(std::move(callback)));
  source->fd_ = base::UniqueFd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (source->fd_.get() < 0) return absl::ErrnoToStatus(errno, "cannot watch signals");
  source->watcher_ = dispatcher.createFdWatcher(source->fd_.get(), *source);
  source->watcher_->watch({.readable = true, .writable = false});
  return source;
}

void SignalSource::onFdReady(event::FdEvents) {
  signalfd_siginfo info;
  while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    callback_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace weir::server
