#pragma once

#include "extensions/network_filters/connection_limit/connection_limit.h"
#include "source/base/shared_states.h"
#include "source/config/extensions.h"

namespace weir::extensions::network_filters::connection_limit {

// Registers network_filters/connection_limit. Main-thread only: keeps the counts of names in use.
class ConnectionLimitExtension final : public config::NetworkFilterExtension {
 public:
  std::string_view name() const override { return "connection_limit"; }
  std::string_view configType() const override {
    return "weir.extensions.network_filters.connection_limit.v1.ConnectionLimit";
  }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;

 private:
  mutable base::SharedStates<ConnectionCounts> counts_;
};

}  // namespace weir::extensions::network_filters::connection_limit
