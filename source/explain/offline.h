#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"

#include "source/config/snapshot.h"
#include "source/explain/inquiry.h"
#include "source/stats/stats.h"

namespace weir::explain {

// Takes the second step of `inquiry` with clusters as they are when a process begins: nothing is
// connected, checked or resolved. `stats`: what the snapshot was compiled with.
absl::Status askOffline(Inquiry& inquiry, const config::Snapshot& snapshot, stats::Store& stats);

}  // namespace weir::explain
