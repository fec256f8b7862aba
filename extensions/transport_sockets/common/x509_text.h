#pragma once

#include <openssl/x509.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/event/dispatcher.h"

// Reading single things out of certificates. Nothing here fails on what a peer can send: what
// cannot be read comes out empty.
namespace weir::extensions::transport_sockets {

using Sha256 = std::array<uint8_t, 32>;

// The names of a certificate's subjectAltName. Names with a NUL inside are left out. Value.
struct SubjectAltNames {
  std::vector<std::string> dns = {};  // lower case
  std::vector<std::string> uris = {};
  std::vector<std::string> emails = {};
  std::vector<std::string> ips = {};  // as text
};
SubjectAltNames subjectAltNames(const X509& certificate);

// RFC 2253: "CN=leaf,O=Weir".
std::string nameText(const X509_NAME* name);
std::string subjectText(const X509& certificate);
std::string issuerText(const X509& certificate);
// Lower case hex without a leading "0x"; "" when it is not there.
std::string serialText(const X509& certificate);
std::string hexText(std::span<const uint8_t> bytes);

Sha256 sha256(std::span<const uint8_t> bytes);
// Of the DER of the whole certificate, and of its SubjectPublicKeyInfo.
Sha256 certificateHash(const X509& certificate);
Sha256 publicKeyHash(const X509& certificate);

// nullopt for a time that cannot be read.
std::optional<event::SystemTime> systemTime(const ASN1_TIME* time);
// "20260101120000Z" and "260101120000Z" as X.509 and OCSP write them (RFC 5280, 4.1.2.5).
std::optional<event::SystemTime> parseGeneralizedTime(std::string_view text);
std::optional<event::SystemTime> parseUtcTime(std::string_view text);
// "2026-11-21 03:43:51 UTC", for messages.
std::string timeText(event::SystemTime time);
// Whole days from `now` until `end`, rounded down: negative when it has passed.
int64_t daysUntil(event::SystemTime end, event::SystemTime now);

// Issuer and subject are the same and the signature is its own.
bool selfSigned(X509& certificate);

// Its issuer signed it with a digest that can be forged: SHA-1 or MD5.
bool weaklySigned(const X509& certificate);

// Empties BoringSSL's error queue at the end of a scope: a handshake takes what is left there for
// its own failure. Worker-confined.
class ErrorQueueScope {
 public:
  ErrorQueueScope() = default;
  ~ErrorQueueScope();
  ErrorQueueScope(const ErrorQueueScope&) = delete;
  ErrorQueueScope& operator=(const ErrorQueueScope&) = delete;
};

// What BoringSSL's error queue says, and empties it; "" when it is empty.
std::string takeSslError();

}  // namespace weir::extensions::transport_sockets
