#include <array>
#include <atomic>
#include <bit>
#include <cstddef>

#include "source/stats/stats.h"

namespace weir::stats {
namespace {

// An array that grows without moving: page k holds 64 * 2^k elements. Its owner adds pages, other
// threads read what is there.
template <class T>
class GrowingArray {
 public:
  GrowingArray() = default;
  GrowingArray(const GrowingArray&) = delete;
  GrowingArray& operator=(const GrowingArray&) = delete;
  ~GrowingArray() {
    for (std::atomic<T*>& page : pages_) delete[] page.load(std::memory_order_relaxed);
  }

  // Owner only.
  T& at(uint32_t index) {
    const Place place = placeOf(index);
    T* page = pages_[place.page].load(std::memory_order_relaxed);
    if (page == nullptr) {
      page = new T[kFirst << place.page]();
      pages_[place.page].store(page, std::memory_order_release);
    }
    return page[place.offset];
  }
  const T* find(uint32_t index) const {
    const Place place = placeOf(index);
    const T* page = pages_[place.page].load(std::memory_order_acquire);
    return page == nullptr ? nullptr : page + place.offset;
  }

 private:
  static constexpr size_t kFirst = 64;
  struct Place {
    size_t page;
    size_t offset;
  };
  static Place placeOf(uint32_t index) {
    const size_t shifted = index + kFirst;
    const size_t page = static_cast<size_t>(std::bit_width(shifted / kFirst)) - 1;
    return {page, shifted - (kFirst << page)};
  }
  std::array<std::atomic<T*>, 27> pages_{};
};

// A page of cells starts on a cache line of its own, so that no two workers write to the same one.
struct alignas(64) CellLine {
  Cell cells[8];
};

Cell& cellOf(GrowingArray<CellLine>& lines, uint32_t index) {
  return lines.at(index / 8).cells[index % 8];
}

const Cell* cellOf(const GrowingArray<CellLine>& lines, uint32_t index) {
  const CellLine* line = lines.find(index / 8);
  return line == nullptr ? nullptr : &line->cells[index % 8];
}

}  // namespace

struct Block::Pages {
  ~Pages() {
    for (uint32_t i = 0; i < histograms_end; ++i) {
      const auto* slot = histograms.find(i);
      if (slot != nullptr) delete slot->load(std::memory_order_relaxed);
    }
  }
  GrowingArray<CellLine> counters;
  GrowingArray<CellLine> gauges;
  GrowingArray<std::atomic<HistogramCell*>> histograms;
  uint32_t histograms_end = 0;  // one past the highest that was made
};

Block::Block() : pages_(std::make_unique<Pages>()) {}
Block::~Block() = default;

Cell& Block::counter(CounterId id) {
  return cellOf(pages_->counters, id.index);
}
Cell& Block::gauge(GaugeId id) {
  return cellOf(pages_->gauges, id.index);
}

HistogramCell& Block::histogram(HistogramId id) {
  std::atomic<HistogramCell*>& slot = pages_->histograms.at(id.index);
  HistogramCell* cell = slot.load(std::memory_order_relaxed);
  if (cell == nullptr) {
    cell = new HistogramCell;
    slot.store(cell, std::memory_order_release);
    if (id.index >= pages_->histograms_end) pages_->histograms_end = id.index + 1;
  }
  return *cell;
}

const Cell* Block::counterIfMade(CounterId id) const {
  return cellOf(std::as_const(pages_->counters), id.index);
}

const Cell* Block::gaugeIfMade(GaugeId id) const {
  return cellOf(std::as_const(pages_->gauges), id.index);
}

const HistogramCell* Block::histogramIfMade(HistogramId id) const {
  const auto* slot = std::as_const(pages_->histograms).find(id.index);
  return slot == nullptr ? nullptr : slot->load(std::memory_order_acquire);
}

// Values below 16 have a bucket each; then every power of two is cut into 16 equal steps.
int HistogramCell::bucketOf(uint64_t value) {
  constexpr uint64_t kSteps = uint64_t{1} << kSubBits;
  if (value < kSteps) return static_cast<int>(value);
  const int shift = static_cast<int>(std::bit_width(value)) - 1 - kSubBits;
  const int bucket = ((shift + 1) << kSubBits) + static_cast<int>((value >> shift) & (kSteps - 1));
  return bucket < kBuckets ? bucket : kBuckets - 1;
}

uint64_t HistogramCell::upperBound(int bucket) {
  constexpr int kSteps = 1 << kSubBits;
  if (bucket < kSteps) return static_cast<uint64_t>(bucket);
  const int shift = bucket / kSteps - 1;
  return (static_cast<uint64_t>(kSteps + bucket % kSteps + 1) << shift) - 1;
}

void HistogramCell::record(uint64_t value) {
  counts_[bucketOf(value)].add();
  sum_.add(value);
}

}  // namespace weir::stats
