#include "source/config/route_statistics.h"

#include <map>

#include "api/weir/config/v1/route.pb.h"
#include "source/base/concat.h"

namespace weir::config {
namespace {

// How often each name of a route is given.
std::map<std::string, int> namesOf(const v1::VirtualHost& host) {
  std::map<std::string, int> names;
  for (const v1::Route& route : host.routes()) ++names[route.name()];
  return names;
}

bool wanted(const v1::VirtualHost& host, const v1::Route& route) {
  return route.has_statistics() ? route.statistics() : host.statistics();
}

// Nobody could tell the route's numbers from those of another one.
bool named(const v1::Route& route, const std::map<std::string, int>& names, const Cursor& at) {
  if (route.name().empty()) {
    at.field("name").error("a route with statistics needs a name",
                           "give it one, which no other route of the virtual host has");
    return false;
  }
  if (names.at(route.name()) == 1) return true;
  at.field("name").error(base::concat("several routes of the virtual host are named \"",
                                      route.name(), "\", and this one has statistics"),
                         "give each a name of its own");
  return false;
}

}  // namespace

std::vector<http::RouteStatistics> compileRouteStatistics(
    const google::protobuf::RepeatedPtrField<v1::VirtualHost>& from, const Cursor& at,
    const std::string& manager, stats::Store& store, std::vector<router::VirtualHost>& hosts) {
  std::vector<http::RouteStatistics> ids;
  for (int h = 0; h < from.size(); ++h) {
    const Cursor here = at.at("virtual_hosts", h);
    const std::map<std::string, int> names = namesOf(from[h]);
    for (int r = 0; r < from[h].routes_size(); ++r) {
      const v1::Route& route = from[h].routes(r);
      if (!wanted(from[h], route) || !named(route, names, here.at("routes", r))) continue;
      router::VirtualHost& host = hosts[static_cast<size_t>(h)];
      host.routes[static_cast<size_t>(r)].statistics_index = static_cast<uint32_t>(ids.size());
      ids.push_back(http::RouteStatistics::create(store, manager, host.name, route.name()));
    }
  }
  return ids;
}

}  // namespace weir::config
