#pragma once

#include "extensions/http_filters/rate_limit/rate_limit.h"
#include "source/base/shared_states.h"
#include "source/config/extensions.h"

namespace weir::extensions::http_filters::rate_limit {

// Registers http_filters/rate_limit. Main-thread only: keeps the local buckets of names in use.
class RateLimitExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "rate_limit"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.rate_limit.v1.RateLimit";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;

 private:
  mutable base::SharedStates<LocalBuckets> local_;
};

}  // namespace weir::extensions::http_filters::rate_limit
