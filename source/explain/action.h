#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "source/explain/request.h"
#include "source/router/route_table.h"

namespace weir::explain {

using Facts = std::vector<std::pair<std::string, std::string>>;

// "prefix /api", "path /x, and 2 conditions"
std::string describeMatch(const router::RouteEntry& route);

// Of a redirect or direct response.
struct OwnAnswer {
  uint16_t status = 0;
  std::string outcome;
  Facts facts;
};
OwnAnswer ownAnswerOf(const router::RouteEntry& route, Request& request);

// What is done to requests of a route that forwards, and how long they have.
Facts forwardingOf(const router::RouteEntry& route, Request& request);

// The clusters that a route may send the request to. `weight` 0: never.
struct Destination {
  std::string cluster;
  const router::ClusterAction* action = nullptr;  // lives as long as the route
  uint32_t weight = 1;
  double percent = 100;
};
std::vector<Destination> destinationsOf(const router::RouteEntry& route, const Request& request);

}  // namespace weir::explain
