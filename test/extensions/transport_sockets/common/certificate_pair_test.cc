#include "extensions/transport_sockets/common/certificate_pair.h"

#include <openssl/err.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets {
namespace {

using std::chrono::hours;
using test::CertificateSpec;
using test::issue;
using test::makeAuthority;
using test::makeIntermediate;
using test::makeLeaf;
using test::TestCertificate;
using test::TestKey;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

event::SystemTime now() {
  return std::chrono::system_clock::now();
}

class CertificatePairTest : public testing::Test {
 protected:
  // A handshake would take what is left there for its own failure.
  ~CertificatePairTest() override { EXPECT_EQ(ERR_peek_error(), 0u); }

  absl::StatusOr<std::shared_ptr<const CertificatePair>> parse(std::string_view certificates,
                                                               std::string_view key) {
    return CertificatePair::parse({"site.pem", "site.key", ""}, certificates, key, now(), &blame_);
  }
  std::string error(std::string_view certificates, std::string_view key) {
    return std::string(base::view(parse(certificates, key).status().message()));
  }
  // Of a leaf that only differs by `spec`.
  std::string errorOf(const CertificateSpec& spec) {
    const TestCertificate leaf = issue(root_, spec);
    return error(leaf.pem(), leaf.keyPem());
  }

  const TestCertificate root_ = makeAuthority("Root");
  const TestCertificate middle_ = makeIntermediate(root_, "Middle");
  const TestCertificate leaf_ = makeLeaf(middle_, {"a.example", "*.B.example"});
  CertificateFile blame_ = CertificateFile::kCertificate;
};

TEST_F(CertificatePairTest, LoadsAWholePair) {
  const auto pair = parse(leaf_.pem() + middle_.pem(), leaf_.keyPem());
  ASSERT_TRUE(pair.ok()) << pair.status();
  EXPECT_EQ((*pair)->chain().size(), 2u);
  EXPECT_THAT((*pair)->dnsNames(), ElementsAre("a.example", "*.b.example"));
  EXPECT_EQ((*pair)->fingerprint(), leaf_.sha256Hex());
  EXPECT_EQ((*pair)->keyKind(), KeyKind::kEcdsaP256);
  EXPECT_NE((*pair)->issuer(), nullptr);
  EXPECT_THAT((*pair)->warnings(), IsEmpty());
  EXPECT_LT((*pair)->notBefore(), now());
  EXPECT_GT((*pair)->notAfter(), now() + hours(24 * 89));
}

TEST_F(CertificatePairTest, TakesEveryKindOfKeyInEveryForm) {
  const std::pair<TestKey, KeyKind> kinds[] = {{TestKey::kP256, KeyKind::kEcdsaP256},
                                               {TestKey::kP384, KeyKind::kEcdsaP384},
                                               {TestKey::kP521, KeyKind::kEcdsaP521},
                                               {TestKey::kEd25519, KeyKind::kEd25519},
                                               {TestKey::kRsa2048, KeyKind::kRsa}};
  for (const auto& [key, kind] : kinds) {
    const TestCertificate leaf = makeLeaf(root_, {"a.example"}, key);
    const auto pair = parse(leaf.pem(), leaf.keyPem());
    ASSERT_TRUE(pair.ok()) << pair.status();
    EXPECT_EQ((*pair)->keyKind(), kind) << keyKindName(kind);
    if (key == TestKey::kEd25519) continue;
    EXPECT_TRUE(parse(leaf.pem(), leaf.traditionalKeyPem()).ok());
  }
}

TEST_F(CertificatePairTest, OneFileMayHoldAll) {
  const std::string all = leaf_.keyPem() + leaf_.pem() + middle_.pem();
  EXPECT_TRUE(parse(all, all).ok());
}

TEST_F(CertificatePairTest, ASelfSignedOneMayStandAlone) {
  const TestCertificate alone = test::selfSigned({.common_name = "a", .dns = {"a"}});
  EXPECT_TRUE(parse(alone.pem(), alone.keyPem()).ok());
  const TestCertificate authority = test::selfSigned({.dns = {"a"}, .authority = true});
  EXPECT_TRUE(parse(authority.pem(), authority.keyPem()).ok());
}

TEST_F(CertificatePairTest, WarnsOfWhatIsSeldomMeant) {
  const TestCertificate plain = issue(root_, {.common_name = "a.example"});
  const auto pair = parse(plain.pem() + root_.pem(), plain.keyPem());
  ASSERT_TRUE(pair.ok()) << pair.status();
  EXPECT_THAT((*pair)->warnings(),
              ElementsAre(HasSubstr("has no subjectAltName"), HasSubstr("ends with its root")));
}

TEST_F(CertificatePairTest, RefusesAKeyOfAnotherCertificate) {
  const TestCertificate other = makeLeaf(root_, {"other"}, TestKey::kP384);
  EXPECT_EQ(error(leaf_.pem(), other.keyPem()),
            "site.key: the key (ECDSA P-384) does not belong to certificate 1 "
            "(CN=a.example,O=Weir Test) (ECDSA P-256) of site.pem; give the key that the "
            "certificate was issued for");
  EXPECT_EQ(blame_, CertificateFile::kKey);
  EXPECT_THAT(error(leaf_.pem(), makeLeaf(root_, {"a.example"}).keyPem()),
              HasSubstr("does not belong"));
}

TEST_F(CertificatePairTest, RefusesAChainOutOfOrder) {
  const TestCertificate low = makeIntermediate(middle_, "Low");
  const TestCertificate leaf = makeLeaf(low, {"a.example"});
  EXPECT_TRUE(parse(leaf.pem() + low.pem() + middle_.pem(), leaf.keyPem()).ok());
  EXPECT_EQ(error(leaf.pem() + middle_.pem() + low.pem(), leaf.keyPem()),
            "site.pem: certificate 1 (CN=a.example,O=Weir Test) is not issued by certificate 2 "
            "(CN=Middle,O=Weir Test) that follows it; its issuer is certificate 3 "
            "(CN=Low,O=Weir Test): put that right after it");
  EXPECT_EQ(blame_, CertificateFile::kCertificate);
  EXPECT_THAT(error(leaf.pem() + root_.pem(), leaf.keyPem()),
              HasSubstr("put each certificate's issuer right after it"));
  EXPECT_THAT(error(middle_.pem() + leaf_.pem(), leaf_.keyPem()),
              HasSubstr("is an authority, not a leaf"));
}

// The right name and key identifier, and yet not the issuer.
TEST_F(CertificatePairTest, RefusesAnIssuerOfTheSameName) {
  const TestCertificate impostor = makeIntermediate(root_, "Middle");
  EXPECT_THAT(error(leaf_.pem() + impostor.pem(), leaf_.keyPem()), HasSubstr("is not issued by"));
}

TEST_F(CertificatePairTest, RefusesWhatIsNotInForce) {
  EXPECT_THAT(errorOf({.starts = hours(-48), .ends = hours(-1)}), HasSubstr(") has expired on "));
  EXPECT_THAT(errorOf({.starts = hours(1)}), HasSubstr(") is not valid before "));
  const TestCertificate old =
      issue(root_, {.starts = hours(-48), .ends = hours(-1), .authority = true});
  const TestCertificate leaf = makeLeaf(old, {"a.example"});
  EXPECT_THAT(error(leaf.pem() + old.pem(), leaf.keyPem()),
              HasSubstr("certificate 2 (CN=leaf,O=Weir Test) has expired on "));
}

TEST_F(CertificatePairTest, EndsWithTheFirstOfItsChain) {
  const TestCertificate brief = issue(root_, {.ends = hours(3), .authority = true});
  const TestCertificate leaf = makeLeaf(brief, {"a.example"});
  const auto pair = parse(leaf.pem() + brief.pem(), leaf.keyPem());
  ASSERT_TRUE(pair.ok()) << pair.status();
  EXPECT_LT((*pair)->notAfter(), now() + hours(4));
}

TEST_F(CertificatePairTest, RefusesWeakKeysAndSignatures) {
  EXPECT_EQ(errorOf({.key = TestKey::kRsa1024}),
            "site.pem: the RSA key has 1024 bits; use 2048 to 8192, or ECDSA P-256");
  EXPECT_EQ(errorOf({.key = TestKey::kP224}),
            "site.pem: the key is on a curve that TLS clients do not take; use P-256");
  EXPECT_THAT(errorOf({.sha1 = true}), HasSubstr("is signed with SHA-1 or MD5"));
  const TestCertificate old_root = test::selfSigned({.authority = true, .sha1 = true});
  const TestCertificate leaf = makeLeaf(old_root, {"a.example"});
  EXPECT_TRUE(parse(leaf.pem() + old_root.pem(), leaf.keyPem()).ok()) << "a root's own is not used";
}

TEST_F(CertificatePairTest, RefusesEncryptedKeysClearly) {
  const std::string right =
      "site.key: the private key is encrypted; decrypt it with openssl pkey and guard the file by "
      "its permissions";
  EXPECT_EQ(error(leaf_.pem(), leaf_.encryptedKeyPem("secret")), right);
  EXPECT_EQ(error(leaf_.pem(),
                  "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n"
                  "-----END RSA PRIVATE KEY-----\n"),
            right);
}

TEST_F(CertificatePairTest, RefusesFilesWithTheWrongContent) {
  EXPECT_THAT(error(leaf_.keyPem(), leaf_.keyPem()), HasSubstr("site.pem: has no certificate; "));
  EXPECT_THAT(error(leaf_.pem(), leaf_.pem()), HasSubstr("site.key: has no private key; "));
  EXPECT_THAT(error(leaf_.pem(), leaf_.keyPem() + middle_.keyPem()),
              HasSubstr("has a second private key at line"));
  EXPECT_THAT(error("", leaf_.keyPem()), HasSubstr("site.pem: has no PEM block"));
  EXPECT_THAT(error(leaf_.der(), leaf_.keyPem()), HasSubstr("looks like DER"));
  EXPECT_THAT(error("-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n", ""),
              HasSubstr("the certificate at line 1 cannot be read"));
  EXPECT_THAT(error(leaf_.pem(), "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n"),
              HasSubstr("the PRIVATE KEY at line 1 cannot be read"));
  EXPECT_THAT(
      error(leaf_.pem(), "-----BEGIN DSA PRIVATE KEY-----\nAQID\n-----END DSA PRIVATE KEY-----\n"),
      HasSubstr("give an RSA, ECDSA or Ed25519 key"));
  std::string many;
  for (int i = 0; i < 11; ++i) many += leaf_.pem();
  EXPECT_THAT(error(many, leaf_.keyPem()), HasSubstr("has 11 certificates"));
}

TEST_F(CertificatePairTest, BlamesTheFileThatIsMissing) {
  const test::TestFolder folder;
  const CertificateFiles files{folder.write("c.pem", leaf_.pem()), folder.pathOf("none"), ""};
  EXPECT_FALSE(CertificatePair::load(files, now(), &blame_).ok());
  EXPECT_EQ(blame_, CertificateFile::kKey);
  const CertificateFiles good{files.certificate, folder.write("c.key", leaf_.keyPem()), ""};
  EXPECT_TRUE(CertificatePair::load(good, now()).ok());
}

// No byte of either file may bring it down, and no part of the key is in a message.
TEST_F(CertificatePairTest, AnyByteMayBeDamaged) {
  const std::string certificate = leaf_.pem();
  const std::string key = leaf_.keyPem();
  const std::string secret = key.substr(key.find('\n') + 1, 64);
  for (size_t i = 0; i < certificate.size(); ++i) {
    std::string bad = certificate;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    const std::string message = error(bad, key);
    if (!message.empty()) {
      EXPECT_THAT(message, HasSubstr("; "));
      EXPECT_TRUE(message.starts_with("site.")) << message;
    }
  }
  int accepted = 0;
  for (size_t i = 0; i < key.size(); ++i) {
    std::string bad = key;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    const std::string message = error(certificate, bad);
    if (message.empty()) {
      ++accepted;
      continue;
    }
    EXPECT_TRUE(message.starts_with("site.key: ")) << message;
    EXPECT_EQ(message.find(secret.substr(0, 16)), std::string::npos);
  }
  EXPECT_LT(accepted, 8) << "what does not carry a bit";
}

}  // namespace
}  // namespace weir::extensions::transport_sockets
