#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/base/string_map.h"
#include "source/network/connection_info.h"
#include "source/network/network_filter.h"
#include "source/network/transport_socket.h"

namespace weir::network {

// Facts a filter chain is chosen by.
struct FilterChainMatchInput {
  const Address* destination = nullptr;
  const Address* source = nullptr;
  const ConnectionInfo* info = nullptr;  // of listener filters; null: there were none
};

struct FilterChainMatch {
  std::optional<uint16_t> destination_port;
  std::vector<Prefix> source_prefixes;             // empty: any
  std::vector<std::string> server_names;           // exact or "*.suffix"; empty: any
  std::vector<std::string> application_protocols;  // empty: any
  // kUnknown: any.
  ConnectionInfo::Protocol protocol = ConnectionInfo::Protocol::kUnknown;
};

// One filter chain of a listener as configured. Immutable; part of a snapshot.
struct FilterChainConfig {
  std::string name;  // unique within the listener
  FilterChainMatch match;
  std::shared_ptr<const TransportSocketFactory> transport;
  struct Filter {
    std::string name;
    std::shared_ptr<const NetworkFilterFactory> factory;
  };
  std::vector<Filter> filters;
};

// Picks the chain whose match is the most specific: destination port, then server name (exact over
// longer wildcard over any), then application protocol, then transport protocol, then longest
// source prefix; the first listed of equals. Immutable.
class FilterChainSelector {
 public:
  explicit FilterChainSelector(std::vector<std::shared_ptr<const FilterChainConfig>> chains);
  // Index into the vector, or -1.
  int select(const FilterChainMatchInput& input) const;

 private:
  struct Candidate {
    int chain;
    int name_rank;  // 0 any, else the length of the wildcard's suffix; exact beats all
  };
  struct Best;
  void consider(const std::vector<Candidate>& candidates, const FilterChainMatchInput& input,
                Best& best) const;

  std::vector<std::shared_ptr<const FilterChainConfig>> chains_;
  // Chains by server name in lower case: exact, the ".suffix" of wildcards, and those with none.
  base::StringMap<std::vector<Candidate>> exact_;
  base::StringMap<std::vector<Candidate>> suffixes_;
  std::vector<Candidate> any_;
};

// A filter chain bound to one worker. When a newer snapshot replaces it, successor() is the chain
// of the same listener and name, so that a connection that lives on can follow (the HTTP connection
// manager does, for each new request). Worker-confined; kept alive by its connections.
class WorkerFilterChain final : public base::LocalCounted {
 public:
  WorkerFilterChain(std::shared_ptr<const FilterChainConfig> config, base::ServiceMap& services);

  const FilterChainConfig& config() const { return *config_; }
  WorkerNetworkFilterFactory& filter(size_t index) { return *filters_[index]; }
  // nullptr for plain.
  std::unique_ptr<TransportSocket> createTransport() {
    return transport_ ? transport_->create({}) : nullptr;
  }
  size_t filterCount() const { return filters_.size(); }
  void setSuccessor(base::LocalRef<WorkerFilterChain> next) { successor_ = std::move(next); }
  // The newest chain: this one when nothing replaced it.
  WorkerFilterChain& newest();

 private:
  std::shared_ptr<const FilterChainConfig> config_;
  std::vector<std::unique_ptr<WorkerNetworkFilterFactory>> filters_;
  std::unique_ptr<WorkerTransportSocketFactory> transport_;
  base::LocalRef<WorkerFilterChain> successor_;
};

// The filters of one accepted connection, between it and its bytes. Owns the connection.
// Worker-confined.
class NetworkFilterChain final : public ConnectionHandler,
                                 public event::DeferredDeletable,
                                 public base::ListNode<> {
 public:
  // Is told once when the connection is closed, as the last thing; may deferDelete the chain.
  class Owner {
   public:
    virtual void onConnectionClosed(NetworkFilterChain& chain) = 0;

   protected:
    ~Owner() = default;
  };
  NetworkFilterChain(Owner& owner, std::unique_ptr<Connection> connection,
                     base::LocalRef<WorkerFilterChain> bound,
                     std::unique_ptr<ConnectionInfo> info = nullptr);
  ~NetworkFilterChain() override;
  void start();

  Connection& connection() { return *connection_; }
  WorkerFilterChain& bound() { return *bound_; }
  // Follows bound().newest(): only a filter that can change its factory in place may ask for it.
  void rebind(WorkerFilterChain& newer);
  size_t indexOf(const NetworkFilter& filter) const;
  // What listener filters and filters in front have found out; nullptr: nothing.
  const ConnectionInfo* info() const { return extra_ ? extra_->info.get() : nullptr; }
  ConnectionInfo& mutableInfo();
  // The name the client asked for, by TLS or found by looking; empty: none.
  std::string_view serverName() const;

  // A filter that paused in onConnected lets the connection go on to the filters behind it.
  // Idempotent. Not from inside its onConnected: there, continue.
  void resumeConnected(NetworkFilter& filter);

  // A filter that paused lets what it left go on to the filters behind it. Idempotent. Not from
  // inside its onData: there, continue.
  void resumeRead(NetworkFilter& filter);
  // Offers `filter` at once what it left (and the end, if that came), when it can take more without
  // new bytes having come: a pipelined request. Not from inside its onData.
  void offerAgain(NetworkFilter& filter);
  // From a filter towards the client, through the filters before it that want writes. Moves `data`.
  void write(NetworkFilter& from, buffer::Buffer& data, bool end_stream);
  // True when nobody sits between `from` and the connection: then it may compose in
  // connection().output().
  bool writesDirectly(const NetworkFilter& from) const;
  // True when nobody in front of `to` looks at what comes from the client.
  bool readsDirectly(const NetworkFilter& to) const;
  void drain();
  // Tells the filters kLocal and is silent afterwards: the owner destroys the chain next.
  void shutdown();

  void onData(buffer::Buffer& data, bool end_stream) override;
  // setReadEnabled(true) offers the last filter again what it left, wherever it is kept.
  void onReadResumed() override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;
  void onConnected() override;
  void onClose(CloseReason reason) override;

  // Paused bytes beyond this hold reading from the connection.
  static constexpr size_t kMaxLeftBytes = 256 * 1024;

 private:
  void tellConnected(NetworkFilter* filter);
  void tellClosed(CloseReason reason);
  void deliver(NetworkFilter* filter, buffer::Buffer& data, bool end_stream);
  buffer::Buffer& left(const NetworkFilter& filter);
  bool hasLeft(const NetworkFilter& filter) const;
  void checkHold();

  Owner& owner_;
  std::unique_ptr<Connection> connection_;
  base::LocalRef<WorkerFilterChain> bound_;
  // What most connections never need; made when it happens.
  struct Extra {
    std::unique_ptr<ConnectionInfo> info;
    NetworkFilter* not_connected = nullptr;  // paused in onConnected
    // Bytes that filters behind the first have left, by filter; empty until there are some.
    std::vector<buffer::Buffer> left;
  };
  Extra& extra();
  bool anythingLeft() const { return extra_ != nullptr && !extra_->left.empty(); }

  std::unique_ptr<NetworkFilter> first_;
  std::unique_ptr<Extra> extra_;
};

}  // namespace weir::network
