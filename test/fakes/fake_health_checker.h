#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/string_map.h"
#include "source/event/dispatcher.h"
#include "source/network/address.h"
#include "source/upstream/health_checker.h"

namespace weir::upstream {

// Endpoints as a test says they are, for probes of FakeCheckerFactory. Main-thread only.
class FakeEndpoints {
 public:
  enum class Manner : uint8_t {
    kPass,
    kDegraded,
    kFail,    // at once
    kSilent,  // never answers
    kSkip,    // our side could not ask
    kQueued   // waits for its turn until letBegin(), then passes
  };
  struct Asked {
    std::string endpoint;
    network::Address address;
    event::MonotonicTime at;
  };

  // `dispatcher` outlives it.
  explicit FakeEndpoints(event::Dispatcher& dispatcher) : dispatcher_(dispatcher) {}
  FakeEndpoints(const FakeEndpoints&) = delete;
  FakeEndpoints& operator=(const FakeEndpoints&) = delete;

  void set(std::string_view endpoint, Manner manner) { manners_[std::string(endpoint)] = manner; }
  // Of those that are not set.
  void setAll(Manner manner) { others_ = manner; }
  Manner of(std::string_view endpoint) const {
    const auto found = manners_.find(endpoint);
    return found == manners_.end() ? others_ : found->second;
  }
  // Answers take so long; zero: until the next turn.
  std::chrono::milliseconds latency{0};
  std::string reason = "refused";  // of failures

  // All probes that were started, in order, until forgotten.
  std::vector<Asked> asked;
  // Those of one endpoint, in milliseconds after `since`.
  std::vector<int64_t> times(std::string_view endpoint, event::MonotonicTime since) const;
  int cancelled = 0;
  int checkers = 0;  // that are there now
  int checkers_made = 0;
  int probes = 0;  // that are there now
  int in_flight = 0;
  int most_in_flight = 0;
  // Called when an endpoint's probe was destroyed, from inside that.
  std::function<void(const std::string& endpoint)> on_probe_gone;
  // Lets those begin that wait for their turn.
  void letBegin();

  event::Dispatcher& dispatcher() { return dispatcher_; }

 private:
  friend class FakeProbe;
  event::Dispatcher& dispatcher_;
  Manner others_ = Manner::kPass;
  base::StringMap<Manner> manners_;
  std::vector<class FakeProbe*> queued_;
};

// Makes probes of FakeEndpoints. Main-thread only, as it is for tests.
class FakeCheckerFactory final : public HealthCheckerFactory {
 public:
  // `endpoints` outlives it.
  explicit FakeCheckerFactory(FakeEndpoints& endpoints) : endpoints_(endpoints) {}
  std::string_view name() const override { return "fake"; }
  std::unique_ptr<HealthChecker> create(base::ServiceMap& services, const ClusterConfig& cluster,
                                        const CheckSettings& settings) const override;

 private:
  FakeEndpoints& endpoints_;
};

}  // namespace weir::upstream
