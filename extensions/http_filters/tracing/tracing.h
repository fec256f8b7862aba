#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/tracing/propagation.h"
#include "extensions/http_filters/tracing/span_exporter.h"
#include "source/http/filter.h"
#include "source/http/format.h"
#include "source/http/matchers.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::tracing {

// What may differ by route. Immutable.
struct TracingPolicy final : http::RouteFilterConfig {
  std::optional<http::Fraction> sampling = {};
  std::optional<std::vector<http::HeaderMatcher>> always = {};
  std::optional<http::Format> span_name = {};
  std::optional<std::vector<std::pair<std::string, http::Format>>> attributes = {};
};

struct TracingStats {
  stats::CounterId sampled;
  stats::CounterId not_sampled;
  stats::CounterId malformed;  // contexts of requests
  ExporterStats exporter;
};

// The filter as configured. Immutable.
struct TracingConfig {
  enum class ClientContext : uint8_t { kFollow, kJoin, kReplace };
  TracingPolicy policy;
  ClientContext client_context = ClientContext::kFollow;
  std::vector<Propagation> propagation = {Propagation::kW3c};
  std::optional<ExporterSettings> exporter = {};
  std::string response_field = {};  // empty: none
  bool include_query = false;
  TracingStats stats{};
};

// Makes exchanges part of traces. Immutable.
class TracingFilterFactory final : public http::HttpFilterFactory {
 public:
  explicit TracingFilterFactory(TracingConfig config)
      : config_(std::make_shared<const TracingConfig>(std::move(config))) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const TracingConfig> config_;
};

}  // namespace weir::extensions::http_filters::tracing
