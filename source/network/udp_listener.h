#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/network/io_context.h"
#include "source/network/listener.h"
#include "source/network/udp_filter.h"
#include "source/network/udp_send_queue.h"
#include "source/stats/stats.h"

namespace weir::network {

// One datagram listener on one worker: reads in batches, gives the filter what came, and sends its
// answers, gathered over a loop turn. Worker-confined.
class UdpListener final : public event::FdHandler, public event::TurnEndTask, public UdpFilterHost {
 public:
  // `fd` stays the ListenSocketSet's; `total` is the process-wide budget of connections, may be
  // null. Reads from the first update().
  UdpListener(IoContext& io, base::ServiceMap& services, int fd, const Address& local,
              std::shared_ptr<ConnectionBudget> total, UdpOffload offload = {});
  ~UdpListener();

  // Sessions go on unless the configuration has another kind of filter.
  void update(std::shared_ptr<const ListenerConfig> config);
  // No new sessions. It goes on for those that there are: the socket stays open, because closing it
  // would make the kernel give flows of other workers to other sockets.
  void drain();
  // Ends all sessions and reads no more.
  void closeAll();
  uint32_t sessions() const { return sessions_; }

  void onFdReady(event::FdEvents events) override;
  void onTurnEnd() override;
  void send(const UdpDatagrams& datagrams) override;
  bool acquireSession() override;
  void releaseSession() override;
  const UdpOffload& offload() const override { return offload_; }
  std::string_view listenerName() const override { return name_; }

  static constexpr int kReadsPerEvent = 4;  // of UdpReader::kBatch each; then others get their turn
  static constexpr size_t kQueueBytes = 256 * 1024;
  // From this size on a run is sent at once instead of being copied.
  static constexpr size_t kDirectBytes = 8 * 1024;

 private:
  struct Metrics {
    stats::Cell& received;
    stats::Cell& received_bytes;
    stats::Cell& sent;
    stats::Cell& sent_bytes;
    stats::Cell& no_room;
    stats::Cell& refused;
    stats::Cell& read_errors;
  };
  void bindMetrics();
  void receive(const UdpDatagrams& datagrams);
  void flush();
  void count(const UdpSendResult& result);
  void setBlocked(bool blocked);

  IoContext& io_;
  base::ServiceMap& services_;
  const int fd_;
  const Address local_;
  const std::shared_ptr<ConnectionBudget> total_;
  UdpOffload offload_;
  UdpOffload send_offload_;  // as learnt from what the kernel refused here
  bool runs_ = false;        // UDP_GRO is on
  bool blocked_ = false;     // the socket had no room; wait until it is writable
  std::string name_;
  std::unique_ptr<event::FdWatcher> watcher_;
  std::shared_ptr<const UdpFilterFactory> factory_;
  UdpSendQueue queue_{kQueueBytes};
  std::optional<Metrics> metrics_;
  uint32_t sessions_ = 0;
  std::unique_ptr<UdpFilter> filter_;  // destroyed first: its sessions come back here
};

}  // namespace weir::network
