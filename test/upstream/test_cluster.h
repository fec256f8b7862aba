#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/network/io_context.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster.h"
#include "source/upstream/cluster_set.h"
#include "source/upstream/http_pool.h"
#include "test/fakes/fake_dispatcher.h"

namespace weir::upstream {

// A listening socket on loopback and the connections it has accepted, all non-blocking and in the
// test's own thread. Numbers count accepted connections from 0.
class TestOrigin {
 public:
  TestOrigin();
  ~TestOrigin();
  network::Address address() const { return address_; }
  // Accepts what waits; how many were accepted so far.
  size_t accepted();
  // What has come on that connection, not yet taken; empty when there is nothing.
  std::string read(size_t number);
  bool peerClosed(size_t number);
  void send(size_t number, std::string_view bytes);
  void close(size_t number, bool reset = false);
  void endSending(size_t number);  // half-closes
  // Stops listening and resets all.
  void kill();

 private:
  network::Address address_;
  int listening_;
  std::vector<int> connections_;
};

// A listening socket whose queue is full: connections to it do not come up.
class FullOrigin {
 public:
  FullOrigin();
  ~FullOrigin();
  network::Address address() const { return address_; }

 private:
  network::Address address_;
  int listening_;
  std::vector<int> queued_;
};

// The configuration of a cluster, to be changed before apply().
struct ClusterOptions {
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::shared_ptr<const LoadBalancerFactory> load_balancer = {};  // round_robin
  uint32_t max_connections = 1024;
  uint32_t max_pending_requests = 1024;
  uint32_t max_requests_per_connection = 0;
  uint32_t endpoint_max_connections = 0;
  uint32_t endpoint_max_requests = 0;
  std::optional<std::chrono::milliseconds> queue_timeout = {};  // as connect_timeout
  QueueOrder queue_order = QueueOrder::kFifo;
  RetryLimits retry_limits = {};
  ConnectionPolicy connections = {};
  HttpProtocol http_protocol = HttpProtocol::kHttp1;
  http::http2::Options http2 = {};
  uint32_t streams_per_connection = ~uint32_t{0};
  uint32_t max_requests = 0;
  std::shared_ptr<const network::TransportSocketFactory> transport = {};
  DrainPolicy drain = {};
};

// What several workers of one process share.
struct TestProcess {
  TestProcess() : stats(ClusterStats::create(store, "c")) {}
  // Cluster "c".
  std::shared_ptr<const ClusterConfig> config(const std::vector<network::Address>& endpoints,
                                              const ClusterOptions& options = {});
  int64_t gauge(const std::string& name) const { return store.valueOf(name, {{"cluster", "c"}}); }

  stats::Store store;
  ClusterStats stats;
  std::shared_ptr<ClusterUsage> usage = std::make_shared<ClusterUsage>();
};

// One worker with simulated time.
struct TestWorker {
  explicit TestWorker(TestProcess& process, uint32_t index = 0)
      : io(dispatcher, index), services(offer(process, index)), clusters(services) {}
  base::ServiceMap offer(TestProcess& process, uint32_t index) {
    base::ServiceMap offered;
    offered.put<event::Dispatcher>(dispatcher);
    offered.put(io);
    offered.put(process.store);
    offered.put(process.store.block(index + 1));
    return offered;
  }
  WorkerCluster& cluster() { return *clusters.find("c"); }
  HttpPool& pool(uint32_t host = 0) { return cluster().host(host).httpPool(); }
  // Until it comes to rest; what the test did itself counts as a callback.
  void run() {
    dispatcher.post([] {});
    dispatcher.runUntilIdle();
  }
  // Until `done`: what passes through the kernel takes its time on a busy machine.
  bool until(const std::function<bool()>& done) {
    run();
    return dispatcher.runUntil(done);
  }

  event::FakeDispatcher dispatcher;
  network::IoContext io;
  base::ServiceMap services;
  ClusterSet clusters;
};

// Sends a GET and answers it, so that the pool of endpoint 0 has an idle connection.
void keepOneIdle(TestWorker& worker, TestOrigin& origin);

}  // namespace weir::upstream
