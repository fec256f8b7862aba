#pragma once

#include <openssl/base.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// Certificates for tests, made while they run.
namespace weir::test {

enum class TestKey { kP224, kP256, kP384, kP521, kEd25519, kRsa1024, kRsa2048 };

// What a certificate is to be. Times count from now.
struct CertificateSpec {
  std::string common_name = "leaf";
  TestKey key = TestKey::kP256;
  std::vector<std::string> dns = {};  // the bytes as they are: may be what no authority would sign
  std::vector<std::string> uris = {};
  std::vector<std::string> emails = {};
  std::vector<std::string> ips = {};  // "127.0.0.1", "::1"
  std::chrono::seconds starts = std::chrono::hours(-1);
  std::chrono::seconds ends = std::chrono::hours(24 * 90);
  bool authority = false;
  int path_length = -1;  // of an authority; -1: any
  // Extended key usage of one that is no authority; neither: has none.
  bool for_server = true;
  bool for_client = true;
  bool sha1 = false;  // signed with SHA-1
};

// A certificate and its private key. Cheap to copy.
class TestCertificate {
 public:
  TestCertificate() = default;
  std::string pem() const;
  std::string keyPem() const;             // PKCS #8
  std::string traditionalKeyPem() const;  // "EC PRIVATE KEY", "RSA PRIVATE KEY"
  std::string encryptedKeyPem(std::string_view password) const;
  std::string der() const;
  std::string sha256Hex() const;  // of the certificate
  X509* x509() const { return x509_.get(); }
  EVP_PKEY* key() const { return key_.get(); }

 private:
  friend TestCertificate selfSigned(const CertificateSpec& spec);
  friend TestCertificate issue(const TestCertificate& issuer, const CertificateSpec& spec);
  std::shared_ptr<X509> x509_;
  std::shared_ptr<EVP_PKEY> key_;
};

TestCertificate selfSigned(const CertificateSpec& spec);
TestCertificate issue(const TestCertificate& issuer, const CertificateSpec& spec);
TestCertificate makeAuthority(const std::string& common_name = "Test Root",
                              TestKey key = TestKey::kP256);
TestCertificate makeIntermediate(const TestCertificate& issuer,
                                 const std::string& common_name = "Test Intermediate");
// For `names` as DNS names, the first also as common name.
TestCertificate makeLeaf(const TestCertificate& issuer, std::vector<std::string> names,
                         TestKey key = TestKey::kP256);

struct CrlSpec {
  std::chrono::seconds starts = std::chrono::hours(-1);
  std::chrono::seconds ends = std::chrono::hours(24);
};
// PEM.
std::string makeCrl(const TestCertificate& issuer, const std::vector<TestCertificate>& revoked,
                    const CrlSpec& spec = {});

struct OcspSpec {
  enum class Status { kGood, kRevoked, kUnknown } status = Status::kGood;
  std::chrono::seconds this_update = std::chrono::hours(-1);
  std::chrono::seconds next_update = std::chrono::hours(24);
  bool without_next_update = false;
  int response_status = 0;  // 0: successful, 3: try later
};
// DER, signed by `issuer`, about `leaf`.
std::string makeOcspResponse(const TestCertificate& issuer, const TestCertificate& leaf,
                             const OcspSpec& spec = {});

// A folder of its own for a test's files; gone with it.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string pathOf(std::string_view name) const;
  // Replaces the file as a whole (written aside, then renamed); makes folders in `name`. Its path.
  std::string write(std::string_view name, std::string_view bytes) const;

 private:
  std::string path_;
};

// What most tests want, as files: an authority, a server's certificate for localhost, 127.0.0.1,
// ::1 and *.example.com, and a client's one whose URI is spiffe://example.com/client.
class TestPki {
 public:
  TestPki();
  const std::string& ca() const { return ca_path_; }
  const std::string& serverCertificate() const { return server_path_; }
  const std::string& serverKey() const { return server_key_path_; }
  const std::string& clientCertificate() const { return client_path_; }
  const std::string& clientKey() const { return client_key_path_; }
  const TestFolder& folder() const { return folder_; }

  const TestCertificate authority;
  const TestCertificate server;
  const TestCertificate client;

 private:
  TestFolder folder_;
  std::string ca_path_;
  std::string server_path_;
  std::string server_key_path_;
  std::string client_path_;
  std::string client_key_path_;
};

}  // namespace weir::test
