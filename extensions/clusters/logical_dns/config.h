#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::clusters::logical_dns {

// Registers clusters/logical_dns. Immutable.
class LogicalDnsExtension final : public config::ClusterExtension {
 public:
  std::string_view name() const override { return "logical_dns"; }
  std::string_view configType() const override {
    return "weir.extensions.clusters.logical_dns.v1.LogicalDns";
  }
  Entries entries() const override { return Entries::kNamesAndAddresses; }
  bool balances() const override { return true; }
  upstream::Discovery compile(const google::protobuf::Message& config, const config::Cursor& at,
                              config::CompileContext& context) const override;
};

}  // namespace weir::extensions::clusters::logical_dns
