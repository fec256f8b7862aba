#include "source/lua/state.h"

#include <cstdlib>

#include <luajit-2.1/lua.hpp>

#include "source/base/concat.h"
#include "source/base/random.h"
#include "source/lua/binding.h"
#include "source/lua/coroutine_slot.h"
#include "source/lua/entry.h"
#include "source/lua/library.h"
#include "source/lua/library_data.h"
#include "source/lua/sandbox.h"
#include "source/lua/state_cells.h"

namespace weir::lua {
namespace {

constexpr std::string_view kArea = "lua";
// Free threads that a state keeps; each has about 1 KB.
constexpr size_t kMaxFree = 64;

constexpr std::string_view kTrampolinesName = "weir.call";
// Arguments are pushed, and results taken, inside of the protected call.
constexpr std::string_view kTrampolines = R"lua(
local push, take = ...
jit.off(true, true)
return function(f) return f(push()) end, function(f) return take(f(push())) end, function(...) return ... end
)lua";

int panic(lua_State* L) {
  const char* const message = lua_tostring(L, -1);
  base::log::error(kArea, "a Lua error outside of any protected call, which is a bug: ",
                   message != nullptr ? message : "?");
  std::abort();
}

Function keepTop(lua_State* L) {
  return {luaL_ref(L, LUA_REGISTRYINDEX)};
}

int nothing(lua_State*) {
  return 0;
}

}  // namespace

base::LocalRef<State> State::create(Script& script, std::shared_ptr<const ScriptSource> source,
                                    const StateHost& host, Error& error) {
  base::LocalRef<State> state(new State(script, std::move(source), host));
  error = state->open();
  if (error) state.reset();
  return state;
}

State::State(Script& script, std::shared_ptr<const ScriptSource> source, const StateHost& host)
    : script_(script),
      kept_script_(script.shared_from_this()),
      host_(host),
      memory_(*this, script.config().memory_bytes),
      source_(std::move(source)),
      collect_above_(memory_.limit() / 4 * 3) {
  if (host_.block != nullptr) {
    cells_ = std::make_unique<Cells>(script.metrics(), *host_.block);
    cells_->states.add();
  }
  library_ = std::make_unique<LibraryData>(*this);
  if (script.watchdog() != nullptr) watched_ = &WatchedThread::current();
}

State::~State() {
  library_.reset();
  if (main_ != nullptr) lua_close(main_);
  if (cells_ != nullptr) {
    countMemory();
    cells_->states.sub();
  }
}

Error State::open() {
  main_ = lua_newstate(&Memory::allocate, &memory_);
  if (main_ == nullptr) return {ErrorKind::kMemory, "not enough memory for a state"};
  lua_atpanic(main_, &panic);
  {
    Entry entry(*this, nullptr, nullptr);
    const int status = lua_cpcall(main_, &State::openProtected, nullptr);
    if (status != 0) return entry.failed(status, main_).error;
  }
  Function chunk;
  {
    Entry entry(*this, nullptr, nullptr);
    const int status = protect(main_, [this, &chunk](lua_State* L) {
      lua_rawgeti(L, LUA_REGISTRYINDEX, harden_.reference);
      if (luaL_loadbufferx(L, source_->text.data(), source_->text.size(),
                           source_->chunk_name.c_str(), "t") != 0) {
        lua_error(L);
      }
      lua_call(L, 1, 1);
      chunk = keepTop(L);
      return 0;
    });
    if (status != 0) return entry.failed(status, main_).error;
  }
  Outcome outcome = call(chunk, nothing, [](lua_State*, int) {});
  if (outcome.failed()) return std::move(outcome.error);
  forget(chunk);
  Error error;
  takeEntryPoints(error);
  countMemory();
  return error;
}

int State::openProtected(lua_State* L) {
  stateOf(L).openLibraries(L);
  return 0;
}

