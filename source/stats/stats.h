#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::stats {

// Label name and value, as in Prometheus.
using Labels = std::vector<std::pair<std::string, std::string>>;

// As the exposition format wants it within a label's quotes.
std::string escapedLabel(std::string_view value);

// One worker's share of a counter or gauge: written by that worker alone, read by anyone. An
// increment is a plain load, add and store (relaxed), no locked instruction. Worker-confined for
// writing.
class Cell {
 public:
  void add(uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void sub(uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// One worker's share of a log-linear histogram: 16 linear steps per power of two, relative error
// under 6.25 %, range 0 to 2^40. Units are the caller's (microseconds, bytes) and stand in the
// metric's name. Worker-confined for writing.
class HistogramCell {
 public:
  static constexpr int kSubBits = 4;
  static constexpr int kBuckets = (40 - kSubBits + 2) << kSubBits;
  void record(uint64_t value);
  static int bucketOf(uint64_t value);
  static uint64_t upperBound(int bucket);  // inclusive

 private:
  friend class Store;
  Cell counts_[kBuckets];
  Cell sum_;
};

// A gauge that every thread may set to any number: whoever does so last is right. Thread-safe.
class SharedGauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double amount) {
    double before = value_.load(std::memory_order_relaxed);
    while (!value_.compare_exchange_weak(before, before + amount, std::memory_order_relaxed)) {
    }
  }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Names of metrics. Given out by Store; small values.
struct CounterId {
  uint32_t index;
};
struct GaugeId {
  uint32_t index;
};
struct HistogramId {
  uint32_t index;
};

// The cells of one thread (each worker, and the main thread). Cells are made when first asked for
// and keep their address for the life of the block. Worker-confined, but that Store reads it.
class Block {
 public:
  Cell& counter(CounterId id);
  Cell& gauge(GaugeId id);
  HistogramCell& histogram(HistogramId id);

  Block();
  ~Block();

 private:
  friend class Store;
  // The n-th cell of a kind, or nullptr when it was never asked for: for readers on any thread.
  const Cell* counterIfMade(CounterId id) const;
  const Cell* gaugeIfMade(GaugeId id) const;
  const HistogramCell* histogramIfMade(HistogramId id) const;

  struct Pages;
  std::unique_ptr<Pages> pages_;
};

// Names, kinds, help texts; sums the blocks when somebody reads. Thread-safe (a lock, never on the
// hot path). Asking again for a name with the same labels gives the same id; with another kind it
// is a bug. Metric names are Prometheus names without a prefix ("http_requests_total"); output puts
// "weir_" before them.
class Store {
 public:
  static constexpr uint32_t kMaxBlocks = 1026;

  Store();
  ~Store();

  CounterId counter(std::string_view name, std::string_view help, Labels labels = {});
  GaugeId gauge(std::string_view name, std::string_view help, Labels labels = {});
  HistogramId histogram(std::string_view name, std::string_view help, Labels labels = {});

  // Leaves a gauge whose subject is gone out of what is printed, until its name is asked for again.
  void hide(GaugeId id);

  // Made when first asked for. 0: main thread, 1…: workers; below kMaxBlocks.
  Block& block(uint32_t index);

  uint64_t value(CounterId id) const;
  int64_t value(GaugeId id) const;
  struct HistogramSummary {
    uint64_t count = 0;
    uint64_t sum = 0;
    std::vector<std::pair<double, uint64_t>> quantiles;  // 0.5, 0.9, 0.95, 0.99, 0.999
  };
  HistogramSummary value(HistogramId id) const;
  // By name, for tests and admin: 0 when unknown.
  int64_t valueOf(std::string_view name, const Labels& labels = {}) const;

  // Prometheus text exposition format 0.0.4. `filter`: only names that contain it.
  std::string prometheus(std::string_view filter = {}) const;
  // {"name{label=\"x\"}": value, ...}, histograms as objects; sorted.
  std::string json(std::string_view filter = {}) const;

 private:
  friend class UserMetrics;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::stats
