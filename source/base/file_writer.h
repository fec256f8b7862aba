#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace weir::base {

// Lines from one thread to the writer thread: a bounded ring of bytes with one producer and one
// consumer. push() is for its one producer; it neither blocks nor allocates.
// Thread-safe for its one producer and one consumer.
class LineRing {
 public:
  explicit LineRing(size_t capacity_bytes);

  // Takes a whole line (with its newline), or nothing when there is no room: then it counts it as
  // dropped and returns false.
  bool push(std::string_view line);
  // Whether push() would take a line of that size; for the producer.
  bool fits(size_t bytes) const {
    return bytes <=
           mask_ + 1 -
               (written_.load(std::memory_order_relaxed) - read_.load(std::memory_order_acquire));
  }
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  friend class FileWriter;
  // Appends everything that is waiting to `out`; returns how many bytes.
  size_t drainTo(std::string& out);

  const size_t mask_;
  std::unique_ptr<char[]> data_;
  alignas(64) std::atomic<uint64_t> written_{0};
  alignas(64) std::atomic<uint64_t> read_{0};
  std::atomic<uint64_t> dropped_{0};
};

// Appends lines to files from a thread of its own, so that no worker waits for a disk. Thread-safe.
class FileWriter {
 public:
  // How much one producer may have waiting: a second of 4 000 lines of 256 bytes.
  static constexpr size_t kRingBytes = 1 << 20;

  FileWriter();
  // Writes what is waiting, then ends the thread.
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  // A ring whose lines go to the file at `path` ("" is standard output), created when it is not
  // there. Producers of one path share the file. The error says what the system said.
  absl::StatusOr<std::shared_ptr<LineRing>> open(const std::string& path);
  // Closes and opens every file again (after a rotation moved it away). Asynchronous.
  void reopen();
  // Returns when everything pushed before the call has been given to the system.
  void flush();
  // Lines dropped because a ring was full or a write failed, over all files.
  uint64_t dropped() const;

 private:
  struct Sink {
    std::string path;
    int fd = -1;
    std::vector<std::shared_ptr<LineRing>> rings;
    uint64_t dropped_by_gone_rings = 0;
  };
  void run();
  void writeAll(Sink& sink);
  static int openFile(const std::string& path);

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable flushed_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  uint64_t flush_wanted_ = 0;
  uint64_t flush_done_ = 0;
  bool reopen_ = false;
  bool stop_ = false;
  std::atomic<uint64_t> failed_lines_{0};
  std::thread thread_;
};

}  // namespace weir::base