void State::openLibraries(lua_State* L) {
  luaL_openlibs(L);
  maker_ = lua_newthread(L);
  luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushcfunction(L, &State::pushPending);
  push_ = keepTop(L);
  if (luaL_loadbuffer(L, kTrampolines.data(), kTrampolines.size(), "=weir.call") != 0) lua_error(L);
  lua_pushcfunction(L, &State::pushPending);
  lua_pushcfunction(L, &State::takePending);
  lua_call(L, 2, 3);
  identity_ = keepTop(L);
  call_ = keepTop(L);
  run_ = keepTop(L);
  installLibrary(L, *this);
  for (const auto& module : script_.config().modules) module->install(L, *this);
  lua_getglobal(L, "math");
  lua_getfield(L, -1, "randomseed");
  lua_pushnumber(L, static_cast<double>(base::Random().next() >> 12));
  lua_call(L, 1, 0);
  lua_pop(L, 1);
  closeSandbox(L, *this);
  harden_ = keepTop(L);
  lua_gc(L, LUA_GCCOLLECT, 0);
}

void State::takeEntryPoints(Error& error) {
  const std::vector<std::string>& names = script_.config().entry_points;
  entry_points_.resize(names.size());
  bool any = names.empty();
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    list += base::concat(i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", names[i]);
    Entry entry(*this, nullptr, nullptr);
    const int status = protect(main_, [this, &names, i](lua_State* L) {
      lua_getglobal(L, names[i].c_str());
      if (lua_isfunction(L, -1)) entry_points_[i] = keepTop(L);
      return 0;
    });
    if (status != 0) error = entry.failed(status, main_).error;
    any |= static_cast<bool>(entry_points_[i]);
  }
  if (!any && !error) {
    error = {ErrorKind::kError,
             base::concat(script_.config().name, ": defines no global function ", list)};
  }
}

int State::pushPending(lua_State* L) {
  return (*stateOf(L).pending_push_)(L);
}

int State::takePending(lua_State* L) {
  (*stateOf(L).pending_take_)(L, lua_gettop(L));
  return 0;
}

int State::protect(lua_State* thread, Push push) {
  Push* const outer = std::exchange(pending_push_, &push);
  lua_rawgeti(thread, LUA_REGISTRYINDEX, push_.reference);
  const int status = lua_pcall(thread, 0, LUA_MULTRET, 0);
  pending_push_ = outer;
  return status;
}

Outcome State::call(Function function, Push push, Take take) {
  // Within another call the main thread may be in the middle of something.
  const bool nested = depth_ != 0;
  Coroutine own;
  if (nested) own = coroutine();
  lua_State* const thread = nested ? own.thread() : main_;
  if (thread == nullptr) return refuse("no memory for a call");
  Entry entry(*this, &call_scope_, nullptr);
  Push* const outer_push = std::exchange(pending_push_, &push);
  Take* const outer_take = std::exchange(pending_take_, &take);
  lua_rawgeti(thread, LUA_REGISTRYINDEX, call_.reference);
  lua_rawgeti(thread, LUA_REGISTRYINDEX, function.reference);
  const int status = lua_pcall(thread, 1, 0, 0);
  pending_push_ = outer_push;
  pending_take_ = outer_take;
  return status == 0 ? entry.succeeded() : entry.failed(status, thread);
}

Coroutine State::coroutine() {
  return Coroutine(base::LocalRef<State>(this), *acquire());
}

CoroutineSlot* State::acquire() {
  CoroutineSlot* slot = free_;
  if (slot != nullptr) {
    free_ = slot->next_free;
    --free_count_;
  } else {
    slot = slots_.emplace_back(std::make_unique<CoroutineSlot>()).get();
  }
  slot->released = false;
  if (slot->thread != nullptr) return slot;
  protect(maker_, [slot](lua_State* L) {
    lua_State* const thread = lua_newthread(L);
    slot->reference = luaL_ref(L, LUA_REGISTRYINDEX);
    slot->thread = thread;
    return 0;
  });
  lua_settop(maker_, 0);
  return slot;
}

