#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::clusters::strict_dns {

// Registers clusters/strict_dns. Immutable.
class StrictDnsExtension final : public config::ClusterExtension {
 public:
  std::string_view name() const override { return "strict_dns"; }
  std::string_view configType() const override {
    return "weir.extensions.clusters.strict_dns.v1.StrictDns";
  }
  Entries entries() const override { return Entries::kNamesAndAddresses; }
  bool balances() const override { return true; }
  upstream::Discovery compile(const google::protobuf::Message& config, const config::Cursor& at,
                              config::CompileContext& context) const override;
};

}  // namespace weir::extensions::clusters::strict_dns
