#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::stickiness::tls_session {

// Registers stickiness/tls_session. Immutable.
class TlsSessionExtension final : public config::StickinessExtension {
 public:
  std::string_view name() const override { return "tls_session"; }
  std::string_view configType() const override {
    return "weir.extensions.stickiness.tls_session.v1.TlsSession";
  }
  std::shared_ptr<const upstream::StickinessFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::stickiness::tls_session
