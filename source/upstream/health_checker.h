#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "source/base/service_map.h"
#include "source/network/address.h"
#include "source/network/transport_socket.h"
#include "source/upstream/endpoint.h"

namespace weir::upstream {

struct ClusterConfig;

// What one probe has found. Value.
struct ProbeResult {
  enum class Verdict : uint8_t {
    kHealthy,
    kDegraded,   // it serves, and asks for less traffic
    kUnhealthy,  // it says so, or its answer was not what was expected, or it could not be reached
    kSkipped     // it was not asked, for a reason on our side: says nothing about the endpoint
  };
  Verdict verdict = Verdict::kUnhealthy;
  // For people, in one line: "connect: Connection refused", "status 503". May be empty when
  // healthy.
  std::string reason = {};
};

// Whom a probe asks. Value.
struct ProbeTarget {
  std::shared_ptr<const Endpoint> endpoint;
  // Of the endpoint, with the port of the check where that is another one.
  network::Address address = {};
};

// Whoever started a probe. Main-thread only.
class ProbeListener {
 public:
  // Once for each HealthProbe::start(), unless cancel() comes before. Not from inside start(). May
  // start the next one, or destroy the probe.
  virtual void onProbeDone(const ProbeResult& result) = 0;
  // A probe whose HealthProbe::begun() was false after start() begins now: its time counts from
  // here. Not when it never begins, as one that is skipped. Never from inside start(). May cancel
  // or destroy the probe.
  virtual void onProbeBegun() {}

 protected:
  ~ProbeListener() = default;
};

// Asks one endpoint how it is, as often as it is told to. Keeps no time: whoever started it cancels
// it when that has taken too long. Destroying it gives up what is under way. Main-thread only.
class HealthProbe {
 public:
  virtual ~HealthProbe() = default;
  // Not while one is under way.
  virtual void start() = 0;
  // False while the probe that was started waits for its turn, for as long as it takes: what
  // bounds a probe's time does not run yet.
  virtual bool begun() const { return true; }
  // Gives up what is under way, if anything; the listener is not called. What was kept for the next
  // probe (a connection) goes as well when it may be at fault.
  virtual void cancel() = 0;
};

// How a check reaches endpoints. Value.
struct CheckSettings {
  std::shared_ptr<const network::TransportSocketFactory> transport;  // null: plain
  bool reuse_connection = true;  // for the next probe; else each makes one of its own
};

// One check of one cluster while that is configured. Outlives its probes. Main-thread only.
class HealthChecker {
 public:
  virtual ~HealthChecker() = default;
  // `listener` outlives the probe.
  virtual std::unique_ptr<HealthProbe> createProbe(const ProbeTarget& target,
                                                   ProbeListener& listener) = 0;
};

// What a health_checkers extension makes of its configuration. Immutable.
class HealthCheckerFactory {
 public:
  virtual ~HealthCheckerFactory() = default;
  virtual std::string_view name() const = 0;
  // `services`: of the main thread, as for config::MainPart::start(), with network::IoContext; they
  // outlive the checker. `cluster` is for the call only.
  virtual std::unique_ptr<HealthChecker> create(base::ServiceMap& services,
                                                const ClusterConfig& cluster,
                                                const CheckSettings& settings) const = 0;
};

}  // namespace weir::upstream
