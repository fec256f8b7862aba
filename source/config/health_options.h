#pragma once

#include <optional>
#include <string>

#include "source/config/diagnostics.h"
#include "source/config/snapshot.h"
#include "source/upstream/endpoint.h"
#include "source/upstream/health_policy.h"

namespace weir::config::v1 {
class Cluster;
class Drain;
class Endpoint;
class Health;
class HealthCheck;
class OutlierDetection;
}  // namespace weir::config::v1

// Reading what a configuration says about the health of endpoints: each function reports what is
// wrong at `at`, the message's cursor.
namespace weir::config {

upstream::CheckTimes readCheckTimes(const v1::HealthCheck& from, const Cursor& at);
upstream::OutlierPolicy readOutlierPolicy(const v1::OutlierDetection& from, const Cursor& at);
upstream::DrainPolicy readDrainPolicy(const v1::Drain& from, const Cursor& at);
upstream::OperatorState readEndpointState(const v1::Endpoint& from);
HealthConfig readHealth(const v1::Health& from, const Cursor& at);

}  // namespace weir::config
