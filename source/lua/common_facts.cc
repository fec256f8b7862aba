#include "source/lua/common_facts.h"

#include "source/http/dynamic_metadata.h"
#include "source/lua/metadata_values.h"
#include "source/network/connection.h"

namespace weir::lua {
namespace {

using http::RequestHead;
using http::StreamInfo;
using network::CertificateFacts;
using network::ConnectionInfo;
using network::SecurityInfo;

template <class T>
const T& of(const void* object) {
  return *static_cast<const T*>(object);
}

// Pushes what `Push` finds in the peer's certificate, or in the own one.
template <auto Push>
void ofPeer(lua_State* L, const void* object) {
  const CertificateFacts* const facts = of<SecurityInfo>(object).peerCertificate();
  facts != nullptr ? Push(L, *facts) : lua_pushnil(L);
}
template <auto Push>
void ofLocal(lua_State* L, const void* object) {
  const CertificateFacts* const facts = of<SecurityInfo>(object).localCertificate();
  facts != nullptr ? Push(L, *facts) : lua_pushnil(L);
}
template <auto Member>
void text(lua_State* L, const CertificateFacts& facts) {
  pushTextOrNil(L, facts.*Member);
}
template <auto Member>
void texts(lua_State* L, const CertificateFacts& facts) {
  pushTexts(L, facts.*Member);
}
template <auto Member>
void time(lua_State* L, const CertificateFacts& facts) {
  pushTime(L, facts.*Member);
}

constexpr Fact kSecurity[] = {
    {"tls_version",
     [](lua_State* L, const void* o) { pushTextOrNil(L, of<SecurityInfo>(o).tlsVersion()); }},
    {"tls_cipher",
     [](lua_State* L, const void* o) { pushTextOrNil(L, of<SecurityInfo>(o).cipher()); }},
    {"tls_session_id",
     [](lua_State* L, const void* o) { pushTextOrNil(L, of<SecurityInfo>(o).sessionId()); }},
    {"tls_resumed",
     [](lua_State* L, const void* o) { lua_pushboolean(L, of<SecurityInfo>(o).resumed()); }},
    {"peer_verified",
     [](lua_State* L, const void* o) { lua_pushboolean(L, of<SecurityInfo>(o).peerVerified()); }},
    {"peer_subject", ofPeer<text<&CertificateFacts::subject>>},
    {"peer_issuer", ofPeer<text<&CertificateFacts::issuer>>},
    {"peer_serial", ofPeer<text<&CertificateFacts::serial>>},
    {"peer_sha256", ofPeer<text<&CertificateFacts::sha256>>},
    {"peer_pem", ofPeer<text<&CertificateFacts::pem>>},
    {"peer_dns_names", ofPeer<texts<&CertificateFacts::dns_names>>},
    {"peer_uris", ofPeer<texts<&CertificateFacts::uris>>},
    {"peer_emails", ofPeer<texts<&CertificateFacts::emails>>},
    {"peer_ip_addresses", ofPeer<texts<&CertificateFacts::ip_addresses>>},
    {"peer_not_before", ofPeer<time<&CertificateFacts::not_before>>},
    {"peer_not_after", ofPeer<time<&CertificateFacts::not_after>>},
    {"local_subject", ofLocal<text<&CertificateFacts::subject>>},
    {"local_dns_names", ofLocal<texts<&CertificateFacts::dns_names>>},
    {"local_uris", ofLocal<texts<&CertificateFacts::uris>>},
};

constexpr Fact kConnection[] = {
    {"original_destination",
     [](lua_State* L, const void* o) {
       const auto& destination = of<ConnectionInfo>(o).original_destination;
       pushAddress(L, destination.has_value() ? &*destination : nullptr);
     }},
};

constexpr Fact kRequest[] = {
    {"method", [](lua_State* L, const void* o) { pushTextOrNil(L, of<RequestHead>(o).method); }},
    {"scheme", [](lua_State* L, const void* o) { pushTextOrNil(L, of<RequestHead>(o).scheme); }},
    {"host", [](lua_State* L, const void* o) { pushTextOrNil(L, of<RequestHead>(o).authority); }},
    {"target", [](lua_State* L, const void* o) { pushTextOrNil(L, of<RequestHead>(o).path); }},
    {"path",
     [](lua_State* L, const void* o) { pushTextOrNil(L, of<RequestHead>(o).pathWithoutQuery()); }},
    {"query",
     [](lua_State* L, const void* o) {
       const std::string_view target = of<RequestHead>(o).path;
       const size_t mark = target.find('?');
       if (mark == std::string_view::npos) return lua_pushnil(L);
       pushText(L, target.substr(mark + 1));
     }},
    {"protocol",
     [](lua_State* L, const void* o) {
       const auto& head = of<RequestHead>(o);
       head.method.empty() ? lua_pushnil(L) : pushText(L, http::versionText(head.version));
     }},
};

const network::Address* localAddress(const StreamInfo& info) {
  if (info.downstream_local != nullptr) return info.downstream_local;
  return info.downstream_connection != nullptr ? &info.downstream_connection->localAddress()
                                               : nullptr;
}

constexpr Fact kStream[] = {
    {"remote_address",
     [](lua_State* L, const void* o) { pushAddress(L, of<StreamInfo>(o).downstream_remote); }},
    {"remote_ip",
     [](lua_State* L, const void* o) { pushIp(L, of<StreamInfo>(o).downstream_remote); }},
    {"remote_port",
     [](lua_State* L, const void* o) { pushPort(L, of<StreamInfo>(o).downstream_remote); }},
    {"direct_remote_address",
     [](lua_State* L, const void* o) { pushAddress(L, of<StreamInfo>(o).downstream_direct); }},
    {"direct_remote_ip",
     [](lua_State* L, const void* o) { pushIp(L, of<StreamInfo>(o).downstream_direct); }},
    {"local_address",
     [](lua_State* L, const void* o) { pushAddress(L, localAddress(of<StreamInfo>(o))); }},
    {"local_ip", [](lua_State* L, const void* o) { pushIp(L, localAddress(of<StreamInfo>(o))); }},
    {"local_port",
     [](lua_State* L, const void* o) { pushPort(L, localAddress(of<StreamInfo>(o))); }},
    {"connection_id",
     [](lua_State* L, const void* o) { pushNumber(L, of<StreamInfo>(o).connection_id); }},
    {"request_id",
     [](lua_State* L, const void* o) { pushTextOrNil(L, of<StreamInfo>(o).request_id); }},
    {"server_name",
     [](lua_State* L, const void* o) {
       pushTextOrNil(L, of<StreamInfo>(o).requested_server_name);
     }},
};

}  // namespace

std::span<const Fact> securityFacts() {
  return kSecurity;
}

std::span<const Fact> connectionFacts() {
  return kConnection;
}

std::span<const Fact> requestFacts() {
  return kRequest;
}

std::span<const Fact> streamFacts() {
  return kStream;
}

void pushHeader(lua_State* L, const http::HeaderMap& headers, int index) {
  const std::string_view name = checkText(L, index);
  headers.has(name) ? pushText(L, headers.get(name)) : lua_pushnil(L);
}

void pushDynamicMetadata(lua_State* L, const StreamInfo& info, int index) {
  const std::string_view name_space = checkText(L, index);
  const std::string_view key = checkText(L, index + 1);
  const http::DynamicMetadata* const all = info.dynamic_metadata;
  const auto* const value = all != nullptr ? all->find(name_space, key) : nullptr;
  value != nullptr ? pushValue(L, *value) : lua_pushnil(L);
}

void pushProxyTlv(lua_State* L, const network::ConnectionInfo* info, int index) {
  const lua_Integer type = luaL_checkinteger(L, index);
  if (info != nullptr) {
    for (const ConnectionInfo::ProxyTlv& tlv : info->proxy_tlvs) {
      if (tlv.type == type) return pushText(L, tlv.value);
    }
  }
  lua_pushnil(L);
}

}  // namespace weir::lua
