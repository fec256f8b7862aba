#pragma once

#include "source/config/extensions.h"

// NOLINTNEXTLINE(readability-identifier-naming): "static" is a keyword
namespace weir::extensions::clusters::static_ {

// Registers clusters/static: what a cluster without discovery has, too. Immutable.
class StaticExtension final : public config::ClusterExtension {
 public:
  std::string_view name() const override { return "static"; }
  std::string_view configType() const override {
    return "weir.extensions.clusters.static_.v1.Static";
  }
  Entries entries() const override { return Entries::kAddresses; }
  bool balances() const override { return true; }
  upstream::Discovery compile(const google::protobuf::Message& config, const config::Cursor& at,
                              config::CompileContext& context) const override;
};

}  // namespace weir::extensions::clusters::static_
