#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "extensions/transport_sockets/common/certificate_pair.h"
#include "extensions/transport_sockets/common/ocsp.h"
#include "source/base/string_map.h"
#include "source/event/dispatcher.h"

namespace weir::extensions::transport_sockets {

// The kinds of keys whose signatures a client can check. Value. Worker-confined.
class KeyKinds {
 public:
  static KeyKinds all() { return KeyKinds((1u << kKeyKinds) - 1); }
  KeyKinds() = default;
  void add(KeyKind kind) { bits_ |= bit(kind); }
  // A code of the signature_algorithms extension (RFC 8446, 4.2.3); others are ignored.
  void addSignatureScheme(uint16_t scheme);
  bool has(KeyKind kind) const { return (bits_ & bit(kind)) != 0; }
  bool empty() const { return bits_ == 0; }

 private:
  explicit KeyKinds(uint32_t bits) : bits_(bits) {}
  static uint32_t bit(KeyKind kind) { return 1u << static_cast<uint32_t>(kind); }
  uint32_t bits_ = 0;
};

// One certificate as it is served. Value; what it points to is immutable.
struct ServedCertificate {
  std::shared_ptr<const CertificatePair> pair;  // never null
  std::shared_ptr<const OcspResponse> ocsp;     // may be null

  // What to staple now, or nothing.
  std::span<const uint8_t> staple(event::SystemTime now) const {
    return ocsp != nullptr && ocsp->fresh(now) ? ocsp->der() : std::span<const uint8_t>();
  }
};

// The certificates of one TLS context, chosen by server name; a name may have several with keys of
// different kinds. Immutable.
class CertificateSet {
 public:
  // At least one; the first is for clients without a name, or with one that no certificate has. Of
  // two with the same name and kind the earlier is served.
  explicit CertificateSet(std::vector<ServedCertificate> certificates);
  CertificateSet(const CertificateSet&) = delete;
  CertificateSet& operator=(const CertificateSet&) = delete;

  // The exact name, then a wildcard for its first label (RFC 6125, 6.4.3), then the default; of
  // several the client's best kind: ECDSA before Ed25519 before RSA. When the client can check none
  // of them, the one that fits the name best, and the handshake says so. Constant time, no
  // allocation. `server_name`: as it came; letter case and one dot at the end do not count.
  const ServedCertificate& select(std::string_view server_name, KeyKinds client) const;
  // Whether some certificate has the name.
  bool covers(std::string_view server_name) const;
  const std::vector<ServedCertificate>& all() const { return certificates_; }

 private:
  // Index of the certificate for each kind.
  struct Choice {
    static constexpr int kNone = -1;
    std::array<int, kKeyKinds> by_kind;
    Choice() { by_kind.fill(kNone); }
    int best(KeyKinds client) const;
    int any() const;
    void offer(KeyKind kind, int index);
  };
  struct Found {
    const Choice* exact = nullptr;
    const Choice* wildcard = nullptr;
  };
  Found find(std::string_view server_name) const;
  void index(int index);
  void buildDefault();

  std::vector<ServedCertificate> certificates_;
  base::StringMap<Choice> exact_;
  base::StringMap<Choice> wildcard_;  // by what follows "*."
  Choice default_;
};

}  // namespace weir::extensions::transport_sockets
