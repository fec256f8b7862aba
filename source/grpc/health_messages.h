#pragma once

#include <string>
#include <string_view>

#include "source/grpc/health_probe.h"

namespace weir::grpc {

inline constexpr std::string_view kHealthCheckPath = "/grpc.health.v1.Health/Check";
inline constexpr std::string_view kHealthWatchPath = "/grpc.health.v1.Health/Watch";

// The request for the health of `service`.
std::string healthRequest(std::string_view service);
// What the bytes of an answer say.
HealthResult readHealth(std::string_view response);
// What a status other than OK says.
HealthResult healthOf(const Status& status);

}  // namespace weir::grpc
