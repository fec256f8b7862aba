#include "source/base/file_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <utility>

#include "source/base/concat.h"

namespace weir::base {
namespace {

// How long a line may wait for company before it is written.
constexpr std::chrono::milliseconds kInterval{50};

bool writeFully(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    data.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

LineRing::LineRing(size_t capacity_bytes)
    : mask_(std::bit_ceil(capacity_bytes) - 1), data_(new char[mask_ + 1]) {}

bool LineRing::push(std::string_view line) {
  const uint64_t written = written_.load(std::memory_order_relaxed);
  const uint64_t read = read_.load(std::memory_order_acquire);
  if (line.size() > mask_ + 1 - (written - read)) {
    dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return false;
  }
  const size_t start = written & mask_;
  const size_t head = std::min(line.size(), mask_ + 1 - start);
  std::memcpy(data_.get() + start, line.data(), head);
  std::memcpy(data_.get(), line.data() + head, line.size() - head);
  written_.store(written + line.size(), std::memory_order_release);
  return true;
}

size_t LineRing::drainTo(std::string& out) {
  const uint64_t read = read_.load(std::memory_order_relaxed);
  const uint64_t written = written_.load(std::memory_order_acquire);
  const size_t waiting = written - read;
  const size_t start = read & mask_;
  const size_t head = std::min(waiting, mask_ + 1 - start);
  out.append(data_.get() + start, head);
  out.append(data_.get(), waiting - head);
  read_.store(written, std::memory_order_release);
  return waiting;
}

FileWriter::FileWriter() : thread_([this] { run(); }) {}

FileWriter::~FileWriter() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
  for (const auto& sink : sinks_) {
    if (!sink->path.empty()) ::close(sink->fd);
  }
}

int FileWriter::openFile(const std::string& path) {
  if (path.empty()) return STDOUT_FILENO;
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

absl::StatusOr<std::shared_ptr<LineRing>> FileWriter::open(const std::string& path) {
  auto ring = std::make_shared<LineRing>(kRingBytes);
  std::lock_guard lock(mutex_);
  auto found = std::find_if(sinks_.begin(), sinks_.end(),
                            [&](const auto& sink) { return sink->path == path; });
  if (found == sinks_.end()) {
    const int fd = openFile(path);
    if (fd < 0) {
      return absl::ErrnoToStatus(errno, concat("cannot open log file \"", path, "\""));
    }
    auto sink = std::make_unique<Sink>();
    sink->path = path;
    sink->fd = fd;
    found = sinks_.insert(sinks_.end(), std::move(sink));
    wake_.notify_one();  // without a file the thread sleeps until it is told
  }
  (*found)->rings.push_back(ring);
  return ring;
}

void FileWriter::reopen() {
  {
    std::lock_guard lock(mutex_);
    reopen_ = true;
  }
  wake_.notify_one();
}

void FileWriter::flush() {
  std::unique_lock lock(mutex_);
  const uint64_t wanted = ++flush_wanted_;
  wake_.notify_one();
  flushed_.wait(lock, [&] { return flush_done_ >= wanted; });
}

uint64_t FileWriter::dropped() const {
  std::lock_guard lock(mutex_);
  uint64_t sum = failed_lines_.load(std::memory_order_relaxed);
  for (const auto& sink : sinks_) {
    sum += sink->dropped_by_gone_rings;
    for (const auto& ring : sink->rings) sum += ring->dropped();
  }
  return sum;
}

void FileWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    // Without a file there is nothing that could come in unnoticed.
    if (sinks_.empty()) {
      wake_.wait(lock, [this] { return stop_ || flush_wanted_ > flush_done_ || !sinks_.empty(); });
    } else {
      wake_.wait_for(lock, kInterval,
                     [this] { return stop_ || reopen_ || flush_wanted_ > flush_done_; });
    }
    const uint64_t flush_target = flush_wanted_;
    const bool stopping = stop_;
    for (size_t i = 0; i < sinks_.size(); ++i) {
      Sink& sink = *sinks_[i];
      if (reopen_ && !sink.path.empty()) {
        const int fd = openFile(sink.path);
        if (fd >= 0) ::close(std::exchange(sink.fd, fd));
      }
      writeAll(sink);
    }
    reopen_ = false;
    flush_done_ = flush_target;
    flushed_.notify_all();
    if (stopping) return;
  }
}

void FileWriter::writeAll(Sink& sink) {
  std::string batch;
  for (auto ring = sink.rings.begin(); ring != sink.rings.end();) {
    const bool producer_gone = ring->use_count() == 1;
    // Pairs with the producer's release when it let go: its last lines are seen.
    if (producer_gone) std::atomic_thread_fence(std::memory_order_acquire);
    (*ring)->drainTo(batch);
    if (producer_gone) {
      sink.dropped_by_gone_rings += (*ring)->dropped();
      ring = sink.rings.erase(ring);
    } else {
      ++ring;
    }
  }
  if (batch.empty()) return;
  // The lock is held: open(), reopen() and flush() wait for the disk, workers never do.
  if (!writeFully(sink.fd, batch)) {
    failed_lines_.fetch_add(static_cast<uint64_t>(std::count(batch.begin(), batch.end(), '\n')),
                            std::memory_order_relaxed);
  }
}

}  // namespace weir::base
