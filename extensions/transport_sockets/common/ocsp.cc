#include "extensions/transport_sockets/common/ocsp.h"

#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/mem.h>

#include <optional>
#include <string_view>

#include "absl/status/status.h"

#include "extensions/transport_sockets/common/secret_bytes.h"
#include "extensions/transport_sockets/common/x509_text.h"
#include "source/base/concat.h"

namespace weir::extensions::transport_sockets {
namespace {

constexpr size_t kMaxResponseBytes = 64 * 1024;
// Clocks of responders and servers differ.
constexpr std::chrono::minutes kSkew{5};
constexpr unsigned kContext = CBS_ASN1_CONTEXT_SPECIFIC;
constexpr unsigned kExplicit = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;
// id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1
constexpr uint8_t kBasic[] = {0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1};

absl::Status wrong(std::string_view what, std::string_view right) {
  return absl::InvalidArgumentError(base::concat(what, "; ", right));
}

absl::Status malformed(std::string_view where) {
  return wrong(base::concat("is no OCSP response: its ", where, " cannot be read"),
               "fetch it as DER, for instance with openssl ocsp -respout");
}

std::string_view responseStatusName(uint64_t status) {
  switch (status) {
    case 1:
      return "malformedRequest";
    case 2:
      return "internalError";
    case 3:
      return "tryLater";
    case 5:
      return "sigRequired";
    case 6:
      return "unauthorized";
    default:
      return "unknown";
  }
}

// One SingleResponse (RFC 6960, 4.2.1).
struct Single {
  CBS digest_algorithm;
  CBS issuer_name_hash;
  CBS issuer_key_hash;
  CBS serial;  // the whole element
  enum class Status { kGood, kRevoked, kUnknown } status = Status::kUnknown;
  event::SystemTime this_update;
  std::optional<event::SystemTime> next_update;
};

bool equal(const CBS& a, const std::string& b) {
  return CBS_len(&a) == b.size() && CRYPTO_memcmp(CBS_data(&a), b.data(), b.size()) == 0;
}

template <class T, class Encode>
std::string encoded(T* object, Encode&& encode) {
  uint8_t* der = nullptr;
  const int size = encode(object, &der);
  if (size <= 0) return {};
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

bool readTime(CBS& from, event::SystemTime& time) {
  CBS text;
  if (!CBS_get_asn1(&from, &text, CBS_ASN1_GENERALIZEDTIME)) return false;
  const auto parsed =
      parseGeneralizedTime({reinterpret_cast<const char*>(CBS_data(&text)), CBS_len(&text)});
  if (!parsed) return false;
  time = *parsed;
  return true;
}

bool readCertId(CBS& from, Single& single) {
  CBS id;
  return CBS_get_asn1(&from, &id, CBS_ASN1_SEQUENCE) &&
         CBS_get_asn1_element(&id, &single.digest_algorithm, CBS_ASN1_SEQUENCE) &&
         CBS_get_asn1(&id, &single.issuer_name_hash, CBS_ASN1_OCTETSTRING) &&
         CBS_get_asn1(&id, &single.issuer_key_hash, CBS_ASN1_OCTETSTRING) &&
         CBS_get_asn1_element(&id, &single.serial, CBS_ASN1_INTEGER) && CBS_len(&id) == 0;
}

bool readCertStatus(CBS& from, Single& single) {
  CBS value;
  if (CBS_peek_asn1_tag(&from, kContext | 0)) {
    single.status = Single::Status::kGood;
    return CBS_get_asn1(&from, &value, kContext | 0) && CBS_len(&value) == 0;
  }
  if (CBS_peek_asn1_tag(&from, kExplicit | 1)) {
    single.status = Single::Status::kRevoked;
    return CBS_get_asn1(&from, &value, kExplicit | 1) != 0;
  }
  single.status = Single::Status::kUnknown;
  return CBS_get_asn1(&from, &value, kContext | 2) != 0;
}

bool readSingle(CBS& from, Single& single) {
  CBS element;
  CBS next;
  int has_next = 0;
  if (!CBS_get_asn1(&from, &element, CBS_ASN1_SEQUENCE) || !readCertId(element, single) ||
      !readCertStatus(element, single) || !readTime(element, single.this_update) ||
      !CBS_get_optional_asn1(&element, &next, &has_next, kExplicit | 0)) {
    return false;
  }
  if (has_next != 0) {
    event::SystemTime time;
    if (!readTime(next, time) || CBS_len(&next) != 0) return false;
    single.next_update = time;
  }
  int has_extensions = 0;
  CBS extensions;
  return CBS_get_optional_asn1(&element, &extensions, &has_extensions, kExplicit | 1) &&
         CBS_len(&element) == 0;
}

// From the outermost element to the list of single responses.
absl::Status unwrap(std::span<const uint8_t> der, CBS& list) {
  CBS input;
  CBS response;
  CBS status;
  CBS_init(&input, der.data(), der.size());
  if (!CBS_get_asn1(&input, &response, CBS_ASN1_SEQUENCE) || CBS_len(&input) != 0 ||
      !CBS_get_asn1(&response, &status, CBS_ASN1_ENUMERATED) || CBS_len(&status) != 1) {
    return malformed("outer part");
  }
  if (const uint8_t code = CBS_data(&status)[0]; code != 0) {
    return wrong(base::concat("the responder's answer was ", responseStatusName(code)),
                 "fetch a successful response");
  }
  CBS wrapped;
  CBS typed;
  CBS type;
  CBS bytes;
  if (!CBS_get_asn1(&response, &wrapped, kExplicit | 0) || CBS_len(&response) != 0 ||
      !CBS_get_asn1(&wrapped, &typed, CBS_ASN1_SEQUENCE) || CBS_len(&wrapped) != 0 ||
      !CBS_get_asn1(&typed, &type, CBS_ASN1_OBJECT) ||
      !CBS_get_asn1(&typed, &bytes, CBS_ASN1_OCTETSTRING) || CBS_len(&typed) != 0) {
    return malformed("body");
  }
  if (!CBS_mem_equal(&type, kBasic, sizeof kBasic)) return malformed("type (not basic)");
  CBS basic;
  CBS data;
  CBS algorithm;
  CBS signature;
  if (!CBS_get_asn1(&bytes, &basic, CBS_ASN1_SEQUENCE) || CBS_len(&bytes) != 0 ||
      !CBS_get_asn1(&basic, &data, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&basic, &algorithm, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&basic, &signature, CBS_ASN1_BITSTRING)) {
    return malformed("basic response");
  }
  CBS ignored;
  int has_version = 0;
  event::SystemTime produced;
  if (!CBS_get_optional_asn1(&data, &ignored, &has_version, kExplicit | 0) ||
      !CBS_get_any_asn1(&data, &ignored, nullptr) || !readTime(data, produced) ||
      !CBS_get_asn1(&data, &list, CBS_ASN1_SEQUENCE)) {
    return malformed("response data");
  }
  return absl::OkStatus();
}

std::string digestOf(const EVP_MD* algorithm, std::span<const uint8_t> bytes) {
  uint8_t hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash, &size, algorithm, nullptr) != 1) return {};
  return std::string(reinterpret_cast<const char*>(hash), size);
}

// Whether it is about this very certificate.
bool isAbout(const Single& single, const X509& leaf, const X509* issuer) {
  const std::string serial = encoded(X509_get0_serialNumber(&leaf), i2d_ASN1_INTEGER);
  if (serial.empty() || !equal(single.serial, serial)) return false;
  CBS algorithm = single.digest_algorithm;
  const EVP_MD* digest = EVP_parse_digest_algorithm(&algorithm);
  if (digest == nullptr) return true;  // what we cannot compute is for the client
  const std::string name = encoded(X509_get_issuer_name(&leaf), i2d_X509_NAME);
  const std::span<const uint8_t> name_bytes(reinterpret_cast<const uint8_t*>(name.data()),
                                            name.size());
  if (!equal(single.issuer_name_hash, digestOf(digest, name_bytes))) return false;
  if (issuer == nullptr) return true;
  const ASN1_BIT_STRING* key = X509_get0_pubkey_bitstr(issuer);
  const std::span<const uint8_t> key_bytes(ASN1_STRING_get0_data(key),
                                           static_cast<size_t>(ASN1_STRING_length(key)));
  return equal(single.issuer_key_hash, digestOf(digest, key_bytes));
}

absl::Status checkStatus(const Single& single, event::SystemTime now) {
  if (single.status == Single::Status::kRevoked) {
    return wrong("says that the certificate is revoked", "replace the certificate");
  }
  if (single.status == Single::Status::kUnknown) {
    return wrong("says that the responder does not know the certificate",
                 "fetch the response from the certificate's own authority");
  }
  if (single.this_update > now + kSkew) {
    return wrong(base::concat("is not valid before ", timeText(single.this_update)),
                 "look at the clock of this machine");
  }
  if (single.next_update && *single.next_update < single.this_update) {
    return wrong("ends before it begins", "fetch it again");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const OcspResponse>> OcspResponse::parse(
    std::span<const uint8_t> der, const X509& leaf, const X509* issuer, event::SystemTime now) {
  const ErrorQueueScope errors;
  CBS list;
  if (auto status = unwrap(der, list); !status.ok()) return status;
  std::optional<Single> found;
  while (CBS_len(&list) != 0) {
    Single single;
    if (!readSingle(list, single)) return malformed("list of responses");
    if (!found && isAbout(single, leaf, issuer)) found = single;
  }
  if (!found) {
    return wrong(base::concat("is not about the certificate ", subjectText(leaf), " (serial ",
                              serialText(leaf), ")"),
                 "fetch it for the certificate that it stands beside");
  }
  if (auto status = checkStatus(*found, now); !status.ok()) return status;
  std::shared_ptr<OcspResponse> response(new OcspResponse());
  response->der_.assign(der.begin(), der.end());
  response->this_update_ = found->this_update;
  response->next_update_ = found->next_update.value_or(found->this_update + kDefaultLife);
  return std::shared_ptr<const OcspResponse>(std::move(response));
}

absl::StatusOr<std::shared_ptr<const OcspResponse>> OcspResponse::load(const std::string& path,
                                                                       const X509& leaf,
                                                                       const X509* issuer,
                                                                       event::SystemTime now) {
  auto bytes = readFile(path, kMaxResponseBytes);
  if (!bytes.ok()) return bytes.status();
  auto response = parse(bytes->span(), leaf, issuer, now);
  if (!response.ok()) {
    return absl::InvalidArgumentError(base::concat(path, ": ", response.status().message()));
  }
  return response;
}

}  // namespace weir::extensions::transport_sockets
