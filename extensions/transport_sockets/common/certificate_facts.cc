#include "extensions/transport_sockets/common/certificate_facts.h"

#include <openssl/bio.h>
#include <openssl/pem.h>

#include <utility>

#include "extensions/transport_sockets/common/x509_text.h"

namespace weir::extensions::transport_sockets {
namespace {

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

}  // namespace

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
  facts.pem = pemText(certificate);
  const event::SystemTime epoch;
  facts.not_before = systemTime(X509_get0_notBefore(&certificate)).value_or(epoch);
  facts.not_after = systemTime(X509_get0_notAfter(&certificate)).value_or(epoch);
  return facts;
}

}  // namespace weir::extensions::transport_sockets
