#pragma once

#include <cstdint>
#include <memory>

#include "source/base/local_ref.h"
#include "source/base/log.h"
#include "source/base/service_map.h"
#include "source/lua/script.h"
#include "source/lua/state.h"

namespace weir::lua {

// One worker's share of a script: its State of the current version. An extension makes one when it
// is bound. Worker-confined.
class WorkerScript {
 public:
  // `services` has event::Dispatcher and stats::Block, and outlives this. `context` is the
  // extension's own, for its module (State::context()); outlives every State.
  WorkerScript(std::shared_ptr<Script> script, base::ServiceMap& services, void* context = nullptr);
  ~WorkerScript();
  WorkerScript(const WorkerScript&) = delete;
  WorkerScript& operator=(const WorkerScript&) = delete;

  Script& script() { return *script_; }
  const ScriptConfig& config() const { return script_->config(); }

  // For a new stream: the state it runs in, of the newest version. Null while the script is
  // by-passed, or when no state could be made of it (logged): do as config().on_error says, for a
  // by-pass go on without the script. Keep a base::LocalRef while streams run in it.
  State* state();
  // Why state() was null.
  bool bypassed() const { return bypassed_; }

 private:
  void renew();

  const std::shared_ptr<Script> script_;
  StateHost host_;
  base::LocalRef<State> state_;
  uint64_t version_ = 0;  // of `state_`, or of what could not be made
  event::MonotonicTime retry_at_{};
  stats::Cell& bypassed_streams_;
  bool bypassed_ = false;
};

}  // namespace weir::lua
