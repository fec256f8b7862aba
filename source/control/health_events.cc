#include "source/control/health_events.h"

#include <utility>

namespace weir::control {

std::string_view eventName(HealthEvent::Kind kind) {
  switch (kind) {
    case HealthEvent::Kind::kHealth:
      return "health";
    case HealthEvent::Kind::kEjected:
      return "ejected";
    case HealthEvent::Kind::kReturned:
      return "returned";
    case HealthEvent::Kind::kDraining:
      return "draining";
    case HealthEvent::Kind::kDrained:
      return "drained";
    case HealthEvent::Kind::kDrainEnded:
      return "drain_ended";
  }
  return "";
}

void HealthEvents::keep(size_t most) {
  most_ = most;
  while (events_.size() > most_) events_.pop_front();
}

void HealthEvents::add(HealthEvent event) {
  event.sequence = ++last_;
  event.time = dispatcher_.systemNow();
  events_.push_back(std::move(event));
  std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
  for (const std::weak_ptr<Listener>& listener : listeners_) {
    if (const auto alive = listener.lock()) (*alive)(events_.back());
  }
  keep(most_);
}

std::shared_ptr<void> HealthEvents::listen(Listener listener) {
  auto made = std::make_shared<Listener>(std::move(listener));
  listeners_.push_back(made);
  return made;
}

}  // namespace weir::control
