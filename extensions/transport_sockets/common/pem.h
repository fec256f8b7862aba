#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "extensions/transport_sockets/common/secret_bytes.h"

namespace weir::extensions::transport_sockets {

// One block of a PEM file (RFC 7468). Value, movable only.
struct PemBlock {
  std::string label;       // "CERTIFICATE", "PRIVATE KEY", "X509 CRL", …
  SecretBytes der;         // decoded; of an encrypted block what is encrypted
  size_t line = 0;         // of its BEGIN, from 1
  bool encrypted = false;  // by the old headers (Proc-Type: 4,ENCRYPTED), RFC 1421

  bool isCertificate() const { return label == "CERTIFICATE" || label == "X509 CERTIFICATE"; }
  bool isPrivateKey() const { return label.ends_with("PRIVATE KEY"); }
};

// All blocks, in order; text outside of blocks is skipped. At least one, or an error. Errors name
// the line, never what stands there, and read "what; what would be right".
absl::StatusOr<std::vector<PemBlock>> parsePem(std::string_view text);

}  // namespace weir::extensions::transport_sockets
