#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::listener_filters::http_inspector {

// Registers listener_filters/http_inspector. Immutable.
class HttpInspectorExtension final : public config::ListenerFilterExtension {
 public:
  std::string_view name() const override { return "http_inspector"; }
  std::string_view configType() const override {
    return "weir.extensions.listener_filters.http_inspector.v1.HttpInspector";
  }
  std::shared_ptr<const network::ListenerFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::listener_filters::http_inspector
