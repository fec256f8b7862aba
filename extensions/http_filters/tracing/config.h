#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::tracing {

// Registers http_filters/tracing. Immutable.
class TracingExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "tracing"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.tracing.v1.Tracing";
  }
  config::FilterOrder order(const google::protobuf::Message&) const override {
    return {.once = "an exchange has one span",
            .first = "what a filter in front of it answers would not be traced"};
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;
};

}  // namespace weir::extensions::http_filters::tracing
