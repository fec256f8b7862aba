#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "extensions/http_filters/tap/record.h"
#include "source/http/filter.h"
#include "source/http/matchers.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::tap {

struct TapStats {
  stats::CounterId recorded, over_rate, over_open, over_ring, over_size;
};

// Which exchanges are recorded, and what of them. Immutable.
struct TapRules final : http::RouteFilterConfig {
  http::Fraction fraction = {};
  std::vector<http::HeaderMatcher> request_headers;
  uint16_t min_status = 0;
  uint32_t max_body_bytes = 4096;
  Redaction redaction{{}, {}};
};

// How much may still be written to a file. Thread-safe.
class TapBudget {
 public:
  explicit TapBudget(uint64_t bytes) : left_(static_cast<int64_t>(bytes)) {}
  bool take(size_t bytes) {
    const auto count = static_cast<int64_t>(bytes);
    if (left_.fetch_sub(count, std::memory_order_relaxed) >= count) return true;
    left_.fetch_add(count, std::memory_order_relaxed);
    return false;
  }

 private:
  std::atomic<int64_t> left_;
};

struct TapOptions {
  std::string path = {};
  uint32_t max_per_second = 100;
  uint64_t max_file_bytes = uint64_t{1} << 30;
};

// Records exchanges through the process's base::FileWriter. Immutable, but for what is left of the
// file's limit.
class TapFilterFactory final : public http::HttpFilterFactory {
 public:
  TapFilterFactory(TapOptions options, std::shared_ptr<const TapRules> rules,
                   const TapStats& stats);

  // A file that cannot be opened is said in the operational log; nothing is recorded then.
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const TapOptions options_;
  const std::shared_ptr<const TapRules> rules_;
  const TapStats stats_;
  const std::shared_ptr<TapBudget> budget_;
};

}  // namespace weir::extensions::http_filters::tap
