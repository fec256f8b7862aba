#pragma once

#include <span>

#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/lua/facts.h"
#include "source/network/connection_info.h"
#include "source/network/transport_socket.h"

// Facts that several kinds of scripts see, under the same names. docs/lua.md's siblings, the pages
// of the extensions, list them.
namespace weir::lua {

// Of a network::SecurityInfo: tls_version, peer_subject, ….
std::span<const Fact> securityFacts();
// Of a network::ConnectionInfo: original_destination.
std::span<const Fact> connectionFacts();
// Of an http::RequestHead: method, path, ….
std::span<const Fact> requestFacts();
// Of an http::StreamInfo: remote_ip, server_name, …; without what is behind the connection's own.
std::span<const Fact> streamFacts();

inline const void* securityOf(const http::StreamInfo& info) {
  return info.downstream_tls;
}
inline const void* connectionInfoOf(const http::StreamInfo& info) {
  return info.connection_info;
}

// The field that the text at `index` names, or nil.
void pushHeader(lua_State* L, const http::HeaderMap& headers, int index);
// What the texts at `index` (namespace) and behind it (key) name in the exchange's dynamic
// metadata; nil when there is nothing.
void pushDynamicMetadata(lua_State* L, const http::StreamInfo& info, int index);
// What the number at `index` names: the value of the PROXY header's TLV, or nil.
void pushProxyTlv(lua_State* L, const network::ConnectionInfo* info, int index);

}  // namespace weir::lua
