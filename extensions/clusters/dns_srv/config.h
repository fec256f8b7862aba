#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::clusters::dns_srv {

// Registers clusters/dns_srv. Immutable.
class DnsSrvExtension final : public config::ClusterExtension {
 public:
  std::string_view name() const override { return "dns_srv"; }
  std::string_view configType() const override {
    return "weir.extensions.clusters.dns_srv.v1.DnsSrv";
  }
  bool balances() const override { return true; }
  upstream::Discovery compile(const google::protobuf::Message& config, const config::Cursor& at,
                              config::CompileContext& context) const override;
};

}  // namespace weir::extensions::clusters::dns_srv
