#pragma once

#include <cstdint>
#include <string_view>

namespace weir::upstream {

// What real traffic has met at an endpoint and the main thread is to look at without delay. A bit
// each.
enum class Trouble : uint8_t {
  kConnectFailure = 1,
  kConnectTimeout = 2,
  // As many in a row as OutlierPolicy says:
  kRunOf5xx = 4,
  kRunOfGatewayErrors = 8,
  kRunOfConnectFailures = 16
};

// Takes what workers have met to the main thread. One of the services of a worker. Thread-safe.
class TroubleSink {
 public:
  // Costs a lock: EndpointUsage::troubles sees to it that an endpoint's trouble is told once until
  // the main thread has taken it.
  virtual void report(std::string_view cluster, std::string_view endpoint, Trouble trouble) = 0;

 protected:
  ~TroubleSink() = default;
};

}  // namespace weir::upstream
