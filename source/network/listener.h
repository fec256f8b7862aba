#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/base/log.h"
#include "source/base/service_map.h"
#include "source/network/filter_chain.h"
#include "source/network/inspection.h"
#include "source/network/io_context.h"
#include "source/network/listener_filter.h"
#include "source/stats/stats.h"

namespace weir::network {

class UdpFilterFactory;

// A listener as configured. Immutable; part of a snapshot.
struct ListenerConfig {
  std::string name;
  Address address;
  uint32_t backlog = 4096;
  uint32_t max_connections = 0;  // over all workers; 0: no limit of its own
  std::vector<std::shared_ptr<const FilterChainConfig>> filter_chains;
  std::shared_ptr<const FilterChainSelector> selector;
  // In order, before a filter chain is chosen.
  struct Filter {
    std::string name;
    std::shared_ptr<const ListenerFilterFactory> factory;
  };
  std::vector<Filter> filters;
  std::chrono::milliseconds filters_timeout{10'000};  // of all together; zero: none
  // Set: the listener takes datagrams, and has neither filter chains nor listener filters.
  std::shared_ptr<const UdpFilterFactory> udp_filter;
};

// Connections open now, over all workers; touched when one opens or closes, never per request.
// Thread-safe.
class ConnectionBudget {
 public:
  explicit ConnectionBudget(uint32_t limit) : limit_(limit) {}  // 0: unlimited
  bool tryAcquire();
  void release() { open_.fetch_sub(1, std::memory_order_relaxed); }
  uint32_t open() const { return open_.load(std::memory_order_relaxed); }
  void setLimit(uint32_t limit) { limit_.store(limit, std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> limit_;
  std::atomic<uint32_t> open_{0};
};

// The listening sockets of one listener: one per worker with SO_REUSEPORT (a unix address has one,
// shared). Bound on the main thread before workers start, so that a taken address is an error at
// once. Main-thread only, but for close().
class ListenSocketSet {
 public:
  // The error names listener, address and, for EADDRINUSE / EACCES, what would be right.
  static absl::StatusOr<std::unique_ptr<ListenSocketSet>> bind(const ListenerConfig& config,
                                                               uint32_t workers);
  ~ListenSocketSet();
  int fd(uint32_t worker) const;
  // Closes the socket of one worker; called by that worker when it accepts no more. When all have,
  // clients are refused instead of waiting for an accept that never comes.
  void close(uint32_t worker);
  const Address& address() const { return address_; }  // with the port the kernel gave for 0

 private:
  ListenSocketSet() = default;
  Address address_;
  std::vector<int> fds_;
  // Of the file made for a unix address: only that one is removed at the end.
  uint64_t unix_device_ = 0;
  uint64_t unix_inode_ = 0;
};

// One listener on one worker: accepts, chooses the filter chain, owns its connections.
// Worker-confined.
class WorkerListener final : public event::FdHandler,
                             public NetworkFilterChain::Owner,
                             public Inspection::Owner {
 public:
  // `total` is the process-wide budget, `own` the listener's; either may be null. `services` has
  // what network filters need, with stats::Block and stats::Store. `listen_fd` stays the
  // ListenSocketSet's. Accepts from the first update().
  WorkerListener(IoContext& io, base::ServiceMap& services, int listen_fd, const Address& local,
                 std::shared_ptr<ConnectionBudget> own, std::shared_ptr<ConnectionBudget> total);
  // Closes what is left; its filters are told. Not from inside a callback of one of its
  // connections.
  ~WorkerListener();

  // Binds the chains of `config`; connections of chains that went away go on with what they have.
  void update(std::shared_ptr<const ListenerConfig> config);
  void stopAccepting();
  // Tells every connection to finish (HTTP: Connection: close, idle ones close now).
  void drain();
  // Closes what is left at once.
  void closeAll();
  uint32_t openConnections() const { return open_; }

  void onFdReady(event::FdEvents events) override;
  void onConnectionClosed(NetworkFilterChain& chain) override;
  void onInspected(Inspection& inspection) override;
  void onRefused(Inspection& inspection, Refusal refusal) override;

  static constexpr int kAcceptsPerEvent = 64;
  // Out of descriptors or memory: accepting rests this long.
  static constexpr std::chrono::milliseconds kAcceptPause{100};

 private:
  struct Metrics {
    stats::Cell& total;
    stats::Cell& active;
    stats::Cell& overflow;
    stats::Cell& no_match;
    stats::Cell& accept_failed;
    stats::Cell& refused;
    stats::Cell& inspection_timeouts;
    stats::Cell& inspecting;
  };
  enum class Accepting : uint8_t { kNotYet, kYes, kResting, kStopped };

  void bindMetrics();
  void bindChains();
  void resumeAccepting();
  bool acceptOne();
  void adopt(int fd, const Address& remote);
  void bindFilters();
  const Address* destinationOf(const InspectedConnection& connection) const;
  void establish(base::UniqueFd fd, InspectedConnection connection, std::string_view early);
  bool acquireBudget();
  void releaseBudget();
  void forget(NetworkFilterChain& chain);
  void release();
  void forget(Inspection& inspection);

  IoContext& io_;
  base::ServiceMap& services_;
  const int listen_fd_;
  const std::shared_ptr<const Address> local_;
  const std::shared_ptr<ConnectionBudget> own_;
  const std::shared_ptr<ConnectionBudget> total_;
  std::unique_ptr<event::FdWatcher> watcher_;
  event::WheelTimer rest_;
  std::shared_ptr<const ListenerConfig> config_;
  std::vector<base::LocalRef<WorkerFilterChain>> chains_;  // in the order of the configuration
  base::LocalRef<WorkerListenerFilters> filters_;          // never null once configured
  base::IntrusiveList<Inspection> inspections_;
  base::IntrusiveList<NetworkFilterChain> connections_;
  std::optional<Metrics> metrics_;
  base::log::LogLimiter log_limit_{std::chrono::seconds(10)};
  uint32_t open_ = 0;  // inspected ones included
  bool draining_ = false;
  Accepting accepting_ = Accepting::kNotYet;
};

}  // namespace weir::network
