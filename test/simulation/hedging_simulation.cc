#include "test/simulation/hedging_simulation.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <utility>

#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/router/hedging.h"
#include "source/stats/stats.h"
#include "test/fakes/fake_dispatcher.h"

namespace weir::simulation {
namespace {

constexpr uint32_t kNone = ~uint32_t{0};
constexpr Nanos kMostPause = 25 * kMillisecond;  // before a retry

double exponential(base::Random& random, double mean) {
  return -std::log(1 - random.unit()) * mean;
}

double normal(base::Random& random) {
  return std::sqrt(-2 * std::log(1 - random.unit())) * std::cos(2 * M_PI * random.unit());
}

class Simulation;

struct Request final : router::HedgeWaiter {
  void onHedgeDue() override;

  Simulation* simulation = nullptr;
  uint64_t id = 0;
  Nanos arrived = 0;
  Nanos cost = 0;
  uint32_t worker = 0;
  uint32_t attempts = 0;
  uint32_t last = kNone;  // endpoint
  uint32_t live = 0;      // attempts that may still answer
  uint32_t current = 0;   // number of the attempt that a time runs for
  bool done = false;
};

struct Server {
  uint32_t running = 0;
  Nanos paused_until = 0;
  std::deque<std::function<void()>> waiting;
};

struct Worker {
  std::vector<uint32_t> counts;
  std::unique_ptr<router::RouteHedging> hedging;
};

// Discrete events. Worker-confined.
class Simulation {
 public:
  Simulation(const Strategy& strategy, const TroubledScenario& scenario, uint64_t requests,
             uint64_t seed);
  TroubledOutcome run();
  void hedge(Request& request);

 private:
  struct Event {
    Nanos at;
    uint64_t sequence;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : sequence > other.sequence;
    }
  };

  void after(Nanos delay, std::function<void()> task) {
    events_.push({now_ + delay, sequence_++, std::move(task)});
  }
  void advanceTo(Nanos time);
  void arrive();
  void pause(uint32_t endpoint);
  uint32_t pick(const Worker& worker, uint32_t avoided);
  void attempt(Request& request);
  void begin(Request& request, uint32_t endpoint, bool failed);
  void finish(Request& request, uint32_t endpoint, bool failed);
  void answered(Request& request, uint32_t endpoint, bool failed);
  void overdue(Request& request, uint32_t number);
  bool again(Request& request);
  void end(Request& request, bool failed);
  TroubledOutcome outcome();

