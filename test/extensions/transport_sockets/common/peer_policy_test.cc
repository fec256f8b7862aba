#include "extensions/transport_sockets/common/peer_policy.h"

#include <openssl/base64.h>
#include <openssl/err.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets {
namespace {

using Type = SanMatcher::Type;
using Match = SanMatcher::Match;
using test::TestCertificate;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

SanMatcher matcher(Type type, Match match, std::string_view value) {
  auto made = SanMatcher::create(type, match, value);
  EXPECT_TRUE(made.ok()) << made.status();
  return *made;
}

std::string errorOf(Type type, Match match, std::string_view value) {
  return std::string(base::view(SanMatcher::create(type, match, value).status().message()));
}

bool matches(Type type, Match match, std::string_view value, const SubjectAltNames& names) {
  return matcher(type, match, value).matches(names);
}

TEST(SanMatcherTest, DnsNames) {
  const SubjectAltNames names{.dns = {"web.example.com", "*.api.example.com"}};
  EXPECT_TRUE(matches(Type::kDns, Match::kExact, "WEB.example.com", names));
  EXPECT_FALSE(matches(Type::kDns, Match::kExact, "example.com", names));
  EXPECT_TRUE(matches(Type::kDns, Match::kExact, "v1.api.example.com", names));
  EXPECT_FALSE(matches(Type::kDns, Match::kExact, "x.v1.api.example.com", names));
  EXPECT_TRUE(matches(Type::kDns, Match::kWildcard, "*.example.com", names));
  EXPECT_TRUE(matches(Type::kDns, Match::kWildcard, "*.api.example.com", names));
  EXPECT_FALSE(matches(Type::kDns, Match::kWildcard, "*.com", names));
  EXPECT_TRUE(matches(Type::kDns, Match::kSuffix, ".com", names));
  EXPECT_FALSE(matches(Type::kDns, Match::kSuffix, ".org", names));
  EXPECT_FALSE(matches(Type::kUri, Match::kExact, "web.example.com", names)) << "another type";
}

TEST(SanMatcherTest, UrisEmailsAndAddresses) {
  const SubjectAltNames names{.uris = {"spiffe://example.com/ns/shop/sa/cart"},
                              .emails = {"ops@example.com"},
                              .ips = {"10.0.0.1", "2001:db8::1"}};
  EXPECT_TRUE(matches(Type::kUri, Match::kPrefix, "spiffe://example.com/", names));
  EXPECT_FALSE(matches(Type::kUri, Match::kPrefix, "spiffe://example.org/", names));
  EXPECT_TRUE(matches(Type::kUri, Match::kExact, "spiffe://example.com/ns/shop/sa/cart", names));
  EXPECT_FALSE(matches(Type::kUri, Match::kExact, "spiffe://example.com/ns/shop/sa", names));
  EXPECT_TRUE(matches(Type::kEmail, Match::kSuffix, "@example.com", names));
  EXPECT_TRUE(matches(Type::kEmail, Match::kExact, "ops@example.com", names));
  EXPECT_TRUE(matches(Type::kIp, Match::kExact, "10.0.0.1", names));
  EXPECT_TRUE(matches(Type::kIp, Match::kExact, "2001:0DB8:0:0::0001", names));
  EXPECT_FALSE(matches(Type::kIp, Match::kExact, "10.0.0.2", names));
}

TEST(SanMatcherTest, RefusesRulesThatCannotBeMeant) {
  EXPECT_THAT(errorOf(Type::kDns, Match::kExact, ""), HasSubstr("an empty name; "));
  EXPECT_THAT(errorOf(Type::kDns, Match::kExact, "a b"), HasSubstr("printable ASCII"));
  EXPECT_THAT(errorOf(Type::kDns, Match::kPrefix, "a"), HasSubstr("not for a dns name"));
  EXPECT_THAT(errorOf(Type::kUri, Match::kWildcard, "*.a"), HasSubstr("not for a uri"));
  EXPECT_THAT(errorOf(Type::kIp, Match::kSuffix, ".1"), HasSubstr("not for a ip address"));
  EXPECT_EQ(errorOf(Type::kIp, Match::kExact, "10.0.0"), "10.0.0 is no IP address; write 10.0.0.1");
  EXPECT_EQ(errorOf(Type::kDns, Match::kWildcard, "f*.example"),
            "the wildcard f*.example; write *.example.com");
  EXPECT_THAT(errorOf(Type::kDns, Match::kWildcard, "*.*.example"), HasSubstr("the wildcard"));
  EXPECT_EQ(errorOf(Type::kDns, Match::kSuffix, "example.com"),
            "the suffix example.com could end in the middle of a label; write .example.com");
  EXPECT_THAT(errorOf(Type::kEmail, Match::kSuffix, "example.com"), HasSubstr("@example.com"));
}

TEST(SubjectAltNamesTest, OnlyReadableNamesCount) {
  using std::string_literals::operator""s;
  const TestCertificate leaf =
      test::selfSigned({.dns = {"A.example", "good.example\0.evil.example"s, "", "sp ace"},
                        .uris = {"spiffe://a/b"},
                        .emails = {"a@b"},
                        .ips = {"127.0.0.1", "::1", "odd"}});
  const SubjectAltNames names = subjectAltNames(*leaf.x509());
  EXPECT_THAT(names.dns, ElementsAre("a.example"));
  EXPECT_THAT(names.uris, ElementsAre("spiffe://a/b"));
  EXPECT_THAT(names.emails, ElementsAre("a@b"));
  EXPECT_THAT(names.ips, ElementsAre("127.0.0.1", "::1"));
  EXPECT_THAT(subjectAltNames(*test::selfSigned({}).x509()).dns, IsEmpty());
}

class PeerPolicyTest : public testing::Test {
 protected:
  // A handshake would take what is left there for its own failure.
  ~PeerPolicyTest() override { EXPECT_EQ(ERR_peek_error(), 0u); }

