#pragma once

#include <string_view>

#include "extensions/http_filters/lua/bindings.h"
#include "source/http/dynamic_metadata.h"
#include "source/lua/binding.h"

// What scripts see of an exchange, its connection and its route.
namespace weir::extensions::http_filters::lua {

// All of a LuaStream, unless said otherwise.
inline constexpr HandleType kStreamInfoType{"stream info object", "stream"};
inline constexpr HandleType kConnectionType{"connection object", "stream"};
inline constexpr HandleType kConnectionStreamInfoType{"connection stream info object", "stream"};
inline constexpr HandleType kRouteType{"route object", "stream"};
inline constexpr HandleType kVirtualHostType{"virtual host object", "stream"};
inline constexpr HandleType kDynamicMetadataType{"dynamic metadata object", "stream"};
inline constexpr HandleType kConnectionMetadataType{"connection metadata object", "stream"};
inline constexpr HandleType kFilterStateType{"filter state object", "stream"};
inline constexpr HandleType kTlsType{"ssl connection object", "stream"};  // network::SecurityInfo
inline constexpr HandleType kParsedNameType{"parsed name object", "stream"};  // likewise
inline constexpr HandleType kPublicKeyType{"public key", "script"};

void addSignatureMethods(Methods& methods);  // importPublicKey, verifySignature
void addTimingMethods(Methods& methods);     // sleep

void installDynamicMetadata(lua_State* L, weir::lua::State& state);
void installTls(lua_State* L, weir::lua::State& state);
void installSignatures(lua_State* L, weir::lua::State& state);

// The metadata object for what `metadata`, which may be null, has under the filter's name.
int pushFilterMetadata(lua_State* L, LuaStream& stream, const http::Metadata* metadata);
// Results of a method that has none: one nil, so that f(object:method()) is given a value.
inline int pushNil(lua_State* L) {
  lua_pushnil(L);
  return 1;
}
// What the value at `index` is in metadata: text, number, boolean, or a table of such, of keys that
// are texts or numbers. It lives in a userdata that is pushed, and in the value. nil is null.
// Raises.
http::MetadataValue readValue(lua_State* L, int index);
// "10.0.0.1", "10.0.0.1:80", "::1", "[::1]:80".
bool isIpOrAddress(std::string_view text);

}  // namespace weir::extensions::http_filters::lua
