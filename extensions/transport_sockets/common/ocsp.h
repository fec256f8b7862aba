#pragma once

#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "source/event/dispatcher.h"

namespace weir::extensions::transport_sockets {

// An OCSP response (RFC 6960) to staple to one certificate: about that certificate, and saying that
// it is good. Its signature is left to the clients it is meant for. Immutable.
class OcspResponse {
 public:
  // Whole days a response without nextUpdate is believed.
  static constexpr std::chrono::hours kDefaultLife{7 * 24};

  // Errors read "path: what; what would be right". A response that has ended is no error: it is not
  // fresh. One that says that the certificate is revoked, is about another certificate, or is not
  // yet valid, is.
  static absl::StatusOr<std::shared_ptr<const OcspResponse>> load(const std::string& path,
                                                                  const X509& leaf,
                                                                  const X509* issuer,
                                                                  event::SystemTime now);
  // The same from bytes; errors without a path. `issuer` null: its hashes are not compared.
  static absl::StatusOr<std::shared_ptr<const OcspResponse>> parse(std::span<const uint8_t> der,
                                                                   const X509& leaf,
                                                                   const X509* issuer,
                                                                   event::SystemTime now);

  // What SSL_set_ocsp_response() takes.
  std::span<const uint8_t> der() const { return der_; }
  event::SystemTime thisUpdate() const { return this_update_; }
  event::SystemTime nextUpdate() const { return next_update_; }
  // Only then it may be stapled.
  bool fresh(event::SystemTime now) const { return now < next_update_; }

 private:
  OcspResponse() = default;
  std::vector<uint8_t> der_;
  event::SystemTime this_update_;
  event::SystemTime next_update_;
};

}  // namespace weir::extensions::transport_sockets
