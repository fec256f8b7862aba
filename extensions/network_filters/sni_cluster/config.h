#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::network_filters::sni_cluster {

// Registers network_filters/sni_cluster. Immutable.
class SniClusterExtension final : public config::NetworkFilterExtension {
 public:
  std::string_view name() const override { return "sni_cluster"; }
  std::string_view configType() const override {
    return "weir.extensions.network_filters.sni_cluster.v1.SniCluster";
  }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::network_filters::sni_cluster
