#include "test/extensions/network_filters/common/filter_host.h"

#include <sys/socket.h>

#include "gtest/gtest.h"

#include "test/network/support.h"

namespace weir::network::test {

FilterHost::Client::Client(FilterHost& host, std::unique_ptr<ConnectionInfo> info,
                           std::unique_ptr<TransportSocket> transport)
    : host_(host) {
  SocketPair pair = tcpPair();
  peer_ = std::move(pair.peer);
  host_.act([&] {
    const Address remote = addressOf(peer_.get());
    chain_ = std::make_unique<NetworkFilterChain>(
        *this,
        Connection::accepted(host_.io, pair.ours.release(), remote, nullptr, std::move(transport)),
        host_.bound_, std::move(info));
    chain_->start();
  });
}

FilterHost::Client::~Client() {
  if (chain_) chain_->shutdown();
}

void FilterHost::Client::onConnectionClosed(NetworkFilterChain&) {
  host_.dispatcher.deferDelete(std::move(chain_));
}

void FilterHost::Client::send(std::string_view bytes) {
  EXPECT_EQ(fillSocket(peer_.get(), bytes), bytes.size());
  host_.run();
}

void FilterHost::Client::end() {
  ::shutdown(peer_.get(), SHUT_WR);
  host_.run();
}

void FilterHost::Client::reset() {
  resetOnClose(peer_.get());
  peer_.reset();
  host_.run();
}

const std::string& FilterHost::Client::received() {
  host_.run();
  if (peer_.get() >= 0 && error_ == 0) received_ += drainSocket(peer_.get(), &ended_, &error_);
  return received_;
}

bool FilterHost::Client::receives(size_t bytes) {
  return host_.until([&] { return received().size() >= bytes; });
}

bool FilterHost::Client::ended() {
  return host_.until([&] {
    received();
    return ended_;
  });
}

bool FilterHost::Client::broken() {
  return host_.until([&] {
    received();
    return error_ != 0;
  });
}

FilterHost::FilterHost() {
  services.put<event::Dispatcher>(dispatcher);
  services.put(io);
  services.put(stats);
  services.put(stats.block(2));
}

FilterHost::~FilterHost() = default;

void FilterHost::use(std::vector<std::shared_ptr<const NetworkFilterFactory>> filters) {
  auto config = std::make_shared<FilterChainConfig>();
  for (auto& filter : filters) config->filters.push_back({"filter", std::move(filter)});
  bound_ = base::makeLocal<WorkerFilterChain>(std::move(config), services);
}

FilterHost::Client& FilterHost::connect(std::unique_ptr<ConnectionInfo> info,
                                        std::unique_ptr<TransportSocket> transport) {
  return clients_.emplace_back(*this, std::move(info), std::move(transport));
}

void FilterHost::closeAll() {
  act([this] { clients_.clear(); });
}

void FilterHost::run() {
  dispatcher.post([] {});
  dispatcher.runUntilIdle();
}

bool FilterHost::until(const std::function<bool()>& done) {
  return dispatcher.runUntil(done);
}

void FilterHost::act(std::function<void()> task) {
  dispatcher.post(std::move(task));
  dispatcher.runUntilIdle();
}

namespace {

class SinkFilter final : public NetworkFilter {
 public:
  explicit SinkFilter(SinkFactory::Seen& seen) : seen_(seen) {}
  Verdict onConnected() override {
    ++seen_.connected;
    if (chain().info() != nullptr) seen_.cluster = chain().info()->cluster;
    return Verdict::kContinue;
  }
  Verdict onData(buffer::Buffer& data, bool) override {
    seen_.data += data.toString();
    data.clear();
    return Verdict::kContinue;
  }
  void onClose(CloseReason) override { ++seen_.closed; }

 private:
  SinkFactory::Seen& seen_;
};

class WorkerSinkFactory final : public WorkerNetworkFilterFactory {
 public:
  explicit WorkerSinkFactory(SinkFactory::Seen& seen) : seen_(seen) {}
  std::unique_ptr<NetworkFilter> create() override { return std::make_unique<SinkFilter>(seen_); }

 private:
  SinkFactory::Seen& seen_;
};

}  // namespace

std::unique_ptr<WorkerNetworkFilterFactory> SinkFactory::bind(base::ServiceMap&) const {
  return std::make_unique<WorkerSinkFactory>(seen_);
}

}  // namespace weir::network::test
