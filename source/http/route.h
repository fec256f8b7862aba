#pragma once

#include <string_view>

#include "source/http/message.h"
#include "source/http/stream_info.h"

namespace weir::http {

// What the HTTP layer needs to know of a route; router::RouteEntry implements it. Immutable.
class Route {
 public:
  virtual std::string_view name() const = 0;  // empty when the user gave none
  virtual std::string_view virtualHostName() const = 0;
  virtual std::string_view clusterName() const = 0;  // empty for redirects and direct responses

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

}  // namespace weir::http
