#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::stickiness::uri {

// Registers stickiness/uri. Immutable.
class UriExtension final : public config::StickinessExtension {
 public:
  std::string_view name() const override { return "uri"; }
  std::string_view configType() const override { return "weir.extensions.stickiness.uri.v1.Uri"; }
  std::shared_ptr<const upstream::StickinessFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::stickiness::uri
