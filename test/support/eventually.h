#pragma once

#include <sched.h>

#include <chrono>

namespace weir::test {

// Waits until `condition` holds, giving the processor away between looks; false after `limit`.
template <class Condition>
bool eventually(Condition&& condition, std::chrono::seconds limit = std::chrono::seconds(10)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::sched_yield();
  }
  return true;
}

}  // namespace weir::test
