#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::clusters::original_destination {

// Registers clusters/original_destination. Immutable.
class OriginalDestinationExtension final : public config::ClusterExtension {
 public:
  std::string_view name() const override { return "original_destination"; }
  std::string_view configType() const override {
    return "weir.extensions.clusters.original_destination.v1.OriginalDestination";
  }
  upstream::Discovery compile(const google::protobuf::Message& config, const config::Cursor& at,
                              config::CompileContext& context) const override;
};

}  // namespace weir::extensions::clusters::original_destination
