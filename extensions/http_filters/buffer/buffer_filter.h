#pragma once

#include <cstdint>
#include <memory>

#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::buffer_ {

// What may differ by route. Immutable.
struct BufferPolicy final : http::RouteFilterConfig {
  uint32_t max_request_bytes = 1024 * 1024;
};

// The filter as configured. Immutable.
struct BufferConfig {
  BufferPolicy policy;
  stats::CounterId requests;
  stats::CounterId bytes;
  stats::CounterId too_large;
};

// Collects requests. Immutable.
class BufferFilterFactory final : public http::HttpFilterFactory {
 public:
  explicit BufferFilterFactory(const BufferConfig& config) : config_(config) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const BufferConfig config_;
};

}  // namespace weir::extensions::http_filters::buffer_
