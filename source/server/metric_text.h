#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/concat.h"

namespace weir::server {

// What stands before the samples of a metric, in the Prometheus text format. `type`: "gauge".
inline std::string metricHeader(std::string_view name, std::string_view type,
                                std::string_view help) {
  return base::concat("# HELP weir_", name, " ", help, "\n# TYPE weir_", name, " ", type, "\n");
}

// A metric that is one of some totals.
template <class Totals>
struct MetricFamily {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  uint64_t Totals::*value;
};

// What the totals are of: `cluster="c"`.
template <class Totals>
struct MetricRow {
  std::string labels;
  Totals totals;
};

// Those whose name contains `filter`.
template <class Totals>
void appendMetrics(std::span<const MetricFamily<Totals>> families,
                   const std::vector<MetricRow<Totals>>& rows, std::string_view filter,
                   std::string& text) {
  for (const auto& family : families) {
    if (family.name.find(filter) == std::string_view::npos) continue;
    text += metricHeader(family.name, family.type, family.help);
    for (const auto& row : rows) {
      text +=
          base::concat("weir_", family.name, "{", row.labels, "} ", row.totals.*family.value, "\n");
    }
  }
}

}  // namespace weir::server
