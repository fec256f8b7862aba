#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"

#include "extensions/udp_filters/udp_proxy/session.h"
#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/network/udp_filter.h"
#include "source/network/udp_reader.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster.h"
#include "source/upstream/cluster_set.h"

namespace weir::extensions::udp_filters::udp_proxy {

// As configured. Immutable.
struct UdpProxyConfig {
  enum class HashPolicy : uint8_t { kNone, kSourceIp, kSourceIpAndPort, kFiveTuple };
  // What becomes of the sessions of an endpoint that has gone.
  enum class Removed : uint8_t { kMove, kEnd, kKeep };

  std::string cluster;
  HashPolicy hash_policy = HashPolicy::kNone;
  Removed removed = Removed::kMove;
  bool replace_when_full = false;
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds max_duration{0};  // zero: none
  uint32_t max_sessions = 10'000;             // on one worker
  uint32_t max_responses = 0;                 // 0: any number
  uint32_t max_datagram_bytes = network::kMaxDatagramBytes;
  uint32_t max_queued_bytes = 128 * 1024;
  uint32_t max_datagrams_per_second = 0;  // 0: no limit
  uint64_t max_bytes_per_second = 0;      // 0: no limit
};

// Immutable.
class UdpProxyFactory final : public network::UdpFilterFactory {
 public:
  explicit UdpProxyFactory(UdpProxyConfig config) : config_(std::move(config)) {}
  const UdpProxyConfig& config() const { return config_; }
  std::unique_ptr<network::UdpFilter> bind(network::UdpFilterHost& host,
                                           base::ServiceMap& services) const override;

 private:
  const UdpProxyConfig config_;
};

// Cells of one listener on one worker.
struct UdpProxyMetrics {
  UdpProxyMetrics(stats::Store& store, stats::Block& block, std::string_view listener);
  stats::Cell& sessions;
  stats::Cell& active;
  stats::Cell& timeouts;
  stats::Cell& replaced;
  stats::Cell& endpoint_errors;
  stats::Cell& moved;
  stats::Cell& to_endpoints;
  stats::Cell& to_endpoints_bytes;
  stats::Cell& from_endpoints;
  stats::Cell& from_endpoints_bytes;
  // Datagrams of clients that were dropped, by reason.
  stats::Cell& too_many_sessions;
  stats::Cell& no_endpoint;
  stats::Cell& no_socket;
  stats::Cell& too_large;
  stats::Cell& rate_limited;
  stats::Cell& no_room;
  stats::Cell& refused;
  stats::Cell& draining;
};

// Gives each datagram of a client to its session. Worker-confined.
class UdpProxy final : public network::UdpFilter {
 public:
  UdpProxy(std::shared_ptr<const UdpProxyFactory> factory, network::UdpFilterHost& host,
           base::ServiceMap& services);
  ~UdpProxy() override;

  void onDatagrams(const network::UdpDatagrams& datagrams) override;
  void onBatchEnd() override;
  bool follow(const std::shared_ptr<const network::UdpFilterFactory>& factory) override;
  void drain() override;
  void closeAll() override;

  // For sessions ---------------------------------------------------------------------------------

  const UdpProxyConfig& config() const { return factory_->config(); }
  network::UdpFilterHost& host() { return host_; }
  network::IoContext& io() { return io_; }
  UdpProxyMetrics& metrics() { return metrics_; }
  // Where new sessions go; empty while there is none of that name.
  const base::LocalRef<upstream::WorkerCluster>& cluster() const { return cluster_; }
  // How long a session may be silent now.
  std::chrono::milliseconds quiet() const;
  // It has been used.
  void touched(UdpSession& session) { by_use_.pushBack(session); }
  // Takes it off the table; it is destroyed a little later.
  void end(UdpSession& session);

  // A session that is silent for so long ends when draining.
  static constexpr std::chrono::milliseconds kDrainQuiet{1'000};

 private:
  // Sessions are found by the ends of their flow.
  struct FlowHash {
    using is_transparent = void;
    size_t operator()(const Flow& flow) const;
    size_t operator()(const UdpSession* session) const { return (*this)(session->flow()); }
  };
  struct FlowEqual {
    using is_transparent = void;
    static const Flow& of(const Flow& flow) { return flow; }
    static Flow of(const UdpSession* session) { return session->flow(); }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return of(a) == of(b);
    }
  };

  UdpSession* find(const network::UdpDatagrams& datagrams);
  UdpSession* create(const network::UdpDatagrams& datagrams);
  bool makeRoom();
  void flushPending();

  std::shared_ptr<const UdpProxyFactory> factory_;
  network::UdpFilterHost& host_;
  network::IoContext& io_;
  upstream::ClusterSet& clusters_;
  UdpProxyMetrics metrics_;
  base::LocalRef<upstream::WorkerCluster> cluster_;
  absl::flat_hash_set<UdpSession*, FlowHash, FlowEqual> sessions_;  // owned
  base::IntrusiveList<UdpSession> by_use_;                          // silent for longest first
  // Of one client, one after the other: they leave in one call.
  UdpSession* pending_session_ = nullptr;
  size_t pending_count_ = 0;
  std::array<network::UdpDatagrams, network::UdpReader::kBatch> pending_;
  bool draining_ = false;
};

}  // namespace weir::extensions::udp_filters::udp_proxy
