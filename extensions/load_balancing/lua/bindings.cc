#include "extensions/load_balancing/lua/bindings.h"

#include <cstdio>
#include <utility>

#include "source/lua/common_facts.h"

namespace weir::extensions::load_balancing::lua {
namespace {

using upstream::PickContext;
using weir::lua::Fact;
using weir::lua::FactGroup;
using weir::lua::FactType;
using weir::lua::HandleType;

constexpr HandleType kEndpoints{"endpoints object", "choice"};

const Question& questionAt(lua_State* L, int index, const HandleType& type) {
  const auto& worker = weir::lua::checkHandle<BalancerScript>(L, index, type);
  if (worker.question() == nullptr) {
    weir::lua::raiseMisuse(L, type.name, "used after its choice was made");
  }
  return *worker.question();
}

const Question& endpoints(lua_State* L) {
  return questionAt(L, 1, kEndpoints);
}

const Candidate& candidate(lua_State* L, const Question& question) {
  const lua_Number number = luaL_checknumber(L, 2);
  if (!(number >= 1 && number <= static_cast<lua_Number>(question.candidates.size()))) {
    luaL_argerror(L, 2, "there is no endpoint of this number");
  }
  return question.candidates[static_cast<size_t>(number) - 1];
}

// A method of `endpoints` that pushes what `Push` finds in one endpoint.
template <auto Push>
int ofEndpoint(lua_State* L) {
  const Question& question = endpoints(L);
  Push(L, question, candidate(L, question));
  return 1;
}

int count(lua_State* L) {
  weir::lua::pushNumber(L, endpoints(L).candidates.size());
  return 1;
}

const char* healthName(upstream::Health health) {
  switch (health) {
    case upstream::Health::kUnknown:
      return "unknown";
    case upstream::Health::kHealthy:
      return "healthy";
    case upstream::Health::kDegraded:
      return "degraded";
    case upstream::Health::kUnhealthy:
      return "unhealthy";
    case upstream::Health::kDraining:
      return "draining";
    case upstream::Health::kDisabled:
      return "disabled";
  }
  return "unknown";
}

void inFlight(lua_State* L, const Question& question, const Candidate& of) {
  weir::lua::pushNumber(L, question.loads.inFlight(of.host));
}
void full(lua_State* L, const Question& question, const Candidate& of) {
  lua_pushboolean(L, question.loads.full(of.host));
}
void tried(lua_State* L, const Question& question, const Candidate& of) {
  lua_pushboolean(L, upstream::isTried(question.context, of.host));
}
void weight(lua_State* L, const Question&, const Candidate& of) {
  weir::lua::pushNumber(L, of.facts->endpoint->weight);
}
void latency(lua_State* L, const Question&, const Candidate& of) {
  of.latency_s > 0 ? lua_pushnumber(L, of.latency_s) : lua_pushnil(L);
}
void successes(lua_State* L, const Question&, const Candidate& of) {
  weir::lua::pushNumber(L, of.successes);
}
void failures(lua_State* L, const Question&, const Candidate& of) {
  weir::lua::pushNumber(L, of.failures);
}
void health(lua_State* L, const Question&, const Candidate& of) {
  lua_pushstring(L, healthName(of.facts->health));
}
void locality(lua_State* L, const Question&, const Candidate& of) {
  weir::lua::pushTextOrNil(L, of.facts->endpoint->locality);
}
void priority(lua_State* L, const Question&, const Candidate& of) {
  weir::lua::pushNumber(L, of.facts->endpoint->priority);
}
void id(lua_State* L, const Question&, const Candidate& of) {
  weir::lua::pushText(L, of.facts->endpoint->id);
}
void address(lua_State* L, const Question&, const Candidate& of) {
  weir::lua::pushAddress(L, &of.facts->endpoint->address);
}

int metadata(lua_State* L) {
  const Candidate& of = candidate(L, endpoints(L));
  const std::string_view key = weir::lua::checkText(L, 3);
  const std::string* value = nullptr;
  for (const auto& [name, text] : of.facts->endpoint->metadata) {
    if (name == key) value = &text;
  }
  value != nullptr ? weir::lua::pushText(L, *value) : lua_pushnil(L);
  return 1;
}

constexpr luaL_Reg kEndpointsMethods[] = {
    {"count", &count},
    {"inFlight", &ofEndpoint<inFlight>},
    {"full", &ofEndpoint<full>},
    {"tried", &ofEndpoint<tried>},
    {"weight", &ofEndpoint<weight>},
    {"latency", &ofEndpoint<latency>},
    {"successes", &ofEndpoint<successes>},
    {"failures", &ofEndpoint<failures>},
    {"health", &ofEndpoint<health>},
    {"locality", &ofEndpoint<locality>},
    {"priority", &ofEndpoint<priority>},
    {"id", &ofEndpoint<id>},
    {"address", &ofEndpoint<address>},
    {"metadata", &metadata},
    {nullptr, nullptr},
};
constexpr luaL_Reg kEndpointsMeta[] = {{"__len", &count}, {nullptr, nullptr}};

const PickContext& of(const void* object) {
  return *static_cast<const PickContext*>(object);
}

// Numbers of Lua are exact up to 2^53.
constexpr int kHashShift = 11;

constexpr Fact kPick[] = {
    {"attempt",
     [](lua_State* L, const void* o) { weir::lua::pushNumber(L, uint64_t{of(o).attempt} + 1); }},
    {"hash",
     [](lua_State* L, const void* o) {
       const auto& hash = of(o).hash;
       hash ? weir::lua::pushNumber(L, *hash >> kHashShift) : lua_pushnil(L);
     }},
    {"remote_address",
     [](lua_State* L, const void* o) { weir::lua::pushAddress(L, of(o).source); }},
    {"remote_ip", [](lua_State* L, const void* o) { weir::lua::pushIp(L, of(o).source); }},
    {"remote_port", [](lua_State* L, const void* o) { weir::lua::pushPort(L, of(o).source); }},
    {"local_address", [](lua_State* L, const void* o) { weir::lua::pushAddress(L, of(o).local); }},
    {"original_destination",
     [](lua_State* L, const void* o) { weir::lua::pushAddress(L, of(o).original_destination); }},
};

const void* requestOf(const void* object) {
  return of(object).request;
}
const void* securityOf(const void* object) {
  const PickContext& context = of(object);
  return context.info != nullptr ? context.info->downstream_tls : context.security;
}

const FactType& contextType();

const PickContext& context(lua_State* L, int index) {
  return questionAt(L, index, contextType().handle).context;
}

int header(lua_State* L) {
  const http::RequestHead* const request = context(L, 1).request;
  weir::lua::checkText(L, 2);
  request != nullptr ? weir::lua::pushHeader(L, request->headers, 2) : lua_pushnil(L);
  return 1;
}

int metadataMatch(lua_State* L) {
  const upstream::MetadataMatch* const match = context(L, 1).metadata;
  const std::string_view key = weir::lua::checkText(L, 2);
  const std::string* value = nullptr;
  if (match != nullptr) {
    for (const auto& [name, text] : *match) {
      if (name == key) value = &text;
    }
  }
  value != nullptr ? weir::lua::pushText(L, *value) : lua_pushnil(L);
  return 1;
}

const FactType& contextType() {
  static const FactGroup kGroups[] = {
      {kPick}, {weir::lua::requestFacts(), &requestOf}, {weir::lua::securityFacts(), &securityOf}};
  static constexpr luaL_Reg kMethods[] = {
      {"header", &header}, {"metadataMatch", &metadataMatch}, {nullptr, nullptr}};
  static const FactType kType{
      {"context object", "choice"}, kGroups, kMethods, [](lua_State* L, int index) {
        return static_cast<const void*>(&context(L, index));
      }};
  return kType;
}

// Immutable.
class BalancerModule final : public weir::lua::Module {
 public:
  void install(lua_State* L, weir::lua::State& state) const override {
    weir::lua::defineHandle(L, state, kEndpoints, kEndpointsMethods, kEndpointsMeta);
    weir::lua::installContextHandle(L, state, kEndpoints);
    weir::lua::defineFacts(L, state, contextType());
    weir::lua::installContextHandle(L, state, contextType().handle);
  }
};

// The index that the script's result stands for, -1 for none; raises when it is neither.
int64_t takeChoice(lua_State* L, int results, size_t endpoints) {
  if (results == 0 || lua_isnil(L, 1)) return -1;
  char problem[96];
  if (lua_type(L, 1) != LUA_TNUMBER) {
    std::snprintf(problem, sizeof problem, "returned a %s; it has to be a number or nil",
                  luaL_typename(L, 1));
    weir::lua::raiseResult(L, "choose", problem);
  }
  const lua_Number number = lua_tonumber(L, 1);
  const bool inside = number >= 1 && number <= static_cast<lua_Number>(endpoints);
  if (!inside || number != static_cast<lua_Number>(static_cast<int64_t>(number))) {
    std::snprintf(problem, sizeof problem, "returned %.14g; it has to be a whole number, 1 to %zu",
                  number, endpoints);
    weir::lua::raiseResult(L, "choose", problem);
  }
  return static_cast<int64_t>(number) - 1;
}

}  // namespace

std::shared_ptr<const weir::lua::Module> balancerModule() {
  return std::make_shared<BalancerModule>();
}

std::optional<uint32_t> BalancerScript::choose(const Question& question) {
  weir::lua::State* const state = script_.state();
  if (state == nullptr) return std::nullopt;
  const Question* const outer = std::exchange(question_, &question);
  int64_t chosen = -1;
  state->call(
      state->entryPoint(0),
      [](lua_State* L) {
        weir::lua::pushContextHandle(L, kEndpoints);
        weir::lua::pushContextHandle(L, contextType().handle);
        return 2;
      },
      [&](lua_State* L, int results) {
        chosen = takeChoice(L, results, question.candidates.size());
      });
  question_ = outer;
  if (chosen < 0) return std::nullopt;
  return static_cast<uint32_t>(chosen);
}

}  // namespace weir::extensions::load_balancing::lua
