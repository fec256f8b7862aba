#pragma once

#include <cstdint>
#include <utility>

#include "absl/functional/function_ref.h"

#include "source/base/local_ref.h"
#include "source/lua/error.h"

struct lua_State;

namespace weir::lua {

class Entry;
class State;
struct CoroutineSlot;
struct Function;

// What handles (binding.h) belong to: they work while it is the one that runs, until it is ended.
// Owned by its State, or by whoever outlives all handles made in it. Worker-confined.
class Scope {
 public:
  uint64_t generation() const { return generation_; }
  // All handles made so far are dead from now on.
  void end() { ++generation_; }

 private:
  uint64_t generation_ = 0;
};

// A thread of a State, lent to one stream: runs a function that may yield (lua_yield from a C
// function) and is resumed when what it waits for is there. Destroying it, at any time, even from a
// C function that it runs, ends all handles of its scope and gives the thread back. Keeps its State
// alive. Worker-confined; movable.
class Coroutine {
 public:
  Coroutine() = default;
  Coroutine(Coroutine&& other) noexcept;
  Coroutine& operator=(Coroutine&& other) noexcept;
  ~Coroutine() { reset(); }

  explicit operator bool() const { return slot_ != nullptr; }
  void reset();

  // Begins `function` with what `push` pushes. Once; again after it is done.
  Outcome start(Function function, absl::FunctionRef<int(lua_State*)> push);
  // Goes on after a yield: the C function that yielded returns what `push` pushes.
  Outcome resume(absl::FunctionRef<int(lua_State*)> push);
  bool yielded() const;

  State& state() const { return *state_; }
  Scope& scope() const;
  // Results of a function that is done stand at 1 … lua_gettop(). Outside of calls read them only
  // with functions that cannot raise: lua_type, lua_toboolean, lua_tonumber; lua_tolstring of what
  // is a LUA_TSTRING.
  lua_State* thread() const;

 private:
  friend class State;
  Coroutine(base::LocalRef<State> state, CoroutineSlot& slot);
  Outcome go(Entry& entry, int arguments);

  base::LocalRef<State> state_;
  CoroutineSlot* slot_ = nullptr;
};

}  // namespace weir::lua
