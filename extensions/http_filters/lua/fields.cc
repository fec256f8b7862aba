#include <algorithm>
#include <array>
#include <charconv>

#include "extensions/http_filters/lua/bindings.h"
#include "extensions/http_filters/lua/lua.h"
#include "source/base/ascii.h"
#include "source/http/semantics.h"

// The header object: heads with their pseudo-headers, and trailers.
namespace weir::extensions::http_filters::lua {
namespace {

using http::HeaderId;
using http::HeaderMap;
using weir::lua::checkHandle;
using weir::lua::checkText;
using weir::lua::pushText;
using weir::lua::raise;

enum class Pseudo : uint8_t { kNone, kMethod, kScheme, kAuthority, kPath, kStatus };

constexpr std::array<std::string_view, 6> kPseudoNames = {"",           ":method", ":scheme",
                                                          ":authority", ":path",   ":status"};

// Which part of the head a name stands for. Host is another name of :authority.
Pseudo pseudoOf(const Fields& fields, std::string_view name) {
  if (name.empty() || fields.kind == Fields::Kind::kTrailers) return Pseudo::kNone;
  if (fields.kind == Fields::Kind::kResponse) {
    return base::equalsIgnoreCase(name, ":status") ? Pseudo::kStatus : Pseudo::kNone;
  }
  if (name.front() != ':') {
    const bool host = name.size() == 4 && base::equalsIgnoreCase(name, "host");
    return host ? Pseudo::kAuthority : Pseudo::kNone;
  }
  for (size_t i = 1; i < static_cast<size_t>(Pseudo::kStatus); ++i) {
    if (base::equalsIgnoreCase(name, kPseudoNames[i])) return static_cast<Pseudo>(i);
  }
  return Pseudo::kNone;
}

// Pushes a part of the head; an absent one is nil.
void pushPseudo(lua_State* L, const Fields& fields, Pseudo part) {
  if (part == Pseudo::kStatus) {
    std::array<char, 8> text;
    const uint16_t status = fields.stream->handle().responseHead().status;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), status).ptr;
    return pushText(L, {text.data(), static_cast<size_t>(end - text.data())});
  }
  const http::RequestHead& head = fields.stream->handle().requestHead();
  const std::string_view value = part == Pseudo::kMethod   ? head.method
                                 : part == Pseudo::kScheme ? head.scheme
                                 : part == Pseudo::kPath   ? head.path
                                                           : head.authority;
  value.empty() ? lua_pushnil(L) : pushText(L, value);
}

// Null, or why not.
const char* setPseudo(Fields& fields, Pseudo part, std::string_view value) {
  if (part == Pseudo::kStatus) {
    uint16_t status = 0;
    if (!http::parseStatus(value, status) || status < 200 || status > 599) {
      return ":status must be between 200 and 599";
    }
    http::ResponseHead& head = fields.stream->handle().responseHead();
    if (head.status != status) head.reason = {};
    head.status = status;
    return nullptr;
  }
  http::RequestHead& head = fields.stream->handle().requestHead();
  if (head.isConnect() || !head.upgrade.empty()) {
    if (part == Pseudo::kMethod) return "the method of a request for a tunnel cannot be changed";
  }
  switch (part) {
    case Pseudo::kMethod:
      if (!http::isMethod(value) || value == "CONNECT") return ":method is no method";
      head.method = head.arena.copy(value);
      return nullptr;
    case Pseudo::kScheme:
      if (value != "http" && value != "https") return ":scheme must be \"http\" or \"https\"";
      head.scheme = head.arena.copy(value);
      return nullptr;
    case Pseudo::kAuthority:
      if (!http::isAuthority(value)) return ":authority is no host or host:port";
      head.authority = head.arena.copy(value);
      if (head.headers.has(HeaderId::kHost)) head.headers.setView(HeaderId::kHost, head.authority);
      return nullptr;
    case Pseudo::kPath:
      if (!http::isTarget(value) || (value.front() != '/' && value != "*")) {
        return ":path must begin with \"/\" and have neither spaces nor \"#\"";
      }
      head.path = head.arena.copy(value);
      return nullptr;
    case Pseudo::kStatus:
    case Pseudo::kNone:
      break;
  }
  return nullptr;
}

Fields& checkFields(lua_State* L) {
  return checkHandle<Fields>(L, 1, kFieldsType);
}

// Visits the values of a name until `visit` says false.
template <class F>
void eachValue(const HeaderMap& map, std::string_view name, F&& visit) {
  const HeaderId id = http::headerId(name);
  for (const HeaderMap::Field& field : map.fields()) {
    if (field.removed || field.id != id) continue;
    if (id == HeaderId::kOther && !base::equalsIgnoreCase(field.name, name)) continue;
    if (!visit(field.value)) return;
  }
}

