#include "extensions/http_filters/lua/bindings.h"

// What the stream handle gives of a message: its head, its body, its trailers; and the buffer
// object.
namespace weir::extensions::http_filters::lua {
namespace {

using weir::lua::checkHandle;
using weir::lua::checkMayYield;
using weir::lua::checkText;
using weir::lua::pushHandle;
using weir::lua::pushText;
using weir::lua::raise;
using Wait = LuaStream::Wait;

int headers(lua_State* L) {
  LuaStream& stream = checkStream(L);
  pushHandle(L, kFieldsType, &stream.head(), stream.coroutine().scope());
  return 1;
}

int body(lua_State* L) {
  LuaStream& stream = checkStream(L);
  const bool always = lua_toboolean(L, 2) != 0;
  if (Body* const whole = stream.wholeBody()) {
    if (whole->bytes == nullptr) raise(L, "cannot call body() after the body has gone on");
    if (whole->bytes->empty() && !always) return 0;
    pushHandle(L, kBodyType, whole, stream.coroutine().scope());
    return 1;
  }
  if (stream.headGone()) {
    raise(L, stream.messageEnded() ? "cannot call body() after body has been streamed"
                                   : "cannot call body() after body streaming has started");
  }
  checkMayYield(L);
  stream.wrapEmptyBody(always);
  stream.wait(Wait::kBody);
  return lua_yield(L, 0);
}

int nextChunk(lua_State* L) {
  LuaStream& stream = checkHandle<LuaStream>(L, lua_upvalueindex(1), kStreamType);
  if (stream.messageEnded()) return 0;
  checkMayYield(L);
  stream.wait(Wait::kChunk);
  return lua_yield(L, 0);
}

int bodyChunks(lua_State* L) {
  const LuaStream& stream = checkStream(L);
  if (stream.bodySeen()) raise(L, "cannot call bodyChunks after body processing has begun");
  lua_settop(L, 1);
  lua_pushcclosure(L, &nextChunk, 1);
  return 1;
}

int trailers(lua_State* L) {
  LuaStream& stream = checkStream(L);
  if (Fields* const fields = stream.trailers()) {
    pushHandle(L, kFieldsType, fields, stream.coroutine().scope());
    return 1;
  }
  if (stream.messageEnded()) return 0;
  checkMayYield(L);
  stream.wait(Wait::kTrailers);
  return lua_yield(L, 0);
}

// ---- the buffer object ------------------------------------------------------------------------

Body& checkBody(lua_State* L) {
  Body& body = checkHandle<Body>(L, 1, kBodyType);
  if (body.bytes == nullptr) {
    weir::lua::raiseMisuse(L, kBodyType.name, "used after its bytes have gone on");
  }
  return body;
}

int length(lua_State* L) {
  lua_pushinteger(L, static_cast<lua_Integer>(checkBody(L).bytes->size()));
  return 1;
}

int getBytes(lua_State* L) {
  const Body& body = checkBody(L);
  const lua_Integer index = luaL_checkinteger(L, 2);
  const lua_Integer length = luaL_checkinteger(L, 3);
  const auto size = static_cast<lua_Integer>(body.bytes->size());
  if (index < 0 || length < 0 || index > size || length > size - index) {
    raise(L, "index/length must be >= 0 and (index + length) must be <= buffer size");
  }
  const std::string_view bytes = body.bytes->linearize(static_cast<size_t>(index + length));
  pushText(L, bytes.substr(static_cast<size_t>(index)));
  return 1;
}

int setBytes(lua_State* L) {
  Body& body = checkBody(L);
  const std::string_view bytes = checkText(L, 2);
  if (const char* const wrong = body.stream->setBytes(body, bytes)) raise(L, wrong);
  lua_pushinteger(L, static_cast<lua_Integer>(bytes.size()));
  return 1;
}

constexpr luaL_Reg kBodyMethods[] = {
    {"length", &length}, {"getBytes", &getBytes}, {"setBytes", &setBytes}, {nullptr, nullptr}};
constexpr luaL_Reg kBodyMeta[] = {{"__eq", &sameObject}, {nullptr, nullptr}};

}  // namespace

void addMessageMethods(Methods& methods) {
  methods.insert(methods.end(), {{"headers", &headers},
                                 {"body", &body},
                                 {"bodyChunks", &bodyChunks},
                                 {"trailers", &trailers}});
}

void installBody(lua_State* L, weir::lua::State& state) {
  defineHandle(L, state, kBodyType, kBodyMethods, kBodyMeta);
}

}  // namespace weir::extensions::http_filters::lua
