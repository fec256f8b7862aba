#pragma once

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "source/http/connection_manager.h"
#include "source/http/connection_manager_filter.h"
#include "source/network/filter_chain.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/fakes/fake_http_filter.h"
#include "test/fakes/fake_terminal.h"
#include "test/network/support.h"

namespace weir::http {

// Writes one line per exchange: "METHOD path status FLAGS detail".
class LineLoggerFactory final : public AccessLoggerFactory {
 public:
  explicit LineLoggerFactory(std::vector<std::string>& lines) : lines_(lines) {}
  std::unique_ptr<AccessLogger> bind(base::ServiceMap&) const override {
    struct Bound final : AccessLogger {
      explicit Bound(std::vector<std::string>& l) : lines(l) {}
      void log(const RequestHead& request, const ResponseHead&, const HeaderMap&,
               const StreamInfo& info) override {
        std::string flags;
        appendResponseFlags(info.flags, flags);
        lines.push_back(std::string(request.method) + " " + std::string(request.path) + " " +
                        std::to_string(info.status) + " " + flags + " " + std::string(info.detail));
      }
      std::vector<std::string>& lines;
    };
    return std::make_unique<Bound>(lines_);
  }

 private:
  std::vector<std::string>& lines_;
};

// Connection managers on real socket pairs under simulated time, with a scripted terminal.
class ConnectionManagerTest : public ::testing::Test, public network::NetworkFilterChain::Owner {
 protected:
  struct Client {
    base::UniqueFd fd;
    network::NetworkFilterChain* chain = nullptr;
    std::string received;
    bool ended = false;
    int error = 0;
    void closeNow() { fd = base::UniqueFd(); }
  };

  ConnectionManagerTest() {
    services.put<event::Dispatcher>(dispatcher);
    services.put<network::IoContext>(io);
    services.put<stats::Block>(store.block(1));
    config->stat_prefix = "test";
    config->upgrades = {"websocket"};
    config->access_loggers = {std::make_shared<LineLoggerFactory>(lines)};
    config->terminal = std::make_shared<FakeTerminalFactory>(terminal);
  }
  ~ConnectionManagerTest() override {
    while (network::NetworkFilterChain* chain = chains.front()) {
      chain->connection().close(network::CloseMode::kNow);
      settle();
      if (chains.front() == chain) break;
    }
    settle();
    EXPECT_TRUE(chains.empty());
    EXPECT_EQ(gauge("http_active_connections"), 0);
    EXPECT_EQ(gauge("http_active_streams"), 0);
    EXPECT_LE(io.blocks().bytesInUse(), kReadBlock);
  }

  base::LocalRef<network::WorkerFilterChain> bindChain() {
    auto chain = std::make_shared<network::FilterChainConfig>();
    chain->name = "chain";
    chain->filters.push_back(
        {"http", std::make_shared<ConnectionManagerFactory>(
                     std::make_shared<const ConnectionManagerConfig>(*config), store)});
    return base::makeLocal<network::WorkerFilterChain>(chain, services);
  }
  Client connect() {
    if (!bound) bound = bindChain();
    network::test::SocketPair pair = network::test::tcpPair();
    const int on = 1;  // simulated time does not wait for delayed acknowledgements
    setsockopt(pair.peer.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const auto remote = network::test::addressOf(pair.peer.get());
    auto connection = network::Connection::accepted(io, pair.ours.release(), remote, nullptr, {});
    auto* chain = new network::NetworkFilterChain(*this, std::move(connection), bound);
    chains.pushBack(*chain);
    chain->start();
    Client client;
    client.fd = std::move(pair.peer);
    client.chain = chain;
    return client;
  }
  // What the test did outside of a callback is done, too.
  void settle() {
    dispatcher.post([] {});
    dispatcher.runUntilIdle();
  }
  // Sends and returns all that came by then.
  std::string send(Client& client, std::string_view text) {
    network::test::fillSocket(client.fd.get(), text);
    return receive(client);
  }
  std::string receive(Client& client) {
    std::string now;
    for (int i = 0; i < 3; ++i) {
      settle();
      now += network::test::drainSocket(client.fd.get(), &client.ended, &client.error);
    }
    client.received += now;
    return now;
  }
  std::string advance(Client& client, std::chrono::milliseconds time) {
    dispatcher.advance(time);
    return receive(client);
  }
  int64_t gauge(const std::string& name) { return store.valueOf(name, {{"manager", "test"}}); }
  void onConnectionClosed(network::NetworkFilterChain& chain) override {
    chain.unlink();
    dispatcher.deferDelete(std::unique_ptr<event::DeferredDeletable>(&chain));
  }
  // Answers each request at once, when its body is complete.
  void answerAll(std::string body = "hello") {
    terminal.head = [body](FakeTerminal& t, RequestHead&, bool end) {
      if (end) t.respond(200, body);
    };
    terminal.body = [body](FakeTerminal& t, const std::string&, bool end) {
      if (end) t.respond(200, body);
    };
  }

  static constexpr size_t kReadBlock = 64 * 1024;  // the worker's, which stays

  event::FakeDispatcher dispatcher;
  stats::Store store;
  network::IoContext io{dispatcher, 0};
  base::ServiceMap services;
  TerminalScript terminal;
  FilterScript filter;
  std::vector<std::string> lines;
  std::shared_ptr<ConnectionManagerConfig> config = std::make_shared<ConnectionManagerConfig>();
  base::LocalRef<network::WorkerFilterChain> bound;
  base::IntrusiveList<network::NetworkFilterChain> chains;
};

inline constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n";

inline size_t countOf(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

}  // namespace weir::http
