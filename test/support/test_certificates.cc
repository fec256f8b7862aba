#include "test/support/test_certificates.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <utility>

namespace weir::test {
namespace {

// Making what a test asks for does not fail; when it does the test has no point.
void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "test certificates: cannot make %s\n", what);
  std::abort();
}

std::string take(CBB& cbb) {
  uint8_t* data = nullptr;
  size_t size = 0;
  require(CBB_finish(&cbb, &data, &size) == 1, "a structure");
  std::string bytes(reinterpret_cast<const char*>(data), size);
  OPENSSL_free(data);
  return bytes;
}

const uint8_t* bytesOf(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

time_t fromNow(std::chrono::seconds offset) {
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()) + offset.count();
}

bssl::UniquePtr<ASN1_TIME> asn1Time(std::chrono::seconds offset) {
  bssl::UniquePtr<ASN1_TIME> time(ASN1_TIME_set(nullptr, fromNow(offset)));
  require(time != nullptr, "a time");
  return time;
}

std::string generalizedTime(std::chrono::seconds offset) {
  const time_t time = fromNow(offset);
  tm fields;
  gmtime_r(&time, &fields);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &fields));
}

std::shared_ptr<EVP_PKEY> share(bssl::UniquePtr<EVP_PKEY> key) {
  return {key.release(), EVP_PKEY_free};
}

std::shared_ptr<EVP_PKEY> makeRsa(unsigned bits) {
  bssl::UniquePtr<RSA> rsa(RSA_new());
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  require(
      BN_set_word(exponent.get(), RSA_F4) == 1 &&
          RSA_generate_key_ex(rsa.get(), static_cast<int>(bits), exponent.get(), nullptr) == 1 &&
          EVP_PKEY_assign_RSA(key.get(), rsa.release()) == 1,
      "an RSA key");
  return share(std::move(key));
}

std::shared_ptr<EVP_PKEY> makeEc(int curve) {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(curve));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  require(
      EC_KEY_generate_key(ec.get()) == 1 && EVP_PKEY_assign_EC_KEY(key.get(), ec.release()) == 1,
      "an EC key");
  return share(std::move(key));
}

std::shared_ptr<EVP_PKEY> makeEd25519() {
  uint8_t seed[32];
  RAND_bytes(seed, sizeof seed);
  bssl::UniquePtr<EVP_PKEY> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed, sizeof seed));
  require(key != nullptr, "an Ed25519 key");
  return share(std::move(key));
}

std::shared_ptr<EVP_PKEY> makeKey(TestKey kind) {
  switch (kind) {
    case TestKey::kP224:
      return makeEc(NID_secp224r1);
    case TestKey::kP256:
      return makeEc(NID_X9_62_prime256v1);
    case TestKey::kP384:
      return makeEc(NID_secp384r1);
    case TestKey::kP521:
      return makeEc(NID_secp521r1);
    case TestKey::kEd25519:
      return makeEd25519();
    case TestKey::kRsa1024:
      return makeRsa(1024);
    case TestKey::kRsa2048:
      return makeRsa(2048);
  }
  return nullptr;
}

const EVP_MD* digestFor(EVP_PKEY* key, bool sha1) {
  if (EVP_PKEY_id(key) == EVP_PKEY_ED25519) return nullptr;
  return sha1 ? EVP_sha1() : EVP_sha256();
}

void setName(X509* x509, const std::string& common_name, bool issuer) {
  bssl::UniquePtr<X509_NAME> name(X509_NAME_new());
  const auto add = [&](const char* field, const std::string& value) {
    if (value.empty()) return;
    require(X509_NAME_add_entry_by_txt(name.get(), field, MBSTRING_UTF8, bytesOf(value),
                                       static_cast<int>(value.size()), -1, 0) == 1,
            "a name");
  };
  add("O", "Weir Test");
  add("CN", common_name);
  if (issuer) {
    X509_set_issuer_name(x509, name.get());
  } else {
    X509_set_subject_name(x509, name.get());
  }
}

void addExtension(X509* x509, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &context, nid, value.c_str()));
  require(extension != nullptr && X509_add_ext(x509, extension.get(), -1) == 1, value.c_str());
}

std::string packedIp(const std::string& text) {
  char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return std::string(bytes, 4);
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) return std::string(bytes, 16);
  return text;
}

