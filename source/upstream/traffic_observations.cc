#include "source/upstream/traffic_observations.h"

#include <cerrno>
#include <chrono>

namespace weir::upstream {
namespace {

// A timeout that comes later than this after its time has met a worker that was busy elsewhere.
constexpr std::chrono::milliseconds kStarved{500};

// It would be the same with any other endpoint.
bool isOfThisHost(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EINVAL:
    case ENETDOWN:
      return true;
    default:
      return false;
  }
}

void lengthen(WorkerEndpoint& endpoint, EndpointUsage::Count& run, uint32_t threshold,
              Trouble trouble) {
  if (EndpointUsage::lengthen(run, threshold)) endpoint.reportTrouble(trouble);
}

void lengthenServerErrors(WorkerEndpoint& endpoint, const OutlierPolicy& policy) {
  lengthen(endpoint, endpoint.usage().runs.server_errors, policy.consecutive_5xx,
           Trouble::kRunOf5xx);
}

void lengthenGatewayErrors(WorkerEndpoint& endpoint, const OutlierPolicy& policy) {
  lengthen(endpoint, endpoint.usage().runs.gateway_errors, policy.consecutive_gateway_errors,
           Trouble::kRunOfGatewayErrors);
}

}  // namespace

void observeAnswer(WorkerEndpoint& endpoint, uint16_t status,
                   std::optional<event::MonotonicTime::duration> waited) {
  const std::optional<OutlierPolicy>& policy = endpoint.cluster().config().outliers;
  if (!policy) return;
  EndpointUsage::Runs& runs = endpoint.usage().runs;
  EndpointUsage::Cells& cells = endpoint.stats();
  if (status < 500) {
    EndpointUsage::end(runs.server_errors);
    EndpointUsage::end(runs.gateway_errors);
    cells.good.add();
    if (!waited) return;
    cells.timed.add();
    cells.waited_us.add(static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(*waited).count()));
    return;
  }
  cells.bad.add();
  lengthenServerErrors(endpoint, *policy);
  if (status >= 502 && status <= 504) {
    lengthenGatewayErrors(endpoint, *policy);
  } else {
    EndpointUsage::end(runs.gateway_errors);
  }
}

void observeNoAnswer(WorkerEndpoint& endpoint) {
  const std::optional<OutlierPolicy>& policy = endpoint.cluster().config().outliers;
  if (!policy) return;
  endpoint.stats().bad.add();
  lengthenServerErrors(endpoint, *policy);
  lengthenGatewayErrors(endpoint, *policy);
}

void observeRefusal(WorkerEndpoint& endpoint) {
  if (requestsObserved(endpoint.cluster())) endpoint.stats().bad.add();
}

void observeConnected(WorkerEndpoint& endpoint) {
  EndpointUsage::end(endpoint.usage().runs.connect_failures);
}

void observeSession(WorkerEndpoint& endpoint) {
  if (requestsObserved(endpoint.cluster())) endpoint.stats().good.add();
}

void observeConnectFailure(WorkerEndpoint& endpoint, const ConnectFailure& failure) {
  const ClusterConfig& config = endpoint.cluster().config();
  if (!config.outliers && config.health_checks.empty()) return;
  const bool ours = failure.timed_out ? failure.took > config.connect_timeout + kStarved
                                      : isOfThisHost(failure.error);
  if (ours) return;
  if (!config.health_checks.empty()) {
    endpoint.reportTrouble(failure.timed_out ? Trouble::kConnectTimeout : Trouble::kConnectFailure);
  }
  if (!config.outliers) return;
  endpoint.stats().bad.add();
  lengthen(endpoint, endpoint.usage().runs.connect_failures,
           config.outliers->consecutive_connect_failures, Trouble::kRunOfConnectFailures);
}

}  // namespace weir::upstream
