#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "source/base/concat.h"
#include "source/base/file_writer.h"
#include "source/base/shared_dictionary.h"
#include "source/base/time.h"
#include "source/plugin/handles.h"
#include "source/plugin/host_parts.h"
#include "source/plugin/loop.h"
#include "source/plugin/structs.h"

// What weir_host says of metrics, dictionaries and files.
namespace weir::plugin {
namespace {

// ---- metrics --------------------------------------------------------------------------------

stats::Labels labelsOf(const weir_label* labels, size_t count) {
  stats::Labels to;
  for (size_t i = 0; labels != nullptr && i < count; ++i) {
    to.emplace_back(view(labels[i].name), view(labels[i].value));
  }
  return to;
}

// Null after logging why not.
template <class T>
std::optional<T> accepted(Loop& loop, std::string_view name, absl::StatusOr<T> metric) {
  if (metric.ok()) return *std::move(metric);
  loop.thread().error("metric", base::concat(name, ": ", metric.status().message()));
  return std::nullopt;
}

constexpr std::string_view kHelp = "Of a plugin.";

weir_counter* counter(weir_loop* handle, weir_str name, const weir_label* labels, size_t count) {
  Loop& loop = loopOf(handle);
  const auto id =
      accepted(loop, view(name),
               loop.thread().metrics().counter(view(name), kHelp, labelsOf(labels, count)));
  if (!id.has_value()) return nullptr;
  return reinterpret_cast<weir_counter*>(&loop.thread().block().counter(*id));
}

void counterAdd(weir_counter* counter, uint64_t amount) {
  if (counter != nullptr) reinterpret_cast<stats::Cell*>(counter)->add(amount);
}

weir_gauge* gauge(weir_loop* handle, weir_str name, const weir_label* labels, size_t count) {
  Loop& loop = loopOf(handle);
  const auto gauge = accepted(
      loop, view(name), loop.thread().metrics().gauge(view(name), kHelp, labelsOf(labels, count)));
  return gauge.has_value() ? reinterpret_cast<weir_gauge*>(*gauge) : nullptr;
}

void gaugeSet(weir_gauge* gauge, double value) {
  if (gauge != nullptr) reinterpret_cast<stats::SharedGauge*>(gauge)->set(value);
}

void gaugeAdd(weir_gauge* gauge, double amount) {
  if (gauge != nullptr) reinterpret_cast<stats::SharedGauge*>(gauge)->add(amount);
}

weir_histogram* histogram(weir_loop* handle, weir_str name, const weir_label* labels,
                          size_t count) {
  Loop& loop = loopOf(handle);
  const auto id =
      accepted(loop, view(name),
               loop.thread().metrics().histogram(view(name), kHelp, labelsOf(labels, count)));
  if (!id.has_value()) return nullptr;
  return reinterpret_cast<weir_histogram*>(&loop.thread().block().histogram(*id));
}

void histogramRecord(weir_histogram* histogram, uint64_t value) {
  if (histogram != nullptr) reinterpret_cast<stats::HistogramCell*>(histogram)->record(value);
}

// ---- dictionaries ---------------------------------------------------------------------------

base::SharedDictionary& dictionaryOf(weir_dictionary* handle) {
  return *reinterpret_cast<base::SharedDictionary*>(handle);
}

// Any thread may ask, so there is no dispatcher to tell the time.
base::SharedDictionary::Time now() {
  return base::coarseNow();
}

base::SharedDictionary::Ttl ttlOf(uint64_t ttl_ms) {
  constexpr uint64_t kMost = 1ull << 52;
  if (ttl_ms == 0) return std::nullopt;
  return std::chrono::milliseconds(std::min(ttl_ms, kMost));
}

weir_dictionary* dictionary(weir_loop* handle, weir_str name) {
  Loop& loop = loopOf(handle);
  const auto* const all = loop.services().find<base::SharedDictionaries>();
  auto found = all == nullptr ? nullptr : all->find(view(name));
  if (found == nullptr) return nullptr;
  return reinterpret_cast<weir_dictionary*>(&loop.keep(std::move(found)));
}

std::string textOf(const base::SharedDictionary::Item& item) {
  switch (item.kind) {
    case base::SharedDictionary::Item::Kind::kNone:
      break;
    case base::SharedDictionary::Item::Kind::kBoolean:
      return item.boolean ? "true" : "false";
    case base::SharedDictionary::Item::Kind::kNumber:
      return base::concat(item.number);
    case base::SharedDictionary::Item::Kind::kText:
      return item.text;
  }
  return {};
}

int64_t dictionaryGet(weir_dictionary* dictionary, weir_str key, void* out, size_t capacity) {
  base::SharedDictionary::Item item;
  if (dictionary == nullptr || !dictionaryOf(dictionary).get(view(key), now(), item)) return -1;
  if (item.kind != base::SharedDictionary::Item::Kind::kText) item.text = textOf(item);
  if (out != nullptr) std::memcpy(out, item.text.data(), std::min(capacity, item.text.size()));
  return static_cast<int64_t>(item.text.size());
}

int32_t dictionaryNumber(weir_dictionary* dictionary, weir_str key, double* out) {
  *out = 0;
  base::SharedDictionary::Item item;
  if (dictionary == nullptr || !dictionaryOf(dictionary).get(view(key), now(), item)) return 0;
  if (item.kind != base::SharedDictionary::Item::Kind::kNumber) return 0;
  *out = item.number;
  return 1;
}

int32_t dictionarySet(weir_dictionary* dictionary, weir_str key, weir_str value, uint64_t ttl_ms) {
  if (dictionary == nullptr) return 0;
  return base::SharedDictionary::done(
             dictionaryOf(dictionary).set(view(key), view(value), ttlOf(ttl_ms), now()))
             ? 1
             : 0;
}

int32_t dictionaryAdd(weir_dictionary* dictionary, weir_str key, weir_str value, uint64_t ttl_ms) {
  if (dictionary == nullptr) return 0;
  return base::SharedDictionary::done(
             dictionaryOf(dictionary).add(view(key), view(value), ttlOf(ttl_ms), now()))
             ? 1
             : 0;
}

int32_t dictionaryIncr(weir_dictionary* dictionary, weir_str key, double amount, uint64_t ttl_ms,
                       double* out) {
  if (dictionary == nullptr) return 0;
  const auto done = dictionaryOf(dictionary).incr(view(key), amount, 0.0, ttlOf(ttl_ms), now());
  if (out != nullptr) *out = done.value;
  return base::SharedDictionary::done(done.result) ? 1 : 0;
}

int32_t dictionaryRemove(weir_dictionary* dictionary, weir_str key) {
  if (dictionary == nullptr) return 0;
  return base::SharedDictionary::done(dictionaryOf(dictionary).remove(view(key), now())) ? 1 : 0;
}

// ---- files ----------------------------------------------------------------------------------

weir_file* fileOpen(weir_loop* handle, weir_str path) {
  Loop& loop = loopOf(handle);
  auto* const files = loop.services().find<base::FileWriter>();
  if (files == nullptr) return nullptr;
  auto ring = files->open(std::string(view(path)));
  if (ring.ok()) return reinterpret_cast<weir_file*>(&loop.keep(*std::move(ring)));
  loop.thread().error("file_open", base::concat(view(path), ": ", ring.status().message()));
  return nullptr;
}

int32_t fileWrite(weir_file* file, weir_str line) {
  if (file == nullptr || line.size == 0) return 0;
  return reinterpret_cast<base::LineRing*>(file)->push(view(line)) ? 1 : 0;
}

}  // namespace

void fillServices(weir_host& host) {
  host.counter = counter;
  host.counter_add = counterAdd;
  host.gauge = gauge;
  host.gauge_set = gaugeSet;
  host.gauge_add = gaugeAdd;
  host.histogram = histogram;
  host.histogram_record = histogramRecord;
  host.dictionary = dictionary;
  host.dictionary_get = dictionaryGet;
  host.dictionary_number = dictionaryNumber;
  host.dictionary_set = dictionarySet;
  host.dictionary_add = dictionaryAdd;
  host.dictionary_incr = dictionaryIncr;
  host.dictionary_remove = dictionaryRemove;
  host.file_open = fileOpen;
  host.file_write = fileWrite;
}

}  // namespace weir::plugin
