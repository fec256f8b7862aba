#pragma once

#include <cstdint>
#include <memory>

#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/buffer/block_pool.h"
#include "source/event/dispatcher.h"
#include "source/plugin/plugin_config.h"
#include "source/plugin/scope.h"
#include "source/plugin/thread_plugin.h"

namespace weir::plugin {

// One configuration of one kind of a plugin, on one thread: what a weir_loop stands for. Makes the
// plugin's worker and destroys it. Everything of that worker is gone before. Worker-confined (or on
// the main thread, for health checkers).
class Loop {
 public:
  // `services`: a worker's or the main thread's, with event::Dispatcher, network::IoContext,
  // stats::Store and stats::Block; they outlive the loop.
  Loop(const Kind& kind, std::shared_ptr<const PluginConfig> config, base::ServiceMap& services);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // The plugin could not make its worker: nothing of it may be called.
  bool failed() const { return failed_; }
  // What its callbacks are given; with failed(), nothing.
  void* worker() const { return worker_; }
  const Kind& kind() const { return kind_; }
  ThreadPlugin& thread() { return thread_; }
  Scope& scope() { return scope_; }
  base::ServiceMap& services() { return services_; }
  event::Dispatcher& dispatcher() { return dispatcher_; }
  buffer::BlockPool& blocks() { return blocks_; }
  uint32_t index() const { return index_; }
  base::Random& random() { return random_; }
  // Keeps what a plugin was given by a handle: a dictionary, an open file.
  template <class T>
  T& keep(std::shared_ptr<T> object) {
    T& kept = *object;
    kept_.push_back(std::move(object));
    return kept;
  }

 private:
  const Kind& kind_;
  const std::shared_ptr<const PluginConfig> config_;
  base::ServiceMap& services_;
  event::Dispatcher& dispatcher_;
  buffer::BlockPool& blocks_;
  const uint32_t index_;
  ThreadPlugin& thread_;
  base::Random random_;
  std::vector<std::shared_ptr<void>> kept_;
  Scope scope_;
  void* worker_ = nullptr;
  bool failed_ = false;
};

}  // namespace weir::plugin
