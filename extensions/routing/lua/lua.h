#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "source/http/route.h"
#include "source/lua/script.h"

namespace weir::extensions::routing::lua {

// Asks a script's route() for each request. Immutable.
class LuaRouteFactory final : public http::RouteProviderFactory {
 public:
  // `max_routes`: that a worker keeps of what the script has returned.
  LuaRouteFactory(std::shared_ptr<weir::lua::Script> script, size_t max_routes)
      : script_(std::move(script)), max_routes_(max_routes) {}
  // `services` as for HTTP filters.
  std::unique_ptr<http::WorkerRouteProvider> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<weir::lua::Script> script_;
  const size_t max_routes_;
};

}  // namespace weir::extensions::routing::lua
