#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "source/upstream/load_balancer.h"

namespace weir::simulation {

// Simulated time in nanoseconds.
using Nanos = int64_t;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000 * kMillisecond;

// What an endpoint would answer to a probe, for algorithms that ask.
struct EndpointState {
  uint64_t requests_in_flight = 0;
  uint32_t latency_us = 0;
};

// What a prober of a simulated worker may use. Worker-confined.
class ProbeNetwork {
 public:
  // Runs `task` so much later.
  virtual void after(Nanos delay, std::function<void()> task) = 0;
  virtual event::MonotonicTime now() const = 0;
  virtual EndpointState stateOf(uint32_t endpoint) const = 0;
  virtual Nanos oneWay() const = 0;

 protected:
  ~ProbeNetwork() = default;
};

// The algorithm under test. `make` is called once for each simulation; the network outlives what it
// makes.
struct Contender {
  std::string name;
  std::function<std::shared_ptr<const upstream::LoadBalancerFactory>(ProbeNetwork& network)> make;
};

// Endpoints, clients and what goes wrong. Requests come at random (Poisson) to proxy workers that
// know nothing of each other; each endpoint serves `concurrency` of them at a time, the others wait
// there in order. Costs are lognormal, so that few requests are most of the work.
struct Scenario {
  std::string name;
  std::string title;
  uint32_t endpoints = 20;
  uint32_t workers = 4;
  uint32_t concurrency = 8;
  double utilisation = 0.7;  // of what all endpoints can do at full speed
  Nanos mean_cost = 10 * kMillisecond;
  double sigma = 1.0;      // of the logarithm of the cost
  uint32_t keys = 10'000;  // what requests are hashed by
  Nanos one_way = kMillisecond / 4;
  // One endpoint takes so many times as long, in this part of the run.
  double slow_factor = 1;
  double slow_from = 0;
  double slow_until = 1;
  // Other work on the same machines: each endpoint by turns is left in peace and slowed.
  double antagonist_factor = 1;
  Nanos antagonist_mean = kSecond / 2;
  double antagonist_share = 0.2;  // of the time
};

inline constexpr uint32_t kSlowEndpoint = 3;

struct Outcome {
  std::string algorithm;
  uint64_t requests = 0;  // measured: all but the first tenth
  double p50_ms = 0;
  double p99_ms = 0;
  double p999_ms = 0;
  double mean_ms = 0;
  double slow_share = 0;  // of the picks while it was slow
  // The highest that an endpoint had in flight from one worker, after a pick of it, as a part of
  // the mean there, rounded up to whole requests.
  double worst_excess = 0;
};

// The same numbers for the same arguments. `bound`: a factor; the number of picks that exceed it
// is added to `violations`.
Outcome simulate(const Contender& contender, const Scenario& scenario, uint64_t requests,
                 uint64_t seed, double bound = 0, uint64_t* violations = nullptr);

// Every algorithm, and every situation, of docs/balancing-simulation.md.
std::vector<Contender> contenders();
std::vector<Scenario> scenarios();

// One line of text, or of JSON, for each outcome.
std::string table(const Scenario& scenario, const std::vector<Outcome>& outcomes);
std::string json(const Scenario& scenario, const std::vector<Outcome>& outcomes);

}  // namespace weir::simulation
