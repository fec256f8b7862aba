#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "source/base/fd.h"
#include "test/support/child_process.h"
#include "test/support/weir_process.h"

// What the tests of health have in common: origins that fail in every way, clients that ask all the
// time and keep a record, and an eye on what Weir says of its endpoints.
namespace weir::test {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// As long as WEIR_LONG is set, tests take their time.
bool longTests();

// health_origin, a process of its own that keeps its port when it is started again. Not
// thread-safe.
class HealthOrigin {
 public:
  explicit HealthOrigin(std::string name);

  const std::string& name() const { return name_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  uint16_t port() const { return port_; }
  // endpoints { id: … address: … }
  std::string entry(const std::string& fields = {}) const;

  void start();  // after kill()
  void kill();   // connections are refused from now on
  void hang();   // accepts and never answers, until resume()
  void resume();
  bool alive() const { return process_ != nullptr; }
  // What it does from now on.
  struct Manner {
    int status = 200;  // of its answers
    int health = 200;  // of those to checks
    int fails = 0;     // of each so many checks the last one fails; 0: none
    milliseconds delay{0};
  };
  void set(const Manner& manner);
  // Requests of clients so far.
  int64_t count() const;

 private:
  std::string ask(const std::string& path) const;

  const std::string name_;
  uint16_t port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

std::vector<std::unique_ptr<HealthOrigin>> healthOrigins(const std::string& names);
// endpoints { … } of all.
std::string entries(const std::vector<std::unique_ptr<HealthOrigin>>& origins);

// What a client got.
struct Answer {
  Clock::time_point sent;
  Clock::time_point done;
  int status = 0;  // 0: none
  std::string origin = {};
};

// Clients that ask GET / at a steady pace, each on one connection. Thread-safe.
class Load {
 public:
  struct Options {
    int clients = 8;
    milliseconds pause{20};        // of each, from one request to the next
    bool new_connections = false;  // for each request
  };
  Load(uint16_t port, Options options);
  ~Load();

  // Stops and gives all answers, in the order of their requests.
  std::vector<Answer> stop();
  // Waits until so many more answers have come.
  bool more(int count);
  int answers() const { return answers_; }
  int failures() const { return failures_; }

 private:
  void run(uint16_t port, size_t client);
  // Until the next request is due; false at the end.
  bool pause(Clock::time_point due);

  const Options options_;
  base::UniqueFd stopped_;  // readable at the end
  std::atomic<int> answers_{0};
  std::atomic<int> failures_{0};
  std::vector<std::vector<Answer>> answers_of_;
  std::vector<std::thread> threads_;
};

// Answers whose requests were sent in [from, to).
std::vector<Answer> between(const std::vector<Answer>& answers, Clock::time_point from,
                            Clock::time_point to);
int failuresOf(const std::vector<Answer>& answers);
std::map<std::string, int> sharesOf(const std::vector<Answer>& answers);

// What Weir says of what happens to endpoints. Not thread-safe.
class EventWatch {
 public:
  explicit EventWatch(WeirProcess& weir) : port_(weir.adminPort()) {}

  struct Event {
    std::string kind;
    std::string endpoint;
    std::string from;
    std::string to;
    std::string cause;
    Clock::time_point seen;
  };
  using Wanted = std::function<bool(const Event&)>;
  // The next event that is wanted; those before it are skipped, but kept in all().
  std::optional<Event> next(const Wanted& wanted, milliseconds limit);
  // The endpoint has become so ("unhealthy").
  std::optional<Event> becomes(const std::string& endpoint, const std::string& to,
                               milliseconds limit);
  // Everything up to now.
  const std::vector<Event>& all();

 private:
  void fetch(milliseconds wait);

  const uint16_t port_;
  uint64_t last_ = 0;  // sequence number
  std::vector<Event> events_;
  size_t looked_at_ = 0;
};

// While nothing is done: where the time that passes is what is tested.
void letPass(milliseconds time);

// Origins, each a letter, behind Weir. Not thread-safe.
class Stage {
 public:
  struct Options {
    std::string origins = "abcd";
    std::string cluster = {};          // fields of the cluster
    std::string route = {};            // fields of the route
    std::string listener = "manager";  // or "tcp_proxy"
    std::string more = {};             // of the configuration
  };
  explicit Stage(const Options& options);

  HealthOrigin& origin(char name);
  WeirProcess& weir() { return *weir_; }
  EventWatch& events() { return *events_; }
  uint16_t port() { return weir_->port("edge"); }
  // When all endpoints have been found healthy.
  bool ready();
  // POST /endpoints/WORD; the status of the answer.
  int operate(const std::string& word, const std::string& endpoint);

 private:
  std::vector<std::unique_ptr<HealthOrigin>> origins_;
  std::unique_ptr<WeirProcess> weir_;
  std::unique_ptr<EventWatch> events_;
};

// health_checks { … }: of HTTP, or of TCP; at the defaults, or much quicker.
std::string checks(bool quick, const std::string& config = "[health_checkers/http] {}");
// retry { … } of a route: all that helps.
std::string retryOnEverything(const std::string& per_try_seconds);
// retry_limits { … } of a cluster: nothing is sent again.
inline constexpr std::string_view kNoRetries =
    "retry_limits { budget_percent: 1 min_concurrency: 0 } ";
// All clients at once; the default is three.
inline constexpr std::string_view kRoomForRetries = "retry_limits { min_concurrency: 20 } ";

// A row of what a test shows.
struct Shown {
  std::string scenario;
  std::string retries;
  std::optional<milliseconds> detected;
  int answers = 0;
  int failed_before = 0;  // detection
  int failed_after = 0;
};
void showHead();
void show(const Shown& row);
// Stops `load` and sums up: what failed of the requests sent from `fault` on, before and after the
// endpoint was `found` out.
Shown sumUp(Load& load, std::string scenario, std::string retries, Clock::time_point fault,
            const std::optional<EventWatch::Event>& found);

}  // namespace weir::test
