#pragma once

#include <cstdint>
#include <string>

namespace weir::lua {

enum class ErrorKind : uint8_t {
  kNone,
  kError,   // the script raised it, or something it called did
  kBudget,  // its CPU time was used up
  kMemory,  // its memory was
  kMisuse,  // a handle was used after its end, or outside of its coroutine
};

// Why a call into Lua failed. `message` begins with script:line where Lua knows it. Value.
struct Error {
  ErrorKind kind = ErrorKind::kNone;
  std::string message;

  explicit operator bool() const { return kind != ErrorKind::kNone; }
};

enum class Progress : uint8_t {
  kDone,     // it has returned
  kYielded,  // it waits for resume()
  kFailed,   // Outcome::error says why; already counted and logged
  // Whoever ran it gave it up meanwhile (Coroutine::reset() from inside): touch nothing.
  kAbandoned,
};

// What a call into Lua came to. Value.
struct Outcome {
  Progress progress = Progress::kDone;
  Error error;

  bool failed() const { return progress == Progress::kFailed; }
};

}  // namespace weir::lua
