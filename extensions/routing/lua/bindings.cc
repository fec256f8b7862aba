#include "extensions/routing/lua/bindings.h"

#include "source/http/cookies.h"
#include "source/lua/common_facts.h"

namespace weir::extensions::routing::lua {
namespace {

using weir::lua::Fact;
using weir::lua::FactGroup;
using weir::lua::FactType;
using weir::lua::HandleType;

constexpr HandleType kRoutes{"routes object", "request"};

RoutingContext& contextAt(lua_State* L, int index, const HandleType& type) {
  auto& context = weir::lua::checkHandle<RoutingContext>(L, index, type);
  if (context.request == nullptr) {
    weir::lua::raiseMisuse(L, type.name, "used after its route() ended");
  }
  return context;
}

const FactType& requestType();
const FactType& foundType();

RoutingContext& requestAt(lua_State* L, int index) {
  return contextAt(L, index, requestType().handle);
}

int header(lua_State* L) {
  weir::lua::pushHeader(L, requestAt(L, 1).request->headers, 2);
  return 1;
}

// Upvalues: the request, the index of the next field.
int nextHeader(lua_State* L) {
  const auto fields = requestAt(L, lua_upvalueindex(1)).request->headers.fields();
  auto index = static_cast<size_t>(lua_tointeger(L, lua_upvalueindex(2)));
  while (index < fields.size() && fields[index].removed) ++index;
  if (index >= fields.size()) return 0;
  lua_pushinteger(L, static_cast<lua_Integer>(index + 1));
  lua_replace(L, lua_upvalueindex(2));
  weir::lua::pushText(L, fields[index].name);
  weir::lua::pushText(L, fields[index].value);
  return 2;
}

int headers(lua_State* L) {
  requestAt(L, 1);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, &nextHeader, 2);
  return 1;
}

int cookie(lua_State* L) {
  const auto value =
      http::cookieValue(requestAt(L, 1).request->headers, weir::lua::checkText(L, 2));
  value ? weir::lua::pushText(L, *value) : lua_pushnil(L);
  return 1;
}

int metadata(lua_State* L) {
  weir::lua::pushDynamicMetadata(L, *requestAt(L, 1).info, 2);
  return 1;
}

int proxyTlv(lua_State* L) {
  weir::lua::pushProxyTlv(L, requestAt(L, 1).info->connection_info, 2);
  return 1;
}

const http::StreamInfo& infoOf(const void* object) {
  return *static_cast<const RoutingContext*>(object)->info;
}

const FactType& requestType() {
  static const FactGroup kGroups[] = {
      {weir::lua::requestFacts(),
       [](const void* o) -> const void* { return static_cast<const RoutingContext*>(o)->request; }},
      {weir::lua::streamFacts(), [](const void* o) -> const void* { return &infoOf(o); }},
      {weir::lua::securityFacts(), [](const void* o) { return weir::lua::securityOf(infoOf(o)); }},
      {weir::lua::connectionFacts(),
       [](const void* o) { return weir::lua::connectionInfoOf(infoOf(o)); }},
  };
  static constexpr luaL_Reg kMethods[] = {
      {"header", &header},     {"headers", &headers},   {"cookie", &cookie},
      {"metadata", &metadata}, {"proxyTlv", &proxyTlv}, {nullptr, nullptr},
  };
  static const FactType kType{
      {"request object", "request"}, kGroups, kMethods, [](lua_State* L, int index) {
        return static_cast<const void*>(&requestAt(L, index));
      }};
  return kType;
}

int lookup(lua_State* L) {
  RoutingContext& context = contextAt(L, 1, kRoutes);
  context.found = context.table->resolve(*context.request, *context.info);
  if (context.found == nullptr) {
    lua_pushnil(L);
  } else {
    weir::lua::pushContextHandle(L, foundType().handle);
  }
  return 1;
}

int hasCluster(lua_State* L) {
  const RoutingContext& context = contextAt(L, 1, kRoutes);
  const std::string_view name = weir::lua::checkText(L, 2);
  bool there = false;
  { there = static_cast<bool>(context.clusters->find(name)); }
  lua_pushboolean(L, there);
  return 1;
}

constexpr luaL_Reg kRoutesMethods[] = {
    {"lookup", &lookup}, {"hasCluster", &hasCluster}, {nullptr, nullptr}};

template <auto Member>
void ofFound(lua_State* L, const void* object) {
  weir::lua::pushTextOrNil(L, (static_cast<const http::Route*>(object)->*Member)());
}

const FactType& foundType() {
  static constexpr Fact kFacts[] = {
      {"name", ofFound<&http::Route::name>},
      {"virtual_host", ofFound<&http::Route::virtualHostName>},
      {"cluster", ofFound<&http::Route::clusterName>},
  };
  static const FactGroup kGroups[] = {{kFacts}};
  static constexpr luaL_Reg kMethods[] = {{nullptr, nullptr}};
  static const FactType kType{
      {"route object", "request"}, kGroups, kMethods, [](lua_State* L, int index) {
        return static_cast<const void*>(contextAt(L, index, foundType().handle).found);
      }};
  return kType;
}

// Immutable.
class RoutingModule final : public weir::lua::Module {
 public:
  void install(lua_State* L, weir::lua::State& state) const override {
    weir::lua::defineHandle(L, state, kRoutes, kRoutesMethods);
    weir::lua::installContextHandle(L, state, kRoutes);
    weir::lua::defineFacts(L, state, requestType());
    weir::lua::installContextHandle(L, state, requestType().handle);
    weir::lua::defineFacts(L, state, foundType());
    weir::lua::installContextHandle(L, state, foundType().handle);
  }
};

}  // namespace

std::shared_ptr<const weir::lua::Module> routingModule() {
  return std::make_shared<RoutingModule>();
}

int pushArguments(lua_State* L) {
  weir::lua::pushContextHandle(L, requestType().handle);
  weir::lua::pushContextHandle(L, kRoutes);
  return 2;
}

bool isFound(lua_State* L, int index) {
  const auto* const handle = static_cast<const weir::lua::Handle*>(lua_touserdata(L, index));
  return handle->type == &foundType().handle &&
         contextAt(L, index, foundType().handle).found != nullptr;
}

}  // namespace weir::extensions::routing::lua
