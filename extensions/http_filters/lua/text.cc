#include <array>
#include <charconv>
#include <chrono>

#include "extensions/http_filters/lua/bindings.h"
#include "source/base/log.h"

// Logging, base64, time.
namespace weir::extensions::http_filters::lua {
namespace {

using weir::lua::checkText;
using weir::lua::pushText;
using weir::lua::raise;
using weir::lua::stateOf;

template <base::log::Level level>
int write(lua_State* L) {
  checkStream(L);
  stateOf(L).log(level, checkText(L, 2));
  return 0;
}

int base64Escape(lua_State* L) {
  checkStream(L);
  const std::string_view from = checkText(L, 2);
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const size_t size = (from.size() + 2) / 3 * 4;
  char* const to = static_cast<char*>(lua_newuserdata(L, size + 1));
  size_t written = 0;
  for (size_t i = 0; i < from.size(); i += 3) {
    const size_t there = std::min<size_t>(3, from.size() - i);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < there ? static_cast<unsigned char>(from[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      to[written++] = k <= there ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
    }
  }
  pushText(L, {to, size});
  return 1;
}

// As EnvoyTimestampResolution has them.
constexpr lua_Integer kMillisecond = 0;
constexpr lua_Integer kMicrosecond = 1;

std::chrono::microseconds sinceEpoch(lua_State* L) {
  const auto now = checkStream(L).handle().dispatcher().systemNow().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now);
}

int timestamp(lua_State* L) {
  const std::chrono::microseconds now = sinceEpoch(L);
  if (!lua_isnoneornil(L, 2) && luaL_checkinteger(L, 2) != kMillisecond) {
    raise(L, "timestamp format must be MILLISECOND.");
  }
  lua_pushnumber(L, static_cast<lua_Number>(now.count() / 1000));
  return 1;
}

int timestampString(lua_State* L) {
  const std::chrono::microseconds now = sinceEpoch(L);
  const lua_Integer unit = lua_isnoneornil(L, 2) ? kMillisecond : luaL_checkinteger(L, 2);
  if (unit != kMillisecond && unit != kMicrosecond) {
    raise(L, "timestamp format must be MILLISECOND or MICROSECOND.");
  }
  std::array<char, 24> text;
  const int64_t count = unit == kMillisecond ? now.count() / 1000 : now.count();
  const auto end = std::to_chars(text.data(), text.data() + text.size(), count).ptr;
  pushText(L, {text.data(), static_cast<size_t>(end - text.data())});
  return 1;
}

}  // namespace

void addTextMethods(Methods& methods) {
  using base::log::Level;
  methods.insert(methods.end(), {{"logTrace", &write<Level::kTrace>},
                                 {"logDebug", &write<Level::kDebug>},
                                 {"logInfo", &write<Level::kInfo>},
                                 {"logWarn", &write<Level::kWarning>},
                                 {"logErr", &write<Level::kError>},
                                 {"logCritical", &write<Level::kError>},
                                 {"base64Escape", &base64Escape},
                                 {"timestamp", &timestamp},
                                 {"timestampString", &timestampString}});
}

void installText(lua_State* L, weir::lua::State&) {
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, kMillisecond);
  lua_setfield(L, -2, "MILLISECOND");
  lua_pushinteger(L, kMicrosecond);
  lua_setfield(L, -2, "MICROSECOND");
  lua_setglobal(L, "EnvoyTimestampResolution");
}

}  // namespace weir::extensions::http_filters::lua
