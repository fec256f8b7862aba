#include "source/control/health_event_log.h"

#include <utility>

#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/control/health_event_json.h"
#include "source/upstream/endpoint_health.h"

namespace weir::control {
namespace {

constexpr std::string_view kArea = "health";
constexpr std::chrono::milliseconds kRetry{10};
constexpr std::chrono::milliseconds kSecond{1'000};

// "is unhealthy, it was healthy"
std::string whatHappened(const HealthEvent& event) {
  using Kind = HealthEvent::Kind;
  switch (event.kind) {
    case Kind::kHealth:
      return base::concat("is ", upstream::healthName(event.to), ", it was ",
                          upstream::healthName(event.from));
    case Kind::kEjected:
      return "is ejected";
    case Kind::kReturned:
      return "returns";
    case Kind::kDraining:
      return base::concat("drains with ", event.connections, " connections and ", event.requests,
                          " requests");
    case Kind::kDrained:
      return base::concat("is drained, ", event.finished, " connections have finished");
    case Kind::kDrainEnded:
      return base::concat("had not drained in time, ", event.connections, " connections and ",
                          event.requests, " requests were broken off");
  }
  return {};
}

}  // namespace

HealthEventLog::HealthEventLog(event::Dispatcher& dispatcher, base::FileWriter& files,
                               stats::Store& stats, HealthEvents& events)
    : dispatcher_(dispatcher),
      files_(files),
      dropped_(stats.block(0).counter(
          stats.counter("health_event_log_dropped_total",
                        "Events that are missing in the event log: the disk was too slow"))),
      retry_timer_(dispatcher.createTimer([this] { writeWaiting(); })),
      second_timer_(dispatcher.createTimer([this] { onSecond(); })),
      listening_(events.listen([this](const HealthEvent& event) { onEvent(event); })) {}

HealthEventLog::~HealthEventLog() = default;

void HealthEventLog::follow(const std::string& path) {
  if (path == path_) return;
  if (path.empty()) {
    path_.clear();
    ring_.reset();
    return;
  }
  auto ring = files_.open(path);
  if (!ring.ok()) {
    base::log::error(kArea, "event log: ", base::view(ring.status().message()));
    return;
  }
  path_ = path;
  ring_ = *std::move(ring);
}

void HealthEventLog::onEvent(const HealthEvent& event) {
  if (ring_ != nullptr) write(healthEventJson(event) + "\n");
  tell(event);
}

void HealthEventLog::write(std::string line) {
  if (waiting_.empty() && push(line)) return;
  const bool never = line.size() > base::FileWriter::kRingBytes;
  if (never || waiting_bytes_ + line.size() > kMostWaitingBytes) return dropped_.add();
  waiting_bytes_ += line.size();
  waiting_.push_back(std::move(line));
  if (!retry_timer_->running()) retry_timer_->start(kRetry);
}

// Without a file it is gone. A ring counts what it is offered and has no room for as lost.
bool HealthEventLog::push(const std::string& line) {
  return ring_ == nullptr || (ring_->fits(line.size()) && ring_->push(line));
}

void HealthEventLog::writeWaiting() {
  while (!waiting_.empty() && push(waiting_.front())) {
    waiting_bytes_ -= waiting_.front().size();
    waiting_.pop_front();
  }
  if (!waiting_.empty()) retry_timer_->start(kRetry);
}

void HealthEventLog::tell(const HealthEvent& event) {
  if (!second_timer_->running()) second_timer_->start(kSecond);
  if (++lines_ > kMostLines) {
    ++untold_;
    return;
  }
  const std::string_view colon = event.cause.empty() ? "" : ": ";
  base::log::info(kArea, "cluster \"", event.cluster, "\": endpoint \"", event.endpoint, "\" (",
                  event.address, ") ", whatHappened(event), "; ", event.source, colon, event.cause);
}

void HealthEventLog::onSecond() {
  lines_ = 0;
  if (untold_ == 0) return;
  base::log::info(kArea, std::exchange(untold_, 0), " more events of endpoints in this second");
}

}  // namespace weir::control
