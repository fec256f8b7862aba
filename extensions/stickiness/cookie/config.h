#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::stickiness::cookie {

// Registers stickiness/cookie. Immutable.
class CookieExtension final : public config::StickinessExtension {
 public:
  std::string_view name() const override { return "cookie"; }
  std::string_view configType() const override {
    return "weir.extensions.stickiness.cookie.v1.Cookie";
  }
  std::shared_ptr<const upstream::StickinessFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::stickiness::cookie
