#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/fd.h"
#include "source/base/service_map.h"
#include "source/network/filter_chain.h"
#include "source/network/io_context.h"
#include "source/stats/stats.h"
#include "test/fakes/fake_dispatcher.h"

// What the tests of network filters share.
namespace weir::network::test {

// One worker with simulated time and a filter chain for its connections, whose clients are sockets
// of the test. Worker-confined.
class FilterHost {
 public:
  // A connection through the chain, over TCP on loopback.
  class Client final : public NetworkFilterChain::Owner {
   public:
    Client(FilterHost& host, std::unique_ptr<ConnectionInfo> info,
           std::unique_ptr<TransportSocket> transport);
    ~Client();
    // The client's end.
    int fd() const { return peer_.get(); }
    // Writes and lets the worker do what follows.
    void send(std::string_view bytes);
    // FIN, RST.
    void end();
    void reset();
    // All that has come until now.
    const std::string& received();
    // Waits until so many bytes have come in all.
    bool receives(size_t bytes);
    bool ended();   // by FIN
    bool broken();  // by RST
    // nullptr once it is closed.
    NetworkFilterChain* chain() { return chain_.get(); }
    bool closed() const { return chain_ == nullptr; }

    void onConnectionClosed(NetworkFilterChain& chain) override;

   private:
    FilterHost& host_;
    base::UniqueFd peer_;
    std::unique_ptr<NetworkFilterChain> chain_;
    std::string received_;
    bool ended_ = false;
    int error_ = 0;
  };

  FilterHost();
  ~FilterHost();
  // Clients from now on get a chain of these.
  void use(std::vector<std::shared_ptr<const NetworkFilterFactory>> filters);
  Client& connect(std::unique_ptr<ConnectionInfo> info = nullptr,
                  std::unique_ptr<TransportSocket> transport = nullptr);
  Client& last() { return clients_.back(); }
  // Closes every connection, as the end of a worker does.
  void closeAll();
  // Until it comes to rest; what the test did itself counts as a callback.
  void run();
  bool until(const std::function<bool()>& done);
  // Runs `task` as a callback, then all that follows.
  void act(std::function<void()> task);

  stats::Store stats;
  event::FakeDispatcher dispatcher;
  IoContext io{dispatcher, 1};
  base::ServiceMap services;  // of the worker, without clusters

 private:
  base::LocalRef<WorkerFilterChain> bound_;
  std::deque<Client> clients_;
};

// Connections that its filters let through stay open here and remember what came. Terminal.
// Immutable but for what it remembers.
class SinkFactory final : public NetworkFilterFactory {
 public:
  struct Seen {
    int connected = 0;
    int closed = 0;
    std::string data;
    std::string cluster;  // that a filter in front chose
  };
  explicit SinkFactory(Seen& seen) : seen_(seen) {}
  std::unique_ptr<WorkerNetworkFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  Seen& seen_;
};

}  // namespace weir::network::test
