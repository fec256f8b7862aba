#pragma once

#include <string_view>

#include "extensions/http_filters/lua/bindings.h"
#include "source/base/ascii.h"

// What the methods of header objects share.
namespace weir::extensions::http_filters::lua {

// Visits the values of a name until `visit` says false.
template <class F>
void eachValue(const http::HeaderMap& map, std::string_view name, F&& visit) {
  const http::HeaderId id = http::headerId(name);
  for (const http::HeaderMap::Field& field : map.fields()) {
    if (field.removed || field.id != id) continue;
    if (id == http::HeaderId::kOther && !base::equalsIgnoreCase(field.name, name)) continue;
    if (!visit(field.value)) return;
  }
}

// After a change of `fields`: what the route depends on may be another.
void fieldsChanged(const Fields& fields);

// Puts quicker functions for get() and replace() in front of these.
void installShortWay(lua_State* L, const weir::lua::State& state, lua_CFunction get,
                     lua_CFunction replace);

}  // namespace weir::extensions::http_filters::lua
