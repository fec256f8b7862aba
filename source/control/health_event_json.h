#pragma once

#include <string>

#include "source/control/health_events.h"

namespace weir::control {

// One event as a JSON object on one line, without the newline: the schema that docs/operating.md
// describes. What is no UTF-8 in names and causes is replaced.
std::string healthEventJson(const HealthEvent& event);

}  // namespace weir::control
