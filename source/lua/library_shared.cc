#include <algorithm>
#include <cmath>

#include "source/lua/binding.h"
#include "source/lua/library_data.h"
#include "source/lua/library_parts.h"

// weir.shared: dictionaries that all workers share.
namespace weir::lua {
namespace {

using Dictionary = base::SharedDictionary;

constexpr HandleType kDictionary{"shared dictionary", "state"};

Dictionary& self(lua_State* L) {
  return checkHandle<Dictionary>(L, 1, kDictionary);
}

Dictionary::Time now(lua_State* L) {
  const State& state = stateOf(L);
  return state.trial() ? Dictionary::Time() : state.host().dispatcher->now();
}

// Seconds; nil or none is for ever.
Dictionary::Ttl ttl(lua_State* L, int index) {
  if (lua_isnoneornil(L, index)) return std::nullopt;
  const double seconds = luaL_checknumber(L, index);
  if (!(seconds > 0 && seconds <= 1e9)) {
    luaL_argerror(L, index, "a time to live is above 0 and at most 1e9 seconds; nil is for ever");
  }
  return std::chrono::milliseconds(std::max<int64_t>(1, std::llround(seconds * 1000)));
}

Dictionary::Value value(lua_State* L, int index) {
  switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
      return lua_toboolean(L, index) != 0;
    case LUA_TNUMBER:
      return static_cast<double>(lua_tonumber(L, index));
    case LUA_TSTRING:
      return checkText(L, index);
    default:
      luaL_argerror(L, index, "a value is a text, a number or a boolean");
      return false;
  }
}

// true, or nil and why not.
int answer(lua_State* L, Dictionary::Result result) {
  if (Dictionary::done(result)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  pushText(L, Dictionary::text(result));
  return 2;
}

int get(lua_State* L) {
  Dictionary& dictionary = self(L);
  const std::string_view key = checkText(L, 2);
  Dictionary::Item& item = stateOf(L).library().item;
  dictionary.get(key, now(L), item);
  switch (item.kind) {
    case Dictionary::Item::Kind::kNone:
      lua_pushnil(L);
      break;
    case Dictionary::Item::Kind::kBoolean:
      lua_pushboolean(L, item.boolean ? 1 : 0);
      break;
    case Dictionary::Item::Kind::kNumber:
      lua_pushnumber(L, item.number);
      break;
    case Dictionary::Item::Kind::kText:
      pushText(L, item.text);
      break;
  }
  return 1;
}

template <auto Method>
int store(lua_State* L) {
  Dictionary& dictionary = self(L);
  const std::string_view key = checkText(L, 2);
  const Dictionary::Value stored = value(L, 3);
  const Dictionary::Ttl lifetime = ttl(L, 4);
  return answer(L, (dictionary.*Method)(key, stored, lifetime, now(L)));
}

// incr(key [, by [, init [, init_ttl]]]): the new value, or nil and why not.
int incr(lua_State* L) {
  Dictionary& dictionary = self(L);
  const std::string_view key = checkText(L, 2);
  const double by = luaL_optnumber(L, 3, 1);
  std::optional<double> init;
  if (!lua_isnoneornil(L, 4)) init = luaL_checknumber(L, 4);
  const Dictionary::Ttl lifetime = ttl(L, 5);
  const Dictionary::Incremented made = dictionary.incr(key, by, init, lifetime, now(L));
  if (!Dictionary::done(made.result)) return answer(L, made.result);
  lua_pushnumber(L, made.value);
  return 1;
}

int remove(lua_State* L) {
  Dictionary& dictionary = self(L);
  const std::string_view key = checkText(L, 2);
  lua_pushboolean(L, Dictionary::done(dictionary.remove(key, now(L))) ? 1 : 0);
  return 1;
}

// ttl(key): seconds, math.huge for ever, nil when there is no such key.
int lifetime(lua_State* L) {
  Dictionary& dictionary = self(L);
  const std::string_view key = checkText(L, 2);
  const Dictionary::Lifetime found = dictionary.lifetime(key, now(L));
  if (!found.found) return 0;
  lua_pushnumber(L, found.left ? std::chrono::duration<double>(*found.left).count() : HUGE_VAL);
  return 1;
}

int expire(lua_State* L) {
  Dictionary& dictionary = self(L);
  const std::string_view key = checkText(L, 2);
  const Dictionary::Ttl lifetime = ttl(L, 3);
  return answer(L, dictionary.setLifetime(key, lifetime, now(L)));
}

int keys(lua_State* L) {
  Dictionary& dictionary = self(L);
  const double most = luaL_optnumber(L, 2, 1000);
  if (!(most >= 1 && most <= 100'000)) luaL_argerror(L, 2, "ask for 1 to 100000 keys");
  std::vector<std::string>& list = stateOf(L).library().keys;
  list.clear();
  dictionary.keys(static_cast<size_t>(most), now(L), list);
  lua_createtable(L, static_cast<int>(list.size()), 0);
  for (size_t i = 0; i < list.size(); ++i) {
    pushText(L, list[i]);
    lua_rawseti(L, -2, static_cast<int>(i + 1));
  }
  return 1;
}

int clear(lua_State* L) {
  self(L).clear();
  return 0;
}

constexpr luaL_Reg kMethods[] = {{"get", &get},
                                 {"set", &store<&Dictionary::set>},
                                 {"add", &store<&Dictionary::add>},
                                 {"replace", &store<&Dictionary::replace>},
                                 {"incr", &incr},
                                 {"delete", &remove},
                                 {"ttl", &lifetime},
                                 {"expire", &expire},
                                 {"keys", &keys},
                                 {"clear", &clear},
                                 {nullptr, nullptr}};

// Null with a text in the state's scratch when there is none of that name.
Dictionary* open(State& state, std::string_view name) {
  auto& kept = state.library().dictionaries;
  for (const auto& known : kept) {
    if (known->name() == name) return known.get();
  }
  std::shared_ptr<Dictionary> found;
  if (state.trial()) {
    // What a main chunk does is tried on one of its own. Whether the name is right, a worker sees.
    found = std::make_shared<Dictionary>(std::string(name), Dictionary::kLeastBytes);
  } else {
    auto* const all = state.host().services->find<base::SharedDictionaries>();
    if (all != nullptr) found = all->find(name);
    if (found == nullptr) {
      std::string& message = state.scratch();
      message.append("there is no shared dictionary '").append(name).append("'; ");
      if (all == nullptr || all->all().empty()) {
        message += "the configuration has none in shared_dictionaries";
      } else {
        message += "there are";
        for (const auto& other : all->all()) message.append(" '").append(other->name()) += '\'';
      }
      return nullptr;
    }
  }
  return kept.emplace_back(std::move(found)).get();
}

int shared(lua_State* L) {
  const std::string_view name = checkText(L, 1);
  State& state = stateOf(L);
  Dictionary* const dictionary = open(state, name);
  if (dictionary == nullptr) {
    luaL_where(L, 1);
    lua_pushlstring(L, state.scratchText().data(), state.scratchText().size());
    lua_concat(L, 2);
    return lua_error(L);
  }
  pushLastingHandle(L, kDictionary, dictionary);
  return 1;
}

}  // namespace

void installShared(lua_State* L, State& state) {
  defineHandle(L, state, kDictionary, kMethods);
  setFunction(L, "shared", &shared);
}

}  // namespace weir::lua
