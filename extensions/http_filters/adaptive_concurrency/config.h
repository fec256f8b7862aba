#pragma once

#include <map>
#include <memory>
#include <string>

#include "extensions/http_filters/adaptive_concurrency/adaptive_concurrency.h"
#include "source/base/shared_states.h"
#include "source/config/extensions.h"

namespace weir::extensions::http_filters::adaptive_concurrency {

// Registers http_filters/adaptive_concurrency. Main-thread only: keeps the limits of names in use.
class AdaptiveConcurrencyExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "adaptive_concurrency"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.adaptive_concurrency.v1.AdaptiveConcurrency";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;

 private:
  ConfiguredLimit read(const google::protobuf::Message& config, const std::string& name,
                       const config::Cursor& at, config::CompileContext& context) const;

  mutable base::SharedStates<GradientLimit> limits_;
  // Gauges go on from where they are, also when a name comes again.
  mutable std::map<std::string, std::shared_ptr<ShownState>> shown_;
};

}  // namespace weir::extensions::http_filters::adaptive_concurrency
