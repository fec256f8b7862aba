#include "source/network/listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "source/base/fd.h"
#include "source/network/socket.h"

namespace weir::network {

bool ConnectionBudget::tryAcquire() {
  const uint32_t limit = limit_.load(std::memory_order_relaxed);
  if (open_.fetch_add(1, std::memory_order_relaxed) < limit || limit == 0) return true;
  release();
  return false;
}

WorkerListener::WorkerListener(IoContext& io, base::ServiceMap& services, int listen_fd,
                               const Address& local, std::shared_ptr<ConnectionBudget> own,
                               std::shared_ptr<ConnectionBudget> total)
    : io_(io),
      services_(services),
      listen_fd_(listen_fd),
      local_(std::make_shared<const Address>(local)),
      own_(std::move(own)),
      total_(std::move(total)),
      rest_(io.dispatcher().wheel(), event::wheelCallback<&WorkerListener::resumeAccepting>, this) {
}

WorkerListener::~WorkerListener() {
  watcher_.reset();
  rest_.cancel();
  while (Inspection* inspection = inspections_.front()) {
    const std::unique_ptr<Inspection> owned(inspection);
    inspection->unlink();
    metrics_->inspecting.sub();
    release();
  }
  while (NetworkFilterChain* chain = connections_.front()) {
    std::unique_ptr<NetworkFilterChain> owned(chain);
    chain->shutdown();
    forget(*chain);
  }
}

void WorkerListener::update(std::shared_ptr<const ListenerConfig> config) {
  config_ = std::move(config);
  if (!metrics_) bindMetrics();
  bindFilters();
  bindChains();
  if (accepting_ == Accepting::kNotYet) resumeAccepting();
}

void WorkerListener::bindMetrics() {
  auto& store = services_.get<stats::Store>();
  auto& block = services_.get<stats::Block>();
  const stats::Labels labels = {{"listener", config_->name}};
  metrics_.emplace(Metrics{
      block.counter(store.counter("listener_connections_total", "Connections accepted.", labels)),
      block.gauge(store.gauge("listener_connections_active", "Connections open now.", labels)),
      block.counter(store.counter("listener_connections_overflow_total",
                                  "Connections closed at once because a limit was reached.",
                                  labels)),
      block.counter(store.counter("listener_no_filter_chain_match_total",
                                  "Connections closed because no filter chain matched.", labels)),
      block.counter(store.counter("listener_accept_failed_total",
                                  "Times accepting rested for lack of descriptors or memory.",
                                  labels)),
      block.counter(store.counter("listener_filter_refused_total",
                                  "Connections that a listener filter refused, or that ended while "
                                  "one looked at them.",
                                  labels)),
      block.counter(store.counter("listener_filter_timeouts_total",
                                  "Connections closed because the listener filters did not see "
                                  "what they need in time.",
                                  labels)),
      block.gauge(store.gauge("listener_connections_inspecting",
                              "Connections that listener filters look at now.", labels)),
  });
}

void WorkerListener::bindFilters() {
  WorkerListenerFilters::Factories factories;
  for (const ListenerConfig::Filter& filter : config_->filters) factories.push_back(filter.factory);
  filters_ = base::makeLocal<WorkerListenerFilters>(std::move(factories), config_->filters_timeout,
                                                    services_);
}

// Chains that did not change stay bound; of the others, the new one of the same name follows.
void WorkerListener::bindChains() {
  std::vector<base::LocalRef<WorkerFilterChain>> bound;
  for (const auto& wanted : config_->filter_chains) {
    base::LocalRef<WorkerFilterChain> old;
    for (const auto& chain : chains_) {
      if (chain->config().name == wanted->name) old = chain;
    }
    if (old && &old->config() == wanted.get()) {
      bound.push_back(std::move(old));
      continue;
    }
    bound.push_back(base::makeLocal<WorkerFilterChain>(wanted, services_));
    if (old) old->setSuccessor(bound.back());
  }
  chains_ = std::move(bound);
}

void WorkerListener::resumeAccepting() {
  if (accepting_ == Accepting::kStopped) return;
  if (!watcher_) watcher_ = io_.dispatcher().createFdWatcher(listen_fd_, *this);
  watcher_->watch({true, false});
  accepting_ = Accepting::kYes;
}

void WorkerListener::stopAccepting() {
  accepting_ = Accepting::kStopped;
  rest_.cancel();
  watcher_.reset();
}

void WorkerListener::onFdReady(event::FdEvents) {
  for (int i = 0; i < kAcceptsPerEvent && accepting_ == Accepting::kYes; ++i) {
    if (!acceptOne()) return;
  }
}

bool WorkerListener::acceptOne() {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  // TCP_NODELAY is inherited from the listening socket.
  const int fd = accept4(listen_fd_, address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    adopt(fd, Address::fromSockaddr(address, length));
    return true;
  }
  switch (errno) {
    case EAGAIN:
      return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: {
      const int error = errno;
      watcher_->watch({});
      accepting_ = Accepting::kResting;
      rest_.arm(kAcceptPause);
      metrics_->accept_failed.add();
      if (const auto held_back = log_limit_.admit(io_.dispatcher().now())) {
        base::log::warning("listener", "listener \"", config_->name,
                           "\": accept: ", errnoStatus(error, "").message(), "; resting ",
                           kAcceptPause.count(), " ms at a time (", *held_back, " more of these)");
      }
      return false;
    }
    default:
      return true;  // that connection is gone already; the next may be fine
  }
}

void WorkerListener::adopt(int fd, const Address& remote) {
  base::UniqueFd owned(fd);
  if (!acquireBudget()) return metrics_->overflow.add();
  ++open_;
  metrics_->total.add();
  metrics_->active.add();
  InspectedConnection accepted{.fd = fd,
                               .remote = remote,
                               .local = local_->isWildcard() ? nullptr : local_,
                               .listener = local_.get(),
                               .info = nullptr};
  if (filters_->empty()) return establish(std::move(owned), std::move(accepted), {});
  auto* inspection = new Inspection(*this, io_.dispatcher(), std::move(owned), std::move(accepted));
  inspections_.pushBack(*inspection);
  metrics_->inspecting.add();
  inspection->start(filters_);
}

void WorkerListener::onInspected(Inspection& inspection) {
  forget(inspection);
  establish(inspection.takeFd(), std::move(inspection.connection()), inspection.earlyBytes());
}

void WorkerListener::onRefused(Inspection& inspection, Refusal refusal) {
  forget(inspection);
  if (refusal == Refusal::kTimeout) metrics_->inspection_timeouts.add();
  if (refusal == Refusal::kByFilter || refusal == Refusal::kPeerGone) metrics_->refused.add();
  release();
  inspection.takeFd().reset();  // what the peer sees comes after it was counted
}

// Where the client wanted to go, as far as it is known without asking the kernel (for a wildcard,
// the port is).
const Address* WorkerListener::destinationOf(const InspectedConnection& connection) const {
  if (connection.info && connection.info->original_destination) {
    return &*connection.info->original_destination;
  }
  return connection.local ? connection.local.get() : local_.get();
}

void WorkerListener::establish(base::UniqueFd fd, InspectedConnection from,
                               std::string_view early) {
  FilterChainMatchInput input;
  input.destination = destinationOf(from);
  input.source = &from.remote;
  input.info = from.info.get();
  const int selected =
      config_->selector ? config_->selector->select(input) : (chains_.empty() ? -1 : 0);
  if (selected < 0) {
    metrics_->no_match.add();
    return release();
  }
  const auto& bound = chains_[static_cast<size_t>(selected)];
  auto connection = Connection::accepted(io_, fd.release(), from.remote, std::move(from.local),
                                         bound->createTransport());
  if (!early.empty()) {
    buffer::Buffer bytes(io_.blocks());
    bytes.append(early);
    connection->unread(bytes);
  }
  auto* chain = new NetworkFilterChain(*this, std::move(connection), bound, std::move(from.info));
  connections_.pushBack(*chain);
  chain->start();
  if (draining_) chain->drain();
}

bool WorkerListener::acquireBudget() {
  if (own_ && !own_->tryAcquire()) return false;
  if (!total_ || total_->tryAcquire()) return true;
  if (own_) own_->release();
  return false;
}

void WorkerListener::releaseBudget() {
  if (own_) own_->release();
  if (total_) total_->release();
}

void WorkerListener::forget(NetworkFilterChain& chain) {
  chain.unlink();
  release();
}

void WorkerListener::forget(Inspection& inspection) {
  inspection.unlink();
  metrics_->inspecting.sub();
  io_.dispatcher().deferDelete(std::unique_ptr<event::DeferredDeletable>(&inspection));
}

// A connection is gone.
void WorkerListener::release() {
  --open_;
  metrics_->active.sub();
  releaseBudget();
}

void WorkerListener::onConnectionClosed(NetworkFilterChain& chain) {
  forget(chain);
  io_.dispatcher().deferDelete(std::unique_ptr<event::DeferredDeletable>(&chain));
}

void WorkerListener::drain() {
  draining_ = true;
  // Of whom nothing has come is idle; the others are told when they have a filter chain.
  for (auto* inspection = inspections_.front(); inspection != nullptr;) {
    Inspection& current = *inspection;
    inspection = inspections_.next(current);
    if (current.earlyBytes().empty()) current.cancel();
  }
  for (auto* chain = connections_.front(); chain != nullptr; chain = connections_.next(*chain)) {
    chain->drain();
  }
}

void WorkerListener::closeAll() {
  while (Inspection* inspection = inspections_.front()) inspection->cancel();
  for (auto* chain = connections_.front(); chain != nullptr; chain = connections_.next(*chain)) {
    chain->connection().close(CloseMode::kNow);
  }
}

}  // namespace weir::network
