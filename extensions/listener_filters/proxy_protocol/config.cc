#include "extensions/listener_filters/proxy_protocol/config.h"

#include <utility>

#include "api/weir/extensions/listener_filters/proxy_protocol/v1/proxy_protocol.pb.h"
#include "extensions/listener_filters/proxy_protocol/proxy_protocol.h"
#include "source/config/fields.h"

namespace weir::extensions::listener_filters::proxy_protocol {
namespace {

constexpr uint64_t kDefaultHeaderBytes = 4096;
constexpr uint64_t kLeastHeaderBytes = 16 + 216;  // with the longest addresses
constexpr int kMaxKeptTlvs = 32;
constexpr uint64_t kMaxTlvType = 255;

void readTrustedSources(const v1::ProxyProtocol& from, const config::Cursor& at,
                        ProxyProtocolConfig& to) {
  for (int i = 0; i < from.trusted_sources_size(); ++i) {
    const auto prefix = network::Prefix::parse(from.trusted_sources(i));
    if (prefix.ok()) {
      to.trusted_sources.push_back(*prefix);
    } else {
      config::report(prefix.status(), at.at("trusted_sources", i));
    }
  }
  to.pass_untrusted = from.untrusted_sources() == v1::ProxyProtocol::UNTRUSTED_ACTION_PASS;
  if (from.trusted_sources().empty() &&
      from.untrusted_sources() != v1::ProxyProtocol::UNTRUSTED_ACTION_UNSPECIFIED) {
    at.field("untrusted_sources")
        .error("has no effect while everybody is trusted", "list trusted_sources, or remove it");
  }
}

void readTlvs(const v1::ProxyProtocol& from, const config::Cursor& at, ProxyProtocolConfig& to) {
  if (from.keep_tlvs_size() > kMaxKeptTlvs) {
    at.field("keep_tlvs").error("lists more than 32 types", "keep those that are used");
  }
  for (int i = 0; i < from.keep_tlvs_size(); ++i) {
    to.keep_tlvs.set(
        config::readNumber(from.keep_tlvs(i), {0, kMaxTlvType}, at.at("keep_tlvs", i)));
  }
}

}  // namespace

std::shared_ptr<const network::ListenerFilterFactory> ProxyProtocolExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::ProxyProtocol&>(config);
  ProxyProtocolConfig to;
  to.listener = std::string(context.listener_name);
  to.version_1 = from.version() != v1::ProxyProtocol::VERSION_2;
  to.version_2 = from.version() != v1::ProxyProtocol::VERSION_1;
  to.allow_absent = from.allow_requests_without_proxy_protocol();
  readTrustedSources(from, at, to);
  readTlvs(from, at, to);
  to.max_header_bytes = config::readNumberOr(from.max_header_bytes(), kDefaultHeaderBytes,
                                             {kLeastHeaderBytes, network::kMaxProxyProtocolBytes},
                                             at.field("max_header_bytes"));
  return std::make_shared<ProxyProtocolFactory>(std::move(to));
}

}  // namespace weir::extensions::listener_filters::proxy_protocol
