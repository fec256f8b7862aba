#pragma once

#include <array>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/base/random.h"
#include "source/base/time.h"
#include "source/event/dispatcher.h"
#include "source/http/connection_manager.h"
#include "source/http/http1_session.h"
#include "source/http/http2/stats.h"
#include "source/http/recent_requests.h"
#include "source/http/route_statistics.h"
#include "source/http/server_stream.h"
#include "source/network/io_context.h"

namespace weir::http {

// One connection manager's configuration as one worker has it: everything that its connections
// share, so that an idle one needs only a pointer to it. Sessions and streams are kept here for the
// next request. Worker-confined; kept alive by the connections and streams that use it.
class ConnectionManagerWorker final : public FilterSource {
 public:
  ConnectionManagerWorker(std::shared_ptr<const ConnectionManagerConfig> config,
                          const ConnectionManagerStats& stats, base::ServiceMap& services);
  ~ConnectionManagerWorker() override;

  const ConnectionManagerConfig& config() const { return *config_; }
  event::Dispatcher& dispatcher() { return dispatcher_; }
  buffer::BlockPool& blocks() { return io_.blocks(); }
  base::Random& random() { return random_; }

  // Cells of this worker.
  struct Cells {
    Cells(const ConnectionManagerStats& stats, stats::Block& block);
    stats::Cell& requests;
    std::array<stats::Cell*, 5> responses_by_class;
    std::array<stats::Cell*, kGrpcStatuses> grpc_responses;
    stats::Cell& resets;
    stats::Cell& protocol_errors;
    stats::Cell& head_timeouts;
    stats::Cell& idle_timeouts;
    stats::Cell& upgrades;
    stats::Cell& active_connections;
    stats::Cell& active_streams;
    stats::HistogramCell& duration_us;
    http2::Cells http2;
  };
  Cells& cells() { return cells_; }

  Http1Session& acquireSession();
  void releaseSession(Http1Session& session) { sessions_.pushFront(session); }
  ServerStream& acquireStream();
  // The stream is over; it is cleaned for reuse when no frame of it is on the stack any more.
  void retireStream(ServerStream& stream);

  void addFilters(FilterChain& chain, base::Arena& arena) { addFiltersFrom(0, chain, arena); }
  void addFiltersBehind(uint32_t position, FilterChain& chain, base::Arena& arena) override {
    addFiltersFrom(position + 1, chain, arena);
  }
  // Null: the table alone decides.
  WorkerRouteProvider* routeProvider() { return route_provider_.get(); }
  Terminal& createTerminal(FilterChain& chain, base::Arena& arena) override {
    return terminal_->create(arena, chain);
  }
  bool observed() const { return !filters_.empty() || !loggers_.empty(); }
  // For the route's own statistics, if it has any.
  void countRoute(const StreamInfo& info, uint64_t took_us) {
    if (!route_cells_.empty()) route_cells_.count(info, took_us);
  }
  void log(const ServerStream& stream);

  // The value of Date, renewed once a second.
  std::string_view date();
  // "1.1 pseudonym" and the like; empty when Via is not configured.
  std::string_view via(Version version) const { return via_[static_cast<size_t>(version)]; }
  bool upgradeAllowed(std::string_view protocol) const;

 private:
  // Handed to Dispatcher::deferDelete instead of the streams, so that this costs no allocation:
  // "deleting" it cleans them and leaves it where it is.
  class Reaper final : public event::DeferredDeletable {
   public:
    explicit Reaper(ConnectionManagerWorker& worker) : worker_(worker) {}
    static void operator delete(Reaper* reaper, std::destroying_delete_t) {
      reaper->worker_.reap();
    }

   private:
    ConnectionManagerWorker& worker_;
  };
  void reap();
  void remember(const ServerStream& stream);
  void addFiltersFrom(uint32_t first, FilterChain& chain, base::Arena& arena);

  const std::shared_ptr<const ConnectionManagerConfig> config_;
  event::Dispatcher& dispatcher_;
  network::IoContext& io_;
  Cells cells_;
  base::Random random_;
  std::unique_ptr<WorkerRouteProvider> route_provider_;
  std::vector<std::unique_ptr<WorkerHttpFilterFactory>> filters_;
  std::vector<std::unique_ptr<AccessLogger>> loggers_;
  RouteCells route_cells_;
  RecentRequests* const recent_;  // null: nobody remembers
  std::unique_ptr<WorkerTerminalFactory> terminal_;
  std::array<std::string, 3> via_;  // by Version

  event::SystemTime date_from_;
  std::array<char, base::kHttpDateSize> date_;

  std::vector<std::unique_ptr<Http1Session>> all_sessions_;
  std::vector<std::unique_ptr<ServerStream>> all_streams_;
  base::IntrusiveList<Http1Session> sessions_;  // unused ones
  base::IntrusiveList<ServerStream> streams_;
  base::IntrusiveList<ServerStream> retired_;
  Reaper reaper_{*this};
  base::LocalRef<ConnectionManagerWorker> kept_for_reaper_;  // while one is due
};

}  // namespace weir::http