void addNames(CBB& list, unsigned tag, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    CBB element;  // its parent refers to it until it is flushed
    require(CBB_add_asn1(&list, &element, CBS_ASN1_CONTEXT_SPECIFIC | tag) == 1 &&
                CBB_add_bytes(&element, bytesOf(name), name.size()) == 1 && CBB_flush(&list) == 1,
            "a SAN");
  }
}

// Written by hand, so that names may be what the library would refuse.
void addAltNames(X509* x509, const CertificateSpec& spec) {
  if (spec.dns.empty() && spec.uris.empty() && spec.emails.empty() && spec.ips.empty()) return;
  CBB cbb;
  CBB list;
  require(CBB_init(&cbb, 256) == 1 && CBB_add_asn1(&cbb, &list, CBS_ASN1_SEQUENCE) == 1, "a SAN");
  addNames(list, 1, spec.emails);
  addNames(list, 2, spec.dns);
  addNames(list, 6, spec.uris);
  std::vector<std::string> packed;
  for (const std::string& ip : spec.ips) packed.push_back(packedIp(ip));
  addNames(list, 7, packed);
  const std::string der = take(cbb);
  bssl::UniquePtr<ASN1_OCTET_STRING> value(ASN1_OCTET_STRING_new());
  ASN1_STRING_set(value.get(), der.data(), static_cast<int>(der.size()));
  bssl::UniquePtr<X509_EXTENSION> extension(
      X509_EXTENSION_create_by_NID(nullptr, NID_subject_alt_name, 0, value.get()));
  require(extension != nullptr && X509_add_ext(x509, extension.get(), -1) == 1, "a SAN");
}

void addUsage(X509* x509, X509* issuer, const CertificateSpec& spec) {
  if (spec.authority) {
    std::string constraints = "critical,CA:TRUE";
    if (spec.path_length >= 0) constraints += ",pathlen:" + std::to_string(spec.path_length);
    addExtension(x509, issuer, NID_basic_constraints, constraints);
    addExtension(x509, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    return;
  }
  addExtension(x509, issuer, NID_basic_constraints, "critical,CA:FALSE");
  addExtension(x509, issuer, NID_key_usage, "critical,digitalSignature");
  std::string purposes = spec.for_server ? "serverAuth" : "";
  if (spec.for_client) purposes += purposes.empty() ? "clientAuth" : ",clientAuth";
  if (!purposes.empty()) addExtension(x509, issuer, NID_ext_key_usage, purposes);
}

// `issuer` null: its own.
std::shared_ptr<X509> makeCertificate(const CertificateSpec& spec, EVP_PKEY* key, X509* issuer,
                                      EVP_PKEY* issuer_key) {
  bssl::UniquePtr<X509> x509(X509_new());
  uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<uint8_t*>(&serial), sizeof serial);
  bssl::UniquePtr<ASN1_INTEGER> number(ASN1_INTEGER_new());
  require(ASN1_INTEGER_set_uint64(number.get(), serial >> 1 | 1) == 1 &&
              X509_set_version(x509.get(), X509_VERSION_3) == 1 &&
              X509_set_serialNumber(x509.get(), number.get()) == 1 &&
              X509_set1_notBefore(x509.get(), asn1Time(spec.starts).get()) == 1 &&
              X509_set1_notAfter(x509.get(), asn1Time(spec.ends).get()) == 1 &&
              X509_set_pubkey(x509.get(), key) == 1,
          "a certificate");
  setName(x509.get(), spec.common_name, false);
  if (issuer == nullptr) {
    setName(x509.get(), spec.common_name, true);
  } else {
    X509_set_issuer_name(x509.get(), X509_get_subject_name(issuer));
  }
  X509* const parent = issuer == nullptr ? x509.get() : issuer;
  addExtension(x509.get(), parent, NID_subject_key_identifier, "hash");
  addExtension(x509.get(), parent, NID_authority_key_identifier, "keyid");
  addUsage(x509.get(), parent, spec);
  addAltNames(x509.get(), spec);
  require(X509_sign(x509.get(), issuer_key, digestFor(issuer_key, spec.sha1)) > 0, "a signature");
  // Read again, so that what was made is what was written.
  uint8_t* der = nullptr;
  const int size = i2d_X509(x509.get(), &der);
  require(size > 0, "a certificate");
  const uint8_t* at = der;
  std::shared_ptr<X509> result(d2i_X509(nullptr, &at, size), X509_free);
  OPENSSL_free(der);
  require(result != nullptr, "a certificate");
  return result;
}

