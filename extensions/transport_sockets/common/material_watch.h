#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "extensions/transport_sockets/common/material_stats.h"
#include "extensions/transport_sockets/common/material_store.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/event/file_watcher.h"

namespace weir::extensions::transport_sockets {

// Keeps a store up to date while its configuration runs: reads changed files again, rotates ticket
// keys, sets the metrics. Main-thread only.
class MaterialWatch {
 public:
  // Metrics, rotation, and another try of what was refused (a certificate may be of tomorrow).
  static constexpr std::chrono::minutes kTick{1};
  // Of a certificate that is to end soon: a line a day.
  static constexpr int64_t kWarnDays = 14;

  // Shares the event::FileWatcher of `services` with the others. All outlive it.
  MaterialWatch(MaterialStore& store, base::ServiceMap& services);

 private:
  // Why something was refused, so that it is tried again and told once; "" when it was not.
  using Refusal = std::string;
  struct PairState {
    Refusal pair;
    Refusal ocsp;
    int64_t warned_days = std::numeric_limits<int64_t>::max();
  };

  void catchUp();
  void onChanged(const std::vector<std::string>& changed);
  void onTick();
  bool reloadPair(size_t index);
  bool reloadOcsp(size_t index, bool other_certificate);
  bool reloadTrust();
  void reloadTickets();
  void accept(Refusal& refusal, std::string_view what, std::string_view message);
  void refuse(Refusal& refusal, std::string_view what, const absl::Status& status);
  void updateStats();
  void warnOfEnd(size_t index, int64_t days);

  MaterialStore& store_;
  event::Dispatcher& dispatcher_;
  MaterialStats stats_;
  std::vector<PairState> pairs_;
  Refusal trust_refusal_;
  Refusal tickets_refusal_;
  std::unique_ptr<event::FileWatcher::Handle> handle_;
  std::unique_ptr<event::Timer> timer_;
};

}  // namespace weir::extensions::transport_sockets
