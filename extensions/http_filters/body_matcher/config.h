#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::body_matcher {

// Registers http_filters/body_matcher. Immutable.
class BodyMatcherExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "body_matcher"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.body_matcher.v1.BodyMatcher";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& own,
      const config::Cursor& at, config::CompileContext& context) const override;
};

}  // namespace weir::extensions::http_filters::body_matcher
