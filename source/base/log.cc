#include "source/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/status/statusor.h"

#include "source/base/ascii.h"
#include "source/base/fd.h"
#include "source/base/time.h"

namespace weir::base::log {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"trace",   "debug", "info",
                                                    "warning", "error", "off"};

spdlog::level::level_enum spdlogLevel(Level level) {
  constexpr std::array kLevels = {spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
                                  spdlog::level::warn,  spdlog::level::err,   spdlog::level::off};
  return kLevels[static_cast<size_t>(level)];
}

absl::StatusOr<UniqueFd> openFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!fd) return absl::ErrnoToStatus(errno, concat("cannot open log file \"", path, "\""));
  return fd;
}

// Writes whole lines to stderr or a file. Thread-safe by its base's mutex.
class FdSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void use(UniqueFd file) {
    const std::lock_guard lock(mutex_);
    file_ = std::move(file);
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string_view left(message.payload.data(), message.payload.size());
    const int fd = file_ ? file_.get() : STDERR_FILENO;
    while (!left.empty()) {
      const ssize_t written = ::write(fd, left.data(), left.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;  // nowhere to complain
      left.remove_prefix(static_cast<size_t>(written));
    }
  }
  void flush_() override {}

  UniqueFd file_;
};

void appendEscaped(std::string& line, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      line += "\\\\";
    } else if (c == '\n') {
      line += "\\n";
    } else if (c == '\r') {
      line += "\\r";
    } else if (c == '\t') {
      line += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      line += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      line += c;
    }
  }
}

// The process's log. Thread-safe.
class OperationalLog {
 public:
  absl::Status start(const Options& options) {
    UniqueFd file;
    if (!options.file.empty()) {
      absl::StatusOr<UniqueFd> opened = openFile(options.file);
      if (!opened.ok()) return opened.status();
      file = *std::move(opened);
    }
    stop();
    const std::lock_guard lock(mutex_);
    path_ = options.file;
    sink_->use(std::move(file));
    if (options.async) {
      writer_ =
          std::make_shared<spdlog::details::thread_pool>(std::max<size_t>(options.queue, 1), 1);
      logger_ = std::make_shared<spdlog::async_logger>(
          "weir", sink_, writer_, spdlog::async_overflow_policy::overrun_oldest);
      logger_->set_level(spdlog::level::trace);
    }
    return absl::OkStatus();
  }

  void stop() {
    std::shared_ptr<spdlog::details::thread_pool> writer;
    {
      const std::lock_guard lock(mutex_);
      writer = std::move(writer_);
      logger_ = synchronous();
    }
    writer.reset();  // ends once its queue is written, if this was the last reference
    const std::lock_guard lock(mutex_);
    path_.clear();
    sink_->use(UniqueFd());
  }

  absl::Status reopen() {
    const std::lock_guard lock(mutex_);
    if (path_.empty()) return absl::OkStatus();
    absl::StatusOr<UniqueFd> opened = openFile(path_);
    if (!opened.ok()) return opened.status();
    sink_->use(*std::move(opened));
    return absl::OkStatus();
  }

  void setLevel(std::string_view area, Level level) {
    const std::lock_guard lock(levels_mutex_);
    if (area.empty()) {
      exceptions_.clear();
      default_ = level;
    } else {
      exceptions_.insert_or_assign(std::string(area), level);
    }
    Level lowest = default_;
    for (const auto& [name, exception] : exceptions_) lowest = std::min(lowest, exception);
    lowest_ = lowest;
    has_exceptions_ = !exceptions_.empty();
  }

  Level level(std::string_view area) const {
    if (!has_exceptions_.load(std::memory_order_relaxed)) return default_.load();
    const std::lock_guard lock(levels_mutex_);
    const auto found = exceptions_.find(area);
    return found == exceptions_.end() ? default_.load() : found->second;
  }

  bool enabled(Level level, std::string_view area) const {
    return level >= lowest_.load(std::memory_order_relaxed) && level >= this->level(area) &&
           level != Level::kOff;
  }

  std::map<std::string, Level> levels() const {
    const std::lock_guard lock(levels_mutex_);
    std::map<std::string, Level> all(exceptions_.begin(), exceptions_.end());
    all.emplace("", default_.load());
    return all;
  }

  void write(Level level, std::string_view line) {
    std::shared_ptr<spdlog::details::thread_pool>
        writer;  // alive while the logger may hand it a line
    std::shared_ptr<spdlog::logger> logger;
    {
      const std::lock_guard lock(mutex_);
      writer = writer_;
      logger = logger_;
    }
    logger->log(spdlogLevel(level), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  std::shared_ptr<spdlog::logger> synchronous() const {
    auto logger = std::make_shared<spdlog::logger>("weir", sink_);
    logger->set_level(spdlog::level::trace);
    return logger;
  }

  std::mutex mutex_;  // guards path_, writer_, logger_
  std::string path_;
  const std::shared_ptr<FdSink> sink_ = std::make_shared<FdSink>();
  std::shared_ptr<spdlog::details::thread_pool> writer_;
  std::shared_ptr<spdlog::logger> logger_ = synchronous();

  mutable std::mutex levels_mutex_;  // guards exceptions_ and every change
  std::map<std::string, Level, std::less<>> exceptions_;
  std::atomic<Level> default_{Level::kInfo};
  std::atomic<Level> lowest_{Level::kInfo};
  std::atomic<bool> has_exceptions_{false};
};

// Made on first use and never destroyed: something may log until the very end.
OperationalLog& theLog() {
  static OperationalLog& log = *new OperationalLog;
  return log;
}

}  // namespace

std::string_view levelName(Level level) {
  return kNames[static_cast<size_t>(level)];
}

std::optional<Level> parseLevel(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (equalsIgnoreCase(name, kNames[i])) return static_cast<Level>(i);
  }
  return std::nullopt;
}

absl::Status start(const Options& options) {
  return theLog().start(options);
}
void stop() {
  theLog().stop();
}
absl::Status reopen() {
  return theLog().reopen();
}
void setLevel(std::string_view area, Level level) {
  theLog().setLevel(area, level);
}
Level level(std::string_view area) {
  return theLog().level(area);
}
std::map<std::string, Level> levels() {
  return theLog().levels();
}
bool enabled(Level level, std::string_view area) {
  return theLog().enabled(level, area);
}

void write(Level level, std::string_view area, std::string_view text) {
  char time[kRfc3339Size];
  std::string line;
  line.reserve(kRfc3339Size + 16 + area.size() + text.size());
  line += formatRfc3339(std::chrono::system_clock::now(), time);
  line += ' ';
  line += levelName(level);
  line += ' ';
  appendEscaped(line, area);
  line += ": ";
  appendEscaped(line, text);
  line += '\n';
  theLog().write(level, line);
}

std::optional<uint64_t> LogLimiter::admit(std::chrono::steady_clock::time_point now) {
  if (last_ && now - *last_ < interval_) {
    ++held_back_;
    return std::nullopt;
  }
  last_ = now;
  return std::exchange(held_back_, 0);
}

}  // namespace weir::base::log
