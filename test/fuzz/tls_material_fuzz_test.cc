// Arbitrary bytes as the files of a TLS context: the first byte chooses which. Held to: no crash,
// an error that says what and what would be right, and what was accepted can be used.
#include <openssl/err.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "extensions/transport_sockets/common/certificate_facts.h"
#include "extensions/transport_sockets/common/certificate_pair.h"
#include "extensions/transport_sockets/common/ocsp.h"
#include "extensions/transport_sockets/common/peer_policy.h"
#include "extensions/transport_sockets/common/pem.h"
#include "extensions/transport_sockets/common/ticket_keys.h"
#include "extensions/transport_sockets/common/trust.h"
#include "source/base/concat.h"
#include "source/base/fd.h"
#include "test/fuzz/entry_point.h"

namespace weir::extensions::transport_sockets {
namespace {

// What the OCSP responses of the corpus are about, and its issuer.
constexpr std::string_view kLeaf = R"(-----BEGIN CERTIFICATE-----
MIIB9DCCAZmgAwIBAgIIFfAJP+x8hfEwCgYIKoZIzj0EAwIwKDESMBAGA1UECgwJ
V2VpciBUZXN0MRIwEAYDVQQDDAlGdXp6IFJvb3QwHhcNMjYxMTIxMDYxNjE5WhcN
MjcwMjE5MDcxNjE5WjArMRIwEAYDVQQKDAlXZWlyIFRlc3QxFTATBgNVBAMMDGZ1
enouZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNU9PaSWQ95woONx
FLC7ifJ4vcM0coXgYnbXHaQ3uCaB9wCyW6tc/EEylm1+RcemWxm2E4zJUT6kJSTn
cEOxySWjgakwgaYwHQYDVR0OBBYEFIPlw95a2tclga1wfMNX2T+lUhq5MB8GA1Ud
IwQYMBaAFJk3Zo1WqNvGFNls3K1nJBPh4RpoMAwGA1UdEwEB/wQCMAAwDgYDVR0P
AQH/BAQDAgeAMB0GA1UdJQQWMBQGCCsGAQUFBwMBBggrBgEFBQcDAjAnBgNVHREE
IDAeggxmdXp6LmV4YW1wbGWCDiouZnV6ei5leGFtcGxlMAoGCCqGSM49BAMCA0kA
MEYCIQClUVa2vjkrNrDvoTEBRcn3sfQSF0MYU2WKTW0RrVgaqQIhAIHfUK+o9lyZ
AmddPcoxjk1xllKMI+nQbWbQsEGk15Vf
-----END CERTIFICATE-----
)";
constexpr std::string_view kRoot = R"(-----BEGIN CERTIFICATE-----
MIIBqTCCAU+gAwIBAgIIU8CLszNO4OMwCgYIKoZIzj0EAwIwKDESMBAGA1UECgwJ
V2VpciBUZXN0MRIwEAYDVQQDDAlGdXp6IFJvb3QwHhcNMjYxMTIxMDYxNjE5WhcN
MjcwMjE5MDcxNjE5WjAoMRIwEAYDVQQKDAlXZWlyIFRlc3QxEjAQBgNVBAMMCUZ1
enogUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNgyHq9qMDNixJu50uAT
7e0Bzp5QINGVP/FSV7N8lnxZEOPP+/INI7uMwslkVq6eAgzyHn0WWhUDa72eR7wc
kpKjYzBhMB0GA1UdDgQWBBSZN2aNVqjbxhTZbNytZyQT4eEaaDAfBgNVHSMEGDAW
gBSZN2aNVqjbxhTZbNytZyQT4eEaaDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB
/wQEAwIBBjAKBggqhkjOPQQDAgNIADBFAiEA1kvFukHamxTtHpNJTjajlAF2dUPr
gsdZCit2ls6C4dgCIDEnD/MpytipyNCzpESzIafCSMZLDn5SyquXFs/sTHaA
-----END CERTIFICATE-----
)";
// Within the time of both.
constexpr event::SystemTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22);

void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

template <class Result>
bool accepted(const Result& result) {
  if (result.ok()) return true;
  require(base::view(result.status().message()).find("; ") != std::string_view::npos,
          base::view(result.status().message()));
  return false;
}

X509& parsed(std::string_view pem) {
  auto certificates = parseCertificates("fixed", pem);
  require(certificates.ok(), "the fixed certificates");
  return *certificates->front().release();
}

void readCertificates(std::string_view text) {
  const auto certificates = parseCertificates("input", text);
  if (!accepted(certificates)) return;
  for (const auto& certificate : *certificates) {
    const network::CertificateFacts facts = certificateFacts(*certificate);
    require(facts.sha256.size() == 64, "a hash");
    require(facts.subject.find('\n') == std::string::npos, "a subject of one line");
  }
  accepted(CertificatePair::parse({"input", "input", ""}, text, text, kNow));
}

void readKey(std::string_view text) {
  const auto key = parsePrivateKey("input", text);
  if (!accepted(key)) return;
  const auto kind = keyKindOf(**key);
  if (accepted(kind)) require(!keyKindName(*kind).empty(), "a kind of key");
}

void readOcsp(std::string_view bytes) {
  static const X509& leaf = parsed(kLeaf);
  static const X509& root = parsed(kRoot);
  const std::span<const uint8_t> der(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const auto response = OcspResponse::parse(der, leaf, &root, kNow);
  if (accepted(response)) {
    require((*response)->der().size() == bytes.size(), "what is stapled is what was read");
    require((*response)->thisUpdate() <= (*response)->nextUpdate(), "ends after it begins");
  }
}

void readTicketKeys(std::string_view bytes) {
  const auto count = TicketKeys::countKeys(bytes);
  if (accepted(count)) require(*count > 0 && *count <= TicketKeys::kMaxKeys, "some keys");
}

// A file without a folder; "" when there is none.
std::string pathOf(const base::UniqueFd& file, std::string_view bytes) {
  if (!file.valid() || ::write(file.get(), bytes.data(), bytes.size()) < 0) return {};
  return base::concat("/proc/self/fd/", file.get());
}

void readTrust(std::string_view bytes, bool crl) {
  const base::UniqueFd root(::memfd_create("root", MFD_CLOEXEC));
  const base::UniqueFd input(::memfd_create("input", MFD_CLOEXEC));
  const std::string path = pathOf(input, bytes);
  TrustFiles files;
  files.ca_files = {crl ? pathOf(root, kRoot) : path};
  if (crl) files.crl_files = {path};
  const auto trust = TrustStore::load(files, kNow);
  if (!accepted(trust)) return;
  static X509& leaf = parsed(kLeaf);
  X509* const chain[] = {&leaf};
  const PeerCheck check{.role = PeerRole::kServer, .host = "fuzz.example", .now = kNow};
  const auto status = (*trust)->verify(chain, check);
  require(status.ok() || !status.message().empty(), "a reason");
}

void readHash(std::string_view text) {
  accepted(parseCertificateHash(text));
  accepted(parsePublicKeyHash(text));
}

}  // namespace
}  // namespace weir::extensions::transport_sockets

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::extensions::transport_sockets;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'c':
      readCertificates(bytes);
      break;
    case 'k':
      readKey(bytes);
      break;
    case 'o':
      readOcsp(bytes);
      break;
    case 't':
      readTicketKeys(bytes);
      break;
    case 'l':
      readTrust(bytes, true);
      break;
    case 'h':
      readHash(bytes);
      break;
    default:
      readTrust(bytes, false);
      break;
  }
  require(ERR_peek_error() == 0, "no error is left for the next handshake");
  return 0;
}
