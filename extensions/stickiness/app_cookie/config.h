#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::stickiness::app_cookie {

// Registers stickiness/app_cookie. Immutable.
class AppCookieExtension final : public config::StickinessExtension {
 public:
  std::string_view name() const override { return "app_cookie"; }
  std::string_view configType() const override {
    return "weir.extensions.stickiness.app_cookie.v1.AppCookie";
  }
  std::shared_ptr<const upstream::StickinessFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::stickiness::app_cookie
