#include "source/upstream/probe_connections.h"

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>
#include <vector>

#include "source/base/concat.h"

namespace weir::upstream {
namespace {

// Longer than any probe may take: who has started it ends it.
constexpr std::chrono::hours kConnectTimeout{48};

std::unique_ptr<network::WorkerTransportSocketFactory> bind(
    const std::shared_ptr<const network::TransportSocketFactory>& transport,
    base::ServiceMap& services) {
  return transport == nullptr ? nullptr : transport->bind(services);
}

// What connect(2) and socket(2) fail with when it is this host that has nothing left.
bool wantsResources(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:  // no free port
      return true;
    default:
      return false;
  }
}

// With the port that the check goes to.
std::vector<network::Address> otherAddresses(const ProbeTarget& target) {
  std::vector<network::Address> addresses;
  if (target.endpoint == nullptr) return addresses;
  const bool other_port = !(target.address == target.endpoint->address);
  for (const network::Address& address : target.endpoint->more_addresses) {
    addresses.push_back(other_port ? address.withPort(target.address.port()) : address);
  }
  return addresses;
}

}  // namespace

ProbeConnection::ProbeConnection(ProbeConnections& owner, ProbeConnectionUser& user,
                                 std::unique_ptr<network::Connection> connection)
    : owner_(owner), user_(&user), connection_(std::move(connection)) {
  connection_->setHandler(*this);
}

ProbeConnection::~ProbeConnection() = default;

void ProbeConnection::leave(network::CloseMode mode) {
  user_ = nullptr;
  connection_->close(mode);
}

void ProbeConnection::onConnected() {
  if (user_ == nullptr) return;
  // Without anybody listening, a local port that happens to be the endpoint's connects to itself.
  if (connection_->localAddress() == connection_->remoteAddress()) {
    ProbeConnectionUser& user = *std::exchange(user_, nullptr);
    leave(network::CloseMode::kReset);
    return user.onGone({false, "connect: nobody listens there"});
  }
  up_ = true;
  user_->onUp();
}

void ProbeConnection::onData(buffer::Buffer& data, bool end_stream) {
  if (user_ == nullptr) return data.clear();
  user_->onData(data, end_stream);
}

void ProbeConnection::onClose(network::CloseReason reason) {
  owner_.bury(*this);
  if (user_ != nullptr) std::exchange(user_, nullptr)->onGone(lossFor(reason));
}

ConnectionLoss ProbeConnection::lossFor(network::CloseReason reason) const {
  const int error = connection_->lastError();
  switch (reason) {
    case network::CloseReason::kConnectFailed:
      return {wantsResources(error),
              base::concat("connect: ", std::generic_category().message(error))};
    case network::CloseReason::kConnectTimeout:
      return {false, "connect: no answer"};
    case network::CloseReason::kTransportError: {
      std::string why = connection_->transport().reason();
      return {false, why.empty() ? "the transport failed" : std::move(why)};
    }
    case network::CloseReason::kReset:
      if (!up_) return {false, "the connection was reset during the handshake"};
      return {false, "the connection was reset"};
    case network::CloseReason::kRemote:
      if (!up_) return {false, "the connection was closed during the handshake"};
      return {false, "the connection was closed"};
    case network::CloseReason::kLocal:
      break;
  }
  return {false, "the connection was given up"};
}

ProbeConnections::ProbeConnections(base::ServiceMap& services, const ClusterConfig& cluster,
                                   const CheckSettings& settings, std::string server_name)
    : io_(services.get<network::IoContext>()),
      transport_(settings.transport),
      bound_(bind(settings.transport, services)),
      server_name_(std::move(server_name)),
      reuse_(settings.reuse_connection) {
  socket_.source_ipv4 = cluster.connections.source_ipv4;
  socket_.source_ipv6 = cluster.connections.source_ipv6;
}

ProbeConnections::~ProbeConnections() {
  destroyAll(open_);
  destroyAll(gone_);
}

ProbeConnection& ProbeConnections::connect(const ProbeTarget& target, ProbeConnectionUser& user) {
  std::unique_ptr<network::TransportSocket> transport;
  if (bound_ != nullptr) transport = bound_->create({.server_name = server_name_});
  const std::vector<network::Address> others = otherAddresses(target);
  network::ConnectOptions options;
  options.timeout = kConnectTimeout;
  options.socket = socket_;
  options.more_addresses = others;
  auto* const connection = new ProbeConnection(
      *this, user,
      network::Connection::connect(io_, target.address, std::move(transport), options));
  open_.pushBack(*connection);
  return *connection;
}

void ProbeConnections::bury(ProbeConnection& connection) {
  gone_.pushBack(connection);
  if (!linked()) io_.dispatcher().atTurnEnd(*this);
}

void ProbeConnections::destroyAll(List& list) {
  while (ProbeConnection* const connection = list.popFront()) delete connection;
}

}  // namespace weir::upstream
