#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::stickiness::header {

// Registers stickiness/header. Immutable.
class HeaderExtension final : public config::StickinessExtension {
 public:
  std::string_view name() const override { return "header"; }
  std::string_view configType() const override {
    return "weir.extensions.stickiness.header.v1.Header";
  }
  std::shared_ptr<const upstream::StickinessFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::stickiness::header
