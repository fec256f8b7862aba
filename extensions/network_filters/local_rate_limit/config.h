#pragma once

#include "extensions/network_filters/local_rate_limit/local_rate_limit.h"
#include "source/base/shared_states.h"
#include "source/config/extensions.h"

namespace weir::extensions::network_filters::local_rate_limit {

// Registers network_filters/local_rate_limit. Main-thread only: keeps the buckets of names in use.
class LocalRateLimitExtension final : public config::NetworkFilterExtension {
 public:
  std::string_view name() const override { return "local_rate_limit"; }
  std::string_view configType() const override {
    return "weir.extensions.network_filters.local_rate_limit.v1.LocalRateLimit";
  }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;

 private:
  mutable base::SharedStates<RateBuckets> buckets_;
};

}  // namespace weir::extensions::network_filters::local_rate_limit
