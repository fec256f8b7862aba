#include "test/extensions/health_checkers/common/probe_fixture.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "source/base/concat.h"
#include "test/network/support.h"

namespace weir::extensions::health_checkers::test {

EndpointConnection::EndpointConnection(TestEndpoint& endpoint, size_t number,
                                       std::unique_ptr<network::Connection> connection)
    : endpoint_(endpoint), number_(number), connection_(std::move(connection)) {
  const bool plain = !connection_->connecting();
  connection_->setHandler(*this);
  connection_->start();
  if (plain && endpoint_.on_up) endpoint_.on_up(*this);
}

void EndpointConnection::say(std::string_view bytes) {
  connection_->output().append(bytes);
  connection_->outputReady();
}

void EndpointConnection::onConnected() {
  if (endpoint_.on_up) endpoint_.on_up(*this);
}

void EndpointConnection::onData(buffer::Buffer& data, bool end_stream) {
  received += data.toString();
  data.clear();
  remote_ended = remote_ended || end_stream;
  if (endpoint_.on_data) endpoint_.on_data(*this);
  if (end_stream) connection_->outputReady(/*end_stream=*/true);
}

void EndpointConnection::onClose(network::CloseReason why) {
  closed = true;
  reason = why;
}

TestEndpoint::TestEndpoint(network::IoContext& io, TransportMaker transport)
    : io_(io), transport_(std::move(transport)), listening_(network::test::listenOnLoopback(128)) {
  address_ = network::test::addressOf(listening_.get());
  watcher_ = io_.dispatcher().createFdWatcher(listening_.get(), *this);
  watcher_->watch({.readable = true, .writable = false});
}

TestEndpoint::~TestEndpoint() {
  stopListening();
}

size_t TestEndpoint::open() const {
  return static_cast<size_t>(std::count_if(connections_.begin(), connections_.end(),
                                           [](const auto& each) { return !each->closed; }));
}

void TestEndpoint::stopListening() {
  watcher_.reset();
  listening_.reset();
}

void TestEndpoint::onFdReady(event::FdEvents) {
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  auto* const bytes = reinterpret_cast<sockaddr*>(&from);
  base::UniqueFd fd(::accept4(listening_.get(), bytes, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.valid()) return;
  const network::Address peer = network::Address::fromSockaddr(bytes, length);
  std::unique_ptr<network::TransportSocket> transport;
  if (transport_ != nullptr) transport = transport_();
  connections_.push_back(std::make_unique<EndpointConnection>(
      *this, connections_.size(),
      network::Connection::accepted(io_, fd.release(), peer, nullptr, std::move(transport))));
}

std::string textOf(const upstream::ProbeResult& result) {
  using Verdict = upstream::ProbeResult::Verdict;
  std::string text;
  switch (result.verdict) {
    case Verdict::kHealthy:
      text = "healthy";
      break;
    case Verdict::kDegraded:
      text = "degraded";
      break;
    case Verdict::kUnhealthy:
      text = "unhealthy";
      break;
    case Verdict::kSkipped:
      text = "skipped";
      break;
  }
  return result.reason.empty() ? text : base::concat(text, ": ", result.reason);
}

ProbeTest::ProbeTest() {
  services_.put<event::Dispatcher>(dispatcher_);
  services_.put(io_);
  services_.put(store_);
  services_.put(store_.block(0));
  cluster_.name = "web";
  endpoint_ = std::make_unique<TestEndpoint>(io_);
}

ProbeTest::~ProbeTest() {
  endpoint_->on_up = nullptr;  // they may be of a derived class, which has gone
  endpoint_->on_data = nullptr;
  probe_.reset();
  settle();
  checker_.reset();
  settle();
}

void ProbeTest::act(std::function<void()> task) {
  dispatcher_.post(std::move(task));
  dispatcher_.runUntilIdle();
}

upstream::ProbeTarget ProbeTest::targetAt(const network::Address& address) const {
  auto endpoint = std::make_shared<upstream::Endpoint>();
  endpoint->id = address.toString();
  endpoint->address = address;
  return {endpoint, address};
}

void ProbeTest::open(const upstream::HealthCheckerFactory& factory,
                     const network::Address& address) {
  probe_.reset();
  checker_ = factory.create(services_, cluster_, settings_);
  probe_ = checker_->createProbe(targetAt(address), listener_);
}

void ProbeTest::start() {
  act([this] {
    const size_t before = listener_.results.size();
    probe_->start();
    EXPECT_EQ(listener_.results.size(), before) << "told from inside start()";
  });
}

void ProbeTest::cancel() {
  act([this] { probe_->cancel(); });
}

std::string ProbeTest::probe() {
  const size_t before = listener_.results.size();
  start();
  if (!until([&] { return listener_.results.size() > before; })) return "nothing";
  EXPECT_EQ(listener_.results.size(), before + 1);
  settle();
  return textOf(listener_.results.back());
}

}  // namespace weir::extensions::health_checkers::test
