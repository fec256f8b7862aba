#include "extensions/network_filters/echo/config.h"

#include "api/weir/extensions/network_filters/echo/v1/echo.pb.h"
#include "extensions/network_filters/echo/echo.h"

namespace weir::extensions::network_filters::echo {

std::shared_ptr<const network::NetworkFilterFactory> EchoExtension::compile(
    const google::protobuf::Message& config, const config::Cursor&, config::CompileContext&) const {
  static_cast<void>(static_cast<const v1::Echo&>(config));  // has no fields
  return std::make_shared<EchoFilterFactory>();
}

}  // namespace weir::extensions::network_filters::echo
