#include "extensions/transport_sockets/common/trust.h"

#include <openssl/err.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets {
namespace {

using std::chrono::hours;
using test::issue;
using test::makeAuthority;
using test::makeCrl;
using test::makeIntermediate;
using test::makeLeaf;
using test::TestCertificate;
using test::TestKey;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TrustTest : public testing::Test {
 protected:
  // A handshake would take what is left there for its own failure.
  ~TrustTest() override { EXPECT_EQ(ERR_peek_error(), 0u); }

  TrustTest() { files_.ca_files = {folder_.write("ca.pem", root_.pem())}; }

  std::string loadError(const TrustFiles& files) {
    return std::string(base::view(TrustStore::load(files, now_, &blame_).status().message()));
  }
  void load() {
    auto trust = TrustStore::load(files_, now_, &blame_);
    ASSERT_TRUE(trust.ok()) << trust.status();
    trust_ = *trust;
  }
  // "" when it is trusted.
  std::string verify(const std::vector<TestCertificate>& chain, PeerRole role = PeerRole::kServer,
                     std::string_view host = "", hours later = hours(0)) const {
    std::vector<X509*> certificates;
    for (const auto& certificate : chain) certificates.push_back(certificate.x509());
    const auto status =
        trust_->verify(certificates, {.role = role, .host = host, .now = now_ + later});
    return std::string(base::view(status.message()));
  }

  const event::SystemTime now_ = std::chrono::system_clock::now();
  const test::TestFolder folder_;
  const TestCertificate root_ = makeAuthority("Root");
  const TestCertificate middle_ = makeIntermediate(root_, "Middle");
  const TestCertificate leaf_ = issue(middle_, {.common_name = "leaf",
                                                .dns = {"a.example", "*.w.example"},
                                                .ips = {"10.0.0.1", "2001:db8::1"}});
  TrustFiles files_;
  TrustBlame blame_;
  std::shared_ptr<const TrustStore> trust_;
};

TEST_F(TrustTest, TrustsWhatLeadsToAnAuthority) {
  load();
  EXPECT_EQ(trust_->authorityCount(), 1u);
  EXPECT_THAT(trust_->warnings(), IsEmpty());
  EXPECT_EQ(verify({leaf_, middle_}), "");
  EXPECT_EQ(verify({leaf_, middle_, root_}), "");
  EXPECT_EQ(verify({leaf_, middle_}, PeerRole::kClient), "");
  EXPECT_THAT(verify({leaf_}), HasSubstr("unable to get local issuer certificate at depth 0 "
                                         "(CN=leaf,O=Weir Test)"));
  const TestCertificate stranger = makeLeaf(makeAuthority("Root"), {"a.example"});
  EXPECT_NE(verify({stranger}), "");
  EXPECT_NE(verify({test::selfSigned({.dns = {"a.example"}})}), "");
  EXPECT_EQ(verify({}), "the peer sent no certificate");
  EXPECT_THAT(verify(std::vector<TestCertificate>(17, leaf_)), HasSubstr("a chain of 17"));
}

TEST_F(TrustTest, ComparesTheHostWithTheSubjectAltName) {
  load();
  for (const std::string_view good : {"a.example", "A.Example", "a.example.", "x.w.example",
                                      "10.0.0.1", "2001:db8::1", "[2001:db8::1]"}) {
    EXPECT_EQ(verify({leaf_, middle_}, PeerRole::kServer, good), "") << good;
  }
  for (const std::string_view bad : {"b.example", "leaf", "w.example", "x.y.w.example", "10.0.0.2",
                                     "2001:db8::2", "a.example.evil"}) {
    EXPECT_NE(verify({leaf_, middle_}, PeerRole::kServer, bad), "") << bad;
  }
  EXPECT_THAT(verify({leaf_, middle_}, PeerRole::kServer, "b.example"),
              HasSubstr("Hostname mismatch at depth 0"));
}

TEST_F(TrustTest, ChecksPurposesAndDates) {
  load();
  const TestCertificate server = issue(root_, {.for_client = false});
  const TestCertificate client = issue(root_, {.for_server = false});
  EXPECT_EQ(verify({server}), "");
  EXPECT_THAT(verify({server}, PeerRole::kClient), HasSubstr("purpose"));
  EXPECT_EQ(verify({client}, PeerRole::kClient), "");
  EXPECT_THAT(verify({client}), HasSubstr("purpose"));
  EXPECT_EQ(verify({leaf_, middle_}, PeerRole::kServer, "", hours(24 * 89)), "");
  EXPECT_THAT(verify({leaf_, middle_}, PeerRole::kServer, "", hours(24 * 91)),
              HasSubstr("certificate has expired at depth"));
  EXPECT_THAT(verify({issue(root_, {.starts = hours(1)})}), HasSubstr("not yet valid"));
  // A leaf that signs is no authority.
  EXPECT_NE(verify({makeLeaf(leaf_, {"b.example"}), leaf_, middle_}), "");
  const TestCertificate narrow = issue(root_, {.authority = true, .path_length = 0});
  EXPECT_EQ(verify({makeLeaf(narrow, {"b"}), narrow}), "");
  const TestCertificate below = makeIntermediate(narrow);
  EXPECT_NE(verify({makeLeaf(below, {"b"}), below, narrow}), "");
}

TEST_F(TrustTest, RefusesWeakCertificates) {
  load();
  EXPECT_THAT(verify({issue(root_, {.key = TestKey::kRsa1024})}),
              HasSubstr("an RSA key of 1024 bits"));
  EXPECT_THAT(verify({issue(root_, {.sha1 = true})}), HasSubstr("signed with SHA-1"));
}

TEST_F(TrustTest, LimitsTheDepth) {
  files_.max_depth = 1;
  load();
  EXPECT_EQ(verify({makeLeaf(root_, {"a"})}), "");
  EXPECT_NE(verify({leaf_, middle_}), "");
}

TEST_F(TrustTest, AnIntermediateOrALeafMayBeTheAnchor) {
  files_.ca_files = {folder_.write("ca.pem", middle_.pem())};
  load();
  EXPECT_EQ(verify({leaf_}), "");
  files_.ca_files = {folder_.write("ca.pem", leaf_.pem())};
  load();
  EXPECT_EQ(verify({leaf_}), "");
  EXPECT_NE(verify({makeLeaf(middle_, {"a.example"})}), "");
}

TEST_F(TrustTest, RevokedCertificatesAreRefused) {
  files_.crl_files = {folder_.write("crl.pem", makeCrl(root_, {}) + makeCrl(middle_, {leaf_}))};
  load();
  EXPECT_TRUE(trust_->crlNextUpdate().has_value());
  EXPECT_THAT(verify({leaf_, middle_}), HasSubstr("certificate revoked at depth 0"));
  EXPECT_EQ(verify({makeLeaf(middle_, {"b"}), middle_}), "");
  EXPECT_EQ(verify({makeLeaf(root_, {"b"})}), "");
  EXPECT_THAT(verify({makeLeaf(root_, {"b"})}, PeerRole::kServer, "", hours(25)),
              HasSubstr("CRL has expired"));
  EXPECT_THAT(trust_->warnings(), ElementsAre(HasSubstr("is from none of the authorities")));
  folder_.write("crl.pem", makeCrl(root_, {middle_}) + makeCrl(middle_, {}));
  load();
  EXPECT_THAT(verify({leaf_, middle_}), HasSubstr("certificate revoked at depth 1"));
}

TEST_F(TrustTest, WithListsEachIssuerNeedsOneUnlessOnlyTheLeafCounts) {
  files_.crl_files = {folder_.write("crl.pem", makeCrl(middle_, {}))};
  load();
  EXPECT_THAT(verify({leaf_, middle_}), HasSubstr("unable to get certificate CRL at depth 1"));
  files_.crl_for_leaf_only = true;
  load();
  EXPECT_EQ(verify({leaf_, middle_}), "");
}

TEST_F(TrustTest, RefusesListsThatAreWrong) {
  const auto error = [this](const std::string& bytes) {
    files_.crl_files = {folder_.write("crl", bytes)};
    return loadError(files_);
  };
  EXPECT_THAT(error(makeCrl(makeAuthority("Root"), {})), HasSubstr("has a wrong signature"));
  EXPECT_EQ(blame_.kind, TrustBlame::Kind::kCrl);
  EXPECT_THAT(error(makeCrl(root_, {}, {.starts = hours(-2), .ends = hours(-1)})),
              HasSubstr("has ended on "));
  EXPECT_THAT(error(makeCrl(root_, {}, {.starts = hours(1)})), HasSubstr("is not yet valid"));
  EXPECT_THAT(error(root_.pem()), HasSubstr("has no revocation list"));
  EXPECT_THAT(error("0hello"), HasSubstr("cannot be read"));
  EXPECT_THAT(error("hello"), HasSubstr("has no PEM block"));
}

TEST_F(TrustTest, RefusesFilesThatGiveNoAuthority) {
  files_.ca_files.push_back(folder_.pathOf("none"));
  EXPECT_THAT(loadError(files_), HasSubstr("cannot be read"));
  EXPECT_EQ(blame_.index, 1u);
  files_.ca_files = {folder_.write("key", root_.keyPem())};
  EXPECT_THAT(loadError(files_), HasSubstr("has no certificate"));
  const TestCertificate old = test::selfSigned(
      {.common_name = "Old", .starts = hours(-9), .ends = hours(-1), .authority = true});
  files_.ca_files = {folder_.write("old", old.pem())};
  EXPECT_THAT(loadError(files_), HasSubstr("all its certificates have expired"));
  files_.ca_files = {folder_.write("mixed", old.pem() + root_.pem())};
  load();
  EXPECT_THAT(trust_->warnings(), ElementsAre(HasSubstr("CN=Old,O=Weir Test has expired")));
  EXPECT_THAT(loadError({}), HasSubstr("no certificate authority"));
}

TEST_F(TrustTest, TheSystemsStoreCanBeRead) {
  files_.system = true;
  if (systemTrustFile().empty()) {
    EXPECT_THAT(loadError(files_), HasSubstr("ca-certificates"));
    EXPECT_EQ(blame_.kind, TrustBlame::Kind::kSystem);
    return;
  }
  load();
  EXPECT_GT(trust_->authorityCount(), 20u);
  EXPECT_EQ(sk_X509_NAME_num(trust_->authorityNames()), 1u) << "only those of files are told";
  EXPECT_EQ(verify({leaf_, middle_}), "");
}

TEST_F(TrustTest, TheFingerprintTellsStoresApart) {
  load();
  const Sha256 first = trust_->fingerprint();
  load();
  EXPECT_EQ(trust_->fingerprint(), first);
  files_.crl_files = {folder_.write("crl.pem", makeCrl(root_, {}))};
  load();
  const Sha256 with_crl = trust_->fingerprint();
  EXPECT_NE(with_crl, first);
  files_.crl_for_leaf_only = true;
  load();
  EXPECT_NE(trust_->fingerprint(), with_crl);
  files_ = {.ca_files = {folder_.write("two.pem", root_.pem() + middle_.pem())}};
  load();
  EXPECT_NE(trust_->fingerprint(), first);
}

TEST_F(TrustTest, AllThreadsMayVerifyAtOnce) {
  files_.crl_files = {folder_.write("crl.pem", makeCrl(root_, {}) + makeCrl(middle_, {leaf_}))};
  load();
  const TestCertificate good = makeLeaf(middle_, {"b"});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        if (!verify({good, middle_}).empty() || verify({leaf_, middle_}).empty()) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(TrustTest, DatesOfAPinnedLeaf) {
  EXPECT_TRUE(TrustStore::verifyDates(*leaf_.x509(), now_).ok());
  EXPECT_FALSE(TrustStore::verifyDates(*leaf_.x509(), now_ + hours(24 * 91)).ok());
  EXPECT_FALSE(TrustStore::verifyDates(*leaf_.x509(), now_ - hours(2)).ok());
}

TEST_F(TrustTest, AnyByteOfAListMayBeDamaged) {
  const std::string good = makeCrl(root_, {leaf_});
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    files_.crl_files = {folder_.write("crl.pem", bad)};
    const std::string message = loadError(files_);
    if (!message.empty()) {
      EXPECT_THAT(message, HasSubstr("; "));
    }
  }
}

}  // namespace
}  // namespace weir::extensions::transport_sockets
