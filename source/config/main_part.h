#pragma once

#include "source/base/service_map.h"

namespace weir::config {

// The part of an extension that lives on the main thread for as long as its configuration is the
// running one: watches files, rotates keys, probes endpoints. An extension makes it while it
// compiles and hands it over with CompileContext::main_parts; a configuration that is only checked
// never starts it. Main-thread only.
class MainPart {
 public:
  virtual ~MainPart() = default;
  // The configuration is published next. `services` has the main thread's event::Dispatcher,
  // base::TaskPool, stats::Store and stats::Block, and outlives the part. At most once.
  virtual void start(base::ServiceMap& services) = 0;
  // A newer configuration runs, or the process ends: no more work, timers or watches. Workers may
  // still use what the part's extension made. At most once, after start().
  virtual void stop() = 0;
};

}  // namespace weir::config
