#include "extensions/access_loggers/lua/bindings.h"

#include "source/http/format_escape.h"
#include "source/http/route.h"
#include "source/lua/common_facts.h"

namespace weir::extensions::access_loggers::lua {
namespace {

using http::StreamInfo;
using weir::lua::Fact;
using weir::lua::FactGroup;
using weir::lua::FactType;

const FactType& infoType();

const http::LogEntry& entryAt(lua_State* L, int index) {
  const auto& context = weir::lua::checkHandle<LogContext>(L, index, infoType().handle);
  if (context.entry == nullptr) {
    weir::lua::raiseMisuse(L, infoType().handle.name, "used after its on_log() ended");
  }
  return *context.entry;
}

const StreamInfo& infoOf(const void* object) {
  return static_cast<const http::LogEntry*>(object)->info;
}

// Seconds between two moments; nil unless both were reached.
void pushElapsed(lua_State* L, event::MonotonicTime from, event::MonotonicTime to) {
  constexpr event::MonotonicTime kNever;
  if (from == kNever || to == kNever || to < from) return lua_pushnil(L);
  lua_pushnumber(L, std::chrono::duration<double>(to - from).count());
}

template <auto Member>
void count(lua_State* L, const void* object) {
  weir::lua::pushNumber(L, infoOf(object).*Member);
}
template <auto Member>
void text(lua_State* L, const void* object) {
  weir::lua::pushTextOrNil(L, infoOf(object).*Member);
}
template <auto Member>
void sinceStart(lua_State* L, const void* object) {
  pushElapsed(L, infoOf(object).started, infoOf(object).*Member);
}
template <auto Member>
void ofRoute(lua_State* L, const void* object) {
  const http::Route* const route = infoOf(object).route;
  weir::lua::pushTextOrNil(L, route != nullptr ? (route->*Member)() : std::string_view());
}

void flags(lua_State* L, const void* object) {
  const StreamInfo& info = infoOf(object);
  if (info.flags == 0) return lua_pushnil(L);
  char text[128];
  size_t size = 0;
  {
    std::string all;
    http::appendResponseFlags(info.flags, all);
    size = all.copy(text, sizeof text);
  }
  weir::lua::pushText(L, {text, size});
}

void status(lua_State* L, const void* object) {
  const StreamInfo& info = infoOf(object);
  info.status != 0 ? lua_pushinteger(L, info.status) : lua_pushnil(L);
}

void grpcStatus(lua_State* L, const void* object) {
  const auto& status = infoOf(object).grpc_status;
  status ? lua_pushinteger(L, static_cast<int>(*status)) : lua_pushnil(L);
}

constexpr Fact kEntry[] = {
    {"start_time",
     [](lua_State* L, const void* o) { weir::lua::pushTime(L, infoOf(o).start_time); }},
    {"status", &status},
    {"detail", text<&StreamInfo::detail>},
    {"flags", &flags},
    {"grpc_status", &grpcStatus},
    {"bytes_received", count<&StreamInfo::request_bytes>},
    {"bytes_sent", count<&StreamInfo::response_bytes>},
    {"duration", sinceStart<&StreamInfo::ended>},
    {"request_duration", sinceStart<&StreamInfo::request_complete>},
    {"response_duration", sinceStart<&StreamInfo::upstream_first_byte>},
    {"cluster", text<&StreamInfo::cluster>},
    {"attempts", count<&StreamInfo::attempts>},
    {"upstream_address",
     [](lua_State* L, const void* o) { weir::lua::pushAddress(L, infoOf(o).upstream_address); }},
    {"route", ofRoute<&http::Route::name>},
    {"virtual_host", ofRoute<&http::Route::virtualHostName>},
};

int header(lua_State* L) {
  weir::lua::pushHeader(L, entryAt(L, 1).request.headers, 2);
  return 1;
}
int responseHeader(lua_State* L) {
  weir::lua::pushHeader(L, entryAt(L, 1).response.headers, 2);
  return 1;
}
int responseTrailer(lua_State* L) {
  weir::lua::pushHeader(L, entryAt(L, 1).response_trailers, 2);
  return 1;
}
int proxyTlv(lua_State* L) {
  weir::lua::pushProxyTlv(L, entryAt(L, 1).info.connection_info, 2);
  return 1;
}

int metadata(lua_State* L) {
  weir::lua::pushDynamicMetadata(L, entryAt(L, 1).info, 2);
  return 1;
}

// A text as JSON has it, with quotes.
int json(lua_State* L) {
  entryAt(L, 1);
  const std::string_view text = weir::lua::checkText(L, 2);
  std::string& room = weir::lua::stateOf(L).context<LogContext>().room;
  room.assign(1, '"');
  http::appendJsonEscaped(text, room);
  room.push_back('"');
  weir::lua::pushText(L, room);
  return 1;
}

const FactType& infoType() {
  static const FactGroup kGroups[] = {
      {kEntry},
      {weir::lua::requestFacts(),
       [](const void* o) -> const void* {
         return &static_cast<const http::LogEntry*>(o)->request;
       }},
      {weir::lua::streamFacts(), [](const void* o) -> const void* { return &infoOf(o); }},
      {weir::lua::securityFacts(), [](const void* o) { return weir::lua::securityOf(infoOf(o)); }},
      {weir::lua::connectionFacts(),
       [](const void* o) { return weir::lua::connectionInfoOf(infoOf(o)); }},
  };
  static constexpr luaL_Reg kMethods[] = {
      {"header", &header},
      {"responseHeader", &responseHeader},
      {"responseTrailer", &responseTrailer},
      {"proxyTlv", &proxyTlv},
      {"metadata", &metadata},
      {"json", &json},
      {nullptr, nullptr},
  };
  static const FactType kType{
      {"info object", "exchange"}, kGroups, kMethods, [](lua_State* L, int index) {
        return static_cast<const void*>(&entryAt(L, index));
      }};
  return kType;
}

// Immutable.
class LogModule final : public weir::lua::Module {
 public:
  void install(lua_State* L, weir::lua::State& state) const override {
    weir::lua::defineFacts(L, state, infoType());
    weir::lua::installContextHandle(L, state, infoType().handle);
  }
};

}  // namespace

std::shared_ptr<const weir::lua::Module> logModule() {
  return std::make_shared<LogModule>();
}

void pushInfo(lua_State* L) {
  weir::lua::pushContextHandle(L, infoType().handle);
}

}  // namespace weir::extensions::access_loggers::lua
