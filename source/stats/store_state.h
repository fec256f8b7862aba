#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "source/stats/stats.h"
#include "source/stats/user_metrics.h"

namespace weir::stats {

enum class Kind : uint8_t { kCounter, kGauge, kHistogram, kSharedGauge };

// "gauge"
std::string_view typeName(Kind kind);
// {a="x",b="y"}, or nothing.
std::string labelText(const Labels& labels);

// Buckets of one histogram over all blocks.
struct Distribution {
  std::vector<uint64_t> counts = std::vector<uint64_t>(HistogramCell::kBuckets);
  uint64_t count = 0;
  uint64_t sum = 0;

  double quantile(double q) const {
    const auto rank = static_cast<uint64_t>(q * static_cast<double>(count));
    uint64_t seen = 0;
    for (int i = 0; i < HistogramCell::kBuckets; ++i) {
      seen += counts[static_cast<size_t>(i)];
      if (seen > rank || (seen == count && seen > 0)) {
        return static_cast<double>(HistogramCell::upperBound(i));
      }
    }
    return 0;
  }
};

// What a Store knows. Thread-safe as its members say.
struct Store::State {
  // One name: all its series have its kind and help.
  struct Family {
    Kind kind;
    std::string help;
    std::map<std::string, uint32_t> series = {};  // by label text
    bool of_users = false;                        // made through UserMetrics
  };

  ~State() {
    for (uint32_t i = 0; i < used; ++i) delete blocks[i].load(std::memory_order_relaxed);
  }

  bool isHidden(Kind kind, uint32_t index) const {
    return kind == Kind::kGauge && hidden.find(index) != hidden.end();
  }

  // Every block there is now.
  template <class Visit>
  void forEachBlock(Visit&& visit) const {
    const uint32_t count = used.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < count; ++i) {
      const Block* block = blocks[i].load(std::memory_order_acquire);
      if (block != nullptr) visit(*block);
    }
  }

  uint32_t idOf(Kind kind, std::string_view name, std::string_view help, Labels labels);
  uint32_t seriesOf(Family& family, const std::string& labels);
  uint64_t sum(Kind kind, uint32_t index) const;
  // Of a counter or gauge, as the exposition format has it.
  std::string valueText(Kind kind, uint32_t index) const;
  Distribution distribution(uint32_t index) const;
  void appendHistogram(std::string& text, std::string_view name, const std::string& labels,
                       uint32_t index) const;

  std::array<std::atomic<Block*>, kMaxBlocks> blocks{};  // made under the lock, read without
  std::atomic<uint32_t> used{0};                         // those behind are null
  mutable std::mutex mutex;                              // guards the rest
  std::map<std::string, Family, std::less<>> families;
  uint32_t next[4] = {0, 0, 0, 0};  // by kind
  std::set<uint32_t> hidden;        // gauges
  std::deque<SharedGauge> shared_gauges;
  std::map<std::string, std::unique_ptr<UserMetrics>> users;  // by prefix and labels
  uint32_t user_series = 0;                                   // of all of them
};

}  // namespace weir::stats
