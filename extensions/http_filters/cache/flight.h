#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "extensions/http_filters/cache/stored_response.h"
#include "source/http/stream_error.h"

namespace weir::extensions::http_filters::cache {

class Flight;

// Who is told, on a thread of its own, that something has become of a flight. Thread-safe.
class FlightWatcher {
 public:
  virtual ~FlightWatcher() = default;
  virtual void onFlight(const std::shared_ptr<Flight>& flight) = 0;
};

// One request to the origin that many clients wait for, on whatever workers: what has become of it.
// Thread-safe.
class Flight {
 public:
  enum class State : uint8_t {
    kUnderWay,
    kStored,   // response() is what they asked for; its body may still come
    kRefused,  // it is not for all: everybody asks himself
    kFailed,   // error(): there is no response, or an error of the origin (error() is none)
    kBroken,   // the body that had begun breaks off
  };

  Flight(std::string key, size_t most_waiting)
      : key_(std::move(key)), most_waiting_(most_waiting) {}

  const std::string& key() const { return key_; }

  // For those who wait. False: too many do.
  bool join(const std::shared_ptr<FlightWatcher>& watcher);
  void leave();
  State state() const;
  SharedRef<const StoredResponse> response() const;
  http::StreamError error() const;

  // For whoever makes the request. Each tells all watchers; what is refused, failed or broken stays
  // so.
  static void stored(const std::shared_ptr<Flight>& flight,
                     SharedRef<const StoredResponse> response);
  static void refused(const std::shared_ptr<Flight>& flight) { become(flight, State::kRefused); }
  static void broken(const std::shared_ptr<Flight>& flight) { become(flight, State::kBroken); }
  static void failed(const std::shared_ptr<Flight>& flight, const http::StreamError& error);
  // The body has grown.
  static void grown(const std::shared_ptr<Flight>& flight) { tell(flight); }

  // What it brings is out of date before it is there: a purge, or an unsafe request.
  void forbidStoring() { may_store_.store(false, std::memory_order_relaxed); }
  bool mayStore() const { return may_store_.load(std::memory_order_relaxed); }

 private:
  static void become(const std::shared_ptr<Flight>& flight, State state);
  static void tell(const std::shared_ptr<Flight>& flight);

  const std::string key_;
  const size_t most_waiting_;
  mutable std::mutex mutex_;
  State state_ = State::kUnderWay;
  SharedRef<const StoredResponse> response_;
  http::StreamError error_;
  size_t waiting_ = 0;
  std::vector<std::shared_ptr<FlightWatcher>> watchers_;  // each once
  std::atomic<bool> may_store_{true};
};

}  // namespace weir::extensions::http_filters::cache
