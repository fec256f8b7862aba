#include <array>
#include <charconv>

#include "extensions/http_filters/lua/bindings.h"
#include "extensions/http_filters/lua/lua.h"
#include "source/base/ascii.h"

// httpCall().
namespace weir::extensions::http_filters::lua {
namespace {

using weir::lua::checkMayYield;
using weir::lua::checkText;
using weir::lua::pushText;
using weir::lua::raise;

constexpr double kMaxTimeoutMs = 24.0 * 3600 * 1000;

struct Options {
  std::chrono::milliseconds timeout{15'000};
  bool asynchronous = false;
  bool all_values = false;
  bool send_xff = true;
};

std::chrono::milliseconds checkTimeout(lua_State* L, int index) {
  const lua_Number number = luaL_checknumber(L, index);
  if (!(number >= 0)) raise(L, "http call timeout must be >= 0");
  return std::chrono::milliseconds(static_cast<int64_t>(std::min(number, kMaxTimeoutMs)));
}

bool checkFlag(lua_State* L, int index, const char* what) {
  if (!lua_isboolean(L, index)) {
    luaL_error(L, "http call: %s must be true or false", what);
  }
  return lua_toboolean(L, index) != 0;
}

void readOption(lua_State* L, Options& to) {
  if (lua_type(L, -2) != LUA_TSTRING) raise(L, "http call: options have names");
  size_t size = 0;
  const char* const text = lua_tolstring(L, -2, &size);
  const std::string_view name(text, size);
  if (name == "timeout_ms") {
    to.timeout = checkTimeout(L, -1);
  } else if (name == "asynchronous") {
    to.asynchronous = checkFlag(L, -1, text);
  } else if (name == "return_duplicate_headers") {
    to.all_values = checkFlag(L, -1, text);
  } else if (name == "send_xff") {
    to.send_xff = checkFlag(L, -1, text);
  } else if (name == "trace_sampled") {
    checkFlag(L, -1, text);  // nothing is traced
  } else {
    luaL_error(L, "http call: there is no option \"%s\"", text);
  }
}

Options checkOptions(lua_State* L) {
  Options options;
  if (lua_type(L, 5) == LUA_TTABLE) {
    lua_pushnil(L);
    while (lua_next(L, 5) != 0) {
      readOption(L, options);
      lua_pop(L, 1);
    }
    return options;
  }
  if (!lua_isnoneornil(L, 5)) options.timeout = checkTimeout(L, 5);
  if (!lua_isnoneornil(L, 6)) options.asynchronous = checkFlag(L, 6, "asynchronous");
  return options;
}

// Takes the pseudo-headers out of `fields`, into the request.
std::span<TableField> readHead(std::span<TableField> fields, router::HttpCallRequest& request) {
  size_t kept = 0;
  request.method = request.path = {};
  for (const TableField& field : fields) {
    const std::string_view name = field.name;
    if (name == ":method") {
      request.method = field.value;
    } else if (name == ":path") {
      request.path = field.value;
    } else if (name == ":authority" ||
               (base::equalsIgnoreCase(name, "host") && request.authority.empty())) {
      request.authority = field.value;
    } else if (name == ":scheme") {
      request.scheme = field.value;
    } else if (name.front() != ':') {
      fields[kept++] = field;
    }
  }
  return fields.first(kept);
}

int httpCall(lua_State* L) {
  LuaStream& stream = checkStream(L);
  lua_settop(L, 6);
  router::HttpCallRequest request;
  request.cluster = checkText(L, 2);
  const std::string_view body = lua_isnoneornil(L, 4) ? std::string_view() : checkText(L, 4);
  const Options options = checkOptions(L);
  const std::span<TableField> fields = readHead(collectFields(L, 3), request);
  if (request.method.empty() || request.path.empty() || request.authority.empty()) {
    raise(L, "http call headers must include ':path', ':method', and ':authority'");
  }
  static_assert(sizeof(router::HttpCallField) == sizeof(TableField));
  auto* const sent = static_cast<router::HttpCallField*>(
      lua_newuserdata(L, fields.size() * sizeof(router::HttpCallField) + 1));
  for (size_t i = 0; i < fields.size(); ++i) {
    new (&sent[i]) router::HttpCallField{fields[i].name, fields[i].value};
  }
  request.fields = {sent, fields.size()};
  request.timeout = options.timeout;
  request.send_xff = options.send_xff;
  if (!options.asynchronous) checkMayYield(L);
  const bool begun = options.asynchronous ? stream.startAndForget(request, body)
                                          : stream.startCall(request, body, options.all_values);
  if (!begun) raise(L, "http calls are not possible here");
  if (options.asynchronous) return 0;
  stream.wait(LuaStream::Wait::kCall);
  return lua_yield(L, 0);
}

void pushStatus(lua_State* L, uint16_t status) {
  std::array<char, 8> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), status).ptr;
  pushText(L, {text.data(), static_cast<size_t>(end - text.data())});
}

// Adds the value on top, for the name under it, to the list in `table`.
void appendValue(lua_State* L, int table) {
  lua_pushvalue(L, -2);
  lua_rawget(L, table);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return lua_rawset(L, table);
  }
  if (!lua_istable(L, -1)) {
    lua_createtable(L, 2, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, -3);  // name
    lua_pushvalue(L, -2);  // list
    lua_rawset(L, table);
  }
  lua_insert(L, -2);  // name, list, value
  lua_rawseti(L, -2, static_cast<int>(lua_objlen(L, -2)) + 1);
  lua_pop(L, 2);
}

}  // namespace

int pushAnswer(lua_State* L, const http::ResponseHead& head, std::string_view body,
               bool all_values) {
  luaL_checkstack(L, 8, "headers");
  lua_createtable(L, 0, static_cast<int>(head.headers.size()) + 1);
  const int table = lua_gettop(L);
  pushStatus(L, head.status);
  lua_setfield(L, table, ":status");
  for (const http::HeaderMap::Field& field : head.headers.fields()) {
    if (field.removed) continue;
    pushName(L, field.name);
    pushText(L, field.value);
    all_values ? appendValue(L, table) : lua_rawset(L, table);
  }
  body.empty() ? lua_pushnil(L) : pushText(L, body);
  return 2;
}

int pushFailure(lua_State* L, const http::StreamError& error) {
  if (error.reason == http::ErrorReason::kNoCluster) {
    raise(L, "http call cluster invalid. Must be configured");
  }
  if (error.origin == http::ErrorOrigin::kLocal && error.reason == http::ErrorReason::kProtocol) {
    raise(L,
          "http call: the request cannot be sent: ':path', ':method', ':authority' or a header "
          "is malformed");
  }
  const bool late = http::statusFor(error) == 504;
  lua_createtable(L, 0, 1);
  pushStatus(L, late ? 504 : 503);
  lua_setfield(L, -2, ":status");
  pushText(L, late ? "upstream request timeout" : "upstream failure");
  return 2;
}

void addCallMethods(Methods& methods) {
  methods.push_back({"httpCall", &httpCall});
}

}  // namespace weir::extensions::http_filters::lua
