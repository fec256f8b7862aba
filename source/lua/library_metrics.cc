#include <cmath>
#include <string>

#include "source/base/concat.h"
#include "source/lua/binding.h"
#include "source/lua/library_parts.h"
#include "source/stats/user_metrics.h"

// weir.metrics: a script's own, in the same places as Weir's.
namespace weir::lua {
namespace {

constexpr HandleType kCounter{"counter", "state"};
constexpr HandleType kGauge{"gauge", "state"};
constexpr HandleType kHistogram{"histogram", "state"};

// What a number stands for in a cell.
uint64_t amount(lua_State* L, int index, double fallback) {
  const double number = luaL_optnumber(L, index, fallback);
  if (!(number >= 0 && number <= 0x1p53)) luaL_argerror(L, index, "a number from 0 to 2^53");
  return static_cast<uint64_t>(number);
}

int add(lua_State* L) {
  auto* const cell = static_cast<stats::Cell*>(checkHandleObject(L, 1, kCounter));
  const uint64_t by = amount(L, 2, 1);
  if (cell != nullptr) cell->add(by);
  return 0;
}

int record(lua_State* L) {
  auto* const cell = static_cast<stats::HistogramCell*>(checkHandleObject(L, 1, kHistogram));
  luaL_checknumber(L, 2);
  const uint64_t value = amount(L, 2, 0);
  if (cell != nullptr) cell->record(value);
  return 0;
}

double finite(lua_State* L, int index) {
  const double number = luaL_checknumber(L, index);
  if (!std::isfinite(number)) luaL_argerror(L, index, "a finite number");
  return number;
}

int set(lua_State* L) {
  auto* const gauge = static_cast<stats::SharedGauge*>(checkHandleObject(L, 1, kGauge));
  const double value = finite(L, 2);
  if (gauge != nullptr) gauge->set(value);
  return 0;
}

int change(lua_State* L) {
  auto* const gauge = static_cast<stats::SharedGauge*>(checkHandleObject(L, 1, kGauge));
  const double by = finite(L, 2);
  if (gauge != nullptr) gauge->add(by);
  return 0;
}

// Checks, before any C++ object is made, what readLabels() will read from the table at 2.
void checkLabels(lua_State* L) {
  if (lua_isnoneornil(L, 2)) return;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, 2) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) {
      luaL_argerror(L, 2, "names and values of labels are texts");
    }
    lua_pop(L, 1);
  }
}

// Raises nothing: only texts are there, and lua_next() over an unchanged table does not.
stats::Labels readLabels(lua_State* L) {
  stats::Labels labels;
  if (lua_isnoneornil(L, 2)) return labels;
  lua_pushnil(L);
  while (lua_next(L, 2) != 0) {
    labels.emplace_back(lua_tostring(L, -2), lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  return labels;
}

// The object, or null with the error's text in the state's scratch.
template <class Made, class Make, class Find>
void* ask(State& state, Make make, Find find) {
  base::ServiceMap& services = *state.host().services;
  auto& metrics = stats::UserMetrics::of(
      services.get<stats::Store>(),
      {.prefix = "script_", .labels = {{"script", state.script().config().name}}});
  absl::StatusOr<Made> made = make(metrics);
  if (made.ok()) return find(*made);
  state.scratch() = base::view(made.status().message());
  return nullptr;
}

template <class Made>
using Asks = absl::StatusOr<Made> (stats::UserMetrics::*)(std::string_view, std::string_view,
                                                          stats::Labels);

void* find(State& state, stats::CounterId id) {
  return &state.host().block->counter(id);
}
void* find(State& state, stats::HistogramId id) {
  return &state.host().block->histogram(id);
}
void* find(State&, stats::SharedGauge* gauge) {
  return gauge;
}

// (name [, labels [, help]])
template <class Made>
int metric(lua_State* L, const HandleType& type, Asks<Made> asks) {
  const std::string_view name = checkText(L, 1);
  checkLabels(L);
  const std::string_view help =
      lua_isnoneornil(L, 3) ? std::string_view("A script's own.") : checkText(L, 3);
  State& state = stateOf(L);
  void* object = nullptr;
  if (!state.trial()) {
    object = ask<Made>(
        state,
        [&](stats::UserMetrics& metrics) { return (metrics.*asks)(name, help, readLabels(L)); },
        [&](Made made) { return find(state, made); });
    if (object == nullptr) {
      luaL_where(L, 1);
      lua_pushlstring(L, state.scratchText().data(), state.scratchText().size());
      lua_concat(L, 2);
      return lua_error(L);
    }
  }
  pushLastingHandle(L, type, object);
  return 1;
}

int counter(lua_State* L) {
  return metric<stats::CounterId>(L, kCounter, &stats::UserMetrics::counter);
}
int gauge(lua_State* L) {
  return metric<stats::SharedGauge*>(L, kGauge, &stats::UserMetrics::gauge);
}
int histogram(lua_State* L) {
  return metric<stats::HistogramId>(L, kHistogram, &stats::UserMetrics::histogram);
}

constexpr luaL_Reg kCounterMethods[] = {{"add", &add}, {nullptr, nullptr}};
constexpr luaL_Reg kGaugeMethods[] = {{"set", &set}, {"add", &change}, {nullptr, nullptr}};
constexpr luaL_Reg kHistogramMethods[] = {{"record", &record}, {nullptr, nullptr}};

}  // namespace

void installMetrics(lua_State* L, State& state) {
  defineHandle(L, state, kCounter, kCounterMethods);
  defineHandle(L, state, kGauge, kGaugeMethods);
  defineHandle(L, state, kHistogram, kHistogramMethods);
  lua_newtable(L);
  setFunction(L, "counter", &counter);
  setFunction(L, "gauge", &gauge);
  setFunction(L, "histogram", &histogram);
  lua_setfield(L, -2, "metrics");
}

}  // namespace weir::lua
