#include "source/server/dictionary_metrics.h"

#include <vector>

#include "source/base/concat.h"
#include "source/base/shared_dictionary.h"
#include "source/server/metric_text.h"
#include "source/server/server.h"

namespace weir::server {
namespace {

using Totals = base::SharedDictionary::Totals;

constexpr MetricFamily<Totals> kFamilies[] = {
    {"shared_dictionary_items", "gauge", "Entries, also expired ones that nobody met",
     &Totals::items},
    {"shared_dictionary_bytes", "gauge", "Memory that the dictionary takes", &Totals::bytes},
    {"shared_dictionary_max_bytes", "gauge", "Memory that it may take", &Totals::max_bytes},
    {"shared_dictionary_hits_total", "counter", "Reads that found their key", &Totals::hits},
    {"shared_dictionary_misses_total", "counter", "Reads that did not", &Totals::misses},
    {"shared_dictionary_evicted_total", "counter",
     "Entries that had not expired and went for want of room", &Totals::evicted},
    {"shared_dictionary_expired_total", "counter", "Entries that went as they had expired",
     &Totals::expired},
    {"shared_dictionary_refused_total", "counter", "Writes that had no room", &Totals::refused},
};

}  // namespace

std::string dictionaryMetrics(Server& server, std::string_view filter) {
  std::vector<MetricRow<Totals>> rows;
  for (const config::SharedDictionaryConfig& entry : server.snapshot().shared_dictionaries) {
    rows.push_back(
        {base::concat("name=\"", entry.dictionary->name(), "\""), entry.dictionary->totals()});
  }
  std::string text;
  if (!rows.empty()) appendMetrics<Totals>(kFamilies, rows, filter, text);
  return text;
}

}  // namespace weir::server
