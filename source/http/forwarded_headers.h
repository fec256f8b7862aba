#pragma once

#include <cstdint>
#include <string>

#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/network/address.h"

namespace weir::http {

// What is told to the upstream of who asked, and how much of it is believed.
struct ForwardedHeaders {
  // How many proxies in front are trusted: 0 means the peer of the socket is the client, what it
  // says in X-Forwarded-* is replaced; n takes the n-th address from the right of X-Forwarded-For
  // as the client (the leftmost one when there are fewer) and keeps the fields.
  uint32_t trusted_hops = 0;
  bool add_forwarded_for = true;
  bool add_forwarded_proto = true;
  bool add_forwarded_host = true;
  std::string via;  // pseudonym for Via on requests and responses; empty: none is added
};

// Applies `options` to a request that came from info.downstream_direct: rewrites X-Forwarded-For,
// -Proto and -Host and sets info.downstream_remote, which may then point to `client`.
void applyForwardedHeaders(const ForwardedHeaders& options, RequestHead& head, StreamInfo& info,
                           network::Address& client);

// Makes `address` the last of X-Forwarded-For; nothing when it is not IP.
void appendForwardedFor(HeaderMap& headers, const network::Address& address);

// Makes `host` the last of X-Forwarded-Host.
void appendForwardedHost(HeaderMap& headers, std::string_view host);

// The n-th element from the right (1 is the last) of the list that the field's lines make up; the
// leftmost when there are fewer, empty when there is none.
std::string_view nthFromRight(const HeaderMap& headers, HeaderId id, uint32_t n);

}  // namespace weir::http
