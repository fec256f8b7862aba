#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>

#include "source/base/file_writer.h"
#include "source/control/health_events.h"
#include "source/event/dispatcher.h"
#include "source/stats/stats.h"

namespace weir::control {

// Writes every event as a line of JSON to a file (api/weir/config/v1/health.proto: event_log), and
// some as lines of the operational log: of thousands at a time, most are only counted there. Waits
// for no disk: what the writer has no room for waits here, bounded, then it is dropped and counted.
// Main-thread only.
class HealthEventLog {
 public:
  static constexpr size_t kMostWaitingBytes = 32 * 1024 * 1024;
  static constexpr uint32_t kMostLines = 20;  // of the operational log, in a second

  // All outlives it.
  HealthEventLog(event::Dispatcher& dispatcher, base::FileWriter& files, stats::Store& stats,
                 HealthEvents& events);
  ~HealthEventLog();
  HealthEventLog(const HealthEventLog&) = delete;
  HealthEventLog& operator=(const HealthEventLog&) = delete;

  // Where events go from now on; empty: nowhere. A file that cannot be opened is told in the
  // operational log; then the one before goes on.
  void follow(const std::string& path);

 private:
  void onEvent(const HealthEvent& event);
  void write(std::string line);
  void writeWaiting();
  bool push(const std::string& line);
  void tell(const HealthEvent& event);
  void onSecond();

  event::Dispatcher& dispatcher_;
  base::FileWriter& files_;
  stats::Cell& dropped_;
  std::string path_;
  std::shared_ptr<base::LineRing> ring_;  // null: none
  std::deque<std::string> waiting_;
  size_t waiting_bytes_ = 0;
  std::unique_ptr<event::Timer> retry_timer_;
  uint32_t lines_ = 0;   // of the operational log, in this second
  uint64_t untold_ = 0;  // events that got none
  std::unique_ptr<event::Timer> second_timer_;
  std::shared_ptr<void> listening_;
};

}  // namespace weir::control
