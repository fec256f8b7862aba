#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/load_balancing/prequal/prober.h"
#include "source/event/dispatcher.h"
#include "source/http/header_map.h"
#include "source/upstream/cluster.h"

namespace weir::extensions::load_balancing::prequal {

struct HttpProbeOptions {
  std::string path = "/.well-known/weir/load";
  std::string host;  // empty: the endpoint's address
  std::chrono::milliseconds timeout{250};
  uint32_t max_in_flight = 16;
};

inline constexpr std::string_view kRequestsInFlightField = "x-requests-in-flight";
inline constexpr std::string_view kLatencyField = "x-latency-estimate-us";

// What the head of an answer says: both fields once, decimal, a billion requests and an hour at
// most.
std::optional<ProbeAnswer> readAnswer(const http::HeaderMap& headers);

// GET requests over the cluster's own pools, with HTTP/1 or HTTP/2 as these speak. They count as
// connections, not as requests of the cluster. One at a time for each endpoint (as ProbeOwner says)
// and a bounded number at all. Worker-confined.
class HttpProber final : public Prober, public event::TurnEndTask {
 public:
  // `options` outlive it, as do the others.
  HttpProber(upstream::WorkerCluster& cluster, const HttpProbeOptions& options, ProbeOwner& owner);
  ~HttpProber() override;
  void want(uint32_t probes) override;

 private:
  class Probe;
  void onTurnEnd() override;
  void start(uint32_t host);
  void onDone(Probe& probe, const ProbeAnswer& answer);

  upstream::WorkerCluster& cluster_;
  const HttpProbeOptions& options_;
  ProbeOwner& owner_;
  uint32_t wanted_ = 0;
  std::vector<std::unique_ptr<Probe>> probes_;  // made when first needed, kept
  std::vector<Probe*> idle_;
};

// Immutable.
class HttpProberFactory final : public ProberFactory {
 public:
  explicit HttpProberFactory(HttpProbeOptions options) : options_(std::move(options)) {}
  std::unique_ptr<Prober> create(const upstream::BalancerContext& context,
                                 ProbeOwner& owner) const override;

 private:
  const HttpProbeOptions options_;
};

}  // namespace weir::extensions::load_balancing::prequal
