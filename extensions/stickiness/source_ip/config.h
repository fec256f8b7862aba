#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::stickiness::source_ip {

// Registers stickiness/source_ip. Immutable.
class SourceIpExtension final : public config::StickinessExtension {
 public:
  std::string_view name() const override { return "source_ip"; }
  std::string_view configType() const override {
    return "weir.extensions.stickiness.source_ip.v1.SourceIp";
  }
  std::shared_ptr<const upstream::StickinessFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::stickiness::source_ip
