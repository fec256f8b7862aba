#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::stickiness::store {

// Registers stickiness/store. Immutable.
class StoreExtension final : public config::StickinessExtension {
 public:
  std::string_view name() const override { return "store"; }
  std::string_view configType() const override {
    return "weir.extensions.stickiness.store.v1.Store";
  }
  std::shared_ptr<const upstream::StickinessFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::stickiness::store
