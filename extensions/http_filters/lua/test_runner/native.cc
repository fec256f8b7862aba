#include "extensions/http_filters/lua/test_runner/native.h"

#include <array>
#include <string>
#include <utility>

#include <luajit-2.1/lua.hpp>

#include "extensions/http_filters/lua/facts.h"
#include "extensions/http_filters/lua/test_runner/table_values.h"

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

constexpr TextMember<network::CertificateFacts> kCertificateTexts[] = {
    {"subject", &network::CertificateFacts::subject},
    {"issuer", &network::CertificateFacts::issuer},
    {"serial", &network::CertificateFacts::serial},
    {"sha256", &network::CertificateFacts::sha256},
    {"pem", &network::CertificateFacts::pem}};
constexpr TextMember<TestSecurity> kSecurityTexts[] = {{"version", &TestSecurity::version},
                                                       {"cipher", &TestSecurity::cipher_name},
                                                       {"server_name", &TestSecurity::server_name},
                                                       {"session_id", &TestSecurity::session_id}};
constexpr TextMember<TestRoute> kRouteTexts[] = {
    {"route_name", &TestRoute::route_name},
    {"virtual_host_name", &TestRoute::virtual_host_name},
    {"cluster", &TestRoute::cluster_name}};
constexpr TextMember<RequestSpec> kRequestTexts[] = {{"method", &RequestSpec::method},
                                                     {"path", &RequestSpec::path},
                                                     {"authority", &RequestSpec::authority},
                                                     {"scheme", &RequestSpec::scheme}};
constexpr TextMember<Seen> kSeenTexts[] = {{"method", &Seen::method},
                                           {"path", &Seen::path},
                                           {"authority", &Seen::authority},
                                           {"scheme", &Seen::scheme},
                                           {"body", &Seen::body}};
constexpr TextMember<TestCalls::Call> kCallTexts[] = {
    {"cluster", &TestCalls::Call::cluster}, {"method", &TestCalls::Call::method},
    {"scheme", &TestCalls::Call::scheme},   {"authority", &TestCalls::Call::authority},
    {"path", &TestCalls::Call::path},       {"body", &TestCalls::Call::body}};

// ---- from Lua ------------------------------------------------------------

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
    readTexts(L, from, kCertificateTexts, *facts);
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
    readTexts(L, from, kSecurityTexts, *security);
    security->verified = flagIn(L, from, "verified");
    security->peer = certificateIn(L, from, "peer");
    security->local = certificateIn(L, from, "own");
  }
  lua_pop(L, 1);
  return security;
}

// ---- to Lua -------------------------------------------------------------------------------------

int pushSeen(lua_State* L, const Seen& seen) {
  if (!seen.head) return 0;
  lua_newtable(L);
  setTexts(L, kSeenTexts, seen);
  lua_pushinteger(L, seen.status);
  lua_setfield(L, -2, "status");
  setFields(L, "fields", seen.fields);
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
  readTexts(L, table, kRouteTexts, *route);
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
  readTexts(L, 2, kRequestTexts, spec);
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
    setTexts(L, kCallTexts, call);
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
