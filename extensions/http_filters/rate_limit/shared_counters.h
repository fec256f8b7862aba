#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/rate_limit/script.h"
#include "source/base/intrusive_list.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/redis/link.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::rate_limit {

// How the counters in Redis are used. Value; part of the configuration.
struct CounterSettings {
  redis::Server server = {};
  std::string key_prefix = {};
  std::chrono::milliseconds timeout{20};  // for which a request waits
  uint32_t max_waiting = 1000;            // requests on each worker
  uint32_t max_timeouts = 5;              // in a row; then no request waits for a while
  std::chrono::milliseconds probe{250};   // meanwhile it is asked so often how fast it is
};

// What a question came to.
enum class CountOutcome : uint8_t {
  kAnswered,
  kTimeout,      // not in time
  kError,        // the server refused it, or the connection was lost
  kUnavailable,  // was not asked: there is no connection, or it is too slow, or too much waits
  kCount
};

struct CounterStats {
  static CounterStats create(stats::Store& store, const std::string& filter);
  stats::CounterId outcomes[static_cast<size_t>(CountOutcome::kCount)];
  stats::GaugeId connected, resting, waiting;
  stats::HistogramId answer_us;
};

// One limit that a question is about. Views live for the call.
struct AskedLimit {
  const CountedLimit* limit;
  std::string_view key;  // with its name
  bool shadow = false;
};

// Whoever has asked. Worker-confined.
class CountListener {
 public:
  // One standing for each limit, in their order; empty: nobody could say. The last call; may ask
  // again, and end whatever asked.
  virtual void onCounted(std::span<const CountedStanding> standings) = 0;

 protected:
  ~CountListener() = default;
};

// The counters that a fleet shares in Redis, as one worker asks them: one round trip for all limits
// of a request. Whatever the server does, those who ask hear within the time they may wait.
// Worker-confined.
class SharedCounters final : private redis::LinkOwner {
 public:
  class Question;

  // `services` as for redis::Link. All outlives it.
  SharedCounters(base::ServiceMap& services, const CounterSettings& settings, std::string label,
                 const CounterStats& stats);
  // Says nothing to those who wait: they are gone.
  ~SharedCounters();
  SharedCounters(const SharedCounters&) = delete;
  SharedCounters& operator=(const SharedCounters&) = delete;

  // At most kMaxAsked. Null: it cannot be asked now, and the listener does not hear. Else it hears
  // once, not from inside, unless the question is cancelled.
  Question* ask(std::span<const AskedLimit> limits, CountListener& listener);
  // The listener does not want to know. Only before it has heard.
  void cancel(Question& question);

  bool connected() const { return link_.up(); }
  bool resting() const { return resting_; }
  uint32_t waiting() const { return waiting_; }

 private:
  void onLinkUp() override;
  void onLinkDown() override;

  Question& make(std::span<const AskedLimit> limits);
  bool send(Question& question);
  void onReply(Question& question, const redis::Reply* reply);
  void finish(Question& question, CountOutcome outcome, std::span<const CountedStanding> standings);
  void release(Question& question);
  void startTimer();
  void onTimer();
  void expire();
  void noteInTime(event::MonotonicTime asked);
  void rest(bool resting);
  void onProbeTimer();

  event::Dispatcher& dispatcher_;
  const CounterSettings& settings_;
  stats::Cell* outcomes_[static_cast<size_t>(CountOutcome::kCount)];
  stats::Cell &connected_, &resting_cell_, &waiting_cell_;
  stats::HistogramCell& answer_us_;
  std::vector<std::unique_ptr<Question>> questions_;  // all that were made
  std::vector<Question*> free_;
  base::IntrusiveList<Question> by_deadline_;  // those whose listeners wait
  std::unique_ptr<event::Timer> timer_;
  event::WheelTimer probe_timer_;
  std::string digest_;  // of the script, when the server has it
  uint32_t waiting_ = 0;
  uint32_t timeouts_ = 0;  // in a row
  bool resting_ = false;
  bool probing_ = false;
  bool expiring_ = false;
  // Tells what was posted that this is gone.
  std::shared_ptr<SharedCounters*> self_ = std::make_shared<SharedCounters*>(this);
  redis::Link link_;  // goes first
};

}  // namespace weir::extensions::http_filters::rate_limit
