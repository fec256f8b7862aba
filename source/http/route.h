#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "source/base/service_map.h"
#include "source/http/message.h"
#include "source/http/metadata.h"
#include "source/http/stream_info.h"

namespace weir::http {

// What an HTTP filter has made of its settings for some routes. Filters cast it to what they made.
// Immutable.
class RouteFilterConfig {
 public:
  virtual ~RouteFilterConfig() = default;
};

// What a route says of one filter of its connection manager. Value.
struct RouteFilter {
  uint32_t position = 0;                                 // in ConnectionManagerConfig::filters
  bool disabled = false;                                 // requests of the route pass it by
  std::shared_ptr<const RouteFilterConfig> config = {};  // null: as the filter is configured
};

class PathTemplate;
struct ExchangeRules;

// What the HTTP layer needs to know of a route; router::RouteEntry implements it. Immutable.
class Route {
 public:
  static constexpr uint32_t kNoStatistics = ~uint32_t{0};

  virtual std::string_view name() const = 0;  // empty when the user gave none
  virtual std::string_view virtualHostName() const = 0;
  virtual std::string_view clusterName() const = 0;  // empty for redirects and direct responses
  // Null: nothing else than the filter's own configuration.
  virtual const RouteFilter* filter(uint32_t /*position*/) const { return nullptr; }
  // Null: none.
  virtual const Metadata* metadata() const { return nullptr; }
  virtual const Metadata* virtualHostMetadata() const { return nullptr; }
  // What it matches paths by, when that is a template: captures are
  // pathTemplate()->capture(info.routed_path, name). Null: something else.
  virtual const PathTemplate* pathTemplate() const { return nullptr; }
  // Among ConnectionManagerConfig::route_statistics; kNoStatistics: it has none of its own.
  virtual uint32_t statistics() const { return kNoStatistics; }
  // What holds for the whole exchange, whoever answers. Null: nothing.
  virtual const ExchangeRules* exchangeRules() const { return nullptr; }

 protected:
  ~Route() = default;
};

// Finds the route of a request. Immutable; the compiled route table is the default one.
class RouteResolver {
 public:
  virtual ~RouteResolver() = default;
  // nullptr: 404. The result lives as long as the resolver.
  virtual const Route* resolve(const RequestHead& head, const StreamInfo& info) const = 0;
};

// What a route provider says: one of `table`'s, one of its own, or none (404).
struct ProvidedRoute {
  const Route* route = nullptr;
  // Keeps `route` alive when it was made for the request. The terminal takes only
  // router::RouteEntry.
  std::shared_ptr<const void> owned = {};
};

// Finds routes where a table does not do. Worker-confined.
class WorkerRouteProvider {
 public:
  virtual ~WorkerRouteProvider() = default;
  // Once per request, when the route is first asked for, and again after each clearRouteCache().
  // `table` has the virtual hosts that are configured beside the provider.
  virtual ProvidedRoute resolve(RequestHead& head, StreamInfo& info,
                                const RouteResolver& table) = 0;
};

// What an extension of the category routing makes of its configuration. Immutable; shared by all
// workers, which bind it.
class RouteProviderFactory {
 public:
  virtual ~RouteProviderFactory() = default;
  virtual std::unique_ptr<WorkerRouteProvider> bind(base::ServiceMap& services) const = 0;
};

}  // namespace weir::http
