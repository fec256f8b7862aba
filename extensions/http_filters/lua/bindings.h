#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/lua/stream.h"
#include "source/http/metadata.h"
#include "source/lua/binding.h"
#include "source/lua/metadata_values.h"
#include "source/lua/module.h"

// What scripts see: the stream handle, whose methods come from several files, and the objects that
// it gives.
namespace weir::extensions::http_filters::lua {

using weir::lua::HandleType;

inline constexpr HandleType kStreamType{"stream handle", "stream"};      // LuaStream
inline constexpr HandleType kFieldsType{"header object", "stream"};      // Fields
inline constexpr HandleType kBodyType{"buffer object", "stream"};        // Body
inline constexpr HandleType kMetadataType{"metadata object", "stream"};  // const MetadataValue

// The global functions of a script, in the order of ScriptConfig::entry_points.
std::vector<std::string> entryPointNames();
weir::lua::Function entryPoint(const weir::lua::State& state, Direction direction);

using Methods = std::vector<luaL_Reg>;

// Methods of the stream handle, by file.
void addMessageMethods(Methods& methods);  // headers, body, bodyChunks, trailers
void addCallMethods(Methods& methods);     // httpCall
void addReplyMethods(Methods& methods);    // respond
void addTextMethods(Methods& methods);     // log…, base64Escape, timestamp…
void addFactMethods(Methods& methods);  // streamInfo, connection, route, importPublicKey, sleep…
void addMetadataMethods(Methods& methods);  // metadata, filterContext, clearRouteCache

// Kinds of objects, and globals.
void installFields(lua_State* L, weir::lua::State& state);
void installBody(lua_State* L, weir::lua::State& state);
void installMetadata(lua_State* L, weir::lua::State& state);
void installFacts(lua_State* L, weir::lua::State& state);
void installText(lua_State* L, weir::lua::State& state);
// A global pairs() that honours __pairs of handles: LuaJIT's own does so only when it was built to.
void installPairs(lua_State* L);

// The module of every script of the filter. Immutable.
class LuaModule final : public weir::lua::Module {
 public:
  LuaModule();
  void install(lua_State* L, weir::lua::State& state) const override;

 private:
  Methods methods_;
};

// Whether two handles stand for the same thing: the metamethod __eq.
int sameObject(lua_State* L);

inline LuaStream& checkStream(lua_State* L) {
  return weir::lua::checkHandle<LuaStream>(L, 1, kStreamType);
}
using weir::lua::pushValue;
// A name in lower case.
void pushName(lua_State* L, std::string_view name);

// Results of httpCall().
int pushAnswer(lua_State* L, const http::ResponseHead& head, std::string_view body,
               bool all_values);
int pushFailure(lua_State* L, const http::StreamError& error);

// The fields in the table at `index` (values: string, number, or a list of them), checked; they
// live in a userdata that is pushed. Pseudo-headers are among them. Raises.
struct TableField {
  std::string_view name;
  std::string_view value;
};
std::span<TableField> collectFields(lua_State* L, int index);

}  // namespace weir::extensions::http_filters::lua
