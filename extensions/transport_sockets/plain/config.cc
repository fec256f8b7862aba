#include "extensions/transport_sockets/plain/config.h"

#include "api/weir/extensions/transport_sockets/plain/v1/plain.pb.h"
#include "source/network/plain_transport.h"

namespace weir::extensions::transport_sockets::plain {

std::shared_ptr<const network::TransportSocketFactory> PlainExtension::compile(
    const google::protobuf::Message& config, bool, const config::Cursor&,
    config::CompileContext&) const {
  static_cast<void>(static_cast<const v1::Plain&>(config));  // has no fields
  return std::make_shared<network::PlainTransportFactory>();
}

}  // namespace weir::extensions::transport_sockets::plain
