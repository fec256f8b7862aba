#include "extensions/http_filters/cache/flight.h"

#include <algorithm>
#include <utility>

namespace weir::extensions::http_filters::cache {

bool Flight::join(const std::shared_ptr<FlightWatcher>& watcher) {
  const std::lock_guard lock(mutex_);
  if (waiting_ >= most_waiting_) return false;
  ++waiting_;
  if (std::find(watchers_.begin(), watchers_.end(), watcher) == watchers_.end()) {
    watchers_.push_back(watcher);
  }
  return true;
}

void Flight::leave() {
  const std::lock_guard lock(mutex_);
  --waiting_;
}

Flight::State Flight::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

SharedRef<const StoredResponse> Flight::response() const {
  const std::lock_guard lock(mutex_);
  return response_;
}

http::StreamError Flight::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void Flight::stored(const std::shared_ptr<Flight>& flight,
                    SharedRef<const StoredResponse> response) {
  {
    const std::lock_guard lock(flight->mutex_);
    flight->response_ = std::move(response);
  }
  become(flight, State::kStored);
}

void Flight::failed(const std::shared_ptr<Flight>& flight, const http::StreamError& error) {
  {
    const std::lock_guard lock(flight->mutex_);
    flight->error_ = error;
  }
  become(flight, State::kFailed);
}

void Flight::become(const std::shared_ptr<Flight>& flight, State state) {
  {
    const std::lock_guard lock(flight->mutex_);
    const bool open = flight->state_ == State::kUnderWay || flight->state_ == State::kStored;
    if (!open) return;
    flight->state_ = state;
  }
  tell(flight);
}

void Flight::tell(const std::shared_ptr<Flight>& flight) {
  std::vector<std::shared_ptr<FlightWatcher>> watchers;
  {
    const std::lock_guard lock(flight->mutex_);
    watchers = flight->watchers_;
  }
  for (const auto& watcher : watchers) watcher->onFlight(flight);
}

}  // namespace weir::extensions::http_filters::cache
