#pragma once

#include <memory>
#include <string>

#include "source/http/filter.h"
#include "source/stats/stats.h"

namespace weir::http {

// Metric ids of one filter of one connection manager.
struct FilterStatistics {
  static FilterStatistics create(stats::Store& store, const std::string& manager,
                                 const std::string& filter);
  stats::CounterId requests, answers, nanoseconds;
};

// Makes the filters of another factory, and counts what they do and how long they take. Those whose
// filters are not counted cost nothing. Immutable.
class MeteredFilterFactory final : public HttpFilterFactory {
 public:
  MeteredFilterFactory(std::shared_ptr<const HttpFilterFactory> inner, FilterStatistics ids)
      : inner_(std::move(inner)), ids_(ids) {}
  std::unique_ptr<WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const HttpFilterFactory> inner_;
  const FilterStatistics ids_;
};

}  // namespace weir::http
