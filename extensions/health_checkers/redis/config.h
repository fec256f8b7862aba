#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::health_checkers::redis {

// Registers health_checkers/redis. Immutable.
class RedisCheckExtension final : public config::HealthCheckerExtension {
 public:
  std::string_view name() const override { return "redis"; }
  std::string_view configType() const override {
    return "weir.extensions.health_checkers.redis.v1.RedisCheck";
  }
  std::shared_ptr<const upstream::HealthCheckerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::health_checkers::redis
