#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/network/listener.h"
#include "test/network/support.h"

// One listener on loopback with one worker under simulated time.
namespace weir::network::test {

// Echoes; counts what it has seen of all connections.
struct EchoCounts {
  int created = 0;
  int closed = 0;
  int drained = 0;
};

class EchoFilter final : public NetworkFilter {
 public:
  explicit EchoFilter(EchoCounts& counts) : counts_(counts) { ++counts.created; }
  Verdict onData(buffer::Buffer& data, bool end) override {
    chain().write(*this, data, end);
    return Verdict::kContinue;
  }
  void onDrain() override {
    ++counts_.drained;
    chain().connection().close(CloseMode::kNow);
  }
  void onClose(CloseReason) override { ++counts_.closed; }

 private:
  EchoCounts& counts_;
};

class EchoFactory final : public NetworkFilterFactory {
 public:
  explicit EchoFactory(EchoCounts& counts) : counts_(counts) {}
  std::unique_ptr<WorkerNetworkFilterFactory> bind(base::ServiceMap&) const override {
    class Bound final : public WorkerNetworkFilterFactory {
     public:
      explicit Bound(EchoCounts& counts) : counts_(counts) {}
      std::unique_ptr<NetworkFilter> create() override {
        return std::make_unique<EchoFilter>(counts_);
      }

     private:
      EchoCounts& counts_;
    };
    return std::make_unique<Bound>(counts_);
  }

 private:
  EchoCounts& counts_;
};

class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest() {
    services_.put(store_);
    services_.put(store_.block(1));
  }
  std::shared_ptr<ListenerConfig> config(
      std::vector<std::shared_ptr<const FilterChainConfig>> chains) {
    auto config = std::make_shared<ListenerConfig>();
    config->name = "edge";
    config->address = *Address::parse("127.0.0.1:0");
    config->selector = std::make_shared<FilterChainSelector>(chains);
    config->filter_chains = std::move(chains);
    return config;
  }
  std::shared_ptr<FilterChainConfig> echo() {
    auto chain = std::make_shared<FilterChainConfig>();
    chain->name = "echo";
    chain->transport = std::make_shared<PlainTransportFactory>();
    chain->filters.push_back({"echo", std::make_shared<EchoFactory>(counts_)});
    return chain;
  }
  void listen(std::shared_ptr<const ListenerConfig> config) {
    auto sockets = ListenSocketSet::bind(*config, 1);
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    sockets_ = std::move(*sockets);
    listener_ = std::make_unique<WorkerListener>(worker_.io, services_, sockets_->fd(0),
                                                 sockets_->address(), own_, total_);
    worker_.act([&] { listener_->update(config); });
  }
  base::UniqueFd connect() {
    const Address& address = sockets_->address();
    base::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), address.data(), address.length()), 0);
    return fd;
  }
  int64_t stat(const char* name) { return store_.valueOf(name, {{"listener", "edge"}}); }
  bool until(std::function<bool()> done) { return worker_.dispatcher.runUntil(std::move(done)); }
  bool endedByServer(const base::UniqueFd& client) {
    bool ended = false;
    int error = 0;
    return until([&] {
      drainSocket(client.get(), &ended, &error);
      return ended || error != 0;
    });
  }

  stats::Store store_;
  base::ServiceMap services_;
  EchoCounts counts_;
  Worker worker_;
  std::shared_ptr<ConnectionBudget> own_ = std::make_shared<ConnectionBudget>(0);
  std::shared_ptr<ConnectionBudget> total_ = std::make_shared<ConnectionBudget>(0);
  std::unique_ptr<ListenSocketSet> sockets_;
  std::unique_ptr<WorkerListener> listener_;
};

}  // namespace weir::network::test
