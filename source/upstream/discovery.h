#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/service_map.h"
#include "source/network/address.h"
#include "source/upstream/endpoint.h"
#include "source/upstream/load_balancer.h"

namespace weir::upstream {

// Names endpoints that nobody knows beforehand, for clusters without a membership: the original
// destination of a redirected connection. Immutable; made by a `clusters` extension.
class EndpointSource {
 public:
  virtual ~EndpointSource() = default;
  // The address to go to, or a failure with a static reason as of Pick.
  struct Named {
    std::optional<network::Address> address;
    std::string_view reason;
  };
  virtual Named name(const PickContext& context) const = 0;
  // How many such endpoints one worker keeps at most; those unused for longest go first, and when
  // all are in use a new one is a failure.
  virtual uint32_t maxEndpoints() const { return 1024; }
};

// One entry of Cluster.endpoints. Value.
struct EndpointEntry {
  std::string host;  // a name, when `endpoint.address` is none
  uint16_t port = 0;
  Endpoint endpoint = {};
};

// Where a MembershipSource brings what it has found. Main-thread only.
class MembershipSink {
 public:
  // These are the members now, each id once. May be called from inside the source's construction.
  virtual void onMembers(std::vector<std::shared_ptr<const Endpoint>> members) = 0;
  // While there are no members, requests fail for this reason; static text.
  virtual void onReason(std::string_view reason) = 0;

 protected:
  ~MembershipSink() = default;
};

// Finds the members of one cluster for as long as it lives: asks a name server, watches a store.
// Main-thread only.
class MembershipSource {
 public:
  virtual ~MembershipSource() = default;
};

// Immutable.
class MembershipSourceFactory {
 public:
  virtual ~MembershipSourceFactory() = default;
  // `services` as for config::MainPart::start(); it and `sink` outlive the source.
  virtual std::unique_ptr<MembershipSource> create(base::ServiceMap& services,
                                                   MembershipSink& sink) const = 0;
  // A new configuration with the same identity goes on with the running source and what it has
  // found.
  virtual const std::string& identity() const = 0;
};

// What a `clusters` extension makes of its configuration: one of these. Value.
struct Discovery {
  std::vector<std::shared_ptr<const Endpoint>> members = {};
  std::shared_ptr<const MembershipSourceFactory> membership = {};
  std::shared_ptr<const EndpointSource> endpoint_source = {};
  std::vector<std::string> clusters = {};  // the first that has an endpoint to give serves
};

}  // namespace weir::upstream
