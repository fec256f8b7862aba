#include <luajit-2.1/lua.hpp>

#include "source/base/concat.h"
#include "source/lua/state.h"
#include "source/lua/state_cells.h"

// What every entry leaves behind: counts, lines in the log, garbage.
namespace weir::lua {
namespace {

constexpr std::string_view kArea = "lua";

}  // namespace

void State::settle(const Error& error, std::chrono::nanoseconds time, uint32_t refusals) {
  if (refusals != 0 || memory_.used() > collect_above_) collectIfFull();
  if (cells_ == nullptr) return;
  cells_->calls.add();
  countMemory();
  if (refusals != 0) cells_->memory_refusals.add(refusals);
  if (time.count() != 0) {
    time_rest_ += time;
    const auto whole = std::chrono::floor<std::chrono::microseconds>(time_rest_);
    cells_->time_us.add(static_cast<uint64_t>(whole.count()));
    time_rest_ -= whole;
  }
  if (!error) return script_.noteSuccess();
  report(error);
}

void State::report(const Error& error) {
  cells_->errors.add();
  if (error.kind == ErrorKind::kBudget) cells_->budget_kills.add();
  if (error.kind == ErrorKind::kMisuse) cells_->misuses.add();
  const std::string& name = script_.config().name;
  if (const auto held = limiter_.admit(host_.dispatcher->now())) {
    base::log::error(kArea, "script ", name, " failed: ", error.message,
                     *held == 0 ? "" : base::concat(" (and ", *held, " more)"));
  }
  if (!script_.noteFailure(host_.dispatcher->now())) return;
  cells_->bypasses.add();
  const ScriptConfig& config = script_.config();
  base::log::error(kArea, "script ", name, " is by-passed after ", config.bypass_failures,
                   " failures in a row, ",
                   config.bypass_time.count() == 0
                       ? std::string("until it is loaded again")
                       : base::concat("for ", config.bypass_time.count(), " ms"));
}

void State::countMemory() {
  if (cells_ == nullptr) return;
  cells_->allocated_bytes.add(memory_.allocated() - counted_allocated_);
  counted_allocated_ = memory_.allocated();
  // Cells are modulo 2^64, so a negative difference is right as well.
  cells_->memory_bytes.add(memory_.used() - counted_used_);
  counted_used_ = memory_.used();
}

// LuaJIT collects when memory has doubled, which a limit may not allow.
void State::collectIfFull() {
  if (depth_ > 1) return;
  lua_gc(main_, LUA_GCCOLLECT, 0);
  const size_t limit = memory_.limit();
  const size_t used = memory_.used();
  // So full after all: it could hardly do anything.
  spent_ = used > limit / 8 * 7;
  // Not again before a good part of what is left is used.
  collect_above_ = std::max(limit / 4 * 3, used + (limit - used) / 2);
}

}  // namespace weir::lua
