#pragma once

#include <memory>

#include "source/http/route.h"
#include "source/lua/module.h"
#include "source/upstream/cluster_set.h"

struct lua_State;

namespace weir::extensions::routing::lua {

// What a script sees of the request whose route is looked for; the context of its states.
// Worker-confined.
struct RoutingContext {
  // Null outside of route(), as what follows.
  http::RequestHead* request = nullptr;
  http::StreamInfo* info = nullptr;
  const http::RouteResolver* table = nullptr;
  const http::Route* found = nullptr;  // what routes:lookup() has found
  upstream::ClusterSet* clusters = nullptr;
};

// `request`, `routes` and what routes:lookup() returns.
std::shared_ptr<const weir::lua::Module> routingModule();
// Pushes `request` and `routes`.
int pushArguments(lua_State* L);
// Whether the handle at `index` is what routes:lookup() has returned.
bool isFound(lua_State* L, int index);

}  // namespace weir::extensions::routing::lua
