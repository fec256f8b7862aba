#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "extensions/transport_sockets/common/certificate_pair.h"
#include "extensions/transport_sockets/common/peer_policy.h"
#include "extensions/transport_sockets/common/tls_stats.h"
#include "extensions/transport_sockets/common/trust.h"

namespace weir::extensions::transport_sockets {

// Protocol versions as on the wire: TLS1_2_VERSION to TLS1_3_VERSION. Value.
struct TlsVersions {
  uint16_t least = TLS1_2_VERSION;
  uint16_t most = TLS1_3_VERSION;
};

// A context with what both sides want: versions, suites (ECDHE with AEAD), groups (X25519, P-256),
// signatures without SHA-1, no renegotiation. It counts alerts at `cells`, which outlive it. It
// knows certificates as bytes only, so that a handshake reads none that nobody asks about. nullptr
// when there is no memory.
bssl::UniquePtr<SSL_CTX> newTlsContext(const TlsVersions& versions, TlsCells& cells);

// Gives `context` the certificate to show.
bool useCertificate(SSL_CTX& context, const CertificatePair& pair);

// A list of ALPN as on the wire: each with its length before it.
std::string alpnList(const std::vector<std::string>& protocols);

// Whether the peer of `ssl` is one that `trust` (null: whoever `policy` pins) and `policy` let in;
// the error says why not.
absl::Status verifyPeer(const SSL& ssl, const TrustStore* trust, const PeerPolicy& policy,
                        const PeerCheck& check);
// The alert that fits such an error.
uint8_t alertFor(const absl::Status& refusal);

}  // namespace weir::extensions::transport_sockets
