#include "source/plugin/kinds/probe_link.h"

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>
#include <vector>

#include "source/base/concat.h"

namespace weir::plugin {
namespace {

// Longer than any probe may take: who has started it ends it.
constexpr std::chrono::hours kConnectTimeout{48};

// This host has nothing left to make a connection with.
bool wantsResources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
         error == EADDRNOTAVAIL;
}

std::unique_ptr<network::WorkerTransportSocketFactory> bind(
    const std::shared_ptr<const network::TransportSocketFactory>& transport,
    base::ServiceMap& services) {
  return transport == nullptr ? nullptr : transport->bind(services);
}

// With the port that the check goes to.
std::vector<network::Address> otherAddresses(const upstream::ProbeTarget& target) {
  std::vector<network::Address> addresses;
  if (target.endpoint == nullptr) return addresses;
  const bool other_port = !(target.address == target.endpoint->address);
  for (const network::Address& address : target.endpoint->more_addresses) {
    addresses.push_back(other_port ? address.withPort(target.address.port()) : address);
  }
  return addresses;
}

}  // namespace

ProbeLink::ProbeLink(ProbeLinks& owner, ProbeLinkUser& user,
                     std::unique_ptr<network::Connection> connection)
    : owner_(owner), user_(&user), connection_(std::move(connection)) {
  connection_->setHandler(*this);
}

bool ProbeLink::write(std::string_view bytes) {
  if (!connection_->open()) return false;
  connection_->output().append(bytes);
  connection_->outputReady();
  return true;
}

void ProbeLink::leave(network::CloseMode mode) {
  user_ = nullptr;
  connection_->close(mode);
}

void ProbeLink::onConnected() {
  if (user_ == nullptr) return;
  // Without anybody listening, a local port that happens to be the endpoint's connects to itself.
  if (connection_->localAddress() == connection_->remoteAddress()) {
    ProbeLinkUser& user = *std::exchange(user_, nullptr);
    leave(network::CloseMode::kReset);
    return user.onLinkGone("connect: nobody listens there", /*ours=*/false);
  }
  up_ = true;
  user_->onLinkUp();
}

void ProbeLink::onData(buffer::Buffer& data, bool end_stream) {
  if (user_ == nullptr) return data.clear();
  user_->onLinkData(data, end_stream);
}

void ProbeLink::onClose(network::CloseReason reason) {
  owner_.bury(*this);
  if (user_ == nullptr) return;
  const bool ours =
      reason == network::CloseReason::kConnectFailed && wantsResources(connection_->lastError());
  std::exchange(user_, nullptr)->onLinkGone(whyOf(reason), ours);
}

std::string ProbeLink::whyOf(network::CloseReason reason) const {
  const std::string_view when = up_ ? "" : " during the handshake";
  switch (reason) {
    case network::CloseReason::kConnectFailed:
      return base::concat("connect: ", std::generic_category().message(connection_->lastError()));
    case network::CloseReason::kConnectTimeout:
      return "connect: no answer";
    case network::CloseReason::kTransportError: {
      std::string why = connection_->transport().reason();
      return why.empty() ? "the transport failed" : why;
    }
    case network::CloseReason::kReset:
      return base::concat("the connection was reset", when);
    case network::CloseReason::kRemote:
      return base::concat("the connection was closed", when);
    case network::CloseReason::kLocal:
      break;
  }
  return "the connection was given up";
}

ProbeLinks::ProbeLinks(base::ServiceMap& services, network::ConnectingSocket socket,
                       const std::shared_ptr<const network::TransportSocketFactory>& transport)
    : io_(services.get<network::IoContext>()),
      socket_(socket),
      transport_(transport),
      bound_(bind(transport, services)) {}

ProbeLinks::~ProbeLinks() {
  destroyAll(open_);
  destroyAll(gone_);
}

ProbeLink& ProbeLinks::connect(const upstream::ProbeTarget& target, ProbeLinkUser& user) {
  std::unique_ptr<network::TransportSocket> transport;
  if (bound_ != nullptr) transport = bound_->create({});
  const std::vector<network::Address> others = otherAddresses(target);
  network::ConnectOptions options;
  options.timeout = kConnectTimeout;
  options.socket = socket_;
  options.more_addresses = others;
  auto* const link = new ProbeLink(
      *this, user,
      network::Connection::connect(io_, target.address, std::move(transport), options));
  open_.pushBack(*link);
  return *link;
}

void ProbeLinks::bury(ProbeLink& link) {
  gone_.pushBack(link);
  if (!linked()) io_.dispatcher().atTurnEnd(*this);
}

void ProbeLinks::destroyAll(List& list) {
  while (ProbeLink* const link = list.popFront()) delete link;
}

}  // namespace weir::plugin
