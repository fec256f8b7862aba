#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "source/stats/stats.h"

namespace weir::extensions::http_filters::cache {

// What became of a request. The order is that of kResults.
enum class Result : uint8_t {
  kHit,        // from the store, fresh
  kStale,      // from the store, stale as somebody allows
  kValidated,  // the origin said that what is stored is still good
  kMiss,       // fetched
  kJoined,     // got what was fetched for another one
  kPassed,     // could not be stored
  kBypass,     // was not looked up
  kError,      // the origin did not answer, and nothing stored serves
};
inline constexpr std::array<const char*, 8> kResults = {"hit",    "stale",  "validated", "miss",
                                                        "joined", "passed", "bypass",    "error"};

// Metric ids of a filter. Immutable.
struct CacheStats {
  static CacheStats create(stats::Store& store, const std::string& filter);
  std::array<stats::CounterId, kResults.size()> results;
  stats::CounterId fetches, invalidations, background;
};

// A worker's counters. Worker-confined.
struct CacheCells {
  CacheCells(const CacheStats& ids, stats::Block& block);
  void count(Result result) { results[static_cast<size_t>(result)]->add(); }
  std::array<stats::Cell*, kResults.size()> results;
  stats::Cell& fetches;
  stats::Cell& invalidations;
  stats::Cell& background;
};

}  // namespace weir::extensions::http_filters::cache
