#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "source/base/service_map.h"
#include "source/lua/module.h"
#include "source/lua/worker_script.h"
#include "source/upstream/load_balancer.h"

namespace weir::extensions::load_balancing::lua {

// What is known of one endpoint of a group. Value.
struct Candidate {
  uint32_t host = 0;  // index into the host set
  const upstream::HostSet::Host* facts = nullptr;
  double latency_s = 0;  // an average that forgets; 0: not known
  uint64_t successes = 0;
  uint64_t failures = 0;
};

// What a script is asked. Borrows; lives for the call.
struct Question {
  const std::vector<Candidate>& candidates;
  const upstream::HostLoads& loads;
  const upstream::PickContext& context;
};

// A script on one worker, for all groups of the cluster. The context of its states.
// Worker-confined.
class BalancerScript {
 public:
  BalancerScript(std::shared_ptr<weir::lua::Script> script, base::ServiceMap& services)
      : script_(std::move(script), services, this) {}

  // Index into the candidates; nothing: the script has no word on it, or failed.
  std::optional<uint32_t> choose(const Question& question);
  // What is asked at the moment; null outside of choose().
  const Question* question() const { return question_; }

 private:
  weir::lua::WorkerScript script_;
  const Question* question_ = nullptr;
};

// `endpoints` and `context`.
std::shared_ptr<const weir::lua::Module> balancerModule();

}  // namespace weir::extensions::load_balancing::lua
