#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "source/event/uv_dispatcher.h"
#include "source/network/listener.h"
#include "source/network/splicer.h"
#include "test/network/support.h"

// The real loop and real loopback sockets: two workers on one port, and a TCP relay with splice(2).
namespace weir::network::test {
namespace {

class EchoFilter final : public NetworkFilter {
 public:
  Verdict onData(buffer::Buffer& data, bool end) override {
    chain().write(*this, data, end);
    return Verdict::kContinue;
  }
  void onClose(CloseReason) override {}
};

// Connects to an address and splices both ways.
class RelayFilter final : public NetworkFilter {
 public:
  explicit RelayFilter(const Address& address) : address_(address), upstream_(*this) {}
  void onNewConnection(NetworkFilterChain& chain) override {
    NetworkFilter::onNewConnection(chain);
    Connection& downstream = chain.connection();
    downstream.setReadEnabled(false);
    upstream_.connection = Connection::connect(downstream.io(), address_, nullptr,
                                               {.timeout = std::chrono::seconds(5)});
    upstream_.connection->setHandler(upstream_);
  }
  Verdict onData(buffer::Buffer&, bool) override { return Verdict::kContinue; }
  void onClose(CloseReason) override {
    up_.reset();
    down_.reset();
  }

 private:
  struct Upstream final : ConnectionHandler {
    explicit Upstream(RelayFilter& o) : owner(o) {}
    void onConnected() override { owner.splice(); }
    void onData(buffer::Buffer&, bool) override {}
    void onClose(CloseReason) override {}
    RelayFilter& owner;
    std::unique_ptr<Connection> connection;
  };
  struct Direction final : Splicer::Observer {
    void onSpliced(uint64_t) override {}
    void onSpliceDone() override { target->outputReady(/*end_stream=*/true); }
    void onSpliceSourceEnded() override {}
    Connection* target = nullptr;
  };
  void splice() {
    Connection& downstream = chain().connection();
    Connection& upstream = *upstream_.connection;
    up_end_.target = &upstream;
    down_end_.target = &downstream;
    up_ = Splicer::start(downstream, upstream, Splicer::kUntilEnd, up_end_);
    down_ = Splicer::start(upstream, downstream, Splicer::kUntilEnd, down_end_);
  }

  const Address address_;
  Upstream upstream_;
  Direction up_end_;
  Direction down_end_;
  std::unique_ptr<Splicer> up_;
  std::unique_ptr<Splicer> down_;
};

// Makes filters by a function.
class LambdaFactory final : public NetworkFilterFactory {
 public:
  using Make = std::function<std::unique_ptr<NetworkFilter>()>;
  explicit LambdaFactory(Make make) : make_(std::move(make)) {}
  std::unique_ptr<WorkerNetworkFilterFactory> bind(base::ServiceMap&) const override {
    class Bound final : public WorkerNetworkFilterFactory {
     public:
      explicit Bound(Make make) : make_(std::move(make)) {}
      std::unique_ptr<NetworkFilter> create() override { return make_(); }

     private:
      const Make make_;
    };
    return std::make_unique<Bound>(make_);
  }

 private:
  const Make make_;
};

// A listener on some workers, each a thread.
class Server {
 public:
  Server(uint32_t workers, LambdaFactory::Make make) {
    auto chain = std::make_shared<FilterChainConfig>();
    chain->filters.push_back({"filter", std::make_shared<LambdaFactory>(std::move(make))});
    auto config = std::make_shared<ListenerConfig>();
    config->name = "test";
    config->address = *Address::parse("127.0.0.1:0");
    config->filter_chains = {chain};
    config->selector = std::make_shared<FilterChainSelector>(config->filter_chains);
    sockets_ = *ListenSocketSet::bind(*config, workers);
    for (uint32_t i = 0; i < workers; ++i) {
      dispatchers_.push_back(*event::UvDispatcher::create());
    }
    for (uint32_t i = 0; i < workers; ++i) {
      threads_.emplace_back([this, i, config] { run(i, config); });
    }
  }
  ~Server() {
    for (auto& dispatcher : dispatchers_) dispatcher->stop();
    for (auto& thread : threads_) thread.join();
  }
  const Address& address() const { return sockets_->address(); }
  int64_t accepted() const {
    return store_.valueOf("listener_connections_total", {{"listener", "test"}});
  }
  int64_t active() const {
    return store_.valueOf("listener_connections_active", {{"listener", "test"}});
  }

