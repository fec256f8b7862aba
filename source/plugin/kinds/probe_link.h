#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/network/connection.h"
#include "source/network/io_context.h"
#include "source/network/transport_socket.h"
#include "source/upstream/health_checker.h"

namespace weir::plugin {

class ProbeLinks;

// Who has a connection to an endpoint. Main-thread only.
class ProbeLinkUser {
 public:
  virtual void onLinkUp() = 0;
  virtual void onLinkData(buffer::Buffer& data, bool end_stream) = 0;
  // The last call, unless he leaves it before. `ours`: it could not even be tried, which says
  // nothing of the endpoint.
  virtual void onLinkGone(std::string_view why, bool ours) = 0;

 protected:
  ~ProbeLinkUser() = default;
};

// One connection of a plugin's probe. Owned by ProbeLinks, and outlives the callback in which it
// ends. Main-thread only.
class ProbeLink final : private network::ConnectionHandler, public base::ListNode<> {
 public:
  ProbeLink(ProbeLinks& owner, ProbeLinkUser& user,
            std::unique_ptr<network::Connection> connection);

  // False when nothing can be written any more.
  bool write(std::string_view bytes);
  // The user hears nothing any more, and it closes; he forgets it.
  void leave(network::CloseMode mode);

 private:
  void onConnected() override;
  void onData(buffer::Buffer& data, bool end_stream) override;
  void onClose(network::CloseReason reason) override;
  std::string whyOf(network::CloseReason reason) const;

  ProbeLinks& owner_;
  ProbeLinkUser* user_;  // null: nobody
  const std::unique_ptr<network::Connection> connection_;
  bool up_ = false;
};

// The connections of one check. Main-thread only. Not destroyed from inside a call of one of them;
// those that are left are closed then.
class ProbeLinks final : private event::TurnEndTask {
 public:
  ProbeLinks(base::ServiceMap& services, network::ConnectingSocket socket,
             const std::shared_ptr<const network::TransportSocketFactory>& transport);
  ~ProbeLinks();

  // Starts connecting; `user` hears of it later, however it ends. Keeps no time.
  ProbeLink& connect(const upstream::ProbeTarget& target, ProbeLinkUser& user);

 private:
  friend class ProbeLink;
  using List = base::IntrusiveList<ProbeLink>;
  void bury(ProbeLink& link);
  static void destroyAll(List& list);
  void onTurnEnd() override { destroyAll(gone_); }

  network::IoContext& io_;
  const network::ConnectingSocket socket_;
  const std::shared_ptr<const network::TransportSocketFactory> transport_;  // null: plain
  const std::unique_ptr<network::WorkerTransportSocketFactory> bound_;      // null: plain
  List open_;
  List gone_;  // closed, until the end of the turn
};

}  // namespace weir::plugin
