#pragma once

#include <memory>

#include "source/config/extensions.h"
#include "source/http/connection_manager.h"

namespace weir::extensions::network_filters::http_connection_manager {

// What the message comes to; null after an error. `config` is an HttpConnectionManager.
std::shared_ptr<const http::ConnectionManagerConfig> compileConfig(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context);

// Registers network_filters/http_connection_manager: routes, HTTP filters, access loggers and
// settings become an http::ConnectionManagerFactory. Immutable.
class HttpConnectionManagerExtension final : public config::NetworkFilterExtension {
 public:
  std::string_view name() const override { return "http_connection_manager"; }
  std::string_view configType() const override {
    return "weir.extensions.network_filters.http_connection_manager.v1.HttpConnectionManager";
  }
  bool terminal() const override { return true; }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::network_filters::http_connection_manager
