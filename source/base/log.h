#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "source/base/concat.h"

// The operational log: what the operator should know about the proxy itself, not about requests.
// One per process. Lines go to stderr until start() says otherwise. Every function is thread-safe.
namespace weir::base::log {

enum class Level : uint8_t { kTrace, kDebug, kInfo, kWarning, kError, kOff };

std::string_view levelName(Level level);                 // "trace" … "error", "off"
std::optional<Level> parseLevel(std::string_view name);  // letter case ignored

struct Options {
  std::string file;  // empty: stderr
  bool async =
      false;  // a writer thread takes the lines; when it cannot keep up the oldest are lost
  size_t queue = 8192;  // lines that may wait for it
};
// Opens the destination and starts the writer. May be called again. An unwritable file changes
// nothing.
absl::Status start(const Options& options);
// Writes what waits, ends the writer thread, and goes back to stderr.
void stop();
// Opens the file anew under its name, after it was rotated. Nothing to do for stderr.
absl::Status reopen();

// Lines below `level` are dropped. `area` empty: for every area, and forgets what was set for
// single ones.
void setLevel(std::string_view area, Level level);
// Of one area.
Level level(std::string_view area);
// What is set: "" is the default, the others are exceptions.
std::map<std::string, Level> levels();

bool enabled(Level level, std::string_view area);
// One line: time, level, area, text. Control characters and backslashes in `text` are escaped, so a
// peer's bytes cannot forge a line.
void write(Level level, std::string_view area, std::string_view text);

// log::info("listener", "bound to ", address): the parts are joined by concat() when the level
// is enabled.
template <class... Parts>
void trace(std::string_view area, const Parts&... parts) {
  if (enabled(Level::kTrace, area)) write(Level::kTrace, area, concat(parts...));
}
template <class... Parts>
void debug(std::string_view area, const Parts&... parts) {
  if (enabled(Level::kDebug, area)) write(Level::kDebug, area, concat(parts...));
}
template <class... Parts>
void info(std::string_view area, const Parts&... parts) {
  if (enabled(Level::kInfo, area)) write(Level::kInfo, area, concat(parts...));
}
template <class... Parts>
void warning(std::string_view area, const Parts&... parts) {
  if (enabled(Level::kWarning, area)) write(Level::kWarning, area, concat(parts...));
}
template <class... Parts>
void error(std::string_view area, const Parts&... parts) {
  if (enabled(Level::kError, area)) write(Level::kError, area, concat(parts...));
}

// Lets one line through per interval. Worker-confined.
class LogLimiter {
 public:
  explicit LogLimiter(std::chrono::milliseconds interval) : interval_(interval) {}
  // How many were held back since the last one let through, or nullopt: hold this one back as well.
  std::optional<uint64_t> admit(std::chrono::steady_clock::time_point now);

 private:
  const std::chrono::milliseconds interval_;
  std::optional<std::chrono::steady_clock::time_point> last_;
  uint64_t held_back_ = 0;
};

}  // namespace weir::base::log
