#include "extensions/transport_sockets/proxy_protocol/config.h"

#include <string>
#include <utility>

#include "api/weir/extensions/transport_sockets/proxy_protocol/v1/proxy_protocol.pb.h"
#include "extensions/transport_sockets/proxy_protocol/proxy_protocol.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"

namespace weir::extensions::transport_sockets::proxy_protocol {
namespace {

constexpr int kMostTlvs = 32;
constexpr size_t kMostValueBytes = 1024;

network::ProxyProtocolTlv readTlv(const v1::Tlv& from, const config::Cursor& at) {
  using Tlv = network::ProxyProtocolTlv;
  Tlv tlv;
  tlv.type = static_cast<uint8_t>(config::readNumber(from.type(), {0, 255}, at.field("type")));
  if (tlv.type == Tlv::kCrc32c || tlv.type == Tlv::kNoop || tlv.type == Tlv::kSsl) {
    at.field("type").error(
        base::concat("a TLV of type ", static_cast<unsigned>(tlv.type), " is made of facts"),
        "set checksum or ssl, or choose another type");
  }
  const size_t most = tlv.type == Tlv::kUniqueId ? size_t{Tlv::kMaxUniqueIdBytes} : kMostValueBytes;
  if (from.value().size() > most) {
    at.field("value").error(base::concat("has ", from.value().size(), " bytes"),
                            base::concat("at most ", most, " can be sent"));
  }
  tlv.value = from.value();
  return tlv;
}

// Version 1 has room for addresses only.
void refuseTlvs(const v1::ProxyProtocol& from, const config::Cursor& at) {
  const auto refuse = [&at](bool given, std::string_view field) {
    if (given) at.field(field).error("version 1 has no TLVs", "send version 2, or remove it");
  };
  refuse(from.authority(), "authority");
  refuse(from.alpn(), "alpn");
  refuse(from.pass_tlvs(), "pass_tlvs");
  refuse(from.ssl(), "ssl");
  refuse(from.checksum(), "checksum");
  refuse(from.tlvs_size() > 0, "tlvs");
}

}  // namespace

std::shared_ptr<const network::TransportSocketFactory> ProxyProtocolExtension::compile(
    const google::protobuf::Message& config, bool downstream, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::ProxyProtocol&>(config);
  if (downstream) {
    at.error("transport_sockets/proxy_protocol sends headers to the endpoints of a cluster",
             "to read those of clients, put listener_filters/proxy_protocol into the listener");
    return nullptr;
  }
  ProxyProtocolConfig made;
  made.version = from.version() == v1::ProxyProtocol::VERSION_1 ? 1 : 2;
  if (made.version == 1) refuseTlvs(from, at);
  made.authority = !from.has_authority() || from.authority();
  made.alpn = !from.has_alpn() || from.alpn();
  made.pass_tlvs = !from.has_pass_tlvs() || from.pass_tlvs();
  made.ssl = from.ssl();
  made.checksum = from.checksum();
  if (from.tlvs_size() > kMostTlvs) {
    at.at("tlvs", kMostTlvs)
        .error(base::concat(from.tlvs_size(), " TLVs are too many"),
               base::concat("write at most ", kMostTlvs));
  }
  for (int i = 0; i < from.tlvs_size(); ++i) {
    made.tlvs.push_back(readTlv(from.tlvs(i), at.at("tlvs", i)));
  }
  auto inner = context.compiler.compileTransport(
      from.has_transport_socket() ? &from.transport_socket() : nullptr, /*downstream=*/false,
      at.field("transport_socket"), context);
  if (inner == nullptr) return nullptr;
  return std::make_shared<ProxyProtocolFactory>(std::move(made), std::move(inner));
}

}  // namespace weir::extensions::transport_sockets::proxy_protocol
