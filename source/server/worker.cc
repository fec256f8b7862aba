#include "source/server/worker.h"

#include <pthread.h>

#include <chrono>
#include <optional>
#include <utility>

#include "source/base/concat.h"
#include "source/base/drain_state.h"
#include "source/base/log.h"
#include "source/base/worker_place.h"
#include "source/http/onward_exchange.h"
#include "source/network/udp_listener.h"
#include "source/router/worker_http_calls.h"
#include "source/upstream/routing_monitor.h"

namespace weir::server {
namespace {

constexpr std::chrono::milliseconds kGaugeInterval{500};
constexpr std::chrono::milliseconds kDrainPoll{20};

// Makes a cell that only this thread writes show `value`.
void set(stats::Cell& cell, uint64_t value) {
  cell.add(value - cell.value());
}

}  // namespace

// What lives and dies on the worker's thread. Worker-confined.
class Worker::Data {
 public:
  Data(uint32_t index, const WorkerEnvironment& environment, event::Dispatcher& dispatcher)
      : environment_(environment),
        index_(index),
        place_{index, environment.workers},
        stats_(environment.stats.block(index + 1)),
        io_(dispatcher, index),
        services_(offer(environment, dispatcher, io_, stats_)),
        monitor_(dispatcher, environment.stats, stats_),
        clusters_(services_),
        gauge_timer_(dispatcher.wheel(), event::wheelCallback<&Data::updateGauges>, this),
        drain_timer_(dispatcher.wheel(), event::wheelCallback<&Data::checkDrained>, this),
        buffer_bytes_(stats_.gauge(environment.stats.gauge(
            "buffer_bytes", "Bytes of memory blocks in use by connections and streams."))),
        loop_lag_us_(stats_.histogram(environment.stats.histogram(
            "loop_lag_us", "How late a worker's half-second timer came, in microseconds."))),
        propagation_us_(stats_.histogram(environment.stats.histogram(
            "snapshot_propagation_us",
            "From the publication of a snapshot until a worker runs on it, in microseconds."))),
        hosts_propagation_us_(stats_.histogram(environment.stats.histogram(
            "host_set_propagation_us",
            "From the publication of host sets until a worker picks from them, in microseconds."))),
        snapshot_version_(stats_.gauge(environment.stats.gauge(
            "snapshot_version", "Version of the snapshot that each worker runs on.",
            {{"worker", std::to_string(index)}}))),
        refused_(stats_.counter(environment.stats.counter(
            "snapshots_refused_total",
            "Snapshots that a worker refused because it had a newer one."))) {
    services_.put(place_);
    services_.put(drain_state_);
    services_.put(recent_);
    services_.put(monitor_);
    services_.put(clusters_);
    calls_.emplace(services_);
    services_.put<router::HttpCalls>(*calls_);
    onward_.emplace(services_);
    services_.put(*onward_);
    gauge_armed_ = dispatcher.preciseNow();
    gauge_timer_.arm(kGaugeInterval);
  }

  void apply(const WorkerUpdate& update) {
    if (!version_.advanceTo(update.snapshot->version)) {
      refused_.add();
      return;
    }
    snapshot_ = update.snapshot;
    calls_->setMaxForgotten(snapshot_->runtime.max_unawaited_calls);
    recent_.setCapacity(snapshot_->runtime.recent_requests);
    clusters_.apply(snapshot_->clusters, update.hosts);
    updateListeners(update.listeners);
    set(snapshot_version_, snapshot_->version);
    propagation_us_.record(microsecondsSince(update.published));
  }

  void updateHosts(const control::HostsBatch& batch) {
    for (const control::HostsBatch::Entry& entry : batch.entries) {
      clusters_.updateHosts(entry.cluster, entry.hosts);
    }
    hosts_propagation_us_.record(microsecondsSince(batch.published));
  }

  void drain(std::function<void()> drained) {
    drain_state_.draining = true;
    drained_ = std::move(drained);
    for (auto& [name, entry] : listeners_) entry.drain(index_);
    checkDrained();
  }

  WorkerView view() const { return {clusters_, recent_}; }

  void closeAll() {
    for (auto& [name, entry] : listeners_) entry.closeAll();
    for (auto& entry : retired_) entry.closeAll();
  }

  // The last thing before the loop ends: what is destroyed a little later still is, with all that
  // it refers to.
  void end() {
    listeners_.clear();
    retired_.clear();
    calls_->endAll();
    onward_->endAll();
    clusters_.apply({});
  }

 private:
  uint64_t microsecondsSince(event::MonotonicTime then) {
    const auto took = io_.dispatcher().preciseNow() - then;
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  }
  static base::ServiceMap offer(const WorkerEnvironment& environment, event::Dispatcher& dispatcher,
                                network::IoContext& io, stats::Block& block) {
    base::ServiceMap services;
    services.put(dispatcher);
    services.put(io);
    services.put(environment.stats);
    services.put(block);
    services.put(environment.files);
    services.put(environment.tasks);
    services.put(environment.troubles);
    services.put(environment.dictionaries);
    return services;
  }
  // One of the two listeners, by what the configuration wants. Worker-confined.
  struct Entry {
    // Goes last: the listeners watch these sockets, which another worker may close with the set.
    std::shared_ptr<network::ListenSocketSet> sockets;
    std::unique_ptr<network::WorkerListener> listener;
    std::unique_ptr<network::UdpListener> udp;