// Several values in one, with commas between.
void pushJoined(lua_State* L, const HeaderMap& map, std::string_view name) {
  luaL_Buffer joined;
  luaL_buffinit(L, &joined);
  bool first = true;
  eachValue(map, name, [&](std::string_view value) {
    if (!first) luaL_addchar(&joined, ',');
    first = false;
    luaL_addlstring(&joined, value.data(), value.size());
    return true;
  });
  luaL_pushresult(&joined);
}

int get(lua_State* L) {
  const Fields& fields = checkFields(L);
  const std::string_view name = checkText(L, 2);
  if (const Pseudo part = pseudoOf(fields, name); part != Pseudo::kNone) {
    pushPseudo(L, fields, part);
    return 1;
  }
  std::string_view value;
  int count = 0;
  eachValue(*fields.map, name, [&](std::string_view found) {
    if (++count == 1) value = found;
    return count < 2;
  });
  if (count == 0) {
    lua_pushnil(L);
  } else if (count == 1) {
    pushText(L, value);
  } else {
    pushJoined(L, *fields.map, name);
  }
  return 1;
}

int getAtIndex(lua_State* L) {
  const Fields& fields = checkFields(L);
  const std::string_view name = checkText(L, 2);
  lua_Integer index = luaL_checkinteger(L, 3);
  if (const Pseudo part = pseudoOf(fields, name); part != Pseudo::kNone) {
    index == 0 ? pushPseudo(L, fields, part) : lua_pushnil(L);
    return 1;
  }
  std::string_view value;
  bool found = false;
  if (index >= 0) {
    eachValue(*fields.map, name, [&](std::string_view text) {
      found = index-- == 0;
      if (found) value = text;
      return !found;
    });
  }
  found ? pushText(L, value) : lua_pushnil(L);
  return 1;
}

int getNumValues(lua_State* L) {
  const Fields& fields = checkFields(L);
  const std::string_view name = checkText(L, 2);
  lua_Integer count = 0;
  if (const Pseudo part = pseudoOf(fields, name); part != Pseudo::kNone) {
    pushPseudo(L, fields, part);
    count = lua_isnil(L, -1) ? 0 : 1;
  } else {
    count = static_cast<lua_Integer>(fields.map->count(name));
  }
  lua_pushinteger(L, count);
  return 1;
}

Fields& checkModifiable(lua_State* L) {
  Fields& fields = checkFields(L);
  if (fields.iterating) raise(L, "header map cannot be modified while iterating");
  const bool trailers = fields.kind == Fields::Kind::kTrailers;
  if (!trailers && fields.stream->headGone()) raise(L, "header map can no longer be modified");
  return fields;
}

// What the route depends on has changed.
void changed(const Fields& fields) {
  LuaStream& stream = *fields.stream;
  if (fields.kind == Fields::Kind::kRequest && stream.worker().settings().clears_route_cache) {
    stream.handle().clearRouteCache();
  }
}

void checkField(lua_State* L, std::string_view name, std::string_view value) {
  if (!http::isToken(name)) raise(L, "the name of a header has characters that none may have");
  if (!http::isFieldValue(value)) raise(L, "the value of a header has control characters");
}

void spend(lua_State* L, Fields& fields, size_t bytes) {
  if (!fields.stream->spend(bytes)) raise(L, "the script has written too much into the headers");
}

// The length of the message stays what it is: the field is for the eyes of others.
void checkLength(lua_State* L, std::string_view name, std::string_view value) {
  uint64_t length = 0;
  if (http::headerId(name) == HeaderId::kContentLength &&
      !http::parseContentLength(value, length)) {
    raise(L, "content-length must be a number");
  }
}

// In trailers nothing may stand that frames, routes or authenticates. Null, or why not.
const char* checkTrailer(HeaderMap& map, std::string_view name) {
  if (http::validateTrailers(map).reason == http::ErrorReason::kNone) return nullptr;
  map.remove(name);
  return "trailers cannot have this header";
}

template <bool kReplace>
int put(lua_State* L) {
  Fields& fields = checkModifiable(L);
  const std::string_view name = checkText(L, 2);
  const std::string_view value = checkText(L, 3);
  spend(L, fields, name.size() + value.size());
  const char* wrong = nullptr;
  if (const Pseudo part = pseudoOf(fields, name); part != Pseudo::kNone) {
    wrong = setPseudo(fields, part, value);
  } else {
    checkField(L, name, value);
    checkLength(L, name, value);
    kReplace ? fields.map->set(name, value) : fields.map->add(name, value);
    if (fields.kind == Fields::Kind::kTrailers) wrong = checkTrailer(*fields.map, name);
  }
  if (wrong != nullptr) raise(L, wrong);
  changed(fields);
  return 0;
}

int remove(lua_State* L) {
  Fields& fields = checkModifiable(L);
  const std::string_view name = checkText(L, 2);
  if (pseudoOf(fields, name) != Pseudo::kNone) raise(L, "a pseudo-header cannot be removed");
  fields.map->remove(name);
  if (fields.kind != Fields::Kind::kTrailers && http::headerId(name) == HeaderId::kContentLength &&
      !fields.stream->messageEnded()) {
    http::BodyFraming& framing = fields.stream->framing();
    if (framing == http::BodyFraming::kContentLength) framing = http::BodyFraming::kChunked;
  }
  changed(fields);
  return 0;
}

