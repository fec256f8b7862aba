#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "source/stats/stats.h"

namespace weir::stats {

// Metrics that a script or plugin makes for itself while it runs, perhaps with names that come from
// its own users: everything is checked, and there is a bound. Asking again for the same name and
// labels gives the same metric, also to the next version of the script; what was made stays until
// the process ends. Asking takes a lock: keep what you get. Thread-safe.
class UserMetrics {
 public:
  static constexpr size_t kMaxNameBytes = 200;   // of metrics and labels
  static constexpr size_t kMaxValueBytes = 256;  // of labels
  static constexpr size_t kMaxHelpBytes = 1024;
  static constexpr size_t kMaxLabels = 10;  // beside the owner's

  // Whose they are. Value.
  struct Owner {
    // Before every name: "lua_". Nothing of Weir's own may begin with it, so that neither hides the
    // other. A Prometheus name itself.
    std::string prefix;
    Labels labels = {};  // on every metric: {{"script", "auth"}}
    // Names with labels that it may have; a histogram takes 5 KiB for each worker that uses it.
    uint32_t most = 1000;
    uint32_t most_histograms = 100;
  };
  // Those of `owner`: found by prefix and labels; those who come later get the first one's limits.
  // Lives as long as the store.
  static UserMetrics& of(Store& store, const Owner& owner);

  // `name` without the prefix. A worker adds to its own cell, store.block(worker).counter(id). An
  // error says what is wrong and what would be right: the name or labels cannot be had in
  // Prometheus, the name is one of another kind, or there are too many.
  absl::StatusOr<CounterId> counter(std::string_view name, std::string_view help,
                                    Labels labels = {});
  absl::StatusOr<HistogramId> histogram(std::string_view name, std::string_view help,
                                        Labels labels = {});
  // One value for all threads: whoever sets it last is right. Lives as long as the store.
  absl::StatusOr<SharedGauge*> gauge(std::string_view name, std::string_view help,
                                     Labels labels = {});

  // How many there are.
  uint32_t count() const;

  UserMetrics(Store& store, Owner owner);
  ~UserMetrics();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::stats
