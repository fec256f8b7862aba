#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/upstream/endpoint.h"

namespace weir::control {

// Something that has happened to an endpoint. Value.
struct HealthEvent {
  enum class Kind : uint8_t {
    kHealth,     // what it is has changed: `from`, `to`
    kEjected,    // taken out by what traffic has met
    kReturned,   // from there
    kDraining,   // it gets nothing new; `connections` and `requests` are still there
    kDrained,    // nothing is left of it; `finished` connections have ended by themselves
    kDrainEnded  // the time was over: `connections` were broken off
  };
  uint64_t sequence = 0;  // set by HealthEvents: 1, 2, …
  event::SystemTime time = {};
  Kind kind = Kind::kHealth;
  std::string cluster = {};
  std::string endpoint = {};  // its id
  std::string address = {};
  upstream::Health from = upstream::Health::kUnknown;
  upstream::Health to = upstream::Health::kUnknown;
  uint64_t revision = 0;    // of the endpoint's state
  std::string source = {};  // "check http", "outlier", "operator", "membership"
  std::string cause = {};   // for people: "connect: Connection refused"
  uint64_t connections = 0;
  uint64_t requests = 0;
  uint64_t finished = 0;
};

inline constexpr HealthEvent::Kind kEventKinds[] = {
    HealthEvent::Kind::kHealth,   HealthEvent::Kind::kEjected, HealthEvent::Kind::kReturned,
    HealthEvent::Kind::kDraining, HealthEvent::Kind::kDrained, HealthEvent::Kind::kDrainEnded};

// "health", "drain_ended"
std::string_view eventName(HealthEvent::Kind kind);

// What has happened to endpoints, the last so many; and whoever wants to know of each. Main-thread
// only.
class HealthEvents {
 public:
  using Listener = std::function<void(const HealthEvent& event)>;

  explicit HealthEvents(event::Dispatcher& dispatcher) : dispatcher_(dispatcher) {}
  HealthEvents(const HealthEvents&) = delete;
  HealthEvents& operator=(const HealthEvents&) = delete;

  // How many are kept; the oldest go.
  void keep(size_t most);
  // Sets sequence and time.
  void add(HealthEvent event);
  const std::deque<HealthEvent>& kept() const { return events_; }
  // Of the last one; 0: none yet.
  uint64_t lastSequence() const { return last_; }
  // Called with each event, in order, until `handle` goes. Not to add events from.
  [[nodiscard]] std::shared_ptr<void> listen(Listener listener);

 private:
  event::Dispatcher& dispatcher_;
  size_t most_ = 1000;
  uint64_t last_ = 0;
  std::deque<HealthEvent> events_;
  std::vector<std::weak_ptr<Listener>> listeners_;
};

}  // namespace weir::control
