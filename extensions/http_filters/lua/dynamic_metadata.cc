#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <new>

#include "extensions/http_filters/lua/facts.h"
#include "source/network/connection_info.h"

// Dynamic metadata: of exchanges, which scripts read and write, and of connections, which they
// read.
namespace weir::extensions::http_filters::lua {
namespace {

using http::DynamicMetadata;
using http::MetadataField;
using http::MetadataValue;
using network::ConnectionInfo;
using weir::lua::checkHandle;
using weir::lua::checkText;
using weir::lua::pushText;
using weir::lua::raise;

// ---- from Lua -----------------------------------------------------------------------------------

constexpr int kMaxDepth = 16;
// Numbers as keys, as text.
constexpr size_t kKeyBytes = 24;

// What a value needs beside the texts that Lua has.
struct Size {
  size_t fields = 0;
  size_t key_bytes = 0;
};

// Whether a table is a list: it has the keys 1 … n and no others.
bool isList(lua_State* L, int table, size_t& count) {
  count = 0;
  bool all = true;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pop(L, 1);
    ++count;
    all = all && lua_type(L, -1) == LUA_TNUMBER;
  }
  return all && count > 0 && lua_objlen(L, table) == count;
}

// Raises what cannot be metadata.
void measure(lua_State* L, int index, int depth, Size& size) {
  switch (lua_type(L, index)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER:
      return;
    case LUA_TSTRING:
      if (lua_objlen(L, index) > DynamicMetadata::kMaxBytes)
        raise(L, "a text is too large for metadata");
      return;
    case LUA_TTABLE:
      break;
    default:
      raise(L, "metadata can be a table, a number, a boolean, a string or nil");
  }
  if (depth == kMaxDepth) raise(L, "the tables of metadata are nested too deeply");
  luaL_checkstack(L, 4, "metadata");
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    const int key = lua_type(L, -2);
    if (key != LUA_TSTRING && key != LUA_TNUMBER) {
      raise(L, "the keys of metadata can only be strings or numbers");
    }
    if (key == LUA_TNUMBER) size.key_bytes += kKeyBytes;
    if (++size.fields > DynamicMetadata::kMaxBytes / sizeof(MetadataField)) {
      raise(L, "the table has too many fields for metadata");
    }
    measure(L, lua_gettop(L), depth + 1, size);
    lua_pop(L, 1);
  }
}

// Where the parts of a value are put; the memory was measured.
struct Builder {
  MetadataField* fields;
  char* keys;
};

std::string_view keyText(lua_State* L, int index, Builder& to) {
  if (lua_type(L, index) == LUA_TSTRING) {
    size_t size = 0;
    const char* const text = lua_tolstring(L, index, &size);
    return {text, size};
  }
  const double number = lua_tonumber(L, index);
  const auto end = std::to_chars(to.keys, to.keys + kKeyBytes, number).ptr;
  const std::string_view text(to.keys, static_cast<size_t>(end - to.keys));
  to.keys += kKeyBytes;
  return text;
}

// Of what measure() has seen: the stack has room.
MetadataValue build(lua_State* L, int index, Builder& to) {
  switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
      return MetadataValue::of(lua_toboolean(L, index) != 0);
    case LUA_TNUMBER:
      return MetadataValue::of(static_cast<double>(lua_tonumber(L, index)));
    case LUA_TSTRING: {
      size_t size = 0;
      const char* const text = lua_tolstring(L, index, &size);
      return MetadataValue::of(std::string_view(text, size));
    }
    case LUA_TTABLE:
      break;
    default:
      return {};
  }
  size_t count = 0;
  const bool list = isList(L, index, count);
  MetadataField* const members = to.fields;
  to.fields += count;
  size_t i = 0;
  if (list) {
    for (; i < count; ++i) {
      lua_rawgeti(L, index, static_cast<int>(i) + 1);
      new (&members[i]) MetadataField{{}, build(L, lua_gettop(L), to)};
      lua_pop(L, 1);
    }
    return MetadataValue::list({members, count});
  }
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    const std::string_view key = keyText(L, -2, to);
    new (&members[i++]) MetadataField{key, build(L, lua_gettop(L), to)};
    lua_pop(L, 1);
  }
  return MetadataValue::structure({members, count});
}

// ---- to Lua -------------------------------------------------------------------------------------

// What the exchange has under one name; a table is pushed. Whether there is anything.
bool pushNamespace(lua_State* L, const DynamicMetadata& all, std::string_view name) {
  bool any = false;
  lua_newtable(L);
  all.forEach(
      [&](std::string_view name_space, std::string_view key, const DynamicMetadata::Value& value) {
        if (name_space != name) return;
        any = true;
        pushText(L, key);
        pushValue(L, value);
        lua_rawset(L, -3);
      });
  return any;
}

int getDynamic(lua_State* L) {
  LuaStream& stream = checkHandle<LuaStream>(L, 1, kDynamicMetadataType);
  const std::string_view name = checkText(L, 2);
  const DynamicMetadata* const all = stream.handle().info().dynamic_metadata;
  return all != nullptr && pushNamespace(L, *all, name) ? 1 : pushNil(L);
}

