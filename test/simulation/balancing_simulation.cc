#include "test/simulation/balancing_simulation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <queue>
#include <utility>

#include "source/base/hash.h"
#include "source/base/random.h"
#include "source/http/message.h"
#include "source/upstream/eligibility.h"

namespace weir::simulation {
namespace {

using upstream::HostSet;
using upstream::Pick;

event::MonotonicTime timeOf(Nanos now) {
  return event::MonotonicTime(std::chrono::hours(1) + std::chrono::nanoseconds(now));
}

double exponential(base::Random& random, double mean) {
  return -std::log(1 - random.unit()) * mean;
}

double normal(base::Random& random) {
  return std::sqrt(-2 * std::log(1 - random.unit())) * std::cos(2 * M_PI * random.unit());
}

struct Request {
  Nanos arrived = 0;
  Nanos sent = 0;
  Nanos reached = 0;  // the endpoint
  Nanos cost = 0;
  uint64_t key = 0;
  uint32_t worker = 0;
  uint32_t endpoint = 0;
  uint32_t load_on_arrival = 0;  // at the endpoint, with itself
};

// One machine: some requests at a time, the others in order.
struct Server {
  uint32_t in_flight = 0;  // waiting ones too
  uint32_t running = 0;
  std::deque<uint32_t> waiting;
  bool disturbed = false;
  // What requests took lately, with what there was beside them.
  struct Sample {
    uint32_t load = 0;
    uint32_t took_us = 0;
    Nanos at = 0;
  };
  std::array<Sample, 64> samples;
  size_t sampled = 0;

  void note(const Request& request, Nanos now) {
    samples[sampled++ % samples.size()] = {request.load_on_arrival,
                                           static_cast<uint32_t>((now - request.reached) / 1000)};
  }
  // The median of those of the last ten seconds at a load most like the present one, as the paper
  // has it; nothing when there were none: whoever has nothing to do says so.
  uint32_t latency(Nanos now) const {
    std::array<Sample, 64> near;
    const auto end =
        std::copy_if(samples.begin(), samples.begin() + std::min(sampled, samples.size()),
                     near.begin(), [now](const Sample& s) { return s.at > now - 10 * kSecond; });
    if (end == near.begin()) return 0;
    const auto distance = [this](const Sample& s) {
      return s.load > in_flight ? s.load - in_flight : in_flight - s.load;
    };
    const auto kept = std::min<ptrdiff_t>(end - near.begin(), 16);
    std::nth_element(near.begin(), near.begin() + (kept - 1), end,
                     [&](const Sample& a, const Sample& b) { return distance(a) < distance(b); });
    std::nth_element(near.begin(), near.begin() + kept / 2, near.begin() + kept,
                     [](const Sample& a, const Sample& b) { return a.took_us < b.took_us; });
    return near[kept / 2].took_us;
  }
};

struct Worker final : upstream::HostLoads {
  uint32_t inFlight(uint32_t host) const override { return counts[host]; }
  std::vector<uint32_t> counts;
  uint64_t total = 0;
  base::Random random{1};
  std::deque<uint32_t> waiting;  // for room
  std::unique_ptr<upstream::LoadBalancer> balancer;
};

std::shared_ptr<const HostSet> hostsOf(uint32_t count,
                                       const upstream::LoadBalancerFactory& factory) {
  std::vector<HostSet::Host> hosts;
  for (uint32_t i = 0; i < count; ++i) {
    auto endpoint = std::make_shared<upstream::Endpoint>();
    endpoint->id = "e" + std::to_string(i);
    HostSet::Host host;
    host.endpoint = std::move(endpoint);
    hosts.push_back(std::move(host));
  }
  return upstream::makeHostSet(1, std::move(hosts), {}, factory);
}

// Discrete events. Worker-confined.
class Simulation final : public ProbeNetwork {
 public:
  Simulation(const Contender& contender, const Scenario& scenario, uint64_t requests, uint64_t seed,
             double bound);
  Outcome run();
  uint64_t violations() const { return violations_; }

  void after(Nanos delay, std::function<void()> task) override {
    events_.push({now_ + delay, sequence_++, std::move(task)});
  }
  event::MonotonicTime now() const override { return timeOf(now_); }
  EndpointState stateOf(uint32_t endpoint) const override {
    const Server& server = servers_[endpoint];
    return {server.in_flight, server.latency(now_)};
  }
  Nanos oneWay() const override { return scenario_.one_way; }

