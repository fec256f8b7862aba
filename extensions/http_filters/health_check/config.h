#pragma once

#include <memory>

#include "extensions/http_filters/health_check/health_check.h"
#include "source/config/extensions.h"

namespace weir::extensions::http_filters::health_check {

// Registers http_filters/health_check. Immutable, but for what the operator says.
class HealthCheckExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "health_check"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.health_check.v1.HealthCheckAnswers";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;
  config::FilterOrder order(const google::protobuf::Message&) const override {
    return {.before = {{"adaptive_concurrency", "it would count checks among the requests"},
                       {"admission_control", "it would judge by what checks are answered"}}};
  }

 private:
  HealthCheckSettings read(const google::protobuf::Message& config, const config::Cursor& at,
                           config::CompileContext& context) const;

  // Beyond configurations.
  const std::shared_ptr<HealthWord> word_ = std::make_shared<HealthWord>();
};

}  // namespace weir::extensions::http_filters::health_check
