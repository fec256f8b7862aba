#pragma once

#include <cstdint>

#include "source/lua/coroutine.h"

struct lua_State;

namespace weir::lua {

// A pooled thread of a State. Worker-confined.
struct CoroutineSlot {
  lua_State* thread = nullptr;  // null: there was no memory for one
  int reference = -2;           // keeps it from the collector
  Scope scope;
  CoroutineSlot* next_free = nullptr;
  bool running = false;
  bool yielded = false;
  bool broken = false;    // ended by an error, or left in the middle: never runs again
  bool released = false;  // while it ran
};

}  // namespace weir::lua
