#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::listener_filters::original_dst {

// Registers listener_filters/original_dst. Immutable.
class OriginalDstExtension final : public config::ListenerFilterExtension {
 public:
  std::string_view name() const override { return "original_dst"; }
  std::string_view configType() const override {
    return "weir.extensions.listener_filters.original_dst.v1.OriginalDst";
  }
  std::shared_ptr<const network::ListenerFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::listener_filters::original_dst
