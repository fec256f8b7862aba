#include "source/upstream/endpoint_health.h"

namespace weir::upstream {

Health combinedHealth(OperatorState state, Health checked, bool ejected) {
  switch (state) {
    case OperatorState::kDisabled:
      return Health::kDisabled;
    case OperatorState::kDraining:
      return Health::kDraining;
    case OperatorState::kEnabled:
      break;
  }
  return ejected ? Health::kUnhealthy : checked;
}

std::string_view stateName(OperatorState state) {
  switch (state) {
    case OperatorState::kEnabled:
      return "enabled";
    case OperatorState::kDraining:
      return "draining";
    case OperatorState::kDisabled:
      return "disabled";
  }
  return "";
}

bool serves(Health health) {
  switch (health) {
    case Health::kUnknown:
    case Health::kHealthy:
    case Health::kDegraded:
      return true;
    case Health::kUnhealthy:
    case Health::kDraining:
    case Health::kDisabled:
      return false;
  }
  return false;
}

std::string_view healthName(Health health) {
  switch (health) {
    case Health::kUnknown:
      return "unknown";
    case Health::kHealthy:
      return "healthy";
    case Health::kDegraded:
      return "degraded";
    case Health::kUnhealthy:
      return "unhealthy";
    case Health::kDraining:
      return "draining";
    case Health::kDisabled:
      return "disabled";
  }
  return "";
}

}  // namespace weir::upstream
