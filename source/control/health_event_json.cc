#include "source/control/health_event_json.h"

#include "nlohmann/json.hpp"

#include "source/base/time.h"
#include "source/upstream/endpoint_health.h"

namespace weir::control {

std::string healthEventJson(const HealthEvent& event) {
  using Kind = HealthEvent::Kind;
  char time[base::kRfc3339Size];
  nlohmann::ordered_json json = {{"time", base::formatRfc3339(event.time, time)},
                                 {"sequence", event.sequence},
                                 {"kind", eventName(event.kind)},
                                 {"cluster", event.cluster},
                                 {"endpoint", event.endpoint},
                                 {"address", event.address}};
  switch (event.kind) {
    case Kind::kHealth:
    case Kind::kEjected:
    case Kind::kReturned:
      json["from"] = upstream::healthName(event.from);
      json["to"] = upstream::healthName(event.to);
      break;
    case Kind::kDraining:
      json["connections"] = event.connections;
      json["requests"] = event.requests;
      break;
    case Kind::kDrained:
      json["finished"] = event.finished;
      break;
    case Kind::kDrainEnded:
      json["connections"] = event.connections;
      json["requests"] = event.requests;
      json["finished"] = event.finished;
      break;
  }
  json["revision"] = event.revision;
  json["source"] = event.source;
  json["cause"] = event.cause;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace weir::control
