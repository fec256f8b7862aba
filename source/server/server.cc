#include "source/server/server.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/server/admin.h"
#include "source/server/signal_source.h"

namespace weir::server {
namespace {

constexpr std::string_view kArea = "server";
// Descriptors kept for files, listeners, pipes and the loops.
constexpr uint64_t kReservedDescriptors = 256;

// Client connections that the descriptor limit leaves room for: each may need one to an endpoint
// too.
uint32_t connectionsWithin(uint64_t descriptors) {
  const uint64_t usable =
      descriptors > 2 * kReservedDescriptors ? descriptors - kReservedDescriptors : descriptors / 2;
  return static_cast<uint32_t>(std::min<uint64_t>(usable / 2, 10'000'000));
}

}  // namespace

std::string_view phaseName(Phase phase) {
  switch (phase) {
    case Phase::kStarting:
      return "starting";
    case Phase::kServing:
      return "serving";
    case Phase::kDraining:
      return "draining";
    case Phase::kStopped:
      return "stopped";
  }
  return "";
}

uint64_t raiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return before;
  }
  return limit.rlim_cur;
}

uint32_t availableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    return static_cast<uint32_t>(std::max(1, CPU_COUNT(&set)));
  }
  return std::max(1u, std::thread::hardware_concurrency());
}

absl::StatusOr<std::unique_ptr<Server>> Server::create(
    std::shared_ptr<const config::Snapshot> snapshot, stats::Store& stats, uint32_t workers,
    const Options& options) {
  auto dispatcher = event::UvDispatcher::create();
  if (!dispatcher.ok()) return dispatcher.status();
  std::unique_ptr<Server> server(new Server(snapshot, stats, workers, *std::move(dispatcher)));
  const absl::Status status = server->initialise(std::move(snapshot), options);
  if (!status.ok()) return status;
  return server;
}

Server::Server(std::shared_ptr<const config::Snapshot> snapshot, stats::Store& stats,
               uint32_t workers, std::unique_ptr<event::UvDispatcher> dispatcher)
    : stats_(stats),
      dispatcher_(std::move(dispatcher)),
      io_(*dispatcher_, workers),
      listen_sockets_(workers),
      troubles_(
          *dispatcher_,
          [this](std::string_view cluster, std::string_view endpoint, upstream::Trouble trouble) {
            if (routing_ != nullptr) routing_->onTrouble(cluster, endpoint, trouble);
          }),
      started_(dispatcher_->preciseNow()) {
  main_services_.put<event::Dispatcher>(*dispatcher_);
  main_services_.put(io_);
  main_services_.put(stats_);
  main_services_.put(tasks_);
  main_services_.put(stats_.block(0));
  main_services_.put(dictionaries_);
  main_services_.put<config::AdminPaths>(extension_paths_);
  routing_ = std::make_unique<control::RoutingState>(
      main_services_, [this](const std::shared_ptr<const control::HostsBatch>& batch) {
        for (auto& worker : workers_) worker->updateHosts(batch);
      });
  event_log_ =
      std::make_unique<control::HealthEventLog>(*dispatcher_, files_, stats_, routing_->events());
  const uint64_t descriptors = raiseDescriptorLimit();
  const uint32_t wanted = snapshot->runtime.max_connections;
  total_connections_ = std::make_shared<network::ConnectionBudget>(
      wanted != 0 ? wanted : connectionsWithin(descriptors));
  if (wanted > connectionsWithin(descriptors)) {
    base::log::warning(kArea, "max_connections ", wanted,
                       " may need more descriptors than the limit of ", descriptors,
                       "; raise it (ulimit -n, LimitNOFILE=)");
  }
}

Server::~Server() {
  stopParts();
  event_log_.reset();
  routing_.reset();
  for (auto& worker : workers_) {
    worker->stop();
    worker->join();
  }
  admin_.reset();
  dispatcher_->stop();
  dispatcher_->run();  // what is destroyed a little later needs what is destroyed next
}

absl::Status Server::initialise(std::shared_ptr<const config::Snapshot> snapshot,
                                const Options& options) {
  auto bound = listen_sockets_.update(*snapshot);
  if (!bound.ok()) return bound.status();
  bound_ = *std::move(bound);
  for (uint32_t i = 0; i < listen_sockets_.workers(); ++i) {
    auto worker = Worker::create(i, {stats_, files_, tasks_, troubles_, dictionaries_,
                                     total_connections_, listen_sockets_.workers()});
    if (!worker.ok()) return worker.status();
    workers_.push_back(*std::move(worker));
  }
  if (snapshot->admin_address.has_value()) {
    auto admin = Admin::create(*this, *snapshot->admin_address);
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
  }
  if (options.handle_signals) {
    auto signals = SignalSource::create(*dispatcher_, {SIGTERM, SIGINT, SIGUSR1},
                                        [this](int signal) { onSignal(signal); });
    if (!signals.ok()) return signals.status();
    signals_ = *std::move(signals);
  }
  drain_timer_ = dispatcher_->createTimer([this] {
    base::log::warning(kArea, "drain timeout: closing ", openConnections(), " connections");
    for (auto& worker : workers_) worker->closeAll();
    finish(1);
  });
  publisher_.subscribe([this](const control::SnapshotPublisher::Snapshot& published) {
    auto update = std::make_shared<const WorkerUpdate>(WorkerUpdate{
        published, hosts_, bound_, routing_->takePublication(), dispatcher_->preciseNow()});
    for (auto& worker : workers_) worker->apply(update);
  });
  publish(std::move(snapshot));
  return absl::OkStatus();
}

