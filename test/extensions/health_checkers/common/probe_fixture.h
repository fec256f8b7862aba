#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/fd.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/network/connection.h"
#include "source/network/io_context.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster.h"
#include "source/upstream/health_checker.h"
#include "test/fakes/fake_dispatcher.h"

namespace weir::extensions::health_checkers::test {

class TestEndpoint;

// The endpoint's end of one connection. Stays until its endpoint goes.
class EndpointConnection final : public network::ConnectionHandler {
 public:
  EndpointConnection(TestEndpoint& endpoint, size_t number,
                     std::unique_ptr<network::Connection> connection);

  size_t number() const { return number_; }
  void say(std::string_view bytes);
  void close() { connection_->close(network::CloseMode::kFlushNoLinger); }
  void endOutput() { connection_->outputReady(/*end_stream=*/true); }
  void reset() { connection_->close(network::CloseMode::kReset); }
  network::Connection& network() { return *connection_; }

  std::string received;  // hooks may take from it
  bool remote_ended = false;
  bool closed = false;
  network::CloseReason reason = network::CloseReason::kLocal;

 private:
  void onConnected() override;
  void onData(buffer::Buffer& data, bool end_stream) override;
  void onClose(network::CloseReason why) override;

  TestEndpoint& endpoint_;
  const size_t number_;
  std::unique_ptr<network::Connection> connection_;
};

// Listens on a free port of 127.0.0.1, in the test's thread; does what the hooks say.
class TestEndpoint final : public event::FdHandler {
 public:
  using TransportMaker = std::function<std::unique_ptr<network::TransportSocket>()>;
  explicit TestEndpoint(network::IoContext& io, TransportMaker transport = nullptr);
  ~TestEndpoint();

  network::Address address() const { return address_; }
  std::function<void(EndpointConnection&)> on_up;
  std::function<void(EndpointConnection&)> on_data;
  size_t connections() const { return connections_.size(); }
  EndpointConnection& connection(size_t number) { return *connections_.at(number); }
  size_t open() const;
  void stopListening();

 private:
  void onFdReady(event::FdEvents events) override;

  network::IoContext& io_;
  const TransportMaker transport_;
  base::UniqueFd listening_;
  std::unique_ptr<event::FdWatcher> watcher_;
  network::Address address_;
  std::deque<std::unique_ptr<EndpointConnection>> connections_;
};

// Remembers what a probe has found. The hook runs after the remembering.
class RecordingListener final : public upstream::ProbeListener {
 public:
  void onProbeDone(const upstream::ProbeResult& result) override {
    results.push_back(result);
    if (on_done) on_done();
  }
  std::vector<upstream::ProbeResult> results;
  std::function<void()> on_done;
};

// "healthy", "unhealthy: connect: Connection refused"
std::string textOf(const upstream::ProbeResult& result);

// A main thread with simulated time, one checker and one probe.
class ProbeTest : public ::testing::Test {
 protected:
  ProbeTest();
  ~ProbeTest() override;

  // Runs `task` as a callback, then all that follows.
  void act(std::function<void()> task);
  void settle() {
    act([] {});
  }
  bool until(const std::function<bool()>& done) { return dispatcher_.runUntil(done); }

  // A probe of `address`, as `factory` makes it with cluster_ and settings_.
  void open(const upstream::HealthCheckerFactory& factory, const network::Address& address);
  void open(const upstream::HealthCheckerFactory& factory) { open(factory, endpoint_->address()); }
  // Starts it and waits for what it finds: textOf() that, or "nothing".
  std::string probe();
  void start();
  void cancel();
  upstream::ProbeTarget targetAt(const network::Address& address) const;

  event::FakeDispatcher dispatcher_;
  network::IoContext io_{dispatcher_, 0};
  stats::Store store_;
  base::ServiceMap services_;
  upstream::ClusterConfig cluster_;
  upstream::CheckSettings settings_;
  std::unique_ptr<TestEndpoint> endpoint_;
  RecordingListener listener_;
  std::unique_ptr<upstream::HealthChecker> checker_;
  std::unique_ptr<upstream::HealthProbe> probe_;
};

}  // namespace weir::extensions::health_checkers::test