 private:
  struct Event {
    Nanos at;
    uint64_t sequence;
    std::function<void()> run;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
    }
  };

  void scheduleArrival();
  void arrive();
  bool send(uint32_t id);
  void reachServer(uint32_t id);
  void begin(uint32_t id);
  void finish(uint32_t id);
  void complete(uint32_t id);
  void disturb(uint32_t endpoint);
  void checkBound(const Worker& worker, uint32_t endpoint);
  double slowness(uint32_t endpoint) const;
  bool slowNow() const;
  Outcome outcome();

  const Scenario& scenario_;
  const uint64_t wanted_;
  const double bound_;
  base::Random random_;  // of the workload: the same for every algorithm
  base::Random antagonists_;
  const Nanos length_;  // of the run, in the mean
  const std::string name_;
  std::shared_ptr<const upstream::LoadBalancerFactory> factory_;
  std::shared_ptr<const HostSet> hosts_;
  std::vector<Server> servers_;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  uint64_t sequence_ = 0;
  Nanos now_ = 0;
  http::RequestHead head_;  // that there is one, is all that algorithms look at
  std::vector<Request> requests_;
  std::vector<Nanos> latencies_;
  uint64_t picks_while_slow_ = 0;
  uint64_t picks_of_slow_ = 0;
  double worst_excess_ = 0;
  uint64_t violations_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;  // their balancers go before what they use
};

double requestsPerNano(const Scenario& scenario) {
  return scenario.utilisation * scenario.endpoints * scenario.concurrency /
         static_cast<double>(scenario.mean_cost);
}

Simulation::Simulation(const Contender& contender, const Scenario& scenario, uint64_t requests,
                       uint64_t seed, double bound)
    : scenario_(scenario),
      wanted_(requests),
      bound_(bound),
      random_(seed),
      antagonists_(seed + 1),
      length_(static_cast<Nanos>(static_cast<double>(requests) / requestsPerNano(scenario))),
      name_(contender.name),
      factory_(contender.make(*this)),
      hosts_(hostsOf(scenario.endpoints, *factory_)),
      servers_(scenario.endpoints) {
  requests_.reserve(requests);
  for (uint32_t i = 0; i < scenario.workers; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->counts.assign(scenario.endpoints, 0);
    worker->random = base::Random(seed + 100 + i);
    worker->balancer = factory_->create({.random = worker->random});
    worker->balancer->onHostSet(*hosts_, *worker);
    workers_.push_back(std::move(worker));
  }
}

Outcome Simulation::run() {
  if (scenario_.antagonist_factor > 1) {
    for (uint32_t i = 0; i < scenario_.endpoints; ++i) disturb(i);
  }
  scheduleArrival();
  while (!events_.empty()) {
    const std::function<void()> run = events_.top().run;
    now_ = events_.top().at;
    events_.pop();
    run();
  }
  return outcome();
}

void Simulation::scheduleArrival() {
  if (requests_.size() == wanted_) return;
  after(static_cast<Nanos>(exponential(random_, 1 / requestsPerNano(scenario_))),
        [this] { arrive(); });
}

void Simulation::arrive() {
  Request request;
  request.arrived = now_;
  const double sigma = scenario_.sigma;
  request.cost = static_cast<Nanos>(static_cast<double>(scenario_.mean_cost) *
                                    std::exp(sigma * normal(random_) - sigma * sigma / 2));
  request.key = base::mix64(random_.uniform(scenario_.keys) + 1);
  request.worker = static_cast<uint32_t>(random_.uniform(scenario_.workers));
  const auto id = static_cast<uint32_t>(requests_.size());
  requests_.push_back(request);
  Worker& worker = *workers_[request.worker];
  if (!worker.waiting.empty() || !send(id)) worker.waiting.push_back(id);
  scheduleArrival();
}

// False: nobody has room.
bool Simulation::send(uint32_t id) {
  Request& request = requests_[id];
  Worker& worker = *workers_[request.worker];
  upstream::PickContext context;
  context.hash = request.key;
  context.now = now();
  context.request = &head_;
  const Pick pick = worker.balancer->pick(context);
  if (pick.kind != Pick::Kind::kEndpoint) return false;
  request.endpoint = pick.host;
  request.sent = now_;
  ++worker.counts[pick.host];
  ++worker.total;
  checkBound(worker, pick.host);
  if (slowNow()) {
    ++picks_while_slow_;
    picks_of_slow_ += pick.host == kSlowEndpoint;
  }
  after(scenario_.one_way, [this, id] { reachServer(id); });
  return true;
}

void Simulation::checkBound(const Worker& worker, uint32_t endpoint) {
  const double mean = static_cast<double>(worker.total) / scenario_.endpoints;
  const double count = worker.counts[endpoint];
  worst_excess_ = std::max(worst_excess_, count / std::ceil(mean));
  if (bound_ > 0 && count > std::ceil(mean * bound_ - 1e-9)) ++violations_;
}

void Simulation::reachServer(uint32_t id) {
  Server& server = servers_[requests_[id].endpoint];
  requests_[id].reached = now_;
  requests_[id].load_on_arrival = ++server.in_flight;
  if (server.running < scenario_.concurrency) {
    begin(id);
  } else {
    server.waiting.push_back(id);
  }
}

void Simulation::begin(uint32_t id) {
  const Request& request = requests_[id];
  ++servers_[request.endpoint].running;
  after(static_cast<Nanos>(static_cast<double>(request.cost) * slowness(request.endpoint)),
        [this, id] { finish(id); });
}

void Simulation::finish(uint32_t id) {
  Server& server = servers_[requests_[id].endpoint];
  --server.in_flight;
  --server.running;
  server.note(requests_[id], now_);
  if (!server.waiting.empty()) {
    const uint32_t next = server.waiting.front();
    server.waiting.pop_front();
    begin(next);
  }
  after(scenario_.one_way, [this, id] { complete(id); });
}

void Simulation::complete(uint32_t id) {
  const Request& request = requests_[id];
  Worker& worker = *workers_[request.worker];
  --worker.counts[request.endpoint];
  --worker.total;
  if (id >= wanted_ / 10) latencies_.push_back(now_ - request.arrived);
  worker.balancer->onResponse(request.endpoint,
                              std::chrono::microseconds((now_ - request.sent) / 1000), true, now());
  while (!worker.waiting.empty() && send(worker.waiting.front())) worker.waiting.pop_front();
}

bool Simulation::slowNow() const {
  const double progress = static_cast<double>(now_) / static_cast<double>(length_);
  return scenario_.slow_factor > 1 && progress >= scenario_.slow_from &&
         progress < scenario_.slow_until;
}

double Simulation::slowness(uint32_t endpoint) const {
  const double own = endpoint == kSlowEndpoint && slowNow() ? scenario_.slow_factor : 1;
  return servers_[endpoint].disturbed ? own * scenario_.antagonist_factor : own;
}

// By turns; until the last request has come.
void Simulation::disturb(uint32_t endpoint) {
  Server& server = servers_[endpoint];
  const double share = scenario_.antagonist_share;
  server.disturbed = now_ == 0 ? antagonists_.unit() < share : !server.disturbed;
  const auto mean = static_cast<double>(scenario_.antagonist_mean);
  const double turn = server.disturbed ? mean : mean * (1 - share) / share;
  if (requests_.size() == wanted_) return;
  after(static_cast<Nanos>(exponential(antagonists_, turn)),
        [this, endpoint] { disturb(endpoint); });
}

Outcome Simulation::outcome() {
  Outcome outcome;
  outcome.algorithm = name_;
  outcome.requests = latencies_.size();
  std::sort(latencies_.begin(), latencies_.end());
  const auto quantile = [this](double q) {
    const auto at = static_cast<size_t>(q * static_cast<double>(latencies_.size()));
    return static_cast<double>(latencies_[std::min(at, latencies_.size() - 1)]) / kMillisecond;
  };
  outcome.p50_ms = quantile(0.5);
  outcome.p99_ms = quantile(0.99);
  outcome.p999_ms = quantile(0.999);
  double sum = 0;
  for (const Nanos latency : latencies_) sum += static_cast<double>(latency);
  outcome.mean_ms = sum / static_cast<double>(latencies_.size()) / kMillisecond;
  if (picks_while_slow_ > 0) {
    outcome.slow_share =
        static_cast<double>(picks_of_slow_) / static_cast<double>(picks_while_slow_);
  }
  outcome.worst_excess = worst_excess_;
  return outcome;
}

}  // namespace

Outcome simulate(const Contender& contender, const Scenario& scenario, uint64_t requests,
                 uint64_t seed, double bound, uint64_t* violations) {
  Simulation simulation(contender, scenario, requests, seed, bound);
  Outcome outcome = simulation.run();
  if (violations != nullptr) *violations += simulation.violations();
  return outcome;
}

}  // namespace weir::simulation
