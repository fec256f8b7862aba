#include "source/server/listen_sockets.h"

#include <utility>

namespace weir::server {
namespace {

// Whether sockets for one serve the other.
bool sameSockets(const network::ListenerConfig& a, const network::ListenerConfig& b) {
  return a.address == b.address && (a.udp_filter == nullptr) == (b.udp_filter == nullptr);
}

}  // namespace

absl::StatusOr<std::vector<BoundListener>> ListenSockets::update(const config::Snapshot& snapshot) {
  std::map<std::string, BoundListener> next;
  std::vector<BoundListener> all;
  for (const auto& config : snapshot.listeners) {
    BoundListener bound{config, nullptr, nullptr};
    const auto running = bound_.find(config->name);
    if (running != bound_.end() && sameSockets(*running->second.config, *config)) {
      bound.sockets = running->second.sockets;
      bound.budget = running->second.budget;
    } else {
      auto sockets = network::ListenSocketSet::bind(*config, workers_);
      if (!sockets.ok()) return sockets.status();
      bound.sockets = *std::move(sockets);
      bound.budget = std::make_shared<network::ConnectionBudget>(0);
    }
    all.push_back(bound);
    next.emplace(config->name, std::move(bound));
  }
  for (const BoundListener& bound : all) bound.budget->setLimit(bound.config->max_connections);
  bound_ = std::move(next);
  return all;
}

}  // namespace weir::server
