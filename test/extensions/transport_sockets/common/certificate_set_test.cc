#include "extensions/transport_sockets/common/certificate_set.h"

#include <openssl/ssl.h>

#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets {
namespace {

using test::makeLeaf;
using test::TestCertificate;
using test::TestKey;

KeyKinds onlyRsa() {
  KeyKinds kinds;
  kinds.add(KeyKind::kRsa);
  return kinds;
}

class CertificateSetTest : public testing::Test {
 protected:
  void add(std::vector<std::string> names, TestKey key = TestKey::kP256) {
    const TestCertificate leaf = makeLeaf(root_, std::move(names), key);
    const auto pair =
        CertificatePair::parse({std::to_string(certificates_.size()), "", ""}, leaf.pem(),
                               leaf.keyPem(), std::chrono::system_clock::now());
    ASSERT_TRUE(pair.ok()) << pair.status();
    certificates_.push_back({*pair, nullptr});
  }
  void build() { set_.emplace(certificates_); }
  // Which of those added.
  int select(std::string_view name, KeyKinds client = KeyKinds::all()) const {
    return std::stoi(set_->select(name, client).pair->files().certificate);
  }

  const TestCertificate root_ = test::makeAuthority();
  std::vector<ServedCertificate> certificates_;
  std::optional<CertificateSet> set_;
};

TEST_F(CertificateSetTest, ExactThenWildcardThenDefault) {
  add({"default.example"});
  add({"*.example"});
  add({"a.example", "*.a.example"});
  build();
  EXPECT_EQ(select("a.example"), 2);
  EXPECT_EQ(select("A.EXAMPLE."), 2);
  EXPECT_EQ(select("b.example"), 1);
  EXPECT_EQ(select("default.example"), 0);
  EXPECT_EQ(select("x.a.example"), 2);
  EXPECT_EQ(select("y.x.a.example"), 0) << "a wildcard is one label";
  EXPECT_EQ(select("example"), 0);
  EXPECT_EQ(select(".example"), 0);
  EXPECT_EQ(select(""), 0);
  EXPECT_EQ(select("."), 0);
  EXPECT_EQ(select(std::string(254, 'a')), 0);
  EXPECT_EQ(select("10.0.0.1"), 0);
  EXPECT_TRUE(set_->covers("b.example"));
  EXPECT_FALSE(set_->covers("nobody.test"));
}

TEST_F(CertificateSetTest, TheEarlierOfTwoWithTheSameNameIsServed) {
  add({"z"});
  add({"a"});
  add({"a"});
  build();
  EXPECT_EQ(select("a"), 1);
}

TEST_F(CertificateSetTest, KindsOfKeysStandSideBySide) {
  add({"default"}, TestKey::kRsa2048);
  add({"a"}, TestKey::kRsa2048);
  add({"a"}, TestKey::kP256);
  add({"*.b"}, TestKey::kRsa2048);
  add({"x.b"}, TestKey::kP384);
  add({"default"}, TestKey::kP256);
  build();
  EXPECT_EQ(select("a"), 2);
  EXPECT_EQ(select("a", onlyRsa()), 1);
  EXPECT_EQ(select("x.b"), 4);
  EXPECT_EQ(select("x.b", onlyRsa()), 3) << "the wildcard has what the client can check";
  EXPECT_EQ(select("unknown"), 5) << "the default's other kind";
  EXPECT_EQ(select("unknown", onlyRsa()), 0);
}

TEST_F(CertificateSetTest, AClientThatCanCheckNoneStillGetsTheName) {
  add({"default"});
  add({"a"});
  build();
  EXPECT_EQ(select("a", onlyRsa()), 1);
  EXPECT_EQ(select("a", KeyKinds()), 1);
  EXPECT_EQ(select("b", KeyKinds()), 0);
}

TEST_F(CertificateSetTest, OddNamesInCertificatesAreHarmless) {
  add({"default"});
  add({"*", "*.", "*.*.example", "f*.example", "a..example"});
  build();
  EXPECT_EQ(select("x.y.example"), 0);
  EXPECT_EQ(select("foo.example"), 0);
  EXPECT_EQ(select("localhost"), 0);
}

TEST_F(CertificateSetTest, SignatureSchemesNameKinds) {
  const std::pair<uint16_t, KeyKind> schemes[] = {
      {SSL_SIGN_ECDSA_SECP256R1_SHA256, KeyKind::kEcdsaP256},
      {SSL_SIGN_ECDSA_SECP384R1_SHA384, KeyKind::kEcdsaP384},
      {SSL_SIGN_ECDSA_SECP521R1_SHA512, KeyKind::kEcdsaP521},
      {SSL_SIGN_ED25519, KeyKind::kEd25519},
      {SSL_SIGN_RSA_PSS_RSAE_SHA256, KeyKind::kRsa},
      {SSL_SIGN_RSA_PKCS1_SHA512, KeyKind::kRsa}};
  for (const auto& [scheme, kind] : schemes) {
    KeyKinds kinds;
    kinds.addSignatureScheme(scheme);
    EXPECT_TRUE(kinds.has(kind)) << scheme;
  }
  KeyKinds none;
  none.addSignatureScheme(SSL_SIGN_RSA_PKCS1_SHA1);
  none.addSignatureScheme(0x1a1a);
  EXPECT_TRUE(none.empty());
}

// Against what the rules say when they are applied to each certificate in turn.
TEST_F(CertificateSetTest, SelectsLikeTheRulesOverManyNames) {
  base::Random random(7);
  const auto label = [&] { return std::string(1, static_cast<char>('a' + random.uniform(4))); };
  std::vector<std::vector<std::string>> names;
  for (int i = 0; i < 60; ++i) {
    std::vector<std::string> own;
    for (uint64_t n = 1 + random.uniform(3); n > 0; --n) {
      own.push_back((random.uniform(2) == 0 ? "*." : label() + ".") + label() + "." + label());
    }
    names.push_back(own);
    add(own);
  }
  build();
  const auto first = [&](const std::string& wanted) {
    for (size_t i = 0; i < names.size(); ++i) {
      for (const auto& name : names[i]) {
        if (name == wanted) return static_cast<int>(i);
      }
    }
    return -1;
  };
  for (int i = 0; i < 2000; ++i) {
    const std::string parent = label() + "." + label();
    const std::string name = label() + "." + parent;
    int expected = first(name);
    if (expected < 0) expected = first("*." + parent);
    if (expected < 0) expected = 0;
    EXPECT_EQ(select(name), expected) << name;
  }
}

}  // namespace
}  // namespace weir::extensions::transport_sockets
