#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "source/base/log.h"
#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/stats/stats.h"

namespace weir::control {

// What all active checks of the process share: room for probes, and a watch over the loop that
// looks after them. Main-thread only.
class ProbePace {
 public:
  // More wait for their turn. Each has a socket.
  static constexpr uint32_t kMostInFlight = 8192;
  // That begin in one turn of the loop: whatever else the main thread has to do comes in between.
  static constexpr uint32_t kMostPerTurn = 64;
  // While probes are under way the loop is expected to come by so often.
  static constexpr std::chrono::milliseconds kBeat{100};

  // The one of these services.
  static ProbePace& of(base::ServiceMap& services);
  ProbePace(event::Dispatcher& dispatcher, stats::Store& stats);
  ProbePace(const ProbePace&) = delete;
  ProbePace& operator=(const ProbePace&) = delete;

  enum class Room : uint8_t {
    kYes,
    kNextTurn,  // enough have begun in this one
    kFull       // too many are under way
  };
  Room room();
  // A probe that had room begins; one has ended.
  void begun();
  void ended();

  // How long the loop has stood still when it should have looked after probes, all in all. A probe
  // that has seen this grow has not had the attention that its timeout takes for granted.
  std::chrono::milliseconds stoodStill();
  // A failure was taken for one of ours. Counted and logged once for each time that the loop stood
  // still.
  void noteStarved();

  base::Random& random() { return random_; }

 private:
  void beat();
  void look();

  event::Dispatcher& dispatcher_;
  stats::Cell& starved_;
  stats::Cell& in_flight_cell_;
  base::Random random_;
  uint32_t in_flight_ = 0;
  uint32_t begun_in_turn_ = 0;
  event::MonotonicTime turn_ = {};
  std::unique_ptr<event::Timer> timer_;
  event::MonotonicTime beat_due_ = {};  // while the timer runs
  std::chrono::milliseconds stood_still_{0};
  std::chrono::milliseconds last_stall_{0};
  bool noted_ = true;  // the last stall
  base::log::LogLimiter log_{std::chrono::seconds(1)};
};

}  // namespace weir::control
