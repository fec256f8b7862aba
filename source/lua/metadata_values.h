#pragma once

#include "source/http/dynamic_metadata.h"
#include "source/http/metadata.h"
#include "source/lua/binding.h"

namespace weir::lua {

// As Lua has them: lists and structs are tables.
void pushValue(lua_State* L, const http::MetadataValue& value);
void pushValue(lua_State* L, const http::DynamicMetadata::Value& value);

}  // namespace weir::lua
