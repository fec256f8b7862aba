#include "source/http/route_statistics.h"

#include "source/http/route.h"

namespace weir::http {

RouteStatistics RouteStatistics::create(stats::Store& store, const std::string& manager,
                                        const std::string& virtual_host, const std::string& route) {
  const stats::Labels labels{
      {"manager", manager}, {"virtual_host", virtual_host}, {"route", route}};
  RouteStatistics ids;
  ids.requests = store.counter("http_route_requests_total", "Exchanges of the route.", labels);
  for (int i = 0; i < 5; ++i) {
    stats::Labels with_class = labels;
    with_class.emplace_back("class", std::string(1, static_cast<char>('1' + i)) + "xx");
    ids.responses_by_class[i] = store.counter(
        "http_route_responses_total", "Final responses of the route, by class.", with_class);
  }
  ids.resets = store.counter("http_route_resets_total",
                             "Exchanges of the route that ended without a response.", labels);
  ids.duration_us = store.histogram("http_route_request_microseconds",
                                    "From the first byte of the request to the end of the "
                                    "exchange, in microseconds.",
                                    labels);
  return ids;
}

RouteCells::RouteCells(std::span<const RouteStatistics> ids, stats::Block& block) {
  for (const RouteStatistics& id : ids) {
    Cells& cells = cells_.emplace_back();
    cells.requests = &block.counter(id.requests);
    for (size_t i = 0; i < cells.responses_by_class.size(); ++i) {
      cells.responses_by_class[i] = &block.counter(id.responses_by_class[i]);
    }
    cells.resets = &block.counter(id.resets);
    cells.duration_us = &block.histogram(id.duration_us);
  }
}

void RouteCells::count(const StreamInfo& info, uint64_t took_us) {
  const uint32_t index = info.route == nullptr ? Route::kNoStatistics : info.route->statistics();
  if (index >= cells_.size()) return;
  const Cells& cells = cells_[index];
  cells.requests->add();
  cells.duration_us->record(took_us);
  const unsigned status_class = info.status / 100u;
  if (status_class >= 1 && status_class <= 5) {
    cells.responses_by_class[status_class - 1]->add();
  } else {
    cells.resets->add();
  }
}

}  // namespace weir::http
