#include <algorithm>
#include <cmath>
#include <new>

#include "extensions/network_filters/lua/bindings.h"
#include "source/lua/facts.h"

// conn:httpCall().
namespace weir::extensions::network_filters::lua {
namespace {

using weir::lua::pushText;
using weir::lua::raise;

constexpr double kMostSeconds = 24 * 3600;
constexpr int kMaxHeaders = 128;

// The text of a field of the table at 2; its string stays on the stack, so that it is not
// collected.
std::string_view textField(lua_State* L, const char* name, std::string_view fallback) {
  lua_getfield(L, 2, name);
  if (lua_isnil(L, -1)) return fallback;
  if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "httpCall: %s is no string", name);
  size_t size = 0;
  const char* const text = lua_tolstring(L, -1, &size);
  return {text, size};
}

std::chrono::milliseconds timeoutField(lua_State* L, std::chrono::milliseconds fallback) {
  lua_getfield(L, 2, "timeout");
  if (lua_isnil(L, -1)) return fallback;
  const lua_Number seconds = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
  if (!(seconds > 0 && seconds <= kMostSeconds)) {
    raise(L, "httpCall: timeout has to be more than 0 and at most 86400 seconds");
  }
  return std::chrono::milliseconds(static_cast<int64_t>(std::ceil(seconds * 1000)));
}

// A script that misspells an option shall hear of it.
void checkNames(lua_State* L) {
  static constexpr std::string_view kNames[] = {"cluster", "method",  "scheme", "host",
                                                "path",    "headers", "body",   "timeout"};
  lua_pushnil(L);
  while (lua_next(L, 2) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) raise(L, "httpCall: options have names");
    const char* const name = lua_tostring(L, -2);
    if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames)) {
      luaL_error(L, "httpCall: there is no option \"%s\"", name);
    }
    lua_pop(L, 1);
  }
}

// The texts stay in the table, which stays on the stack, as does the memory of the list.
std::span<const router::HttpCallField> headerFields(lua_State* L) {
  lua_getfield(L, 2, "headers");
  if (lua_isnil(L, -1)) return {};
  luaL_argcheck(L, lua_istable(L, -1), 2, "headers is no table");
  const int table = lua_gettop(L);
  auto* const fields = static_cast<router::HttpCallField*>(
      lua_newuserdata(L, kMaxHeaders * sizeof(router::HttpCallField)));
  size_t count = 0;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) {
      raise(L, "httpCall: names and values of headers are strings");
    }
    if (count == kMaxHeaders) raise(L, "httpCall: there are more than 128 headers");
    size_t name_size = 0;
    size_t value_size = 0;
    const char* const name = lua_tolstring(L, -2, &name_size);
    const char* const value = lua_tolstring(L, -1, &value_size);
    new (&fields[count++]) router::HttpCallField{{name, name_size}, {value, value_size}};
    lua_pop(L, 1);
  }
  return {fields, count};
}

void begin(LuaFilter& filter, router::HttpCallRequest& request, std::string_view body) {
  buffer::Buffer bytes(filter.connection().io().blocks());
  bytes.append(body);
  if (!body.empty()) request.body = &bytes;
  filter.startCall(request);
}

}  // namespace

// httpCall{cluster, host, path, method, scheme, headers, body, timeout}
int httpCall(lua_State* L) {
  LuaFilter& filter = checkConnection(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checkstack(L, 24, "httpCall");
  weir::lua::checkMayYield(L);
  if (!filter.mayWait()) raise(L, "another connection cannot wait here");
  if (filter.shared().calls == nullptr) raise(L, "httpCall: calls are not possible here");
  checkNames(L);
  router::HttpCallRequest request;
  request.cluster = textField(L, "cluster", {});
  request.method = textField(L, "method", request.method);
  request.scheme = textField(L, "scheme", request.scheme);
  request.authority = textField(L, "host", request.cluster);
  request.path = textField(L, "path", request.path);
  request.timeout = timeoutField(L, request.timeout);
  request.send_xff = false;
  const std::string_view body = textField(L, "body", {});
  request.fields = headerFields(L);
  if (request.cluster.empty()) raise(L, "httpCall: cluster is missing");
  begin(filter, request, body);
  return lua_yield(L, 0);
}

int pushAnswer(lua_State* L, const router::HttpCallAnswer& answer, std::string_view body) {
  luaL_checkstack(L, 8, "answer");
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, answer.head.status);
  lua_setfield(L, -2, "status");
  pushText(L, body);
  lua_setfield(L, -2, "body");
  lua_newtable(L);
  const int table = lua_gettop(L);
  for (const http::HeaderMap::Field& field : answer.head.headers.fields()) {
    if (field.removed) continue;
    char name[256];
    const size_t size = std::min(field.name.size(), sizeof name);
    std::transform(field.name.begin(), field.name.begin() + size, name,
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    pushText(L, {name, size});
    lua_pushvalue(L, -1);
    lua_rawget(L, table);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      pushText(L, field.value);
    } else {
      lua_pushliteral(L, ", ");
      pushText(L, field.value);
      lua_concat(L, 3);
    }
    lua_rawset(L, table);
  }
  lua_setfield(L, -2, "headers");
  return 1;
}

int pushFailure(lua_State* L, const http::StreamError& error) {
  lua_pushnil(L);
  const uint16_t status = http::statusFor(error);
  if (error.reason == http::ErrorReason::kNoCluster) {
    lua_pushliteral(L, "no cluster");
  } else if (error.origin == http::ErrorOrigin::kLocal &&
             error.reason == http::ErrorReason::kProtocol) {
    lua_pushliteral(L, "the request cannot be sent: host, path, method or a header is malformed");
  } else {
    lua_pushstring(L, status == 504 ? "timeout" : status == 502 ? "bad answer" : "no answer");
  }
  return 2;
}

}  // namespace weir::extensions::network_filters::lua
