#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "source/base/random.h"
#include "source/network/address.h"
#include "source/upstream/endpoint.h"

namespace weir::http {
struct RequestHead;
struct StreamInfo;
}  // namespace weir::http

namespace weir::upstream {

// What an algorithm may look at for one pick. Cheap to make: nothing is computed until asked for.
struct PickContext {
  const http::RequestHead* request = nullptr;  // null for L4
  const http::StreamInfo* info = nullptr;
  // Of the client's connection; null when unknown.
  const network::Address* source = nullptr;
  // Where the client wanted to go before it was redirected here; null: not redirected.
  const network::Address* original_destination = nullptr;
  // What a hash policy made of the request or connection, for algorithms that hash.
  std::optional<uint64_t> hash = std::nullopt;
  uint32_t attempt = 0;             // 0 first, then retries
  std::span<const uint32_t> tried;  // indices into the host set: avoid while others remain
};

// An endpoint, a wait or a reasoned failure.
struct Pick {
  enum class Kind : uint8_t { kEndpoint, kWait, kFailure };
  Kind kind = Kind::kFailure;
  uint32_t host = 0;             // index into the current host set
  std::string_view reason = {};  // static text when failed: "no_eligible_endpoint"

  static Pick endpoint(uint32_t host) { return {Kind::kEndpoint, host, {}}; }
  static Pick failure(std::string_view reason) { return {Kind::kFailure, 0, reason}; }
};

// What a worker knows of the load it has put on the endpoints, by index into the current host set.
// Worker-confined.
class HostLoads {
 public:
  virtual uint32_t inFlight(uint32_t host) const = 0;

 protected:
  ~HostLoads() = default;
};

// One algorithm's state for one cluster on one worker. Worker-confined. A pick does not allocate.
class LoadBalancer {
 public:
  virtual ~LoadBalancer() = default;
  // A new host set is current: before the first pick, and whenever it changes. Keep state of hosts
  // that stay (by Endpoint identity). `hosts` and `loads` stay valid until the next call.
  virtual void onHostSet(const HostSet& hosts, const HostLoads& loads) = 0;
  virtual Pick pick(const PickContext& context) = 0;
  // Feedback, for algorithms that learn from traffic.
  virtual void onResponse(uint32_t /*host*/, std::chrono::microseconds /*took*/, bool /*success*/) {
  }
};

// What a load-balancing extension makes of its configuration. Immutable.
class LoadBalancerFactory {
 public:
  virtual ~LoadBalancerFactory() = default;
  virtual std::string_view name() const = 0;
  // `random` belongs to the worker.
  virtual std::unique_ptr<LoadBalancer> create(base::Random& random) const = 0;
};

}  // namespace weir::upstream
