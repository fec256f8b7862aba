#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/registry.h"
#include "source/base/shared_dictionary.h"
#include "source/config/diagnostics.h"
#include "source/config/main_part.h"
#include "source/network/listener.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster.h"

namespace weir::config {

// How the process runs; read at start only. Value.
struct RuntimeConfig {
  uint32_t workers = 0;  // 0: the cores available
  std::chrono::milliseconds drain_timeout{30'000};
  uint32_t max_connections = 0;         // 0: by the descriptor limit
  uint32_t max_unawaited_calls = 1024;  // on each worker
  uint32_t recent_requests = 1024;      // that each worker remembers; 0: none
  std::string log_level = "info";
  std::string log_path;
};

// Health of endpoints, for all clusters. Value.
struct HealthConfig {
  std::string event_log = {};  // path; empty: none
  uint32_t kept_events = 1000;
  uint32_t exec_programs = 0;  // that checks may run at a time; 0: none
};

// A shared dictionary as the configuration wants it; it may be in use already, with another size.
// Value.
struct SharedDictionaryConfig {
  std::shared_ptr<base::SharedDictionary> dictionary;
  uint64_t max_bytes = 0;
};

// A whole configuration, compiled: what workers run on. Immutable, versioned; replaced as a whole.
struct Snapshot {
  uint64_t version = 0;
  std::vector<std::shared_ptr<const network::ListenerConfig>> listeners;
  std::vector<std::shared_ptr<const upstream::ClusterConfig>> clusters;
  std::vector<SharedDictionaryConfig> shared_dictionaries;
  std::optional<network::Address> admin_address;
  RuntimeConfig runtime;
  HealthConfig health;
  // What the main thread does for it while it is the running one; the server starts and stops them.
  std::vector<std::shared_ptr<MainPart>> main_parts;
  std::string text;  // canonical protobuf text of what is running, for admin
  std::string json;  // the same as JSON
};

// Reads a configuration file as it is. Empty when well; else what is wrong with it.
std::string readConfigFile(const std::string& path, std::string& text);

// Loads configuration files. Main-thread only. Keeps what successive snapshots share (cluster
// usage, shared dictionaries, metrics).
class Loader {
 public:
  Loader(const base::Registry& registry, stats::Store& stats);
  ~Loader();
  // nullptr when there is any diagnostic. All findings are reported, not only the first. `version`
  // goes into the snapshot. No side effects beyond reading the files that the configuration names.
  std::shared_ptr<const Snapshot> loadFile(const std::string& path, uint64_t version,
                                           Diagnostics& diagnostics);
  std::shared_ptr<const Snapshot> loadText(std::string_view text, const std::string& file_name,
                                           uint64_t version, Diagnostics& diagnostics);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::config
