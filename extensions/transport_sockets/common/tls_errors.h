#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::extensions::transport_sockets {

// Why a handshake did not come to its end, as statistics count it.
enum class TlsFailure : uint8_t {
  kPeerClosed,       // the peer went away
  kReset,            // the network broke it
  kAbandoned,        // closed here: the time limit, or nobody wanted it any more
  kPlainHttp,        // HTTP where TLS was expected
  kNotTls,           // something else that is no TLS
  kVersion,          // no common protocol version
  kCipher,           // no common cipher suite, group or signature algorithm
  kApplication,      // no common application protocol (ALPN)
  kPeerCertificate,  // the peer's certificate is missing or was refused
  kOwnCertificate,   // the peer refused ours
  kAlert,            // the peer gave up for another reason
  kProtocol,         // malformed, damaged or misplaced messages
  kInternal,
};
inline constexpr size_t kTlsFailures = static_cast<size_t>(TlsFailure::kInternal) + 1;
// "peer_closed": the value of the statistics' label.
std::string_view tlsFailureName(TlsFailure failure);

// What went wrong. Value.
struct TlsProblem {
  TlsFailure failure = TlsFailure::kInternal;
  std::string text;  // for people: "the client offers no cipher suite in common"
};

// What BoringSSL's error queue says, which is empty afterwards. `detail`: what a callback had to
// say about the peer's certificate; it stands behind the words for that.
TlsProblem takeTlsProblem(std::string_view detail = {});

}  // namespace weir::extensions::transport_sockets
