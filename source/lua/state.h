#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"

#include "source/base/local_ref.h"
#include "source/base/log.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/lua/coroutine.h"
#include "source/lua/error.h"
#include "source/lua/memory.h"
#include "source/lua/packages.h"
#include "source/lua/script.h"
#include "source/stats/stats.h"

struct lua_State;

namespace weir::lua {

class Entry;
class WatchedThread;
struct LibraryData;
struct HandleType;

// A Lua function that C++ keeps: valid as long as its State. Value.
struct Function {
  int reference = -2;  // LUA_NOREF
  explicit operator bool() const { return reference >= 0; }
};

// Pushes arguments onto the stack and returns how many. Runs protected: it may raise Lua errors
// (memory), so no object with a destructor may be alive in it when it calls into Lua.
using Push = absl::FunctionRef<int(lua_State*)>;
// Reads `results` values from the stack, the first at index 1. Runs protected, as Push.
using Take = absl::FunctionRef<void(lua_State*, int results)>;

// What a state has of the thread it runs on. All outlive it. Value.
struct StateHost {
  base::ServiceMap* services = nullptr;     // null: a trial, on the main thread
  event::Dispatcher* dispatcher = nullptr;  // null: a trial
  stats::Block* block = nullptr;            // null: a trial
  void* context = nullptr;                  // the extension's
};

// One lua_State: a version of a script on a worker. Every way into Lua goes through call() or
// Coroutine, which are protected, watched (CPU time), measured and counted. It lives as long as
// somebody has a reference; the last one must not be dropped by a C function that it calls, but
// Coroutine and call() hold one while they run. Worker-confined.
class State final : public base::LocalCounted {
 public:
  // Opens the libraries, lets the modules install themselves, closes the sandbox, runs the main
  // chunk. Null with `error` when that fails. Keeps `script`, which a shared_ptr has.
  static base::LocalRef<State> create(Script& script, std::shared_ptr<const ScriptSource> source,
                                      const StateHost& host, Error& error);
  ~State() override;

  Script& script() { return script_; }
  bool trial() const { return host_.dispatcher == nullptr; }
  const StateHost& host() const { return host_; }
  template <class T>
  T& context() const {
    return *static_cast<T*>(host_.context);
  }

  // The global function that ScriptConfig::entry_points names at `index`, as the main chunk left
  // it.
  Function entryPoint(size_t index) const { return entry_points_[index]; }

  // A coroutine for one stream or task; costs no allocation when one is in the pool.
  Coroutine coroutine();

  // Calls a function that does not yield, for short work (choose an endpoint, write a log line).
  Outcome call(Function function, Push push, Take take);

  // A function that returns its arguments.
  Function identity() const { return identity_; }

  // For handles that live longer than a coroutine: a scope that is open during every call().
  Scope& callScope() { return call_scope_; }
  // The scope of what runs now, or null outside of Lua.
  Scope* currentScope() const { return current_scope_; }

  // For bindings (source/lua/binding.h) -----------------------------------------------------------

  lua_State* main() const { return main_; }
  // A value of the stack's top, taken off it and kept.
  Function keep(lua_State* L);
  void forget(Function function);
  // Of handles: the registry's reference of the type's metatable.
  int metatable(const HandleType& type) const;
  void addMetatable(const HandleType& type, int reference);
  // The message of a misuse that is being raised: an interned string of Lua.
  void noteMisuse(const char* message) { misuse_ = message; }
  // Whether `thread` is that of the coroutine that runs, not one that the script has made.
  bool isStreamThread(lua_State* thread) const { return thread == current_thread_; }
  void allowYield() { may_yield_ = true; }

  const Memory& memory() const { return memory_; }
  // Its memory stays full: new streams should get a new State.
  bool spent() const { return spent_; }
  // What require() has read from files, beyond what the source brought along.
  const Packages& packages() const { return packages_; }
  // For require(): null with `error`, whose text stays until the next call.
  const Package* package(std::string_view name, std::string_view& error);
  // A place for text that bindings put together, empty: it is not on the C stack when Lua raises.
  // Used until something is called that may use it too.
  std::string& scratch();
  const std::string& scratchText() const { return scratch_; }  // what is in it
  // The metatable that marks tables as JSON arrays.
  Function arrayMark() const { return array_mark_; }
  void setArrayMark(Function mark) { array_mark_ = mark; }
  LibraryData& library() { return *library_; }
  // A newer version has taken its place for new streams: no more timers.
  void retire();
  // Whether the running call has used up its time.
  bool timeIsOver() const;
  // A line of the script's own.
  void log(base::log::Level level, std::string_view line) const;

 private:
  friend class Coroutine;
  friend class Entry;
  struct Cells;
  State(Script& script, std::shared_ptr<const ScriptSource> source, const StateHost& host);
  Error open();
  static int openProtected(lua_State* L);
  void openLibraries(lua_State* L);
  void takeEntryPoints(Error& error);
  // Runs `push` on `thread` in a protected call: a status of Lua's; what it pushed, or the error,
  // is on the stack.
  int protect(lua_State* thread, Push push);
  static int pushPending(lua_State* L);
  static int takePending(lua_State* L);
  // The error that `status` and the value on top of the stack stand for; takes it off.
  Error errorOf(int status, lua_State* thread);
  std::string nameInstead(std::string_view message) const;
  Outcome refuse(std::string_view why);
  // After every entry: counts, logs, looks at the memory.
  void settle(const Error& error, std::chrono::nanoseconds time, uint32_t refusals);
  void report(const Error& error);
  void countMemory();
  void collectIfFull();
  CoroutineSlot* acquire();
  void release(CoroutineSlot& slot);

  Script& script_;
  const std::shared_ptr<Script> kept_script_;
  const StateHost host_;
  Memory memory_;
  std::unique_ptr<Cells> cells_;
  WatchedThread* watched_ = nullptr;
  lua_State* main_ = nullptr;
  lua_State* maker_ = nullptr;  // a thread that never runs scripts
  Function run_, call_;         // trampolines of trusted Lua
  Function push_;               // pushPending()
  Function harden_;
  Function identity_;
  std::vector<Function> entry_points_;
  std::vector<std::pair<const HandleType*, int>> metatables_;
  std::vector<std::unique_ptr<CoroutineSlot>> slots_;
  CoroutineSlot* free_ = nullptr;
  size_t free_count_ = 0;
  Scope call_scope_;
  Scope* current_scope_ = nullptr;
  lua_State* current_thread_ = nullptr;
  Push* pending_push_ = nullptr;
  Take* pending_take_ = nullptr;
  const char* misuse_ = nullptr;
  std::shared_ptr<const ScriptSource> source_;
  Packages packages_;
  std::string package_error_;
  std::string scratch_;
  Function array_mark_;
  std::unique_ptr<LibraryData> library_;
  bool spent_ = false;
  bool may_yield_ = false;
  uint32_t depth_ = 0;
  uint32_t calls_ = 0;
  size_t collect_above_;
  uint64_t counted_allocated_ = 0;
  size_t counted_used_ = 0;
  std::chrono::nanoseconds time_rest_{0};
  base::log::LogLimiter limiter_{std::chrono::seconds(1)};
};

}  // namespace weir::lua
