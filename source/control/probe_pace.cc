#include "source/control/probe_pace.h"

#include <utility>

#include "source/config/fields.h"

namespace weir::control {
namespace {

// A timer is this late in ordinary times.
constexpr std::chrono::milliseconds kOrdinary{20};

}  // namespace

ProbePace& ProbePace::of(base::ServiceMap& services) {
  return services.shared<ProbePace>([&] {
    return std::make_shared<ProbePace>(services.get<event::Dispatcher>(),
                                       services.get<stats::Store>());
  });
}

ProbePace::ProbePace(event::Dispatcher& dispatcher, stats::Store& stats)
    : dispatcher_(dispatcher),
      starved_(stats.block(0).counter(stats.counter(
          "health_prober_starved_total",
          "Times that the main thread stood still for so long that health checks failed by it"))),
      in_flight_cell_(stats.block(0).gauge(
          stats.gauge("health_probes_in_flight", "Probes of health checks under way"))),
      timer_(dispatcher.createTimer([this] { beat(); })) {}

ProbePace::Room ProbePace::room() {
  if (in_flight_ >= kMostInFlight) return Room::kFull;
  if (std::exchange(turn_, dispatcher_.now()) != dispatcher_.now()) begun_in_turn_ = 0;
  return begun_in_turn_ < kMostPerTurn ? Room::kYes : Room::kNextTurn;
}

void ProbePace::begun() {
  ++begun_in_turn_;
  ++in_flight_;
  in_flight_cell_.add();
  if (timer_->running()) return;
  beat_due_ = dispatcher_.now() + kBeat;
  timer_->start(kBeat);
}

void ProbePace::ended() {
  --in_flight_;
  in_flight_cell_.sub();
}

void ProbePace::beat() {
  look();
  if (in_flight_ == 0) return;
  beat_due_ = dispatcher_.now() + kBeat;
  timer_->start(kBeat);
}

void ProbePace::look() {
  const auto late =
      std::chrono::duration_cast<std::chrono::milliseconds>(dispatcher_.now() - beat_due_);
  if (late <= kOrdinary) return;
  beat_due_ = dispatcher_.now();  // counted; the timer comes presently
  stood_still_ += late;
  last_stall_ = late;
  noted_ = false;
}

std::chrono::milliseconds ProbePace::stoodStill() {
  if (timer_->running()) look();
  return stood_still_;
}

void ProbePace::noteStarved() {
  if (std::exchange(noted_, true)) return;
  starved_.add();
  const auto held_back = log_.admit(dispatcher_.now());
  if (!held_back) return;
  base::log::warning("health", "the main thread stood still for ",
                     config::durationText(last_stall_),
                     ": checks that failed meanwhile do not count and are made again",
                     *held_back > 0 ? base::concat(" (", *held_back, " such lines left out)") : "");
}

}  // namespace weir::control
