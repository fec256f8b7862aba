#include "source/http/connection_manager_worker.h"

#include <algorithm>
#include <utility>

#include "source/base/ascii.h"

namespace weir::http {

ConnectionManagerWorker::Cells::Cells(const ConnectionManagerStats& stats, stats::Block& block)
    : requests(block.counter(stats.requests)),
      resets(block.counter(stats.resets)),
      protocol_errors(block.counter(stats.protocol_errors)),
      head_timeouts(block.counter(stats.head_timeouts)),
      idle_timeouts(block.counter(stats.idle_timeouts)),
      upgrades(block.counter(stats.upgrades)),
      active_connections(block.gauge(stats.active_connections)),
      active_streams(block.gauge(stats.active_streams)),
      duration_us(block.histogram(stats.duration_us)),
      http2(stats.http2, block) {
  for (size_t i = 0; i < responses_by_class.size(); ++i) {
    responses_by_class[i] = &block.counter(stats.responses_by_class[i]);
  }
  for (size_t i = 0; i < grpc_responses.size(); ++i) {
    grpc_responses[i] = &block.counter(stats.grpc_responses[i]);
  }
}

ConnectionManagerWorker::ConnectionManagerWorker(
    std::shared_ptr<const ConnectionManagerConfig> config, const ConnectionManagerStats& stats,
    base::ServiceMap& services)
    : config_(std::move(config)),
      dispatcher_(services.get<event::Dispatcher>()),
      io_(services.get<network::IoContext>()),
      cells_(stats, services.get<stats::Block>()),
      route_cells_(config_->route_statistics, services.get<stats::Block>()),
      recent_(services.find<RecentRequests>()) {
  if (config_->route_provider) route_provider_ = config_->route_provider->bind(services);
  for (const auto& filter : config_->filters) filters_.push_back(filter.factory->bind(services));
  for (const auto& logger : config_->access_loggers) loggers_.push_back(logger->bind(services));
  terminal_ = config_->terminal->bind(services);
  if (!config_->forwarded.via.empty()) {
    via_ = {"1.0 " + config_->forwarded.via, "1.1 " + config_->forwarded.via,
            "2.0 " + config_->forwarded.via};
  }
}

ConnectionManagerWorker::~ConnectionManagerWorker() = default;

Http1Session& ConnectionManagerWorker::acquireSession() {
  if (Http1Session* session = sessions_.popFront()) return *session;
  return *all_sessions_.emplace_back(std::make_unique<Http1Session>(*this));
}

ServerStream& ConnectionManagerWorker::acquireStream() {
  if (ServerStream* stream = streams_.popFront()) return *stream;
  return *all_streams_.emplace_back(std::make_unique<ServerStream>(*this));
}

void ConnectionManagerWorker::retireStream(ServerStream& stream) {
  retired_.pushBack(stream);
  if (kept_for_reaper_) return;
  kept_for_reaper_ = base::LocalRef<ConnectionManagerWorker>(this);
  dispatcher_.deferDelete(std::unique_ptr<event::DeferredDeletable>(&reaper_));
}

void ConnectionManagerWorker::reap() {
  // May be the last reference: nothing of this object is touched after it is dropped.
  base::LocalRef<ConnectionManagerWorker> self = std::move(kept_for_reaper_);
  while (ServerStream* stream = retired_.popFront()) {
    stream->recycle();
    streams_.pushFront(*stream);
  }
}

void ConnectionManagerWorker::addFiltersFrom(uint32_t first, FilterChain& chain,
                                             base::Arena& arena) {
  if (config_->routes_set_filters) chain.askRouteForFilters();
  for (uint32_t position = first; position < filters_.size(); ++position) {
    if (HttpFilter* filter = filters_[position]->create(arena)) chain.addFilter(*filter, position);
  }
}

void ConnectionManagerWorker::log(const ServerStream& stream) {
  for (const auto& logger : loggers_) {
    logger->log(stream.request(), stream.response(), stream.responseTrailers(), stream.info());
  }
  if (recent_ != nullptr && recent_->enabled()) remember(stream);
}

void ConnectionManagerWorker::remember(const ServerStream& stream) {
  const std::optional<uint32_t> filter = stream.chain().answeredBy();
  recent_->add(
      stream.request(), stream.info(),
      {.local = stream.chain().repliedLocally(),
       .filter = filter ? std::string_view(config_->filters[*filter].name) : std::string_view()});
}

std::string_view ConnectionManagerWorker::date() {
  const event::SystemTime now = dispatcher_.systemNow();
  if (now - date_from_ >= std::chrono::seconds(1) || now < date_from_) {
    date_from_ = std::chrono::floor<std::chrono::seconds>(now);
    base::formatHttpDate(date_from_, date_);
  }
  return {date_.data(), date_.size()};
}

bool ConnectionManagerWorker::upgradeAllowed(std::string_view protocol) const {
  return std::any_of(
      config_->upgrades.begin(), config_->upgrades.end(),
      [&](const std::string& allowed) { return base::equalsIgnoreCase(allowed, protocol); });
}

}  // namespace weir::http