void State::release(CoroutineSlot& slot) {
  if (slot.thread != nullptr && (slot.broken || slot.yielded || free_count_ >= kMaxFree)) {
    luaL_unref(main_, LUA_REGISTRYINDEX, slot.reference);
    slot.thread = nullptr;
  } else if (slot.thread != nullptr) {
    lua_settop(slot.thread, 0);
  }
  slot.broken = slot.yielded = false;
  slot.next_free = std::exchange(free_, &slot);
  ++free_count_;
}

Function State::keep(lua_State* L) {
  return keepTop(L);
}

void State::forget(Function function) {
  if (function) luaL_unref(main_, LUA_REGISTRYINDEX, function.reference);
}

int State::metatable(const HandleType& type) const {
  for (const auto& [known, reference] : metatables_) {
    if (known == &type) return reference;
  }
  return LUA_NOREF;
}

void State::addMetatable(const HandleType& type, int reference) {
  metatables_.emplace_back(&type, reference);
}

const Package* State::package(std::string_view name, std::string_view& error) {
  if (const auto known = source_->packages.find(name); known != source_->packages.end()) {
    return &known->second;
  }
  auto found = findPackage(name, script_.config().package_folders);
  if (!found.ok()) {
    package_error_ = base::view(found.status().message());
    error = package_error_;
    return nullptr;
  }
  Package& package = packages_[std::string(name)];
  package = *std::move(found);
  if (trial()) script_.noteRead(package.path);
  return &package;
}

std::string& State::scratch() {
  static constexpr size_t kKept = size_t{64} << 10;
  if (scratch_.capacity() > kKept) std::string().swap(scratch_);
  scratch_.clear();
  return scratch_;
}

void State::retire() {
  library_->timers.clear();
}

bool State::timeIsOver() const {
  return watched_ != nullptr && watched_->raised();
}

void State::log(base::log::Level level, std::string_view line) const {
  if (trial() || !base::log::enabled(level, kArea)) return;
  base::log::write(level, kArea, base::concat(script_.config().name, ": ", line));
}

// A function that is called in tail position has no line; Lua then names the one below it, ours.
std::string State::nameInstead(std::string_view message) const {
  const size_t end = message.find(": ");
  if (message.substr(0, kTrampolinesName.size()) != kTrampolinesName ||
      end == std::string_view::npos) {
    return std::string(message);
  }
  return base::concat(script_.config().name, message.substr(end));
}

Error State::errorOf(int status, lua_State* thread) {
  Error error{status == LUA_ERRMEM ? ErrorKind::kMemory : ErrorKind::kError, {}};
  if (status == LUA_ERRMEM) {
    error.message = base::concat(script_.config().name, ": not enough memory: its limit is ",
                                 memory_.limit() / 1024, " KiB");
  } else if (status == LUA_YIELD) {
    error.message = base::concat(script_.config().name,
                                 ": coroutine.yield() outside of a coroutine of the script's own");
    error.kind = ErrorKind::kMisuse;
  } else if (lua_type(thread, -1) == LUA_TSTRING) {
    size_t size = 0;
    const char* const text = lua_tolstring(thread, -1, &size);
    error.message = nameInstead({text, size});
    if (text == misuse_) error.kind = ErrorKind::kMisuse;
  } else if (lua_type(thread, -1) == LUA_TNUMBER) {
    error.message = base::concat(script_.config().name, ": ", lua_tonumber(thread, -1));
  } else {
    error.message = base::concat(script_.config().name, ": the error is a ",
                                 luaL_typename(thread, -1), " value");
  }
  misuse_ = nullptr;
  lua_settop(thread, 0);
  return error;
}

Outcome State::refuse(std::string_view why) {
  Error error{ErrorKind::kMemory, base::concat(script_.config().name, ": ", why)};
  settle(error, std::chrono::nanoseconds(0), 1);
  return {Progress::kFailed, std::move(error)};
}

}  // namespace weir::lua
