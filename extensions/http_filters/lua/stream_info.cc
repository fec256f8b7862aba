#include "extensions/http_filters/lua/bindings.h"
#include "extensions/http_filters/lua/facts.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/route.h"
#include "source/lua/facts.h"
#include "source/network/address.h"
#include "source/network/connection.h"

// What is known of an exchange and of its connection: streamInfo(), connectionStreamInfo(),
// connection(), route(), virtualHost(); and what a script may say of both.
namespace weir::extensions::http_filters::lua {
namespace {

using http::DynamicMetadata;
using http::StreamInfo;
using network::Address;
using weir::lua::checkHandle;
using weir::lua::checkText;
using weir::lua::pushAddress;
using weir::lua::pushHandle;
using weir::lua::pushText;
using weir::lua::raise;

StreamInfo& infoOf(lua_State* L, const HandleType& type) {
  return checkHandle<LuaStream>(L, 1, type).handle().info();
}

template <const HandleType& type>
int pushObject(lua_State* L) {
  LuaStream& stream = checkStream(L);
  pushHandle(L, type, &stream, stream.coroutine().scope());
  return 1;
}

// ---- streamInfo() -----------------------------------------------------------------------------

LuaStream& checkInfo(lua_State* L) {
  return checkHandle<LuaStream>(L, 1, kStreamInfoType);
}

int protocol(lua_State* L) {
  pushText(L, http::versionText(checkInfo(L).handle().requestHead().version));
  return 1;
}

int routeName(lua_State* L) {
  const http::Route* const route = checkInfo(L).handle().route();
  pushText(L, route == nullptr ? std::string_view() : route->name());
  return 1;
}

int virtualClusterName(lua_State* L) {
  checkInfo(L);
  pushText(L, {});
  return 1;
}

int requestedServerName(lua_State* L) {
  pushText(L, checkInfo(L).handle().info().requested_server_name);
  return 1;
}

int downstreamRemoteAddress(lua_State* L) {
  pushAddress(L, infoOf(L, kStreamInfoType).downstream_remote);
  return 1;
}

int downstreamDirectRemoteAddress(lua_State* L) {
  pushAddress(L, infoOf(L, kStreamInfoType).downstream_direct);
  return 1;
}

int downstreamDirectLocalAddress(lua_State* L) {
  const StreamInfo& info = infoOf(L, kStreamInfoType);
  const Address* address = info.downstream_local;
  if (address == nullptr && info.downstream_connection != nullptr) {
    address = &info.downstream_connection->localAddress();
  }
  pushAddress(L, address);
  return 1;
}

// Where the client wanted to go, when a redirect rule has sent it here.
int downstreamLocalAddress(lua_State* L) {
  const network::ConnectionInfo* const connection = infoOf(L, kStreamInfoType).connection_info;
  if (connection == nullptr || !connection->original_destination) {
    return downstreamDirectLocalAddress(L);
  }
  pushAddress(L, &*connection->original_destination);
  return 1;
}

int upstreamHost(lua_State* L) {
  pushAddress(L, infoOf(L, kStreamInfoType).upstream_address);
  return 1;
}

int drainConnectionUponCompletion(lua_State* L) {
  LuaStream& stream = checkInfo(L);
  if (!stream.isRequest() && stream.headGone()) {
    raise(L, "drainConnectionUponCompletion() came too late: the response has begun");
  }
  stream.handle().closeAfterResponse();
  return 0;
}

int pushDownstreamTls(lua_State* L, LuaStream& stream) {
  const network::SecurityInfo* const security = stream.handle().info().downstream_tls;
  if (security == nullptr) return pushNil(L);
  pushHandle(L, kTlsType, const_cast<network::SecurityInfo*>(security), stream.coroutine().scope());
  return 1;
}

int downstreamSslConnection(lua_State* L) {
  return pushDownstreamTls(L, checkInfo(L));
}

// Weir has no typed metadata, so none has any.
template <const HandleType& type>
int dynamicTypedMetadata(lua_State* L) {
  checkHandle<LuaStream>(L, 1, type);
  checkText(L, 2);
  return pushNil(L);
}

template <const HandleType& from, const HandleType& to>
int subObject(lua_State* L) {
  LuaStream& stream = checkHandle<LuaStream>(L, 1, from);
  pushHandle(L, to, &stream, stream.coroutine().scope());
  return 1;
}

constexpr luaL_Reg kInfoMethods[] = {
    {"protocol", &protocol},
    {"routeName", &routeName},
    {"virtualClusterName", &virtualClusterName},
    {"requestedServerName", &requestedServerName},
    {"downstreamRemoteAddress", &downstreamRemoteAddress},
    {"downstreamDirectRemoteAddress", &downstreamDirectRemoteAddress},
    {"downstreamLocalAddress", &downstreamLocalAddress},
    {"downstreamDirectLocalAddress", &downstreamDirectLocalAddress},
    {"upstreamHost", &upstreamHost},
    {"downstreamSslConnection", &downstreamSslConnection},
    {"drainConnectionUponCompletion", &drainConnectionUponCompletion},
    {"dynamicMetadata", &subObject<kStreamInfoType, kDynamicMetadataType>},
    {"dynamicTypedMetadata", &dynamicTypedMetadata<kStreamInfoType>},
    {"filterState", &subObject<kStreamInfoType, kFilterStateType>},
    {nullptr, nullptr}};

// ---- filterState() ----------------------------------------------------------------------------

void pushAsText(lua_State* L) {
  if (lua_isboolean(L, -1)) return pushText(L, lua_toboolean(L, -1) != 0 ? "true" : "false");
  if (lua_isnumber(L, -1)) return static_cast<void>(lua_tolstring(L, -1, nullptr));
  if (lua_type(L, -1) != LUA_TSTRING) lua_pushnil(L);
}

// Filters leave for each other what they know in dynamic metadata: get("user") is what
// "filter_state" has of that name, get("user", "name") a field of that, or of the namespace "user".
int getFilterState(lua_State* L) {
  const DynamicMetadata* const all = infoOf(L, kFilterStateType).dynamic_metadata;
  const std::string_view object = checkText(L, 2);
  const std::string_view field = lua_isnoneornil(L, 3) ? std::string_view() : checkText(L, 3);
  if (all == nullptr) return pushNil(L);
  const DynamicMetadata::Value* found = all->find("filter_state", object);
  if (!lua_isnoneornil(L, 3)) {
    const auto* const nested =
        found == nullptr ? nullptr : std::get_if<const http::MetadataValue*>(found);
    if (nested != nullptr) {
      const http::MetadataValue* const member = (*nested)->find(field);
      if (member == nullptr) return pushNil(L);
      pushValue(L, *member);
      pushAsText(L);
      return 1;
    }
    found = all->find(object, field);
  }
  if (found == nullptr) return pushNil(L);
  pushValue(L, *found);
  pushAsText(L);
  return 1;
}

constexpr luaL_Reg kFilterStateMethods[] = {{"get", &getFilterState}, {nullptr, nullptr}};

// ---- connection(), connectionStreamInfo() -----------------------------------------------------

int ssl(lua_State* L) {
  return pushDownstreamTls(L, checkHandle<LuaStream>(L, 1, kConnectionType));
}

constexpr luaL_Reg kConnectionMethods[] = {{"ssl", &ssl}, {nullptr, nullptr}};

// The value of a PROXY header's TLV, by its type.
int proxyTlv(lua_State* L) {
  const network::ConnectionInfo* const info = infoOf(L, kConnectionStreamInfoType).connection_info;
  const lua_Integer type = luaL_checkinteger(L, 2);
  if (info == nullptr) return pushNil(L);
  for (const auto& tlv : info->proxy_tlvs) {
    if (tlv.type != type) continue;
    pushText(L, tlv.value);
    return 1;
  }
  return pushNil(L);
}

constexpr luaL_Reg kConnectionStreamInfoMethods[] = {
    {"dynamicMetadata", &subObject<kConnectionStreamInfoType, kConnectionMetadataType>},
    {"dynamicTypedMetadata", &dynamicTypedMetadata<kConnectionStreamInfoType>},
    {"proxyTlv", &proxyTlv},
    {nullptr, nullptr}};

// ---- route(), virtualHost() -------------------------------------------------------------------

int routeMetadata(lua_State* L) {
  LuaStream& stream = checkHandle<LuaStream>(L, 1, kRouteType);
  const http::Route* const route = stream.handle().route();
  return pushFilterMetadata(L, stream, route == nullptr ? nullptr : route->metadata());
}

int virtualHostMetadata(lua_State* L) {
  LuaStream& stream = checkHandle<LuaStream>(L, 1, kVirtualHostType);
  const http::Route* const route = stream.handle().route();
  return pushFilterMetadata(L, stream, route == nullptr ? nullptr : route->virtualHostMetadata());
}

constexpr luaL_Reg kRouteMethods[] = {{"metadata", &routeMetadata}, {nullptr, nullptr}};
constexpr luaL_Reg kVirtualHostMethods[] = {{"metadata", &virtualHostMetadata}, {nullptr, nullptr}};

// ---- where to -----------------------------------------------------------------------------------

int setUpstreamOverrideHost(lua_State* L) {
  LuaStream& stream = checkStream(L);
  const std::string_view host = checkText(L, 2);
  const bool strict = lua_toboolean(L, 3) != 0;
  if (!stream.isRequest() || stream.headGone()) {
    raise(L, "setUpstreamOverrideHost() is for requests that have not gone on");
  }
  if (!isIpOrAddress(host)) raise(L, "host is not a valid IP address");
  if (!stream.spend(host.size())) raise(L, "setUpstreamOverrideHost() was called too often");
  StreamInfo& info = stream.handle().info();
  info.override_host = stream.handle().arena().copy(host);
  info.override_strict = strict;
  return 0;
}

}  // namespace

void addFactMethods(Methods& methods) {
  methods.insert(methods.end(), {{"streamInfo", &pushObject<kStreamInfoType>},
                                 {"connection", &pushObject<kConnectionType>},
                                 {"connectionStreamInfo", &pushObject<kConnectionStreamInfoType>},
                                 {"route", &pushObject<kRouteType>},
                                 {"virtualHost", &pushObject<kVirtualHostType>},
                                 {"setUpstreamOverrideHost", &setUpstreamOverrideHost}});
  addSignatureMethods(methods);
  addTimingMethods(methods);
}

void installFacts(lua_State* L, weir::lua::State& state) {
  defineHandle(L, state, kStreamInfoType, kInfoMethods);
  defineHandle(L, state, kFilterStateType, kFilterStateMethods);
  defineHandle(L, state, kConnectionType, kConnectionMethods);
  defineHandle(L, state, kConnectionStreamInfoType, kConnectionStreamInfoMethods);
  defineHandle(L, state, kRouteType, kRouteMethods);
  defineHandle(L, state, kVirtualHostType, kVirtualHostMethods);
  installDynamicMetadata(L, state);
  installTls(L, state);
  installSignatures(L, state);
}

}  // namespace weir::extensions::http_filters::lua