 private:
  void run(uint32_t index, std::shared_ptr<const ListenerConfig> config) {
    event::Dispatcher& dispatcher = *dispatchers_[index];
    IoContext io(dispatcher, index);
    base::ServiceMap services;
    services.put(store_);
    services.put(store_.block(index + 1));
    std::unique_ptr<WorkerListener> listener = std::make_unique<WorkerListener>(
        io, services, sockets_->fd(index), sockets_->address(), nullptr, nullptr);
    dispatcher.post([&] { listener->update(config); });
    dispatcher.run();
    listener.reset();
  }

  stats::Store store_;
  std::unique_ptr<ListenSocketSet> sockets_;
  std::vector<std::unique_ptr<event::UvDispatcher>> dispatchers_;
  std::vector<std::thread> threads_;
};

base::UniqueFd connectTo(const Address& address) {
  base::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  timeval limit{20, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  EXPECT_EQ(::connect(fd.get(), address.data(), address.length()), 0);
  return fd;
}

// Sends from one thread, receives in this one, both blocking.
std::string exchange(const Address& address, const std::string& bytes) {
  const base::UniqueFd fd = connectTo(address);
  std::thread sender([&] {
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t count = send(fd.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) break;
      sent += static_cast<size_t>(count);
    }
    shutdown(fd.get(), SHUT_WR);
  });
  std::string got;
  char chunk[65536];
  for (ssize_t count; (count = recv(fd.get(), chunk, sizeof chunk, 0)) > 0;) {
    got.append(chunk, static_cast<size_t>(count));
  }
  sender.join();
  return got;
}

void waitFor(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!done() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(done());
}

// The loop's library keeps a pipe of its own for the process from its first use.
int descriptorsWithLibrary() {
  event::UvDispatcher::create()->reset();
  return openDescriptors();
}

TEST(LoopbackTest, TwoWorkersEcho) {
  const int descriptors = descriptorsWithLibrary();
  {
    Server server(2, [] { return std::make_unique<EchoFilter>(); });
    std::vector<std::thread> clients;
    for (uint32_t i = 0; i < 4; ++i) {
      clients.emplace_back([&, i] {
        for (uint32_t round = 0; round < 10; ++round) {
          const std::string bytes = pattern(round * 30'000 + i, i);
          EXPECT_EQ(exchange(server.address(), bytes), bytes);
        }
      });
    }
    for (auto& client : clients) client.join();
    waitFor([&] { return server.active() == 0; });
    EXPECT_EQ(server.accepted(), 40);
  }
  EXPECT_EQ(openDescriptors(), descriptors);
}

TEST(LoopbackTest, RelaySplicesBothWays) {
  const int descriptors = descriptorsWithLibrary();
  {
    Server echo(1, [] { return std::make_unique<EchoFilter>(); });
    const Address upstream = echo.address();
    Server relay(1, [upstream] { return std::make_unique<RelayFilter>(upstream); });
    for (const size_t size : {0, 1, 5000, 3'000'000}) {
      const std::string bytes = pattern(size);
      EXPECT_TRUE(exchange(relay.address(), bytes) == bytes) << size;
    }
    waitFor([&] { return relay.active() == 0 && echo.active() == 0; });
  }
  EXPECT_EQ(openDescriptors(), descriptors);
}

TEST(LoopbackTest, ClientsThatResetLeaveNothing) {
  const int descriptors = descriptorsWithLibrary();
  {
    Server server(2, [] { return std::make_unique<EchoFilter>(); });
    for (int i = 0; i < 50; ++i) {
      const base::UniqueFd fd = connectTo(server.address());
      send(fd.get(), "x", 1, MSG_NOSIGNAL);
      resetOnClose(fd.get());
    }
    waitFor([&] { return server.accepted() == 50 && server.active() == 0; });
  }
  EXPECT_EQ(openDescriptors(), descriptors);
}

TEST(LoopbackTest, StopsWithConnectionsOpen) {
  std::vector<base::UniqueFd> clients;
  {
    Server server(2, [] { return std::make_unique<EchoFilter>(); });
    for (int i = 0; i < 10; ++i) clients.push_back(connectTo(server.address()));
    waitFor([&] { return server.active() == 10; });
  }
  char byte;
  for (const auto& client : clients) EXPECT_LE(recv(client.get(), &byte, 1, 0), 0);
}

}  // namespace
}  // namespace weir::network::test
