#include "test/support/test_certificates.h"

#include <openssl/x509.h>

#include <fstream>
#include <sstream>

#include "gtest/gtest.h"

namespace weir::test {
namespace {

TEST(TestCertificatesTest, AChainOfEveryKindIsSigned) {
  for (const TestKey key : {TestKey::kP224, TestKey::kP256, TestKey::kP384, TestKey::kP521,
                            TestKey::kEd25519, TestKey::kRsa1024, TestKey::kRsa2048}) {
    const TestCertificate root = makeAuthority("Root", key);
    const TestCertificate leaf = makeLeaf(root, {"a.example"}, key);
    EXPECT_EQ(X509_verify(leaf.x509(), root.key()), 1);
    EXPECT_EQ(X509_check_private_key(leaf.x509(), leaf.key()), 1);
    EXPECT_EQ(leaf.sha256Hex().size(), 64u);
  }
}

TEST(TestCertificatesTest, KeysComeInEveryForm) {
  const TestCertificate leaf = makeAuthority("Root");
  EXPECT_NE(leaf.pem().find("BEGIN CERTIFICATE"), std::string::npos);
  EXPECT_NE(leaf.keyPem().find("BEGIN PRIVATE KEY"), std::string::npos);
  EXPECT_NE(leaf.traditionalKeyPem().find("BEGIN EC PRIVATE KEY"), std::string::npos);
  EXPECT_NE(leaf.encryptedKeyPem("x").find("BEGIN ENCRYPTED PRIVATE KEY"), std::string::npos);
}

TEST(TestCertificatesTest, ListsAndResponsesAreMade) {
  const TestCertificate root = makeAuthority();
  const TestCertificate leaf = makeLeaf(root, {"a.example"});
  EXPECT_NE(makeCrl(root, {leaf}).find("BEGIN X509 CRL"), std::string::npos);
  EXPECT_GT(makeOcspResponse(root, leaf).size(), 100u);
  EXPECT_LT(makeOcspResponse(root, leaf, {.response_status = 3}).size(), 10u);
}

TEST(TestCertificatesTest, AFolderHoldsFilesAndGoes) {
  std::string path;
  {
    const TestPki pki;
    path = pki.ca();
    std::ifstream in(pki.serverKey());
    std::ostringstream text;
    text << in.rdbuf();
    EXPECT_EQ(text.str(), pki.server.keyPem());
    pki.folder().write("deep/er/file", "x");
  }
  EXPECT_FALSE(std::ifstream(path).good());
}

}  // namespace
}  // namespace weir::test
