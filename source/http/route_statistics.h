#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/stream_info.h"
#include "source/stats/stats.h"

namespace weir::http {

// Metric ids of a route that has statistics of its own. Labels {manager, virtual_host, route}.
struct RouteStatistics {
  static RouteStatistics create(stats::Store& store, const std::string& manager,
                                const std::string& virtual_host, const std::string& route);
  stats::CounterId requests, responses_by_class[5], resets;
  stats::HistogramId duration_us;
};

// The same, resolved for one worker, for all routes that have them. Worker-confined.
class RouteCells {
 public:
  RouteCells(std::span<const RouteStatistics> ids, stats::Block& block);
  bool empty() const { return cells_.empty(); }
  // An exchange is over.
  void count(const StreamInfo& info, uint64_t took_us);

 private:
  struct Cells {
    stats::Cell* requests;
    std::array<stats::Cell*, 5> responses_by_class;
    stats::Cell* resets;
    stats::HistogramCell* duration_us;
  };
  std::vector<Cells> cells_;  // by Route::statistics()
};

}  // namespace weir::http