  const Strategy& strategy_;
  const TroubledScenario& scenario_;
  const uint64_t wanted_;
  base::Random workload_;  // the same for every strategy
  base::Random random_;
  event::FakeDispatcher dispatcher_;
  stats::Store store_;
  base::ServiceMap services_;
  std::optional<router::HedgeCells> cells_;
  std::vector<Server> servers_;
  std::vector<Worker> workers_;
  std::deque<Request> requests_;
  std::priority_queue<Event> events_;
  uint64_t sequence_ = 0;
  Nanos now_ = 0;
  Nanos dispatched_ = 0;  // the dispatcher's time
  std::vector<Nanos> latencies_;
  uint64_t over_ = 0;
  uint64_t measured_ = 0;
  uint64_t failed_ = 0;
  uint64_t attempts_ = 0;  // of all
};

void Request::onHedgeDue() {
  simulation->hedge(*this);
}

Simulation::Simulation(const Strategy& strategy, const TroubledScenario& scenario,
                       uint64_t requests, uint64_t seed)
    : strategy_(strategy),
      scenario_(scenario),
      wanted_(requests),
      workload_(seed),
      random_(seed + 1),
      servers_(scenario.endpoints),
      workers_(scenario.workers) {
  services_.put(store_);
  services_.put(store_.block(1));
  cells_.emplace(services_);
  for (Worker& worker : workers_) {
    worker.counts.assign(scenario.endpoints, 0);
    if (!strategy.hedge) continue;
    auto policy = std::make_shared<router::Resilience>();
    policy->hedge = strategy.hedge;
    worker.hedging = std::make_unique<router::RouteHedging>(policy, dispatcher_, *cells_);
  }
}

TroubledOutcome Simulation::run() {
  if (scenario_.paused_share > 0) {
    for (uint32_t i = 0; i < scenario_.endpoints; ++i) pause(i);
  }
  arrive();
  while (over_ < wanted_ && !events_.empty()) {
    const Event event = events_.top();
    events_.pop();
    advanceTo(event.at);
    now_ = event.at;
    event.run();
  }
  return outcome();
}

// Second attempts come due on the way.
void Simulation::advanceTo(Nanos time) {
  while (dispatched_ + kMillisecond <= time) {
    dispatched_ += kMillisecond;
    now_ = std::max(now_, dispatched_);
    dispatcher_.advance(std::chrono::milliseconds(1));
  }
}

void Simulation::arrive() {
  Request& request = requests_.emplace_back();
  request.simulation = this;
  request.id = requests_.size() - 1;
  request.arrived = now_;
  const double sigma = scenario_.sigma;
  request.cost = static_cast<Nanos>(static_cast<double>(scenario_.mean_cost) *
                                    std::exp(sigma * normal(workload_) - sigma * sigma / 2));
  request.worker = static_cast<uint32_t>(workload_.uniform(scenario_.workers));
  attempt(request);
  if (Worker& worker = workers_[request.worker]; worker.hedging) worker.hedging->enter(request);
  if (requests_.size() == wanted_) return;
  const double per_nano = scenario_.utilisation * scenario_.endpoints * scenario_.concurrency /
                          static_cast<double>(scenario_.mean_cost);
  after(static_cast<Nanos>(exponential(workload_, 1 / per_nano)), [this] { arrive(); });
}

void Simulation::pause(uint32_t endpoint) {
  const double share = scenario_.paused_share;
  const auto length = static_cast<double>(scenario_.paused_for);
  const double until = exponential(random_, length * (1 - share) / share);
  after(static_cast<Nanos>(until), [this, endpoint] {
    servers_[endpoint].paused_until = now_ + scenario_.paused_for;
    after(scenario_.paused_for, [this, endpoint] { pause(endpoint); });
  });
}

// Of two at random the one with less under way.
uint32_t Simulation::pick(const Worker& worker, uint32_t avoided) {
  const auto one = [&] {
    uint32_t endpoint = static_cast<uint32_t>(random_.uniform(scenario_.endpoints));
    if (endpoint == avoided) endpoint = (endpoint + 1) % scenario_.endpoints;
    return endpoint;
  };
  const uint32_t a = one();
  const uint32_t b = one();
  return worker.counts[a] <= worker.counts[b] ? a : b;
}

void Simulation::attempt(Request& request) {
  Worker& worker = workers_[request.worker];
  const uint32_t endpoint = request.last = pick(worker, request.last);
  const bool failed = random_.unit() < scenario_.failed_share;
  ++attempts_;
  ++request.attempts;
  ++request.live;
  ++request.current;
  ++worker.counts[endpoint];
  after(scenario_.one_way, [this, &request, endpoint, failed] {
    Server& server = servers_[endpoint];
    if (server.running < scenario_.concurrency) return begin(request, endpoint, failed);
    server.waiting.push_back(
        [this, &request, endpoint, failed] { begin(request, endpoint, failed); });
  });
  if (strategy_.per_try_timeout.count() == 0) return;
  after(std::chrono::nanoseconds(strategy_.per_try_timeout).count(),
        [this, &request, number = request.current] { overdue(request, number); });
}

void Simulation::begin(Request& request, uint32_t endpoint, bool failed) {
  ++servers_[endpoint].running;
  after(failed ? 0 : request.cost,
        [this, &request, endpoint, failed] { finish(request, endpoint, failed); });
}

void Simulation::finish(Request& request, uint32_t endpoint, bool failed) {
  Server& server = servers_[endpoint];
  if (server.paused_until > now_) {
    return after(server.paused_until - now_,
                 [this, &request, endpoint, failed] { finish(request, endpoint, failed); });
  }
  --server.running;
  if (!server.waiting.empty()) {
    const std::function<void()> next = std::move(server.waiting.front());
    server.waiting.pop_front();
    next();
  }
  const bool delayed = random_.unit() < scenario_.delayed_share;
  after(scenario_.one_way + (delayed ? scenario_.delayed_by : 0),
        [this, &request, endpoint, failed] { answered(request, endpoint, failed); });
}

void Simulation::answered(Request& request, uint32_t endpoint, bool failed) {
  --workers_[request.worker].counts[endpoint];
  if (request.done) return;
  --request.live;
  if (!failed) return end(request, false);
  // Beside another one, or for another one.
  if (request.live > 0 || again(request)) return;
  end(request, true);
}

void Simulation::overdue(Request& request, uint32_t number) {
  if (request.done || request.current != number) return;
  if (again(request)) --request.live;
}

bool Simulation::again(Request& request) {
  if (request.attempts > strategy_.max_retries) return false;
  ++request.current;
  after(static_cast<Nanos>(random_.uniform(kMostPause)), [this, &request] {
    if (!request.done) attempt(request);
  });
  return true;
}

void Simulation::hedge(Request& request) {
  router::RouteHedging& hedging = *workers_[request.worker].hedging;
  if (request.done || !hedging.spend()) return;
  attempt(request);
}

void Simulation::end(Request& request, bool failed) {
  request.done = true;
  request.unlink();
  ++over_;
  if (router::RouteHedging* const hedging = workers_[request.worker].hedging.get()) {
    hedging->measured(std::chrono::microseconds((now_ - request.arrived) / 1000));
  }
  if (request.id < wanted_ / 10) return;
  ++measured_;
  failed_ += failed ? 1 : 0;
  if (!failed) latencies_.push_back(now_ - request.arrived);
}

TroubledOutcome Simulation::outcome() {
  TroubledOutcome outcome;
  outcome.strategy = strategy_.name;
  outcome.requests = measured_;
  std::sort(latencies_.begin(), latencies_.end());
  const auto quantile = [this](double q) {
    const auto at = static_cast<size_t>(q * static_cast<double>(latencies_.size()));
    return static_cast<double>(latencies_[std::min(at, latencies_.size() - 1)]) / kMillisecond;
  };
  outcome.p50_ms = quantile(0.5);
  outcome.p99_ms = quantile(0.99);
  outcome.p999_ms = quantile(0.999);
  const auto all = static_cast<double>(requests_.size());
  outcome.extra_percent = 100 * (static_cast<double>(attempts_) - all) / all;
  outcome.failed_percent = 100 * static_cast<double>(failed_) / static_cast<double>(measured_);
  return outcome;
}

}  // namespace