template <class Write>
std::string withBio(Write&& write) {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  require(write(bio.get()) == 1, "PEM");
  const uint8_t* data = nullptr;
  size_t size = 0;
  BIO_mem_contents(bio.get(), &data, &size);
  return std::string(reinterpret_cast<const char*>(data), size);
}

}  // namespace

std::string TestCertificate::pem() const {
  return withBio([this](BIO* bio) { return PEM_write_bio_X509(bio, x509()); });
}

std::string TestCertificate::keyPem() const {
  return withBio([this](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string TestCertificate::traditionalKeyPem() const {
  return withBio([this](BIO* bio) {
    if (RSA* rsa = EVP_PKEY_get0_RSA(key())) {
      return PEM_write_bio_RSAPrivateKey(bio, rsa, nullptr, nullptr, 0, nullptr, nullptr);
    }
    EC_KEY* const ec = EVP_PKEY_get0_EC_KEY(key());
    return PEM_write_bio_ECPrivateKey(bio, ec, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string TestCertificate::encryptedKeyPem(std::string_view password) const {
  std::string text(password);
  return withBio([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key(), EVP_aes_256_cbc(), text.data(),
                                         static_cast<int>(text.size()), nullptr, nullptr);
  });
}

std::string TestCertificate::der() const {
  uint8_t* der = nullptr;
  const int size = i2d_X509(x509(), &der);
  require(size > 0, "DER");
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

std::string TestCertificate::sha256Hex() const {
  const std::string bytes = der();
  uint8_t hash[SHA256_DIGEST_LENGTH];
  SHA256(bytesOf(bytes), bytes.size(), hash);
  std::string hex;
  for (const uint8_t byte : hash) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

TestCertificate selfSigned(const CertificateSpec& spec) {
  TestCertificate made;
  made.key_ = makeKey(spec.key);
  made.x509_ = makeCertificate(spec, made.key(), nullptr, made.key());
  return made;
}

TestCertificate issue(const TestCertificate& issuer, const CertificateSpec& spec) {
  TestCertificate made;
  made.key_ = makeKey(spec.key);
  made.x509_ = makeCertificate(spec, made.key(), issuer.x509(), issuer.key());
  return made;
}

TestCertificate makeAuthority(const std::string& common_name, TestKey key) {
  return selfSigned({.common_name = common_name, .key = key, .authority = true});
}

TestCertificate makeIntermediate(const TestCertificate& issuer, const std::string& common_name) {
  return issue(issuer, {.common_name = common_name, .authority = true});
}

TestCertificate makeLeaf(const TestCertificate& issuer, std::vector<std::string> names,
                         TestKey key) {
  CertificateSpec spec;
  if (!names.empty()) spec.common_name = names.front();
  spec.key = key;
  spec.dns = std::move(names);
  return issue(issuer, spec);
}

std::string makeCrl(const TestCertificate& issuer, const std::vector<TestCertificate>& revoked,
                    const CrlSpec& spec) {
  bssl::UniquePtr<X509_CRL> crl(X509_CRL_new());
  require(X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.x509())) == 1 &&
              X509_CRL_set1_lastUpdate(crl.get(), asn1Time(spec.starts).get()) == 1 &&
              X509_CRL_set1_nextUpdate(crl.get(), asn1Time(spec.ends).get()) == 1,
          "a CRL");
  for (const TestCertificate& certificate : revoked) {
    bssl::UniquePtr<X509_REVOKED> entry(X509_REVOKED_new());
    require(X509_REVOKED_set_serialNumber(entry.get(), X509_get_serialNumber(certificate.x509())) ==
                    1 &&
                X509_REVOKED_set_revocationDate(entry.get(), asn1Time(spec.starts).get()) == 1 &&
                X509_CRL_add0_revoked(crl.get(), entry.release()) == 1,
            "a CRL entry");
  }
  X509_CRL_sort(crl.get());
  require(X509_CRL_sign(crl.get(), issuer.key(), digestFor(issuer.key(), false)) > 0, "a CRL");
  return withBio([&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, crl.get()); });
}

namespace {

void addGeneralizedTime(CBB& parent, std::chrono::seconds offset) {
  CBB time;
  const std::string text = generalizedTime(offset);
  require(CBB_add_asn1(&parent, &time, CBS_ASN1_GENERALIZEDTIME) == 1 &&
              CBB_add_bytes(&time, bytesOf(text), text.size()) == 1 && CBB_flush(&parent) == 1,
          "a time");
}

void addOid(CBB& parent, const char* oid) {
  CBB element;
  require(CBB_add_asn1(&parent, &element, CBS_ASN1_OBJECT) == 1 &&
              CBB_add_asn1_oid_from_text(&element, oid, std::string_view(oid).size()) == 1 &&
              CBB_flush(&parent) == 1,
          "an OID");
}

void addSha1(CBB& parent, const uint8_t* data, size_t size) {
  uint8_t hash[SHA_DIGEST_LENGTH];
  SHA1(data, size, hash);
  require(CBB_add_asn1_octet_string(&parent, hash, sizeof hash) == 1, "a hash");
}

void addCertId(CBB& parent, X509* issuer, X509* leaf) {
  CBB id;
  CBB algorithm;
  CBB serial;
  require(CBB_add_asn1(&parent, &id, CBS_ASN1_SEQUENCE) == 1 &&
              CBB_add_asn1(&id, &algorithm, CBS_ASN1_SEQUENCE) == 1,
          "a certificate id");
  addOid(algorithm, "1.3.14.3.2.26");  // SHA-1
  uint8_t* name = nullptr;
  const int name_size = i2d_X509_NAME(X509_get_subject_name(issuer), &name);
  addSha1(id, name, static_cast<size_t>(name_size));
  OPENSSL_free(name);
  const ASN1_BIT_STRING* key = X509_get0_pubkey_bitstr(issuer);
  addSha1(id, ASN1_STRING_get0_data(key), static_cast<size_t>(ASN1_STRING_length(key)));
  const ASN1_INTEGER* number = X509_get0_serialNumber(leaf);
  require(CBB_add_asn1(&id, &serial, CBS_ASN1_INTEGER) == 1, "a serial number");
  const uint8_t* digits = ASN1_STRING_get0_data(number);
  if ((digits[0] & 0x80) != 0) CBB_add_u8(&serial, 0);
  require(CBB_add_bytes(&serial, digits, static_cast<size_t>(ASN1_STRING_length(number))) == 1 &&
              CBB_flush(&parent) == 1,
          "a serial number");
}

void addStatus(CBB& parent, OcspSpec::Status status) {
  CBB value;
  constexpr unsigned kTag = CBS_ASN1_CONTEXT_SPECIFIC;
  if (status == OcspSpec::Status::kRevoked) {
    require(CBB_add_asn1(&parent, &value, kTag | CBS_ASN1_CONSTRUCTED | 1) == 1, "a status");
    addGeneralizedTime(value, std::chrono::hours(-2));
  } else {
    const unsigned tag = status == OcspSpec::Status::kGood ? 0 : 2;
    require(CBB_add_asn1(&parent, &value, kTag | tag) == 1, "a status");
  }
  CBB_flush(&parent);
}

std::string responseData(X509* issuer, X509* leaf, const OcspSpec& spec) {
  CBB cbb;
  CBB data;
  CBB responder;
  CBB list;
  CBB single;
  constexpr unsigned kContext = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;
  require(CBB_init(&cbb, 256) == 1 && CBB_add_asn1(&cbb, &data, CBS_ASN1_SEQUENCE) == 1 &&
              CBB_add_asn1(&data, &responder, kContext | 2) == 1,
          "response data");
  const ASN1_BIT_STRING* key = X509_get0_pubkey_bitstr(issuer);
  addSha1(responder, ASN1_STRING_get0_data(key), static_cast<size_t>(ASN1_STRING_length(key)));
  addGeneralizedTime(data, spec.this_update);
  require(CBB_add_asn1(&data, &list, CBS_ASN1_SEQUENCE) == 1 &&
              CBB_add_asn1(&list, &single, CBS_ASN1_SEQUENCE) == 1,
          "response data");
  addCertId(single, issuer, leaf);
  addStatus(single, spec.status);
  addGeneralizedTime(single, spec.this_update);
  if (!spec.without_next_update) {
    CBB next;
    require(CBB_add_asn1(&single, &next, kContext | 0) == 1, "next update");
    addGeneralizedTime(next, spec.next_update);
    CBB_flush(&single);
  }
  return take(cbb);
}

std::string signedWith(EVP_PKEY* key, const std::string& data) {
  bssl::ScopedEVP_MD_CTX context;
  std::vector<uint8_t> signature(static_cast<size_t>(EVP_PKEY_size(key)));
  size_t size = signature.size();
  require(
      EVP_DigestSignInit(context.get(), nullptr, digestFor(key, false), nullptr, key) == 1 &&
          EVP_DigestSign(context.get(), signature.data(), &size, bytesOf(data), data.size()) == 1,
      "a signature");
  return std::string(reinterpret_cast<const char*>(signature.data()), size);
}

std::string basicResponse(const TestCertificate& issuer, X509* leaf, const OcspSpec& spec) {
  const std::string data = responseData(issuer.x509(), leaf, spec);
  const std::string signature = signedWith(issuer.key(), data);
  CBB cbb;
  CBB response;
  CBB algorithm;
  CBB bits;
  require(CBB_init(&cbb, 512) == 1 && CBB_add_asn1(&cbb, &response, CBS_ASN1_SEQUENCE) == 1 &&
              CBB_add_bytes(&response, bytesOf(data), data.size()) == 1 &&
              CBB_add_asn1(&response, &algorithm, CBS_ASN1_SEQUENCE) == 1,
          "a response");
  const bool rsa = EVP_PKEY_id(issuer.key()) == EVP_PKEY_RSA;
  addOid(algorithm, rsa ? "1.2.840.113549.1.1.11" : "1.2.840.10045.4.3.2");
  require(CBB_add_asn1(&response, &bits, CBS_ASN1_BITSTRING) == 1 && CBB_add_u8(&bits, 0) == 1 &&
              CBB_add_bytes(&bits, bytesOf(signature), signature.size()) == 1,
          "a response");
  return take(cbb);
}

}  // namespace

std::string makeOcspResponse(const TestCertificate& issuer, const TestCertificate& leaf,
                             const OcspSpec& spec) {
  CBB cbb;
  CBB outer;
  CBB status;
  CBB tagged;
  CBB bytes;
  require(CBB_init(&cbb, 512) == 1 && CBB_add_asn1(&cbb, &outer, CBS_ASN1_SEQUENCE) == 1 &&
              CBB_add_asn1(&outer, &status, CBS_ASN1_ENUMERATED) == 1 &&
              CBB_add_u8(&status, static_cast<uint8_t>(spec.response_status)) == 1,
          "a response");
  if (spec.response_status == 0) {
    require(CBB_add_asn1(&outer, &tagged, CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED) == 1 &&
                CBB_add_asn1(&tagged, &bytes, CBS_ASN1_SEQUENCE) == 1,
            "a response");
    addOid(bytes, "1.3.6.1.5.5.7.48.1.1");
    const std::string basic = basicResponse(issuer, leaf.x509(), spec);
    require(CBB_add_asn1_octet_string(&bytes, bytesOf(basic), basic.size()) == 1, "a response");
  }
  return take(cbb);
}

TestFolder::TestFolder() {
  const char* base = std::getenv("TEST_TMPDIR");
  std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/weir-test-XXXXXX";
  require(::mkdtemp(pattern.data()) != nullptr, "a folder");
  path_ = pattern;
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TestFolder::pathOf(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

std::string TestFolder::write(std::string_view name, std::string_view bytes) const {
  const std::string path = pathOf(name);
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  const std::string aside = path + ".new";
  std::ofstream out(aside, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  require(out.good() && std::rename(aside.c_str(), path.c_str()) == 0, path.c_str());
  return path;
}

TestPki::TestPki()
    : authority(makeAuthority()),
      server(issue(authority, {.common_name = "localhost",
                               .dns = {"localhost", "*.example.com"},
                               .ips = {"127.0.0.1", "::1"},
                               .for_client = false})),
      client(issue(
          authority,
          {.common_name = "client", .uris = {"spiffe://example.com/client"}, .for_server = false})),
      ca_path_(folder_.write("ca.pem", authority.pem())),
      server_path_(folder_.write("server.pem", server.pem())),
      server_key_path_(folder_.write("server.key", server.keyPem())),
      client_path_(folder_.write("client.pem", client.pem())),
      client_key_path_(folder_.write("client.key", client.keyPem())) {}

}  // namespace weir::test
