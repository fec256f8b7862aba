#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "source/base/intrusive_list.h"
#include "source/base/service_map.h"
#include "source/buffer/buffer.h"
#include "source/event/dispatcher.h"
#include "source/network/connection.h"
#include "source/network/io_context.h"
#include "source/network/transport_socket.h"
#include "source/upstream/cluster.h"
#include "source/upstream/health_checker.h"

namespace weir::upstream {

class ProbeConnections;

// Why a connection is no more. Value.
struct ConnectionLoss {
  // It could not even be tried, for want of descriptors, ports or memory here: says nothing about
  // the endpoint.
  bool ours = false;
  std::string reason = {};  // "connect: Connection refused"
};

// Who has a connection, while he has it. Main-thread only.
class ProbeConnectionUser {
 public:
  // The connection and its transport (TLS) are up.
  virtual void onUp() = 0;
  // As network::ConnectionHandler::onData().
  virtual void onData(buffer::Buffer& data, bool end_stream) = 0;
  // The last call, unless he leaves the connection before.
  virtual void onGone(const ConnectionLoss& loss) = 0;

 protected:
  ~ProbeConnectionUser() = default;
};

// What lives as long as a connection: a codec. Main-thread only.
class ProbeCompanion {
 public:
  virtual ~ProbeCompanion() = default;
};

// One connection of a check to an endpoint. It is owned by ProbeConnections and outlives the
// callback in which it ends, so that everybody may end it at any time. Main-thread only.
class ProbeConnection final : private network::ConnectionHandler, public base::ListNode<> {
 public:
  ProbeConnection(ProbeConnections& owner, ProbeConnectionUser& user,
                  std::unique_ptr<network::Connection> connection);
  ~ProbeConnection();

  network::Connection& network() { return *connection_; }
  void setCompanion(std::unique_ptr<ProbeCompanion> companion) {
    companion_ = std::move(companion);
  }
  // The user hears nothing any more. The connection stays open: leave() is to follow.
  void dropUser() { user_ = nullptr; }
  // Likewise, and it closes; the user forgets it.
  void leave(network::CloseMode mode);

 private:
  void onConnected() override;
  void onData(buffer::Buffer& data, bool end_stream) override;
  void onClose(network::CloseReason reason) override;
  ConnectionLoss lossFor(network::CloseReason reason) const;

  ProbeConnections& owner_;
  ProbeConnectionUser* user_;  // null: nobody
  const std::unique_ptr<network::Connection> connection_;
  std::unique_ptr<ProbeCompanion> companion_;
  bool up_ = false;
};

// The connections of one check: made over the check's transport, which is bound once, from the
// addresses that the cluster connects from. Main-thread only. Not destroyed from inside a call of
// one of them; those that are left are closed then.
class ProbeConnections final : private event::TurnEndTask {
 public:
  // `server_name`: what TLS asks for where it goes by the host; may be empty.
  ProbeConnections(base::ServiceMap& services, const ClusterConfig& cluster,
                   const CheckSettings& settings, std::string server_name = {});
  ~ProbeConnections();

  network::IoContext& io() { return io_; }
  // Keep a connection for the next probe.
  bool reuse() const { return reuse_; }
  bool secure() const { return transport_ != nullptr && transport_->secure(); }
  // Starts connecting; `user` hears of it later, however it ends. Keeps no time.
  ProbeConnection& connect(const ProbeTarget& target, ProbeConnectionUser& user);

 private:
  friend class ProbeConnection;
  using List = base::IntrusiveList<ProbeConnection>;
  void bury(ProbeConnection& connection);
  static void destroyAll(List& list);
  void onTurnEnd() override { destroyAll(gone_); }

  network::IoContext& io_;
  const std::shared_ptr<const network::TransportSocketFactory> transport_;  // null: plain
  const std::unique_ptr<network::WorkerTransportSocketFactory> bound_;      // null: plain
  const std::string server_name_;
  network::ConnectingSocket socket_;
  const bool reuse_;
  List open_;
  List gone_;  // closed, until the end of the turn
};

}  // namespace weir::upstream
