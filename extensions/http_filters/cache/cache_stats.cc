#include "extensions/http_filters/cache/cache_stats.h"

namespace weir::extensions::http_filters::cache {

CacheStats CacheStats::create(stats::Store& store, const std::string& filter) {
  CacheStats ids;
  for (size_t i = 0; i < kResults.size(); ++i) {
    ids.results[i] = store.counter("cache_requests_total", "What a cache made of requests.",
                                   {{"filter", filter}, {"result", kResults[i]}});
  }
  ids.fetches = store.counter("cache_fetches_total",
                              "Requests that a cache made of its own, for one client or many.",
                              {{"filter", filter}});
  ids.background =
      store.counter("cache_background_validations_total",
                    "Fetches of a cache while clients got what was stale.", {{"filter", filter}});
  ids.invalidations =
      store.counter("cache_invalidations_total", "URLs that unsafe requests took out of a cache.",
                    {{"filter", filter}});
  return ids;
}

CacheCells::CacheCells(const CacheStats& ids, stats::Block& block)
    : fetches(block.counter(ids.fetches)),
      invalidations(block.counter(ids.invalidations)),
      background(block.counter(ids.background)) {
  for (size_t i = 0; i < kResults.size(); ++i) results[i] = &block.counter(ids.results[i]);
}

}  // namespace weir::extensions::http_filters::cache
