#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/common/codecs/codec.h"
#include "extensions/http_filters/static_files/media_types.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::static_files {

// What may differ by route. Immutable.
struct StaticFilesPolicy final : http::RouteFilterConfig {
  std::string root;  // empty: nothing is served
  std::string prefix = "/";
  std::vector<std::string> index = {"index.html"};
  MediaTypeTable types;
  std::vector<common::codecs::Coding> precompressed;
  std::string cache_control;
  bool fall_through = false;
  std::string fallback;
  bool hidden_files = false;
};

// What the filter counts. Immutable.
struct StaticFilesStats {
  stats::CounterId served;
  stats::CounterId not_modified;
  stats::CounterId not_found;
  stats::CounterId failed;
  stats::CounterId bytes;
};

// The filter as configured. Immutable.
struct StaticFilesConfig {
  std::shared_ptr<const StaticFilesPolicy> policy;
  StaticFilesStats stats{};
};

// Serves files, which the services' base::TaskPool reads. Immutable.
class StaticFilesFilterFactory final : public http::HttpFilterFactory {
 public:
  explicit StaticFilesFilterFactory(StaticFilesConfig config) : config_(std::move(config)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const StaticFilesConfig config_;
};

}  // namespace weir::extensions::http_filters::static_files