  std::string errorOf(const PeerPolicy& policy) const {
    return std::string(base::view(policy.check(*leaf_.x509()).message()));
  }
  std::string publicKeyPin() const {
    const Sha256 hash = publicKeyHash(*leaf_.x509());
    uint8_t text[64];
    EVP_EncodeBlock(text, hash.data(), hash.size());
    return reinterpret_cast<const char*>(text);
  }
  const TestCertificate leaf_ = test::selfSigned(
      {.common_name = "client", .dns = {"c.example"}, .uris = {"spiffe://example.com/client"}});
  const TestCertificate other_ = test::selfSigned({.common_name = "other"});
};

TEST_F(PeerPolicyTest, AnEmptyOneAllowsAll) {
  EXPECT_TRUE(PeerPolicy().empty());
  EXPECT_EQ(errorOf({}), "");
}

TEST_F(PeerPolicyTest, OneNameIsEnough) {
  PeerPolicy policy;
  policy.names.push_back(matcher(Type::kUri, Match::kPrefix, "spiffe://example.org/"));
  EXPECT_EQ(errorOf(policy),
            "the certificate CN=client,O=Weir Test has dns c.example, uri "
            "spiffe://example.com/client; allowed is uri beginning with spiffe://example.org/");
  policy.names.push_back(matcher(Type::kDns, Match::kExact, "c.example"));
  EXPECT_EQ(errorOf(policy), "");
}

TEST_F(PeerPolicyTest, EitherHashIsEnoughButNamesCountAsWell) {
  const auto hash = parseCertificateHash(leaf_.sha256Hex());
  ASSERT_TRUE(hash.ok()) << hash.status();
  PeerPolicy policy;
  policy.certificate_hashes.push_back(*parseCertificateHash(other_.sha256Hex()));
  EXPECT_THAT(errorOf(policy), HasSubstr("is not one of those that are allowed"));
  policy.public_key_hashes.push_back(*parsePublicKeyHash(publicKeyPin()));
  EXPECT_EQ(errorOf(policy), "");
  policy.public_key_hashes.clear();
  policy.certificate_hashes.push_back(*hash);
  EXPECT_EQ(errorOf(policy), "");
  policy.names.push_back(matcher(Type::kDns, Match::kExact, "x.example"));
  EXPECT_THAT(errorOf(policy), HasSubstr("allowed is dns name x.example"));
}

TEST_F(PeerPolicyTest, HashesAreReadAsToolsPrintThem) {
  const std::string plain = leaf_.sha256Hex();
  std::string colons;
  for (size_t i = 0; i < plain.size(); i += 2) {
    if (i > 0) colons += ':';
    colons += static_cast<char>(std::toupper(plain[i]));
    colons += static_cast<char>(std::toupper(plain[i + 1]));
  }
  EXPECT_EQ(*parseCertificateHash(plain), *parseCertificateHash(colons));
  EXPECT_EQ(*parseCertificateHash(plain), certificateHash(*leaf_.x509()));
  EXPECT_EQ(*parsePublicKeyHash(publicKeyPin()), publicKeyHash(*leaf_.x509()));
  for (const std::string& bad :
       {std::string(), plain.substr(1), plain + "0", "g" + plain.substr(1), colons.substr(3),
        colons.substr(0, 2) + "-" + colons.substr(3), std::string(95, ':')}) {
    EXPECT_FALSE(parseCertificateHash(bad).ok()) << bad;
  }
  for (const std::string& bad : {std::string(), std::string(44, '='), std::string(44, 'A'),
                                 std::string(43, 'A') + "*", publicKeyPin().substr(1)}) {
    EXPECT_FALSE(parsePublicKeyHash(bad).ok()) << bad;
  }
}

// A peer must not fill the log with its names.
TEST_F(PeerPolicyTest, MessagesAreBounded) {
  std::vector<std::string> many(5000, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example");
  const TestCertificate huge = test::selfSigned({.dns = many});
  PeerPolicy policy;
  policy.names.push_back(matcher(Type::kDns, Match::kExact, "x.example"));
  EXPECT_LT(policy.check(*huge.x509()).message().size(), 600u);
}

}  // namespace
}  // namespace weir::extensions::transport_sockets
