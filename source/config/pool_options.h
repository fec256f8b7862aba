#pragma once

#include "source/config/diagnostics.h"
#include "source/upstream/cluster.h"
#include "source/upstream/endpoint.h"

namespace weir::config::v1 {
class Cluster;
class Endpoint;
}  // namespace weir::config::v1

// Reading what a cluster says about its connections and limits: each function reports what is wrong
// at `at`, the message's cursor.
namespace weir::config {

// Timeouts, limits, queue, retries, connections. After the protocol and original_source.
void readPoolOptions(const v1::Cluster& from, const Cursor& at, upstream::ClusterConfig& to);

// The endpoint's own limits.
void readEndpointLimits(const v1::Endpoint& from, const Cursor& at, upstream::Endpoint& to);

}  // namespace weir::config
