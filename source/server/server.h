#pragma once

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "source/base/file_writer.h"
#include "source/base/registry.h"
#include "source/base/shared_dictionary.h"
#include "source/config/snapshot.h"
#include "source/control/health_event_log.h"
#include "source/control/routing_state.h"
#include "source/control/snapshot_publisher.h"
#include "source/control/trouble_inbox.h"
#include "source/event/uv_dispatcher.h"
#include "source/network/io_context.h"
#include "source/server/admin_events.h"
#include "source/server/extension_paths.h"
#include "source/server/listen_sockets.h"
#include "source/server/worker.h"
#include "source/stats/stats.h"

namespace weir::server {

class Admin;
class SignalSource;

// Where a process is in its life.
enum class Phase : uint8_t { kStarting, kServing, kDraining, kStopped };
std::string_view phaseName(Phase phase);

// The whole proxy in one object: main loop, workers, admin. Main-thread only, but for
// requestShutdown().
class Server {
 public:
  struct Options {
    bool handle_signals = true;  // tests that run a server in a thread say false
  };
  // Compiles nothing: `loader` and `stats` have been used to make `snapshot` and outlive the
  // server. Binds all addresses; an address that is taken is an error here, before any thread runs.
  static absl::StatusOr<std::unique_ptr<Server>> create(
      std::shared_ptr<const config::Snapshot> snapshot, stats::Store& stats, uint32_t workers,
      const Options& options);
  ~Server();

  // Serves until shutdown is complete. 0, or 1 when the drain ran into its timeout.
  int run();
  // Replaces what is running as a whole. An error leaves everything as it was. Main-thread only.
  absl::Status apply(std::shared_ptr<const config::Snapshot> snapshot);
  // Begins the graceful shutdown; a second call ends at once. Main-thread only.
  void shutdown();
  // Begins draining but stays up until shutdown(). Main-thread only.
  void drain();
  // Any thread: runs `task` on the main thread.
  void post(absl::AnyInvocable<void()> task) { dispatcher_->post(std::move(task)); }

  Phase phase() const { return phase_; }
  const config::Snapshot& snapshot() const { return *publisher_.current(); }
  const std::shared_ptr<const config::Snapshot>& sharedSnapshot() const {
    return publisher_.current();
  }
  uint64_t nextVersion() const { return publisher_.nextVersion(); }
  // Members and health of the clusters. Main-thread only, as long as this is not being destroyed.
  control::RoutingState& routing() const { return *routing_; }
  const ListenSockets& listenSockets() const { return listen_sockets_; }
  const network::Address* adminAddress() const;
  stats::Store& stats() { return stats_; }
  base::FileWriter& files() { return files_; }
  // What main parts add to the admin interface.
  const ExtensionPaths& extensionPaths() const { return extension_paths_; }
  event::Dispatcher& dispatcher() const { return *dispatcher_; }
  // Of the main thread's own connections: admin, and what main parts make.
  network::IoContext& io() { return io_; }
  uint32_t workerCount() const { return static_cast<uint32_t>(workers_.size()); }
  Worker& worker(uint32_t index) { return *workers_[index]; }
  EventWaits& eventWaits() { return event_waits_; }
  uint32_t openConnections() const { return total_connections_->open(); }
  event::MonotonicTime started() const { return started_; }
  void reopenLogs();

 private:
  Server(std::shared_ptr<const config::Snapshot> snapshot, stats::Store& stats, uint32_t workers,
         std::unique_ptr<event::UvDispatcher> dispatcher);
  absl::Status initialise(std::shared_ptr<const config::Snapshot> snapshot, const Options& options);
  void onSignal(int signal);
  void onWorkerDrained();
  void publish(std::shared_ptr<const config::Snapshot> snapshot);
  void offerDictionaries(const config::Snapshot& snapshot);
  void startParts(const config::Snapshot& snapshot);
  void stopParts();
  void finish(int exit_code);

  stats::Store& stats_;
  std::unique_ptr<event::UvDispatcher> dispatcher_;
  network::IoContext io_;
  base::FileWriter files_;
  base::SharedDictionaries dictionaries_;
  ExtensionPaths extension_paths_;
  base::ServiceMap main_services_;
  std::vector<std::shared_ptr<config::MainPart>> main_parts_;  // of the running configuration
  std::shared_ptr<network::ConnectionBudget> total_connections_;
  ListenSockets listen_sockets_;
  control::SnapshotPublisher publisher_;
  std::unique_ptr<control::RoutingState> routing_;
  std::unique_ptr<control::HealthEventLog> event_log_;
  EventWaits event_waits_;
  control::TroubleInbox troubles_;
  // What the next publication carries.
  std::vector<BoundListener> bound_;
  control::RoutingState::Hosts hosts_;
  std::vector<std::unique_ptr<Worker>> workers_;
  base::TaskPool tasks_;  // ends before the dispatchers that its tasks post to
  std::unique_ptr<SignalSource> signals_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<event::Timer> drain_timer_;
  Phase phase_ = Phase::kStarting;
  bool stop_when_drained_ = false;
  uint32_t workers_draining_ = 0;
  int exit_code_ = 0;
  event::MonotonicTime started_;
};

// Raises the soft descriptor limit to the hard one; returns what is in force.
uint64_t raiseDescriptorLimit();
// Workers to run when the configuration says 0: the cores this process may use.
uint32_t availableCores();

}  // namespace weir::server