int setDynamic(lua_State* L) {
  LuaStream& stream = checkHandle<LuaStream>(L, 1, kDynamicMetadataType);
  const std::string_view name = checkText(L, 2);
  const std::string_view key = checkText(L, 3);
  luaL_checkany(L, 4);
  lua_settop(L, 4);
  DynamicMetadata& all = stream.handle().dynamicMetadata();
  if (lua_isnil(L, 4)) {
    all.remove(name, key);
    return 0;
  }
  const MetadataValue value = readValue(L, 4);
  DynamicMetadata::Value kept = &value;
  if (value.kind == MetadataValue::Kind::kText) kept = value.text;
  if (value.kind == MetadataValue::Kind::kNumber) kept = value.number;
  if (value.kind == MetadataValue::Kind::kBool) kept = value.flag;
  if (!all.set(name, key, kept)) raise(L, "there is no room for more dynamic metadata");
  return 0;
}

int nextOfTable(lua_State* L) {
  lua_settop(L, 2);
  if (lua_next(L, 1) != 0) return 2;
  lua_pushnil(L);
  return 1;
}

// The table on top, for pairs().
int iterate(lua_State* L) {
  lua_pushcfunction(L, &nextOfTable);
  lua_insert(L, -2);
  lua_pushnil(L);
  return 3;
}

// Adds, in the table on top, a table for the name unless there is one.
bool hasField(lua_State* L, std::string_view name) {
  pushText(L, name);
  lua_rawget(L, -2);
  const bool there = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return there;
}

int pairsOfDynamic(lua_State* L) {
  LuaStream& stream = checkHandle<LuaStream>(L, 1, kDynamicMetadataType);
  const DynamicMetadata* const all = stream.handle().info().dynamic_metadata;
  lua_newtable(L);
  if (all == nullptr) return iterate(L);
  all->forEach([&](std::string_view name, std::string_view, const DynamicMetadata::Value&) {
    if (hasField(L, name)) return;
    pushText(L, name);
    pushNamespace(L, *all, name);
    lua_rawset(L, -3);
  });
  return iterate(L);
}

constexpr luaL_Reg kDynamicMethods[] = {
    {"get", &getDynamic}, {"set", &setDynamic}, {nullptr, nullptr}};
constexpr luaL_Reg kDynamicMeta[] = {{"__pairs", &pairsOfDynamic}, {nullptr, nullptr}};

// ---- of connections -----------------------------------------------------------------------------

const ConnectionInfo* connectionOf(lua_State* L) {
  return checkHandle<LuaStream>(L, 1, kConnectionMetadataType).handle().info().connection_info;
}

void pushEntry(lua_State* L, const ConnectionInfo::MetadataEntry& entry) {
  if (const auto* const flag = std::get_if<bool>(&entry.value)) {
    lua_pushboolean(L, *flag ? 1 : 0);
  } else if (const auto* const number = std::get_if<double>(&entry.value)) {
    lua_pushnumber(L, *number);
  } else if (const auto* const text = std::get_if<std::string>(&entry.value)) {
    pushText(L, *text);
  }
}

bool pushNamespace(lua_State* L, const ConnectionInfo& info, std::string_view name) {
  bool any = false;
  lua_newtable(L);
  for (const auto& entry : info.metadata) {
    if (entry.name_space != name) continue;
    any = true;
    pushText(L, entry.key);
    pushEntry(L, entry);
    lua_rawset(L, -3);
  }
  return any;
}

int getOfConnection(lua_State* L) {
  const ConnectionInfo* const info = connectionOf(L);
  const std::string_view name = checkText(L, 2);
  return info != nullptr && pushNamespace(L, *info, name) ? 1 : pushNil(L);
}

int pairsOfConnection(lua_State* L) {
  const ConnectionInfo* const info = connectionOf(L);
  lua_newtable(L);
  if (info == nullptr) return iterate(L);
  for (const auto& entry : info->metadata) {
    if (hasField(L, entry.name_space)) continue;
    pushText(L, entry.name_space);
    pushNamespace(L, *info, entry.name_space);
    lua_rawset(L, -3);
  }
  return iterate(L);
}

constexpr luaL_Reg kConnectionMethods[] = {{"get", &getOfConnection}, {nullptr, nullptr}};
constexpr luaL_Reg kConnectionMeta[] = {{"__pairs", &pairsOfConnection}, {nullptr, nullptr}};

}  // namespace

MetadataValue readValue(lua_State* L, int index) {
  Size size;
  measure(L, index, 0, size);
  luaL_checkstack(L, 4 * kMaxDepth, "metadata");
  const size_t field_bytes = size.fields * sizeof(MetadataField);
  char* const memory = static_cast<char*>(lua_newuserdata(L, field_bytes + size.key_bytes + 1));
  Builder to{reinterpret_cast<MetadataField*>(memory), memory + field_bytes};
  return build(L, index, to);
}

void installDynamicMetadata(lua_State* L, weir::lua::State& state) {
  defineHandle(L, state, kDynamicMetadataType, kDynamicMethods, kDynamicMeta);
  defineHandle(L, state, kConnectionMetadataType, kConnectionMethods, kConnectionMeta);
}

}  // namespace weir::extensions::http_filters::lua
