#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/tap/record.h"
#include "extensions/http_filters/tap/tap_file.h"
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

struct TapOptions {
  std::string path = {};
  uint32_t max_per_second = 100;
  TapFile::Limits file = {};
};

// Records exchanges through the process's base::FileWriter. Immutable, but for the file.
class TapFilterFactory final : public http::HttpFilterFactory {
 public:
  TapFilterFactory(TapOptions options, std::shared_ptr<const TapRules> rules, const TapStats& stats)
      : options_(std::move(options)), rules_(std::move(rules)), stats_(stats) {}

  // A file that cannot be opened is said in the operational log; nothing is recorded then.
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const TapOptions options_;
  const std::shared_ptr<const TapRules> rules_;
  const TapStats stats_;
  mutable std::once_flag opened_;
  mutable std::shared_ptr<TapFile> file_;  // of all workers
};

}  // namespace weir::extensions::http_filters::tap
