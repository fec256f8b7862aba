#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "source/base/log.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/plugin/plugin.h"
#include "source/plugin/ticket.h"
#include "source/stats/stats.h"
#include "source/stats/user_metrics.h"

namespace weir::plugin {

// One plugin on one thread: its statistics and what is logged about it. Lives as long as the
// thread's services. Worker-confined.
class ThreadPlugin {
 public:
  // That of `plugin` on the thread of `services`, made when first asked for.
  static ThreadPlugin& of(Plugin& plugin, base::ServiceMap& services);
  ThreadPlugin(Plugin& plugin, std::shared_ptr<Gate> gate, base::ServiceMap& services);

  Plugin& plugin() { return plugin_; }
  const std::shared_ptr<Gate>& gate() const { return gate_; }
  stats::Block& block() { return block_; }
  // Those that the plugin makes itself.
  stats::UserMetrics& metrics() { return metrics_; }

  void countCall() {
    calls_.add();
    if (const uint64_t faults = plugin_.takeFaults(); faults > 0) errors_.add(faults);
  }
  std::chrono::milliseconds slowCallback() const { return slow_callback_; }
  // Counts it and, at most once in a second, logs it. `where`: "on_request_head".
  void error(std::string_view where, std::string_view what);
  // A callback took longer than it may: likewise.
  void slow(std::string_view where, std::chrono::milliseconds took);

 private:
  static constexpr std::chrono::milliseconds kLogInterval{1000};

  Plugin& plugin_;
  const std::shared_ptr<Gate> gate_;
  event::Dispatcher& dispatcher_;
  const std::chrono::milliseconds slow_callback_;
  stats::Block& block_;
  stats::UserMetrics& metrics_;
  stats::Cell& calls_;
  stats::Cell& errors_;
  stats::Cell& slow_;
  base::log::LogLimiter error_log_{kLogInterval};
  base::log::LogLimiter slow_log_{kLogInterval};
};

}  // namespace weir::plugin
