#include <utility>

#include "extensions/load_balancing/first/first.h"
#include "extensions/load_balancing/least_request/least_request.h"
#include "extensions/load_balancing/least_time/least_time.h"
#include "extensions/load_balancing/maglev/maglev.h"
#include "extensions/load_balancing/prequal/prequal.h"
#include "extensions/load_balancing/random/random.h"
#include "extensions/load_balancing/ring_hash/ring_hash.h"
#include "extensions/load_balancing/round_robin/round_robin.h"
#include "extensions/load_balancing/source_ip_hash/source_ip_hash.h"
#include "test/simulation/balancing_simulation.h"

namespace weir::simulation {
namespace {

namespace lb = extensions::load_balancing;

// A probe takes one way, the endpoint looks at itself, and the answer takes the other.
// Worker-confined.
class SimulatedProber final : public lb::prequal::Prober {
 public:
  SimulatedProber(ProbeNetwork& network, lb::prequal::ProbeOwner& owner)
      : network_(network), owner_(owner) {}
  void want(uint32_t probes) override {
    network_.after(0, [this, probes] {
      for (uint32_t i = 0; i < probes; ++i) ask();
    });
  }

 private:
  void ask() {
    const uint32_t host = owner_.nextTarget(network_.now());
    if (host == lb::prequal::ProbeOwner::kNobody) return;
    network_.after(network_.oneWay(), [this, host] {
      const EndpointState state = network_.stateOf(host);
      network_.after(network_.oneWay(), [this, host, state] {
        owner_.onProbe(
            host, {lb::prequal::ProbeResult::kAnswered, state.requests_in_flight, state.latency_us},
            network_.now());
      });
    });
  }

  ProbeNetwork& network_;
  lb::prequal::ProbeOwner& owner_;
};

// Immutable.
class SimulatedProbers final : public lb::prequal::ProberFactory {
 public:
  explicit SimulatedProbers(ProbeNetwork& network) : network_(network) {}
  std::unique_ptr<lb::prequal::Prober> create(const upstream::BalancerContext&,
                                              lb::prequal::ProbeOwner& owner) const override {
    return std::make_unique<SimulatedProber>(network_, owner);
  }

 private:
  ProbeNetwork& network_;
};

template <class Factory, class... Args>
Contender contender(std::string name, Args... args) {
  return {std::move(name), [args...](ProbeNetwork&) { return std::make_shared<Factory>(args...); }};
}

Contender probedPrequal(std::string name, const lb::prequal::PrequalOptions& options) {
  return {std::move(name), [options](ProbeNetwork& network) {
            return std::make_shared<lb::prequal::PrequalFactory>(
                options, std::nullopt, std::make_shared<SimulatedProbers>(network));
          }};
}

}  // namespace

std::vector<Contender> contenders() {
  return {
      contender<lb::round_robin::RoundRobinFactory>("round_robin"),
      contender<lb::random::RandomFactory>("random"),
      contender<lb::least_request::LeastRequestFactory>("least_request"),
      contender<lb::least_time::LeastTimeFactory>("least_time"),
      contender<lb::prequal::PrequalFactory>("prequal, observed"),
      probedPrequal("prequal, probed", {}),
      probedPrequal("prequal, probed, hot from 84 %", {.hot_quantile = 0.84}),
      contender<lb::source_ip_hash::SourceIpHashFactory>("source_ip_hash"),
      contender<lb::ring_hash::RingHashFactory>("ring_hash"),
      contender<lb::ring_hash::RingHashFactory>("ring_hash, bounded 125 %",
                                                lb::ring_hash::RingOptions{}, 125U),
      contender<lb::maglev::MaglevFactory>("maglev"),
      // As many as an endpoint can do at a time, over four workers.
      contender<lb::first::FirstFactory>("first, 2 for each worker", lb::first::FirstOptions{2}),
  };
}

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  all.push_back({.name = "alike", .title = "All endpoints alike"});
  all.push_back({.name = "slow_idle",
                 .title = "One endpoint 5 times as slow, little load (15 %)",
                 .utilisation = 0.15,
                 .slow_factor = 5});
  all.push_back({.name = "slow", .title = "One endpoint 5 times as slow", .slow_factor = 5});
  all.push_back({.name = "slow_midway",
                 .title = "One endpoint becomes 5 times as slow for a third of the time",
                 .slow_factor = 5,
                 .slow_from = 1.0 / 3,
                 .slow_until = 2.0 / 3});
  all.push_back({.name = "antagonists",
                 .title = "Other work makes endpoints 2.5 times as slow, a fifth of the time",
                 .utilisation = 0.6,
                 .antagonist_factor = 2.5});
  return all;
}

}  // namespace weir::simulation