    void update(const std::shared_ptr<const network::ListenerConfig>& config) {
      if (udp) return udp->update(config);
      listener->update(config);
    }
    void drain(uint32_t worker) {
      if (udp) return udp->drain();
      listener->stopAccepting();
      sockets->close(worker);
      listener->drain();
    }
    void closeAll() {
      if (udp) return udp->closeAll();
      listener->closeAll();
    }
    uint32_t open() const { return udp ? udp->sessions() : listener->openConnections(); }
  };

  Entry makeEntry(const BoundListener& bound) {
    Entry entry;
    entry.sockets = bound.sockets;
    if (bound.config->udp_filter != nullptr) {
      entry.udp = std::make_unique<network::UdpListener>(io_, services_, bound.sockets->fd(index_),
                                                         bound.sockets->address(),
                                                         environment_.total_connections);
    } else {
      entry.listener = std::make_unique<network::WorkerListener>(
          io_, services_, bound.sockets->fd(index_), bound.sockets->address(), bound.budget,
          environment_.total_connections);
    }
    return entry;
  }

  void updateListeners(const std::vector<BoundListener>& wanted) {
    absl::flat_hash_map<std::string, Entry> next;
    for (const BoundListener& bound : wanted) {
      Entry entry;
      auto running = listeners_.find(bound.config->name);
      if (running != listeners_.end() && running->second.sockets == bound.sockets) {
        entry = std::move(running->second);
        listeners_.erase(running);
      } else {
        entry = makeEntry(bound);
      }
      entry.update(bound.config);
      next.emplace(bound.config->name, std::move(entry));
    }
    // What is left has gone from the configuration: its connections finish what runs. Sessions of
    // datagrams need the listener's own socket, and end with it.
    for (auto& [name, entry] : listeners_) {
      if (entry.udp) continue;
      entry.listener->stopAccepting();
      entry.listener->drain();
      entry.sockets.reset();
      retired_.push_back(std::move(entry));
    }
    listeners_ = std::move(next);
  }

  uint32_t openConnections() const {
    uint32_t open = 0;
    for (const auto& [name, entry] : listeners_) open += entry.open();
    for (const auto& entry : retired_) open += entry.open();
    return open;
  }

  void checkDrained() {
    if (drained_ == nullptr) return;
    if (openConnections() == 0) {
      std::exchange(drained_, nullptr)();
    } else {
      drain_timer_.arm(kDrainPoll);
    }
  }

  void updateGauges() {
    const event::MonotonicTime now = io_.dispatcher().preciseNow();
    const auto late = now - gauge_armed_ - kGaugeInterval;
    if (late.count() > 0) {
      loop_lag_us_.record(static_cast<uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(late).count()));
    }
    set(buffer_bytes_, io_.bytesInUse());
    std::erase_if(retired_, [](const Entry& entry) { return entry.open() == 0; });
    gauge_armed_ = now;
    gauge_timer_.arm(kGaugeInterval);
  }

  const WorkerEnvironment& environment_;
  const uint32_t index_;
  base::WorkerPlace place_;
  base::DrainState drain_state_;
  http::RecentRequests recent_;
  stats::Block& stats_;
  network::IoContext io_;
  base::ServiceMap services_;
  upstream::RoutingMonitor monitor_;
  upstream::ClusterSet clusters_;
  std::optional<router::WorkerHttpCalls> calls_;  // wants the clusters among the services
  std::optional<http::OnwardExchanges> onward_;
  control::SnapshotVersion version_;
  std::shared_ptr<const config::Snapshot> snapshot_;
  absl::flat_hash_map<std::string, Entry> listeners_;
  std::vector<Entry> retired_;
  std::function<void()> drained_;
  event::WheelTimer gauge_timer_;
  event::WheelTimer drain_timer_;
  event::MonotonicTime gauge_armed_;
  stats::Cell& buffer_bytes_;
  stats::HistogramCell& loop_lag_us_;
  stats::HistogramCell& propagation_us_;
  stats::HistogramCell& hosts_propagation_us_;
  stats::Cell& snapshot_version_;
  stats::Cell& refused_;
};

absl::StatusOr<std::unique_ptr<Worker>> Worker::create(uint32_t index,
                                                       WorkerEnvironment environment) {
  auto dispatcher = event::UvDispatcher::create();
  if (!dispatcher.ok()) return dispatcher.status();
  return std::unique_ptr<Worker>(new Worker(index, environment, *std::move(dispatcher)));
}

Worker::Worker(uint32_t index, WorkerEnvironment environment,
               std::unique_ptr<event::UvDispatcher> dispatcher)
    : index_(index), environment_(environment), dispatcher_(std::move(dispatcher)) {}

Worker::~Worker() = default;

void Worker::start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), base::concat("weir-", index_).c_str());
    data_ = std::make_unique<Data>(index_, environment_, *dispatcher_);
    dispatcher_->run();
    data_.reset();
  });
}

void Worker::post(std::function<void(Data&)> task) {
  dispatcher_->post([this, task = std::move(task)] { task(*data_); });
}

void Worker::apply(std::shared_ptr<const WorkerUpdate> update) {
  post([update = std::move(update)](Data& data) { data.apply(*update); });
}

void Worker::updateHosts(std::shared_ptr<const control::HostsBatch> batch) {
  post([batch = std::move(batch)](Data& data) { data.updateHosts(*batch); });
}

void Worker::drain(std::function<void()> drained) {
  post([drained = std::move(drained)](Data& data) { data.drain(drained); });
}

void Worker::ask(std::function<void(const WorkerView&)> look) {
  post([look = std::move(look)](Data& data) { look(data.view()); });
}

void Worker::closeAll() {
  post([](Data& data) { data.closeAll(); });
}

void Worker::stop() {
  post([this](Data& data) {
    data.end();
    dispatcher_->stop();
  });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace weir::server
