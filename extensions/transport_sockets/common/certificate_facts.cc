#include "extensions/transport_sockets/common/certificate_facts.h"

#include <openssl/bio.h>
#include <openssl/obj.h>
#include <openssl/pem.h>

#include <array>
#include <utility>

#include "extensions/transport_sockets/common/x509_text.h"

namespace weir::extensions::transport_sockets {
namespace {

std::vector<std::string> extensionOids(const X509& certificate) {
  std::vector<std::string> oids;
  const int count = X509_get_ext_count(&certificate);
  for (int i = 0; i < count; ++i) {
    const ASN1_OBJECT* const oid = X509_EXTENSION_get_object(X509_get_ext(&certificate, i));
    std::array<char, 128> text;
    const int size = OBJ_obj2txt(text.data(), text.size(), oid, /*always_return_oid=*/1);
    if (size > 0 && static_cast<size_t>(size) < text.size()) {
      oids.emplace_back(text.data(), static_cast<size_t>(size));
    }
  }
  return oids;
}

}  // namespace

std::string pemText(const X509& certificate) {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  const uint8_t* data = nullptr;
  size_t size = 0;
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), const_cast<X509*>(&certificate)) != 1 ||
      BIO_mem_contents(bio.get(), &data, &size) != 1) {
    return {};
  }
  return std::string(reinterpret_cast<const char*>(data), size);
}

network::CertificateFacts certificateFacts(const X509& certificate) {
  const ErrorQueueScope errors;
  network::CertificateFacts facts;
  facts.subject = subjectText(certificate);
  facts.issuer = issuerText(certificate);
  facts.serial = serialText(certificate);
  facts.sha256 = hexText(certificateHash(certificate));
  SubjectAltNames names = subjectAltNames(certificate);
  facts.dns_names = std::move(names.dns);
  facts.uris = std::move(names.uris);
  facts.emails = std::move(names.emails);
  facts.ip_addresses = std::move(names.ips);
  facts.oids = extensionOids(certificate);
  facts.pem = pemText(certificate);
  const event::SystemTime epoch;
  facts.not_before = systemTime(X509_get0_notBefore(&certificate)).value_or(epoch);
  facts.not_after = systemTime(X509_get0_notAfter(&certificate)).value_or(epoch);
  return facts;
}

}  // namespace weir::extensions::transport_sockets
