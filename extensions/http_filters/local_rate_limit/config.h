#pragma once

#include "extensions/http_filters/local_rate_limit/local_rate_limit.h"
#include "source/base/shared_states.h"
#include "source/config/extensions.h"

namespace weir::extensions::http_filters::local_rate_limit {

// Registers http_filters/local_rate_limit. Main-thread only: keeps the buckets of names in use.
class LocalRateLimitExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "local_rate_limit"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.local_rate_limit.v1.LocalRequestLimit";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;

 private:
  mutable base::SharedStates<LimitBuckets> buckets_;
};

}  // namespace weir::extensions::http_filters::local_rate_limit
