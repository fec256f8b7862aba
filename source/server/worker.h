#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

#include "source/base/file_writer.h"
#include "source/base/shared_dictionary.h"
#include "source/base/task_pool.h"
#include "source/config/snapshot.h"
#include "source/control/routing_state.h"
#include "source/control/snapshot_publisher.h"
#include "source/event/uv_dispatcher.h"
#include "source/http/recent_requests.h"
#include "source/network/io_context.h"
#include "source/network/listener.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster_set.h"
#include "source/upstream/trouble.h"

namespace weir::server {

// What all workers share; outlives them.
struct WorkerEnvironment {
  stats::Store& stats;
  base::FileWriter& files;
  base::TaskPool& tasks;
  upstream::TroubleSink& troubles;
  base::SharedDictionaries& dictionaries;
  std::shared_ptr<network::ConnectionBudget> total_connections;
  uint32_t workers;  // how many there are
};

// A listener as a worker needs it: the configuration and its sockets.
struct BoundListener {
  std::shared_ptr<const network::ListenerConfig> config;
  std::shared_ptr<network::ListenSocketSet> sockets;
  std::shared_ptr<network::ConnectionBudget> budget;
};

// What is posted to a worker. Immutable.
struct WorkerUpdate {
  std::shared_ptr<const config::Snapshot> snapshot;
  // Of the snapshot's clusters, in their order: current as of this publication.
  std::vector<std::shared_ptr<const upstream::HostSet>> hosts;
  std::vector<BoundListener> listeners;
  std::shared_ptr<const void> publication;  // as HostsBatch::publication
  event::MonotonicTime published;
};

// What a worker shows of itself, on its thread. Borrows.
struct WorkerView {
  const upstream::ClusterSet& clusters;
  const http::RecentRequests& recent;
};

// One data-plane thread: loop, clusters, listeners. Created, told and joined by the main thread;
// what it is told is posted to its loop. Thread-safe.
class Worker {
 public:
  static absl::StatusOr<std::unique_ptr<Worker>> create(uint32_t index,
                                                        WorkerEnvironment environment);
  // stop() and join() come first.
  ~Worker();

  void start();
  // Puts the worker on the update unless it already has a newer one.
  void apply(std::shared_ptr<const WorkerUpdate> update);
  // Gives its clusters newer host sets; in order with apply().
  void updateHosts(std::shared_ptr<const control::HostsBatch> batch);
  // Stops accepting, finishes what runs; calls `drained` (on the worker's thread) when no client
  // connection is left.
  void drain(std::function<void()> drained);
  // Lets `look` look, on the worker's thread, after all that it was told before.
  void ask(std::function<void(const WorkerView&)> look);
  // Closes every client connection now.
  void closeAll();
  void stop();
  void join();

  uint32_t index() const { return index_; }

 private:
  class Data;
  Worker(uint32_t index, WorkerEnvironment environment,
         std::unique_ptr<event::UvDispatcher> dispatcher);
  void post(std::function<void(Data&)> task);

  const uint32_t index_;
  const WorkerEnvironment environment_;
  std::unique_ptr<event::UvDispatcher> dispatcher_;
  std::unique_ptr<Data> data_;  // made and destroyed on the worker's thread
  std::thread thread_;
};

}  // namespace weir::server
