#include "extensions/http_filters/lua/fields.h"

#include <algorithm>

#include "extensions/http_filters/lua/lua.h"
#include "extensions/http_filters/lua/pseudo_headers.h"
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

Fields& checkFields(lua_State* L) {
  return checkHandle<Fields>(L, 1, kFieldsType);
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
  fieldsChanged(fields);
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
  fieldsChanged(fields);
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

}  // namespace

void fieldsChanged(const Fields& fields) {
  LuaStream& stream = *fields.stream;
  if (fields.kind == Fields::Kind::kRequest && stream.worker().settings().clears_route_cache) {
    stream.handle().clearRouteCache();
  }
}

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
  installShortWay(L, state, &get, &put<true>);
}

}  // namespace weir::extensions::http_filters::lua
