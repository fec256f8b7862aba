#include "extensions/http_filters/tap/tap_file.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <utility>

#include "source/base/concat.h"
#include "source/base/log.h"

namespace weir::extensions::http_filters::tap {
namespace {

// Of all rotations: an old and a new configuration may have one file.
constinit std::mutex g_rotation;

// 0 with an error.
uint64_t sizeOf(const std::string& path, std::error_code& error) {
  const uintmax_t size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

}  // namespace

std::error_code shiftFiles(const std::string& path, uint32_t keep) {
  const auto numbered = [&path](uint32_t number) { return base::concat(path, ".", number); };
  std::error_code error;
  // What is not there is no failure: there have not been so many yet.
  for (uint32_t i = keep; i > 1; --i) std::filesystem::rename(numbered(i - 1), numbered(i), error);
  std::filesystem::rename(path, numbered(1), error);
  return error;
}

TapFile::TapFile(std::string path, const Limits& limits, base::FileWriter& writer,
                 base::TaskPool& pool)
    : path_(std::move(path)),
      limits_(limits),
      reserve_(limits.keep == 0 ? 0 : std::min(limits.max_bytes / 8, kMostReserve)),
      writer_(writer),
      pool_(pool),
      left_(static_cast<int64_t>(limits.max_bytes - reserve_)) {
  std::error_code error;
  left_ -= static_cast<int64_t>(sizeOf(path_, error));  // what is there already counts
}

bool TapFile::take(uint64_t bytes, event::MonotonicTime now) {
  const auto wanted = static_cast<int64_t>(bytes);
  int64_t left = left_.load(std::memory_order_relaxed);
  bool taken = false;
  while (!taken && left >= wanted) {
    taken = left_.compare_exchange_weak(left, left - wanted, std::memory_order_relaxed);
  }
  const bool nearly_full = left - (taken ? wanted : 0) < static_cast<int64_t>(reserve_);
  if (!taken || nearly_full) askForRotation(std::max(bytes, reserve_), now);
  return taken;
}

void TapFile::askForRotation(uint64_t bytes, event::MonotonicTime now) {
  if (limits_.keep == 0 || bytes > limits_.max_bytes - reserve_) return;
  if (now < not_before_.load(std::memory_order_relaxed)) return;
  if (rotating_.exchange(true, std::memory_order_acquire)) return;
  not_before_.store(now + kPause, std::memory_order_relaxed);
  const bool taken = pool_.submit([self = shared_from_this(), bytes] { self->rotate(bytes); });
  if (!taken) rotating_.store(false, std::memory_order_release);
}

// On a thread of the pool.
void TapFile::rotate(uint64_t bytes) {
  if (const std::error_code error = tryToRotate(bytes)) {
    base::log::warning("tap", "\"", path_,
                       "\" cannot be renamed and begun anew: ", error.message());
  } else {
    not_before_.store(event::MonotonicTime(), std::memory_order_relaxed);
  }
  rotating_.store(false, std::memory_order_release);
}

std::error_code TapFile::tryToRotate(uint64_t bytes) {
  const std::lock_guard lock(g_rotation);
  writer_.flush();
  const int64_t before = left_.load(std::memory_order_relaxed);
  // It may be shorter than what was counted: moved away by others.
  std::error_code error;
  const bool full = sizeOf(path_, error) + bytes > limits_.max_bytes - reserve_;
  if (full) error = shiftFiles(path_, limits_.keep);
  if (full && error) return error;
  writer_.reopen();
  writer_.flush();
  const uint64_t begun = sizeOf(path_, error);
  if (error) return error;
  // What was let through meanwhile may still come into the new file.
  const int64_t left = left_.load(std::memory_order_relaxed);
  const int64_t meanwhile = before - left;
  const auto room = static_cast<int64_t>(limits_.max_bytes - reserve_);
  left_.fetch_add(room - static_cast<int64_t>(begun) - meanwhile - left, std::memory_order_relaxed);
  return {};
}

}  // namespace weir::extensions::http_filters::tap
