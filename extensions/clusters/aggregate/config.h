#pragma once

#include <string_view>

#include "source/config/extensions.h"

namespace weir::extensions::clusters::aggregate {

// Registers clusters/aggregate. What it makes is a list of names; WorkerCluster::choose() follows
// it. Immutable.
class AggregateExtension final : public config::ClusterExtension {
 public:
  std::string_view name() const override { return "aggregate"; }
  std::string_view configType() const override {
    return "weir.extensions.clusters.aggregate.v1.Aggregate";
  }
  upstream::Discovery compile(const google::protobuf::Message& config, const config::Cursor& at,
                              config::CompileContext& context) const override;
};

}  // namespace weir::extensions::clusters::aggregate
