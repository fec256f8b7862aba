#include "extensions/transport_sockets/common/tls_errors.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "source/base/ascii.h"
#include "source/base/concat.h"

namespace weir::extensions::transport_sockets {
namespace {

struct Known {
  int reason;
  TlsFailure failure;
  std::string_view text;
};

// What happens often, in words that help.
constexpr Known kKnown[] = {
    {SSL_R_HTTP_REQUEST, TlsFailure::kPlainHttp, "a plain HTTP request came instead of TLS"},
    {SSL_R_HTTPS_PROXY_REQUEST, TlsFailure::kPlainHttp,
     "a plain HTTP CONNECT request came instead of TLS"},
    {SSL_R_WRONG_VERSION_NUMBER, TlsFailure::kNotTls, "what came is not TLS"},
    {SSL_R_UNSUPPORTED_PROTOCOL, TlsFailure::kVersion, "no protocol version in common"},
    {SSL_R_INAPPROPRIATE_FALLBACK, TlsFailure::kVersion,
     "the peer fell back to a lower version than both sides can"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, TlsFailure::kVersion,
     "the peer refuses our protocol versions"},
    {SSL_R_TLSV1_ALERT_INAPPROPRIATE_FALLBACK, TlsFailure::kVersion,
     "the peer says that we fell back to a lower version than both sides can"},
    {SSL_R_NO_SHARED_CIPHER, TlsFailure::kCipher, "no cipher suite in common"},
    {SSL_R_NO_SHARED_GROUP, TlsFailure::kCipher, "no key exchange group in common"},
    {SSL_R_NO_COMMON_SIGNATURE_ALGORITHMS, TlsFailure::kCipher, "no signature algorithm in common"},
    {SSL_R_WRONG_CURVE, TlsFailure::kCipher, "the peer chose a group that was not offered"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, TlsFailure::kCipher,
     "the peer finds nothing in common (alert handshake_failure)"},
    {SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, TlsFailure::kCipher,
     "the peer wants stronger algorithms"},
    {SSL_R_NO_APPLICATION_PROTOCOL, TlsFailure::kApplication,
     "no application protocol (ALPN) in common"},
    {SSL_R_INVALID_ALPN_PROTOCOL, TlsFailure::kApplication,
     "the peer chose an application protocol (ALPN) that was not offered"},
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, TlsFailure::kApplication,
     "the peer speaks none of our application protocols (ALPN)"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TlsFailure::kPeerCertificate,
     "the peer sent no certificate"},
    {SSL_R_CERTIFICATE_VERIFY_FAILED, TlsFailure::kPeerCertificate,
     "the peer's certificate was refused"},
    {SSL_R_CANNOT_PARSE_LEAF_CERT, TlsFailure::kPeerCertificate,
     "the peer's certificate cannot be read"},
    {SSL_R_KEY_USAGE_BIT_INCORRECT, TlsFailure::kPeerCertificate,
     "the peer's certificate is not for this use (keyUsage)"},
    {SSL_R_WRONG_CERTIFICATE_TYPE, TlsFailure::kPeerCertificate,
     "the peer's certificate has a key of the wrong kind"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, TlsFailure::kOwnCertificate,
     "the peer refuses our certificate (alert bad_certificate)"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, TlsFailure::kOwnCertificate,
     "the peer refuses our certificate (alert unsupported_certificate)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, TlsFailure::kOwnCertificate,
     "the peer says that our certificate is revoked"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, TlsFailure::kOwnCertificate,
     "the peer says that our certificate has expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, TlsFailure::kOwnCertificate,
     "the peer refuses our certificate (alert certificate_unknown)"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, TlsFailure::kOwnCertificate,
     "the peer does not know who issued our certificate (alert unknown_ca)"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, TlsFailure::kOwnCertificate,
     "the peer does not let our certificate in (alert access_denied)"},
    {SSL_R_TLSV1_ALERT_CERTIFICATE_REQUIRED, TlsFailure::kOwnCertificate,
     "the peer wants a certificate from us"},
    {SSL_R_TLSV1_ALERT_UNRECOGNIZED_NAME, TlsFailure::kAlert,
     "the peer does not know the server name (alert unrecognized_name)"},
    {SSL_R_NO_RENEGOTIATION, TlsFailure::kProtocol, "the peer wants to renegotiate: refused"},
    {SSL_R_TOO_MANY_KEY_UPDATES, TlsFailure::kProtocol,
     "the peer changes its keys again and again"},
    {SSL_R_TOO_MANY_EMPTY_FRAGMENTS, TlsFailure::kProtocol, "too many empty records"},
    {SSL_R_TOO_MANY_WARNING_ALERTS, TlsFailure::kProtocol, "too many warnings from the peer"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, TlsFailure::kProtocol,
     "a record was damaged or forged"},
};

constexpr bool isAlert(int reason) {
  return reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
}

std::string wordsOf(uint32_t error) {
  const char* const name = ERR_reason_error_string(error);
  std::string text = base::lowered(name == nullptr ? "unknown error" : name);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

TlsProblem problemOf(uint32_t error) {
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
    return {.failure = TlsFailure::kProtocol, .text = wordsOf(error)};
  }
  for (const Known& known : kKnown) {
    if (known.reason == reason) return {.failure = known.failure, .text = std::string(known.text)};
  }
  if (reason == ERR_R_MALLOC_FAILURE || reason == ERR_R_INTERNAL_ERROR) {
    return {.failure = TlsFailure::kInternal, .text = wordsOf(error)};
  }
  return {.failure = isAlert(reason) ? TlsFailure::kAlert : TlsFailure::kProtocol,
          .text = base::concat(isAlert(reason) ? "the peer gave up: " : "", wordsOf(error))};
}

// The first error is the cause, what is behind it tells where it was noticed; but what TLS says
// tells more than what its ciphers say.
uint32_t takeCause() {
  uint32_t cause = 0;
  while (const uint32_t error = ERR_get_error()) {
    const bool better = ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_LIB(cause) != ERR_LIB_SSL;
    if (cause == 0 || better) cause = error;
  }
  return cause;
}

}  // namespace

std::string_view tlsFailureName(TlsFailure failure) {
  switch (failure) {
    case TlsFailure::kPeerClosed:
      return "peer_closed";
    case TlsFailure::kReset:
      return "reset";
    case TlsFailure::kAbandoned:
      return "abandoned";
    case TlsFailure::kPlainHttp:
      return "plain_http";
    case TlsFailure::kNotTls:
      return "not_tls";
    case TlsFailure::kVersion:
      return "version";
    case TlsFailure::kCipher:
      return "cipher";
    case TlsFailure::kApplication:
      return "application_protocol";
    case TlsFailure::kPeerCertificate:
      return "peer_certificate";
    case TlsFailure::kOwnCertificate:
      return "own_certificate";
    case TlsFailure::kAlert:
      return "alert";
    case TlsFailure::kProtocol:
      return "protocol";
    case TlsFailure::kInternal:
      return "internal";
  }
  return "";
}

TlsProblem takeTlsProblem(std::string_view detail) {
  TlsProblem problem;
  if (const uint32_t error = takeCause(); error != 0) {
    problem = problemOf(error);
  } else {
    problem.text = "TLS failed without saying why";
  }
  if (!detail.empty() && problem.failure == TlsFailure::kPeerCertificate) {
    problem.text = base::concat(problem.text, ": ", detail);
  }
  return problem;
}

}  // namespace weir::extensions::transport_sockets
