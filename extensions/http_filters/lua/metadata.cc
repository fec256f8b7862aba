#include "extensions/http_filters/lua/bindings.h"
#include "extensions/http_filters/lua/facts.h"
#include "extensions/http_filters/lua/lua.h"

// What the route says: metadata(), filterContext(), clearRouteCache().
namespace weir::extensions::http_filters::lua {
namespace {

using http::MetadataField;
using http::MetadataValue;
using weir::lua::checkHandle;
using weir::lua::checkText;
using weir::lua::pushHandle;
using weir::lua::pushText;

constexpr MetadataValue kNothing{.kind = MetadataValue::Kind::kStruct};

// What `metadata` has under the filter's name.
const MetadataValue& ofFilter(const http::Metadata* metadata, const LuaSettings& settings) {
  if (metadata == nullptr) return kNothing;
  const MetadataValue& root = metadata->root();
  if (!settings.metadata_namespace.empty()) {
    const MetadataValue* const named = root.find(settings.metadata_namespace);
    return named != nullptr ? *named : kNothing;
  }
  for (const std::string_view name : {"lua", "envoy.filters.http.lua"}) {
    if (const MetadataValue* const found = root.find(name)) return *found;
  }
  return kNothing;
}

int metadata(lua_State* L) {
  LuaStream& stream = checkStream(L);
  const http::Route* const route = stream.handle().route();
  return pushFilterMetadata(L, stream, route == nullptr ? nullptr : route->metadata());
}

int get(lua_State* L) {
  const auto& value = checkHandle<const MetadataValue>(L, 1, kMetadataType);
  const std::string_view key = checkText(L, 2);
  const MetadataValue* const found = value.find(key);
  found == nullptr ? lua_pushnil(L) : pushValue(L, *found);
  return 1;
}

// Upvalues: the object, the position.
int nextMember(lua_State* L) {
  const auto& value = checkHandle<const MetadataValue>(L, lua_upvalueindex(1), kMetadataType);
  const auto position = static_cast<size_t>(lua_tointeger(L, lua_upvalueindex(2)));
  if (position >= value.count) return 0;
  lua_pushinteger(L, static_cast<lua_Integer>(position) + 1);
  lua_replace(L, lua_upvalueindex(2));
  const MetadataField& member = value.members()[position];
  pushText(L, member.key);
  pushValue(L, member.value);
  return 2;
}

int pairsOfMetadata(lua_State* L) {
  checkHandle<const MetadataValue>(L, 1, kMetadataType);
  lua_settop(L, 1);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, &nextMember, 2);
  return 1;
}

int filterContext(lua_State* L) {
  LuaStream& stream = checkStream(L);
  const auto* const route = static_cast<const LuaRoute*>(stream.handle().routeConfig());
  if (route == nullptr || route->context == nullptr) {
    lua_newtable(L);
  } else {
    pushValue(L, route->context->root().members().front().value);
  }
  return 1;
}

int clearRouteCache(lua_State* L) {
  LuaStream& stream = checkStream(L);
  if (stream.isRequest() && !stream.headGone()) stream.handle().clearRouteCache();
  return 0;
}

constexpr luaL_Reg kMethods[] = {{"get", &get}, {nullptr, nullptr}};
constexpr luaL_Reg kMeta[] = {{"__pairs", &pairsOfMetadata}, {nullptr, nullptr}};

}  // namespace

int pushFilterMetadata(lua_State* L, LuaStream& stream, const http::Metadata* metadata) {
  const MetadataValue& found = ofFilter(metadata, stream.worker().settings());
  // A route may be of this request only, and give way to another: the handle keeps a copy.
  if (!stream.spend(sizeof found + metadataBytes(found))) {
    weir::lua::raise(L, "metadata() was called too often");
  }
  base::Arena& arena = stream.handle().arena();
  auto* const kept =
      arena.create<MetadataValue>(metadata == nullptr ? kNothing : copyMetadata(found, arena));
  pushHandle(L, kMetadataType, kept, stream.coroutine().scope());
  return 1;
}

void addMetadataMethods(Methods& methods) {
  methods.insert(methods.end(), {{"metadata", &metadata},
                                 {"filterContext", &filterContext},
                                 {"clearRouteCache", &clearRouteCache}});
}

void installMetadata(lua_State* L, weir::lua::State& state) {
  defineHandle(L, state, kMetadataType, kMethods, kMeta);
}

}  // namespace weir::extensions::http_filters::lua
