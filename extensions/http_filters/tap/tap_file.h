#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

#include "source/base/file_writer.h"
#include "source/base/task_pool.h"
#include "source/event/dispatcher.h"

namespace weir::extensions::http_filters::tap {

// Renames PATH to PATH.1, that to PATH.2, and so on; `keep` stay, at least 1. An error: PATH could
// not be renamed, and is as it was.
std::error_code shiftFiles(const std::string& path, uint32_t keep);

// How much may still be written to a file, which is begun anew when it is nearly full: so that
// nothing is lost meanwhile, and what has been let through late still has room. Thread-safe.
class TapFile : public std::enable_shared_from_this<TapFile> {
 public:
  struct Limits {
    uint64_t max_bytes = uint64_t{1} << 28;
    uint32_t keep = 3;  // 0: the file is not begun anew
  };
  // `writer` and `pool` outlive whoever calls take(); `writer` has opened the file, and outlives
  // the tasks of `pool`.
  TapFile(std::string path, const Limits& limits, base::FileWriter& writer, base::TaskPool& pool);

  // True: so many bytes may be pushed to the writer.
  bool take(uint64_t bytes, event::MonotonicTime now);

 private:
  // Between two tries that fail.
  static constexpr std::chrono::seconds kPause{10};
  static constexpr uint64_t kMostReserve = uint64_t{1} << 20;

  void askForRotation(uint64_t bytes, event::MonotonicTime now);
  void rotate(uint64_t bytes);
  std::error_code tryToRotate(uint64_t bytes);

  const std::string path_;
  const Limits limits_;
  const uint64_t reserve_;  // rotated when so much is left; and so much stays free
  base::FileWriter& writer_;
  base::TaskPool& pool_;
  std::atomic<int64_t> left_;
  std::atomic<bool> rotating_{false};
  std::atomic<event::MonotonicTime> not_before_{event::MonotonicTime()};
};

}  // namespace weir::extensions::http_filters::tap
