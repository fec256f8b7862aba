#pragma once

#include <string>

#include "extensions/routing/lua/table_reader.h"
#include "source/router/route_table.h"

namespace weir::extensions::routing::lua {

// Reads the table on top of the stack into `entry`, whose cluster is not looked up, but for its
// `hash`. False: reader.problem() says what is wrong.
bool readResult(lua_State* L, TableReader& reader, router::RouteEntry& entry);

// The field `hash` of the table on top: a text, or a number. Nothing when there is none, or it is
// something else; readResult() says that.
std::optional<uint64_t> readHash(lua_State* L);

// The option `retry`.
bool readRetry(TableReader& reader, lua_State* L, void* entry);

}  // namespace weir::extensions::routing::lua