int setHttp1ReasonPhrase(lua_State* L) {
  Fields& fields = checkModifiable(L);
  const std::string_view phrase = checkText(L, 2);
  if (fields.kind != Fields::Kind::kResponse) {
    raise(L, "a reason phrase belongs to the head of a response");
  }
  if (!http::isFieldValue(phrase)) raise(L, "the reason phrase has control characters");
  spend(L, fields, phrase.size());
  http::ResponseHead& head = fields.stream->handle().responseHead();
  head.reason = head.arena.copy(phrase);
  return 0;
}

// Where pairs() stands: pseudo-headers first, then the fields. Upvalues: the object, the position.
constexpr int kFirstOfRequest = static_cast<int>(Pseudo::kMethod);

int nextField(lua_State* L) {
  Fields& fields = checkHandle<Fields>(L, lua_upvalueindex(1), kFieldsType);
  auto position = static_cast<size_t>(lua_tointeger(L, lua_upvalueindex(2)));
  constexpr auto kPseudos = static_cast<size_t>(Pseudo::kStatus) + 1;
  const auto advance = [&](size_t to) {
    lua_pushinteger(L, static_cast<lua_Integer>(to));
    lua_replace(L, lua_upvalueindex(2));
  };
  for (; position < kPseudos; ++position) {
    const auto part = static_cast<Pseudo>(position);
    if (pseudoOf(fields, kPseudoNames[position]) != part || part == Pseudo::kNone) continue;
    pushText(L, kPseudoNames[position]);
    pushPseudo(L, fields, part);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 2);
      continue;
    }
    advance(position + 1);
    return 2;
  }
  const auto all = fields.map->fields();
  for (size_t i = position - kPseudos; i < all.size(); ++i) {
    const bool host = fields.kind == Fields::Kind::kRequest && all[i].id == HeaderId::kHost;
    if (all[i].removed || host) continue;
    advance(kPseudos + i + 1);
    pushName(L, all[i].name);
    pushText(L, all[i].value);
    return 2;
  }
  fields.iterating = false;
  return 0;
}

int pairsOfFields(lua_State* L) {
  Fields& fields = checkFields(L);
  if (fields.iterating) {
    raise(L, "cannot create a second iterator before completing the first");
  }
  lua_settop(L, 1);
  lua_pushinteger(L, kFirstOfRequest);
  lua_pushcclosure(L, &nextField, 2);
  fields.iterating = true;
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"get", &get},
                                 {"getAtIndex", &getAtIndex},
                                 {"getNumValues", &getNumValues},
                                 {"add", &put<false>},
                                 {"replace", &put<true>},
                                 {"remove", &remove},
                                 {"setHttp1ReasonPhrase", &setHttp1ReasonPhrase},
                                 {nullptr, nullptr}};
constexpr luaL_Reg kMeta[] = {
    {"__pairs", &pairsOfFields}, {"__eq", &sameObject}, {nullptr, nullptr}};

// ---- the short way ----------------------------------------------------------------------------
//
// get() and replace() are what most scripts are made of. A call of a C function ends a trace of the
// compiler, a call by FFI does not: it takes less than half the time. These two do what can be done
// without raising anything; for the rest the functions above are called. Both are as good as those
// in what they refuse.

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
      http::headerId(wanted) == HeaderId::kContentLength || !http::isToken(wanted) ||
      !http::isFieldValue(value) || !fields->stream->spend(size + text_size)) {
    return 0;
  }
  fields->map->set(wanted, value);
  changed(*fields);
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

void installShortWay(lua_State* L, const weir::lua::State& state) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, state.metatable(kFieldsType));
  lua_getfield(L, -1, "__index");
  lua_pushlightuserdata(L, reinterpret_cast<void*>(&shortGet));
  lua_pushlightuserdata(L, reinterpret_cast<void*>(&shortReplace));
  lua_pushcfunction(L, &get);
  lua_pushcfunction(L, &put<true>);
  weir::lua::runPrelude(L, "=weir.headers", kShortWay, 4, 2);
  lua_setfield(L, -3, "replace");
  lua_setfield(L, -2, "get");
  lua_pop(L, 2);
}

}  // namespace

void pushName(lua_State* L, std::string_view name) {
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (std::none_of(name.begin(), name.end(), upper)) return pushText(L, name);
  luaL_Buffer lower;
  luaL_buffinit(L, &lower);
  for (const char c : name) luaL_addchar(&lower, upper(c) ? static_cast<char>(c | 0x20) : c);
  luaL_pushresult(&lower);
}

void installFields(lua_State* L, weir::lua::State& state) {
  defineHandle(L, state, kFieldsType, kMethods, kMeta);
  installShortWay(L, state);
}

}  // namespace weir::extensions::http_filters::lua
