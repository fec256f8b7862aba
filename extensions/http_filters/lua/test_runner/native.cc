#include "extensions/http_filters/lua/test_runner/native.h"

#include <array>
#include <string>
#include <utility>

#include <luajit-2.1/lua.hpp>

#include "extensions/http_filters/lua/facts.h"

namespace weir::extensions::http_filters::lua::test_runner {
namespace {

using http::MetadataValue;

Session& sessionOf(lua_State* L) {
  return *static_cast<Session*>(lua_touserdata(L, lua_upvalueindex(1)));
}

template <class T>
T& at(lua_State* L, int index) {
  return *static_cast<T*>(lua_touserdata(L, index));
}

// ---- from Lua; what is not there is empty
// --------------------------------------------------------

std::string textAt(lua_State* L, int index) {
  size_t size = 0;
  const char* const text = lua_tolstring(L, index, &size);
  return text == nullptr ? std::string() : std::string(text, size);
}

std::string textIn(lua_State* L, int table, const char* name) {
  lua_getfield(L, table, name);
  std::string text = textAt(L, -1);
  lua_pop(L, 1);
  return text;
}

bool flagIn(lua_State* L, int table, const char* name) {
  lua_getfield(L, table, name);
  const bool flag = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return flag;
}

std::vector<std::string> textsAt(lua_State* L, int table) {
  std::vector<std::string> texts;
  const size_t count = lua_istable(L, table) ? lua_objlen(L, table) : 0;
  for (size_t i = 1; i <= count; ++i) {
    lua_rawgeti(L, table, static_cast<int>(i));
    texts.push_back(textAt(L, -1));
    lua_pop(L, 1);
  }
  return texts;
}

std::vector<std::string> textsIn(lua_State* L, int table, const char* name) {
  lua_getfield(L, table, name);
  std::vector<std::string> texts = textsAt(L, lua_gettop(L));
  lua_pop(L, 1);
  return texts;
}

// {name, value, name, value, …}
FieldList fieldsAt(lua_State* L, int table) {
  FieldList fields;
  std::vector<std::string> texts = textsAt(L, table);
  for (size_t i = 0; i + 1 < texts.size(); i += 2) {
    fields.emplace_back(std::move(texts[i]), std::move(texts[i + 1]));
  }
  return fields;
}

FieldList fieldsIn(lua_State* L, int table, const char* name) {
  lua_getfield(L, table, name);
  FieldList fields = fieldsAt(L, lua_gettop(L));
  lua_pop(L, 1);
  return fields;
}

std::optional<network::Address> addressIn(lua_State* L, int table, const char* name) {
  auto address = network::Address::parse(textIn(L, table, name));
  if (!address.ok()) return std::nullopt;
  return *std::move(address);
}

std::optional<network::CertificateFacts> certificateIn(lua_State* L, int table, const char* name) {
  lua_getfield(L, table, name);
  const int from = lua_gettop(L);
  std::optional<network::CertificateFacts> facts;
  if (lua_istable(L, from)) {
    facts.emplace();
    facts->subject = textIn(L, from, "subject");
    facts->issuer = textIn(L, from, "issuer");
    facts->serial = textIn(L, from, "serial");
    facts->sha256 = textIn(L, from, "sha256");
    facts->pem = textIn(L, from, "pem");
    facts->dns_names = textsIn(L, from, "dns_names");
    facts->uris = textsIn(L, from, "uris");
    facts->oids = textsIn(L, from, "oids");
  }
  lua_pop(L, 1);
  return facts;
}

std::unique_ptr<TestSecurity> securityIn(lua_State* L, int table) {
  lua_getfield(L, table, "tls");
  const int from = lua_gettop(L);
  std::unique_ptr<TestSecurity> security;
  if (lua_istable(L, from)) {
    security = std::make_unique<TestSecurity>();
    security->version = textIn(L, from, "version");
    security->cipher_name = textIn(L, from, "cipher");
    security->server_name = textIn(L, from, "server_name");
    security->session_id = textIn(L, from, "session_id");
    security->verified = flagIn(L, from, "verified");
    security->peer = certificateIn(L, from, "peer");
    security->local = certificateIn(L, from, "own");
  }
  lua_pop(L, 1);
  return security;
}

// ---- to Lua -------------------------------------------------------------------------------------

void pushText(lua_State* L, std::string_view text) {
  lua_pushlstring(L, text.data(), text.size());
}

void setText(lua_State* L, const char* name, std::string_view text) {
  pushText(L, text);
  lua_setfield(L, -2, name);
}

void setFlag(lua_State* L, const char* name, bool flag) {
  lua_pushboolean(L, flag ? 1 : 0);
  lua_setfield(L, -2, name);
}

void setFields(lua_State* L, const char* name, const FieldList& fields) {
  lua_newtable(L);
  int i = 0;
  for (const auto& [field, value] : fields) {
    pushText(L, field);
    lua_rawseti(L, -2, ++i);
    pushText(L, value);
    lua_rawseti(L, -2, ++i);
  }
  lua_setfield(L, -2, name);
}

int pushSeen(lua_State* L, const Seen& seen) {
  if (!seen.head) return 0;
  lua_newtable(L);
  setText(L, "method", seen.method);
  setText(L, "path", seen.path);
  setText(L, "authority", seen.authority);
  setText(L, "scheme", seen.scheme);
  lua_pushinteger(L, seen.status);
  lua_setfield(L, -2, "status");
  setFields(L, "fields", seen.fields);
  setText(L, "body", seen.body);
  if (seen.trailing) setFields(L, "trailer_fields", seen.trailers);
  setFlag(L, "ended", seen.ended);
  return 1;
}

void pushMetadata(lua_State* L, const http::DynamicMetadata* all) {
  lua_newtable(L);
  if (all == nullptr) return;
  all->forEach(
      [L](std::string_view name, std::string_view key, const http::DynamicMetadata::Value& value) {
        pushText(L, name);
        lua_rawget(L, -2);
        if (lua_isnil(L, -1)) {
          lua_pop(L, 1);
          lua_newtable(L);
          pushText(L, name);
          lua_pushvalue(L, -2);
          lua_rawset(L, -4);
        }
        pushText(L, key);
        pushValue(L, value);
        lua_rawset(L, -3);
        lua_pop(L, 1);
      });
}

// ---- the functions ------------------------------------------------------------------------------

// (file, options): script, or nil and why not.
int load(lua_State* L) {
  Session& session = sessionOf(L);
  {
    ScriptSpec spec;
    spec.file = textAt(L, 1);
    spec.metadata_namespace = textIn(L, 2, "metadata_namespace");
    spec.package_folders = textsIn(L, 2, "package_folders");
    spec.continues_on_error = flagIn(L, 2, "continue_on_error");
    for (const std::string& name : textsIn(L, 2, "shared_dictionaries")) {
      session.world.addDictionary(name);
    }
    const auto script = session.world.load(spec);
    if (script.ok()) {
      lua_pushlightuserdata(L, *script);
      return 1;
    }
    lua_pushnil(L);
    pushText(L, base::view(script.status().message()));
  }
  return 2;
}

std::unique_ptr<http::Metadata> metadataOf(const MetadataValue& value) {
  return value.kind == MetadataValue::Kind::kNull ? nullptr
                                                  : std::make_unique<http::Metadata>(value);
}

std::unique_ptr<TestRoute> routeIn(lua_State* L, int table) {
  auto route = std::make_unique<TestRoute>();
  route->route_name = textIn(L, table, "route_name");
  route->virtual_host_name = textIn(L, table, "virtual_host_name");
  route->cluster_name = textIn(L, table, "cluster");
  return route;
}

// (script, what is asked): exchange.
int open(lua_State* L) {
  Session& session = sessionOf(L);
  // These may raise; nothing has been made yet.
  std::array<MetadataValue, 3> metadata;
  constexpr std::array<const char*, 3> kNames = {"route_metadata", "virtual_host_metadata",
                                                 "filter_context"};
  for (size_t i = 0; i < kNames.size(); ++i) {
    lua_getfield(L, 2, kNames[i]);
    metadata[i] = readValue(L, lua_gettop(L));
  }
  RequestSpec spec;
  spec.method = textIn(L, 2, "method");
  spec.path = textIn(L, 2, "path");
  spec.authority = textIn(L, 2, "authority");
  spec.scheme = textIn(L, 2, "scheme");
  spec.fields = fieldsIn(L, 2, "fields");
  spec.http2 = flagIn(L, 2, "http2");
  spec.remote = addressIn(L, 2, "remote_address");
  spec.local = addressIn(L, 2, "local_address");
  spec.security = securityIn(L, 2);
  spec.route = routeIn(L, 2);
  spec.route->route_metadata = metadataOf(metadata[0]);
  spec.route->host_metadata = metadataOf(metadata[1]);
  if (metadata[2].kind != MetadataValue::Kind::kNull) {
    auto of_route = std::make_shared<LuaRoute>();
    of_route->context = metadataOf(metadata[2]);
    spec.route->of_filter.config = std::move(of_route);
  }
  auto& exchange = session.exchanges.emplace_back(
      std::make_unique<Exchange>(session.world, at<LoadedScript>(L, 1), std::move(spec)));
  lua_pushlightuserdata(L, exchange.get());
  return 1;
}

// Of each: (exchange, …). What it makes ready runs before it returns.
template <void (*act)(lua_State*, Exchange&)>
int onExchange(lua_State* L) {
  act(L, at<Exchange>(L, 1));
  sessionOf(L).world.dispatcher.runUntilIdle();
  return 0;
}

void begin(lua_State* L, Exchange& exchange) {
  exchange.begin(lua_toboolean(L, 2) != 0);
}
void sendBody(lua_State* L, Exchange& exchange) {
  exchange.sendRequestBody(textAt(L, 2), lua_toboolean(L, 3) != 0);
}
void sendTrailers(lua_State* L, Exchange& exchange) {
  exchange.sendRequestTrailers(fieldsAt(L, 2));
}
// (exchange, status, fields, length or nil, end)
void answer(lua_State* L, Exchange& exchange) {
  exchange.beginAnswer(static_cast<uint16_t>(lua_tointeger(L, 2)), fieldsAt(L, 3), !lua_isnil(L, 4),
                       static_cast<size_t>(lua_tointeger(L, 4)), lua_toboolean(L, 5) != 0);
}
void answerBody(lua_State* L, Exchange& exchange) {
  exchange.sendAnswerBody(textAt(L, 2), lua_toboolean(L, 3) != 0);
}
void answerTrailers(lua_State* L, Exchange& exchange) {
  exchange.sendAnswerTrailers(fieldsAt(L, 2));
}

int upstream(lua_State* L) {
  return pushSeen(L, at<Exchange>(L, 1).upstream());
}
int client(lua_State* L) {
  return pushSeen(L, at<Exchange>(L, 1).client());
}

int state(lua_State* L) {
  const Exchange& exchange = at<Exchange>(L, 1);
  lua_newtable(L);
  if (!exchange.reset().empty()) setText(L, "reset", exchange.reset());
  setFlag(L, "closes_connection", exchange.closes());
  setFlag(L, "failed", exchange.failed());
  if (!exchange.info().override_host.empty()) {
    setText(L, "override_host", exchange.info().override_host);
  }
  pushMetadata(L, exchange.info().dynamic_metadata);
  lua_setfield(L, -2, "metadata");
  return 1;
}

// (from): the calls made, beginning with that number.
int calls(lua_State* L) {
  const auto& all = sessionOf(L).world.calls.all;
  lua_newtable(L);
  int count = 0;
  for (auto i = static_cast<size_t>(lua_tointeger(L, 1)); i <= all.size(); ++i) {
    const TestCalls::Call& call = *all[i - 1];
    lua_newtable(L);
    lua_pushlightuserdata(L, all[i - 1].get());
    lua_setfield(L, -2, "id");
    setText(L, "cluster", call.cluster);
    setText(L, "method", call.method);
    setText(L, "scheme", call.scheme);
    setText(L, "authority", call.authority);
    setText(L, "path", call.path);
    setText(L, "body", call.body);
    setFields(L, "fields", call.fields);
    setFlag(L, "asynchronous", call.forgotten);
    lua_pushnumber(L, static_cast<lua_Number>(call.timeout.count()));
    lua_setfield(L, -2, "timeout_ms");
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

// (call, status, fields, body), or (call, "timeout" or "failure").
int reply(lua_State* L) {
  Session& session = sessionOf(L);
  auto& call = at<TestCalls::Call>(L, 1);
  if (!call.open()) return 0;
  if (lua_type(L, 2) == LUA_TNUMBER) {
    session.world.calls.answer(call, static_cast<uint16_t>(lua_tointeger(L, 2)), textAt(L, 4),
                               fieldsAt(L, 3));
  } else {
    const bool late = textAt(L, 2) == "timeout";
    session.world.calls.fail(
        call, late ? http::ErrorReason::kRequestTimeout : http::ErrorReason::kConnectFailure);
  }
  session.world.dispatcher.runUntilIdle();
  return 0;
}

int isOpen(lua_State* L) {
  lua_pushboolean(L, at<TestCalls::Call>(L, 1).open() ? 1 : 0);
  return 1;
}

int advance(lua_State* L) {
  const auto time = static_cast<int64_t>(lua_tonumber(L, 1) * 1000);
  sessionOf(L).world.dispatcher.advance(std::chrono::milliseconds(time));
  return 0;
}

constexpr luaL_Reg kFunctions[] = {{"load", &load},
                                   {"open", &open},
                                   {"begin", &onExchange<&begin>},
                                   {"send_body", &onExchange<&sendBody>},
                                   {"send_trailers", &onExchange<&sendTrailers>},
                                   {"answer", &onExchange<&answer>},
                                   {"answer_body", &onExchange<&answerBody>},
                                   {"answer_trailers", &onExchange<&answerTrailers>},
                                   {"upstream", &upstream},
                                   {"client", &client},
                                   {"state", &state},
                                   {"calls", &calls},
                                   {"reply", &reply},
                                   {"is_open", &isOpen},
                                   {"advance", &advance}};

}  // namespace

void pushNative(lua_State* L, Session& session) {
  lua_newtable(L);
  for (const luaL_Reg& function : kFunctions) {
    lua_pushlightuserdata(L, &session);
    lua_pushcclosure(L, function.func, 1);
    lua_setfield(L, -2, function.name);
  }
}

}  // namespace weir::extensions::http_filters::lua::test_runner
