#pragma once

struct lua_State;

namespace weir::lua {

inline constexpr int kMaxJsonDepth = 100;

// weir.json.encode(value) and weir.json.decode(text). Encoding raises what has no JSON; decoding
// returns nil and a message for what is none.
int encodeJson(lua_State* L);
int decodeJson(lua_State* L);

}  // namespace weir::lua
