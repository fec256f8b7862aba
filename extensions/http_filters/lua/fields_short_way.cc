#include "extensions/http_filters/lua/fields.h"
#include "extensions/http_filters/lua/lua.h"
#include "extensions/http_filters/lua/pseudo_headers.h"
#include "source/http/semantics.h"

// The short way: get() and replace() are what most scripts are made of. A call of a C function ends
// a trace of the compiler, a call by FFI does not: it takes less than half the time. The two here
// do what can be done without raising anything; for the rest the functions of fields.cc are called.
// Both are as good as those in what they refuse.
namespace weir::extensions::http_filters::lua {
namespace {

struct Text {
  const char* data;
  size_t size;
};

// Null: only the long way knows what to say.
Fields* usable(const weir::lua::Handle* handle) {
  if (handle->type != &kFieldsType || handle->generation != handle->scope->generation()) {
    return nullptr;
  }
  auto* const fields = static_cast<Fields*>(handle->object);
  const bool runs = fields->stream->coroutine().state().currentScope() == handle->scope;
  return runs ? fields : nullptr;
}

// 1: there is one; 0: there is none; -1: ask the long way.
int shortGet(const weir::lua::Handle* handle, const char* name, size_t size, Text* out) {
  const Fields* const fields = usable(handle);
  const std::string_view wanted(name, size);
  if (fields == nullptr || pseudoOf(*fields, wanted) != Pseudo::kNone) return -1;
  int count = 0;
  eachValue(*fields->map, wanted, [&](std::string_view value) {
    *out = {value.data(), value.size()};
    return ++count < 2;
  });
  return count < 2 ? count : -1;
}

// 1: done; 0: ask the long way.
int shortReplace(const weir::lua::Handle* handle, const char* name, size_t size, const char* text,
                 size_t text_size) {
  Fields* const fields = usable(handle);
  const std::string_view wanted(name, size);
  const std::string_view value(text, text_size);
  if (fields == nullptr || fields->iterating || fields->kind == Fields::Kind::kTrailers ||
      fields->stream->headGone() || pseudoOf(*fields, wanted) != Pseudo::kNone ||
      http::headerId(wanted) == http::HeaderId::kContentLength || !http::isToken(wanted) ||
      !http::isFieldValue(value) || !fields->stream->spend(size + text_size)) {
    return 0;
  }
  fields->map->set(wanted, value);
  fieldsChanged(*fields);
  return 1;
}

// A tail call, so that errors name the line of the script.
constexpr std::string_view kShortWay = R"lua(
local ffi, get_address, replace_address, long_get, long_replace = ...
ffi.cdef[[
struct weir_text { const char* data; size_t size; };
]]
local get = ffi.cast("int (*)(const void*, const char*, size_t, struct weir_text*)", get_address)
local replace = ffi.cast("int (*)(const void*, const char*, size_t, const char*, size_t)", replace_address)
local out = ffi.new("struct weir_text[1]")
local type, text = type, ffi.string
return function(self, name)
  if type(self) == "userdata" and type(name) == "string" then
    local found = get(self, name, #name, out)
    if found == 1 then
      local value = text(out[0].data, out[0].size)
      return value
    end
    if found == 0 then return nil end
  end
  return long_get(self, name)
end, function(self, name, value)
  if type(self) == "userdata" and type(name) == "string" and type(value) == "string" and
     replace(self, name, #name, value, #value) == 1 then
    return
  end
  return long_replace(self, name, value)
end
)lua";

}  // namespace

void installShortWay(lua_State* L, const weir::lua::State& state, lua_CFunction get,
                     lua_CFunction replace) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, state.metatable(kFieldsType));
  lua_getfield(L, -1, "__index");
  lua_pushlightuserdata(L, reinterpret_cast<void*>(&shortGet));
  lua_pushlightuserdata(L, reinterpret_cast<void*>(&shortReplace));
  lua_pushcfunction(L, get);
  lua_pushcfunction(L, replace);
  weir::lua::runPrelude(L, "=weir.headers", kShortWay, 4, 2);
  lua_setfield(L, -3, "replace");
  lua_setfield(L, -2, "get");
  lua_pop(L, 2);
}

}  // namespace weir::extensions::http_filters::lua
