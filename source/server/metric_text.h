#pragma once

#include <string>
#include <string_view>

#include "source/base/concat.h"

namespace weir::server {

// What stands before the samples of a metric, in the Prometheus text format. `type`: "gauge".
inline std::string metricHeader(std::string_view name, std::string_view type,
                                std::string_view help) {
  return base::concat("# HELP weir_", name, " ", help, "\n# TYPE weir_", name, " ", type, "\n");
}

}  // namespace weir::server