TroubledOutcome simulate(const Strategy& strategy, const TroubledScenario& scenario,
                         uint64_t requests, uint64_t seed) {
  return Simulation(strategy, scenario, requests, seed).run();
}

std::vector<Strategy> strategies() {
  using std::chrono::milliseconds;
  router::HedgePolicy hedge;
  router::HedgePolicy late = hedge;
  late.quantile = 0.99;
  router::HedgePolicy cheap = hedge;
  cheap.budget = 0.02;
  return {{.name = "nothing"},
          {.name = "retry", .max_retries = 2},
          {.name = "retry, per_try_timeout 50 ms",
           .max_retries = 2,
           .per_try_timeout = milliseconds(50)},
          {.name = "hedge at 95 %", .hedge = hedge},
          {.name = "hedge at 99 %", .hedge = late},
          {.name = "hedge at 95 %, budget 2 %", .hedge = cheap},
          {.name = "hedge at 95 %, retry", .hedge = hedge, .max_retries = 2}};
}

std::vector<TroubledScenario> troubledScenarios() {
  return {
      {.name = "packets", .title = "1 % of the answers come 200 ms late", .delayed_share = 0.01},
      {.name = "pauses",
       .title = "each endpoint stands still 2 % of the time, 100 ms at a time",
       .paused_share = 0.02},
      {.name = "failures", .title = "2 % of the answers are failures", .failed_share = 0.02},
      {.name = "overload", .title = "all are busy (97 %)", .utilisation = 0.97}};
}

std::string table(const TroubledScenario& scenario, const std::vector<TroubledOutcome>& outcomes) {
  std::string text =
      "### " + scenario.title +
      "\n\n| | p50 | p99 | p99.9 | failed | more attempts |\n|---|---|---|---|---|---|\n";
  for (const TroubledOutcome& outcome : outcomes) {
    char line[200];
    std::snprintf(line, sizeof line, "| %s | %.1f | %.1f | %.0f | %.2f %% | %.1f %% |\n",
                  outcome.strategy.c_str(), outcome.p50_ms, outcome.p99_ms, outcome.p999_ms,
                  outcome.failed_percent, outcome.extra_percent);
    text += line;
  }
  return text;
}

}  // namespace weir::simulation
