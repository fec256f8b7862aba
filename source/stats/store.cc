#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cmath>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

#include "source/base/concat.h"
#include "source/stats/stats.h"
#include "source/stats/store_state.h"

namespace weir::stats {

using base::concat;

std::string_view typeName(Kind kind) {
  switch (kind) {
    case Kind::kCounter:
      return "counter";
    case Kind::kGauge:
    case Kind::kSharedGauge:
      return "gauge";
    case Kind::kHistogram:
      return "histogram";
  }
  return "untyped";
}

namespace {

// What the exposition format wants escaped: backslash and line feed, in label values the quote too.
std::string escaped(std::string_view text, bool quote) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
    } else {
      if (c == '\\' || (quote && c == '"')) result += '\\';
      result += c;
    }
  }
  return result;
}

}  // namespace

// {a="x",b="y"}, or nothing.
std::string labelText(const Labels& labels) {
  if (labels.empty()) return {};
  std::string text = "{";
  for (const auto& [name, value] : labels) {
    text += concat(text.size() > 1 ? "," : "", name, "=\"", escaped(value, true), "\"");
  }
  return text + "}";
}

namespace {

std::string jsonString(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      result += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      if (c == '"' || c == '\\') result += '\\';
      result += c;
    }
  }
  return result + "\"";
}

struct Quantile {
  double q;
  std::string_view name;
};
constexpr Quantile kQuantiles[] = {
    {0.5, "p50"}, {0.9, "p90"}, {0.95, "p95"}, {0.99, "p99"}, {0.999, "p99.9"}};

}  // namespace

uint32_t Store::State::idOf(Kind kind, std::string_view name, std::string_view help,
                            Labels labels) {
  std::sort(labels.begin(), labels.end());
  const std::lock_guard lock(mutex);
  Family& family =
      families.try_emplace(std::string(name), Family{kind, std::string(help)}).first->second;
  assert((family.of_users || family.kind == kind) && "one name, two kinds of metric");
  // Counts, and shows nowhere.
  if (family.of_users || family.kind != kind) return next[static_cast<int>(kind)]++;
  const uint32_t series = seriesOf(family, labelText(labels));
  if (kind == Kind::kGauge) hidden.erase(series);
  return series;
}

uint32_t Store::State::seriesOf(Family& family, const std::string& labels) {
  uint32_t& next_id = next[static_cast<int>(family.kind)];
  const auto [series, added] = family.series.try_emplace(labels, next_id);
  if (added) ++next_id;
  return series->second;
}

uint64_t Store::State::sum(Kind kind, uint32_t index) const {
  uint64_t total = 0;
  forEachBlock([&](const Block& block) {
    const Cell* cell = kind == Kind::kCounter ? block.counterIfMade(CounterId{index})
                                              : block.gaugeIfMade(GaugeId{index});
    if (cell != nullptr) total += cell->value();
  });
  return total;
}

std::string Store::State::valueText(Kind kind, uint32_t index) const {
  if (kind == Kind::kCounter) return concat(sum(kind, index));
  if (kind == Kind::kGauge) return concat(static_cast<int64_t>(sum(kind, index)));
  const double value = shared_gauges[index].value();
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return concat(value);
}

Distribution Store::State::distribution(uint32_t index) const {
  Distribution all;
  forEachBlock([&](const Block& block) {
    const HistogramCell* cell = block.histogramIfMade(HistogramId{index});
    if (cell == nullptr) return;
    for (int i = 0; i < HistogramCell::kBuckets; ++i) {
      const uint64_t count = cell->counts_[i].value();
      all.counts[static_cast<size_t>(i)] += count;
      all.count += count;
    }
    all.sum += cell->sum_.value();
  });
  return all;
}

// Buckets end below each power of two (le="1", "3", "7", ...), where the values' own buckets end
// too, up to the highest that holds something.
void Store::State::appendHistogram(std::string& text, std::string_view name,
                                   const std::string& labels, uint32_t index) const {
  const Distribution all = distribution(index);
  const std::string inner =
      labels.empty() ? "" : concat(std::string_view(labels).substr(1, labels.size() - 2), ",");
  uint64_t seen = 0;
  int bucket = 0;
  for (uint64_t end = 1; seen < all.count; end = end * 2 + 1) {
    while (bucket < HistogramCell::kBuckets && HistogramCell::upperBound(bucket) <= end) {
      seen += all.counts[static_cast<size_t>(bucket++)];
    }
    if (bucket == HistogramCell::kBuckets) break;  // the last one takes whatever is larger: +Inf
    text += concat("weir_", name, "_bucket{", inner, "le=\"", end, "\"} ", seen, "\n");
  }
  text += concat("weir_", name, "_bucket{", inner, "le=\"+Inf\"} ", all.count, "\n");
  text += concat("weir_", name, "_sum", labels, " ", all.sum, "\n");
  text += concat("weir_", name, "_count", labels, " ", all.count, "\n");
}