void Server::publish(std::shared_ptr<const config::Snapshot> snapshot) {
  offerDictionaries(*snapshot);
  startParts(*snapshot);
  routing_->events().keep(snapshot->health.kept_events);
  event_log_->follow(snapshot->health.event_log);
  hosts_ = routing_->follow(snapshot->clusters);
  publisher_.publish(std::move(snapshot));
}

void Server::offerDictionaries(const config::Snapshot& snapshot) {
  base::SharedDictionaries::List all;
  for (const config::SharedDictionaryConfig& entry : snapshot.shared_dictionaries) {
    if (entry.dictionary->maxBytes() != entry.max_bytes) {
      entry.dictionary->setMaxBytes(entry.max_bytes);
    }
    all.push_back(entry.dictionary);
  }
  dictionaries_.assign(std::move(all));
}

void Server::startParts(const config::Snapshot& snapshot) {
  main_parts_ = snapshot.main_parts;
  for (const auto& part : main_parts_) part->start(main_services_);
}

void Server::stopParts() {
  for (const auto& part : std::exchange(main_parts_, {})) part->stop();
}

int Server::run() {
  for (auto& worker : workers_) worker->start();
  phase_ = Phase::kServing;
  for (const auto& [name, bound] : listen_sockets_.bound()) {
    base::log::info(kArea, "listener \"", name, "\" on ", bound.sockets->address().toString());
  }
  if (admin_ != nullptr) base::log::info(kArea, "admin on ", admin_->address().toString());
  base::log::info(kArea, "serving with ", workerCount(), " worker(s)");
  dispatcher_->run();
  for (auto& worker : workers_) worker->stop();
  for (auto& worker : workers_) worker->join();
  admin_.reset();
  files_.flush();
  base::log::info(kArea, "stopped");
  return exit_code_;
}

absl::Status Server::apply(std::shared_ptr<const config::Snapshot> snapshot) {
  if (snapshot->version <= publisher_.current()->version) {
    return absl::FailedPreconditionError(base::concat("snapshot version ", snapshot->version,
                                                      " is not newer than ",
                                                      publisher_.current()->version));
  }
  auto bound = listen_sockets_.update(*snapshot);
  if (!bound.ok()) return bound.status();
  bound_ = *std::move(bound);
  stopParts();
  publish(std::move(snapshot));
  return absl::OkStatus();
}

void Server::drain() {
  if (phase_ != Phase::kServing) return;
  phase_ = Phase::kDraining;
  base::log::info(kArea, "draining ", openConnections(), " connections");
  workers_draining_ = workerCount();
  for (auto& worker : workers_) {
    worker->drain([this] { dispatcher_->post([this] { onWorkerDrained(); }); });
  }
}

void Server::shutdown() {
  if (stop_when_drained_) {
    base::log::warning(kArea, "told again: ending at once with ", openConnections(),
                       " connections");
    finish(1);
    return;
  }
  stop_when_drained_ = true;
  drain();
  if (workers_draining_ == 0) {
    finish(0);
    return;
  }
  drain_timer_->start(publisher_.current()->runtime.drain_timeout);
}

void Server::onWorkerDrained() {
  if (--workers_draining_ == 0 && stop_when_drained_) finish(0);
}

void Server::finish(int exit_code) {
  if (phase_ == Phase::kStopped) return;
  phase_ = Phase::kStopped;
  exit_code_ = exit_code;
  drain_timer_->cancel();
  dispatcher_->stop();
}

void Server::onSignal(int signal) {
  if (signal == SIGUSR1) {
    reopenLogs();
  } else {
    base::log::info(kArea, signal == SIGTERM ? "SIGTERM" : "SIGINT");
    shutdown();
  }
}

void Server::reopenLogs() {
  files_.reopen();
  const absl::Status status = base::log::reopen();
  if (!status.ok()) base::log::error(kArea, base::view(status.message()));
}

const network::Address* Server::adminAddress() const {
  return admin_ == nullptr ? nullptr : &admin_->address();
}

}  // namespace weir::server