std::string escapedLabel(std::string_view value) {
  return escaped(value, /*quote=*/true);
}

Store::Store() : state_(std::make_unique<State>()) {}
Store::~Store() = default;

CounterId Store::counter(std::string_view name, std::string_view help, Labels labels) {
  return {state_->idOf(Kind::kCounter, name, help, std::move(labels))};
}

GaugeId Store::gauge(std::string_view name, std::string_view help, Labels labels) {
  return {state_->idOf(Kind::kGauge, name, help, std::move(labels))};
}

HistogramId Store::histogram(std::string_view name, std::string_view help, Labels labels) {
  return {state_->idOf(Kind::kHistogram, name, help, std::move(labels))};
}

void Store::hide(GaugeId id) {
  const std::lock_guard lock(state_->mutex);
  state_->hidden.insert(id.index);
}

Block& Store::block(uint32_t index) {
  Block* block = state_->blocks.at(index).load(std::memory_order_acquire);
  if (block != nullptr) return *block;
  const std::lock_guard lock(state_->mutex);
  if (state_->blocks[index].load(std::memory_order_relaxed) == nullptr) {
    state_->blocks[index].store(new Block, std::memory_order_release);
    state_->used.store(std::max(state_->used.load(std::memory_order_relaxed), index + 1),
                       std::memory_order_release);
  }
  return *state_->blocks[index].load(std::memory_order_relaxed);
}

uint64_t Store::value(CounterId id) const {
  return state_->sum(Kind::kCounter, id.index);
}

int64_t Store::value(GaugeId id) const {
  return static_cast<int64_t>(state_->sum(Kind::kGauge, id.index));
}

Store::HistogramSummary Store::value(HistogramId id) const {
  const Distribution all = state_->distribution(id.index);
  HistogramSummary summary{all.count, all.sum, {}};
  for (const auto& [q, name] : kQuantiles) summary.quantiles.emplace_back(q, all.quantile(q));
  return summary;
}

int64_t Store::valueOf(std::string_view name, const Labels& labels) const {
  Labels sorted = labels;
  std::sort(sorted.begin(), sorted.end());
  const std::lock_guard lock(state_->mutex);
  const auto family = state_->families.find(name);
  if (family == state_->families.end()) return 0;
  const auto series = family->second.series.find(labelText(sorted));
  if (series == family->second.series.end()) return 0;
  if (family->second.kind == Kind::kHistogram) {
    return static_cast<int64_t>(state_->distribution(series->second).count);
  }
  if (family->second.kind == Kind::kSharedGauge) {
    const double value = state_->shared_gauges[series->second].value();
    return std::abs(value) < 0x1p63 ? static_cast<int64_t>(value) : 0;
  }
  return static_cast<int64_t>(state_->sum(family->second.kind, series->second));
}

std::string Store::prometheus(std::string_view filter) const {
  std::string text;
  const std::lock_guard lock(state_->mutex);
  for (const auto& [name, family] : state_->families) {
    if (name.find(filter) == std::string::npos) continue;
    text += concat("# HELP weir_", name, " ", escaped(family.help, false), "\n# TYPE weir_", name,
                   " ", typeName(family.kind), "\n");
    for (const auto& [labels, index] : family.series) {
      if (state_->isHidden(family.kind, index)) continue;
      if (family.kind == Kind::kHistogram) {
        state_->appendHistogram(text, name, labels, index);
        continue;
      }
      text += concat("weir_", name, labels, " ", state_->valueText(family.kind, index), "\n");
    }
  }
  return text;
}

std::string Store::json(std::string_view filter) const {
  std::string text;
  const std::lock_guard lock(state_->mutex);
  for (const auto& [name, family] : state_->families) {
    if (name.find(filter) == std::string::npos) continue;
    for (const auto& [labels, index] : family.series) {
      if (state_->isHidden(family.kind, index)) continue;
      text += concat(text.empty() ? "{" : ",", jsonString(name + labels), ":");
      if (family.kind != Kind::kHistogram) {
        const std::string value = state_->valueText(family.kind, index);
        const bool is_number = value.find_first_of("NI") == std::string::npos;  // NaN, +Inf
        text += is_number ? value : jsonString(value);
        continue;
      }
      const Distribution all = state_->distribution(index);
      text += concat("{\"count\":", all.count, ",\"sum\":", all.sum);
      for (const auto& [q, quantile_name] : kQuantiles) {
        text += concat(",\"", quantile_name, "\":", static_cast<uint64_t>(all.quantile(q)));
      }
      text += '}';
    }
  }
  return text.empty() ? "{}" : text + "}";
}

}  // namespace weir::stats
