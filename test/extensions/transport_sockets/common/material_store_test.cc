#include "extensions/transport_sockets/common/material_store.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/log.h"
#include "source/base/random.h"
#include "source/stats/stats.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using test::CertificateSpec;
using test::TestCertificate;
using testing::HasSubstr;
using testing::IsEmpty;
using Part = MaterialProblem::Part;

// Simulated time begins years before the certificates are made.
constexpr hours kLong{24 * 365 * 20};

class MaterialStoreTest : public testing::Test {
 protected:
  MaterialStoreTest() {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(stats_);
    services_.put(stats_.block(0));
    base::log::setLevel("tls", base::log::Level::kOff);
  }
  ~MaterialStoreTest() override {
    if (store_ != nullptr && started_) store_->stop();
    base::log::setLevel("", base::log::Level::kInfo);
  }

  TestCertificate leaf(std::vector<std::string> names) const {
    return test::issue(root_, {.dns = std::move(names), .starts = -kLong, .ends = kLong});
  }
  // A pair under `name`, replaced file by file as tools do.
  CertificateFiles write(const std::string& name, const TestCertificate& certificate) const {
    return {folder_.write(name + ".pem", certificate.pem() + root_.pem()),
            folder_.write(name + ".key", certificate.keyPem()), ""};
  }
  event::SystemTime now() const { return dispatcher_.systemNow(); }

  void load() {
    store_ = MaterialStore::load(files_, now(), problems_, warnings_);
    for (const auto& problem : problems_) ADD_FAILURE() << problem.status;
    ASSERT_NE(store_, nullptr);
  }
  void start() {
    load();
    store_->start(services_);
    started_ = true;
  }
  // What was written is seen, has settled, and was acted upon.
  void settle() {
    dispatcher_.runUntilIdle();
    dispatcher_.advance(milliseconds(150));
  }
  std::string fingerprint(size_t index = 0) const {
    return store_->current()->certificates->all()[index].pair->fingerprint();
  }
  bool stapled(hours later = hours(0)) const {
    return !store_->current()->certificates->all()[0].staple(now() + later).empty();
  }
  int64_t reloads(const std::string& what, const std::string& result) const {
    return stats_.valueOf("tls_reloads_total", {{"what", what}, {"result", result}});
  }
  int64_t expiryDays(const std::string& path) const {
    return stats_.valueOf("tls_certificate_expiry_days", {{"certificate", path}});
  }

  const test::TestFolder folder_;
  const TestCertificate root_ =
      test::selfSigned({.common_name = "Root", .starts = -kLong, .ends = kLong, .authority = true});
  event::FakeDispatcher dispatcher_;
  stats::Store stats_;
  base::ServiceMap services_;
  MaterialFiles files_{.context = "listener edge", .certificates = {}, .trust = {}, .tickets = {}};
  std::vector<MaterialProblem> problems_;
  std::vector<std::string> warnings_;
  std::shared_ptr<MaterialStore> store_;
  bool started_ = false;
};

TEST_F(MaterialStoreTest, LoadsNothingWhenNothingIsAskedFor) {
  load();
  EXPECT_EQ(store_->current()->certificates, nullptr);
  EXPECT_EQ(store_->current()->trust, nullptr);
  EXPECT_EQ(store_->tickets(), nullptr);
  store_->start(services_);
  store_->stop();
}

TEST_F(MaterialStoreTest, TellsEveryProblemWithItsPlace) {
  const TestCertificate good = leaf({"a"});
  const CertificateFiles pair = write("a", good);
  files_.certificates = {pair,
                         {folder_.pathOf("none"), pair.key, ""},
                         {pair.certificate, folder_.write("bad.key", "rubbish"), ""},
                         {pair.certificate, pair.key, folder_.write("bad.ocsp", "rubbish")}};
  files_.trust = TrustFiles{.ca_files = {pair.certificate, folder_.write("bad.ca", "rubbish")}};
  files_.tickets = TicketKeyOptions{.file = folder_.write("bad.tickets", "rubbish")};
  EXPECT_EQ(MaterialStore::load(files_, now(), problems_, warnings_), nullptr);
  std::vector<std::pair<Part, size_t>> places;
  for (const auto& problem : problems_) {
    places.emplace_back(problem.part, problem.index);
    EXPECT_THAT(problem.status.ToString(), HasSubstr(folder_.path()));
  }
  EXPECT_EQ(places, (std::vector<std::pair<Part, size_t>>{{Part::kCertificate, 1},
                                                          {Part::kKey, 2},
                                                          {Part::kOcsp, 3},
                                                          {Part::kCa, 1},
                                                          {Part::kTickets, 0}}));
  problems_.clear();
  files_ = {.context = "c",
            .certificates = {},
            .trust = TrustFiles{.ca_files = {pair.certificate}, .crl_files = {pair.key}},
            .tickets = {}};
  EXPECT_EQ(MaterialStore::load(files_, now(), problems_, warnings_), nullptr);
  EXPECT_EQ(problems_.at(0).part, Part::kCrl);
}

TEST_F(MaterialStoreTest, AChangedPairIsTakenOverAndTheOldLivesOnWithItsUsers) {
  const TestCertificate first = leaf({"a"});
  const TestCertificate second = leaf({"a"});
  files_.certificates = {write("a", first)};
  start();
  const std::shared_ptr<const Material> held = store_->current();
  const uint64_t version = store_->version();
  EXPECT_EQ(fingerprint(), first.sha256Hex());
  write("a", second);
  settle();
  EXPECT_EQ(fingerprint(), second.sha256Hex());
  EXPECT_EQ(store_->version(), version + 1);
  EXPECT_EQ(held->certificates->all()[0].pair->fingerprint(), first.sha256Hex());
  EXPECT_EQ(reloads("certificate", "success"), 1);
  EXPECT_EQ(reloads("certificate", "failure"), 0);
}

TEST_F(MaterialStoreTest, ABadPairIsRefusedAndTheOldStays) {
  const TestCertificate first = leaf({"a"});
  files_.certificates = {write("a", first)};
  start();
  const TestCertificate expired =
      test::issue(root_, {.dns = {"a"}, .starts = -kLong, .ends = -kLong + hours(1)});
  const std::pair<std::string, std::string> bad[] = {{leaf({"a"}).pem(), first.keyPem()},
                                                     {"", ""},
                                                     {"rubbish", "rubbish"},
                                                     {first.pem().substr(0, 300), first.keyPem()},
                                                     {expired.pem(), expired.keyPem()}};
  int64_t failures = 0;
  for (const auto& [certificate, key] : bad) {
    folder_.write("a.pem", certificate);
    folder_.write("a.key", key);
    settle();
    EXPECT_EQ(fingerprint(), first.sha256Hex());
    EXPECT_EQ(reloads("certificate", "failure"), ++failures);
  }
  std::filesystem::remove(folder_.pathOf("a.pem"));
  settle();
  EXPECT_EQ(reloads("certificate", "failure"), ++failures);
  dispatcher_.advance(std::chrono::minutes(10));
  EXPECT_EQ(reloads("certificate", "failure"), failures) << "tried again, but told once";
  const TestCertificate good = leaf({"a"});
  write("a", good);
  settle();
  EXPECT_EQ(fingerprint(), good.sha256Hex());
}

TEST_F(MaterialStoreTest, CertificateAndKeyMayArriveOneAfterTheOther) {
  files_.certificates = {write("a", leaf({"a"}))};
  start();
  const TestCertificate second = leaf({"a"});
  folder_.write("a.pem", second.pem());
  settle();
  EXPECT_NE(fingerprint(), second.sha256Hex());
  folder_.write("a.key", second.keyPem());
  settle();
  EXPECT_EQ(fingerprint(), second.sha256Hex());
}

TEST_F(MaterialStoreTest, OnlyWhatChangedIsReadAgain) {
  files_.certificates = {write("a", leaf({"a"})), write("b", leaf({"b"}))};
  start();
  const auto before = store_->current();
  write("b", leaf({"b"}));
  settle();
  const auto after = store_->current();
  EXPECT_EQ(before->certificates->all()[0].pair, after->certificates->all()[0].pair);
  EXPECT_NE(before->certificates->all()[1].pair, after->certificates->all()[1].pair);
}

TEST_F(MaterialStoreTest, WhatChangedBeforeTheStartIsSeen) {
  files_.certificates = {write("a", leaf({"a"}))};
  load();
  const TestCertificate second = leaf({"a"});
  write("a", second);
  store_->start(services_);
  started_ = true;
  EXPECT_EQ(fingerprint(), second.sha256Hex());
}

// A certificate of tomorrow, put in place today.
TEST_F(MaterialStoreTest, WhatIsNotYetValidIsTakenWhenItsTimeComes) {
  const TestCertificate first = leaf({"a"});
  files_.certificates = {write("a", first)};
  start();
  const auto until_real = now() - std::chrono::system_clock::now();
  const auto starts = std::chrono::duration_cast<std::chrono::seconds>(until_real) + hours(1);
  const TestCertificate tomorrow =
      test::issue(root_, {.dns = {"a"}, .starts = starts, .ends = kLong});
  write("a", tomorrow);
  settle();
  EXPECT_EQ(fingerprint(), first.sha256Hex());
  dispatcher_.advance(hours(1) + std::chrono::minutes(2));
  EXPECT_EQ(fingerprint(), tomorrow.sha256Hex());
}

TEST_F(MaterialStoreTest, DaysUntilTheEndAreAMetric) {
  const auto until_real = now() - std::chrono::system_clock::now();
  const auto ends = std::chrono::duration_cast<std::chrono::seconds>(until_real) + hours(60);
  const TestCertificate brief = test::issue(root_, {.dns = {"a"}, .starts = -kLong, .ends = ends});
  files_.certificates = {write("a", brief)};
  start();
  const std::string& path = files_.certificates[0].certificate;
  EXPECT_EQ(expiryDays(path), 2);
  dispatcher_.advance(hours(24));
  EXPECT_EQ(expiryDays(path), 1);
  dispatcher_.advance(hours(48));
  EXPECT_EQ(expiryDays(path), -1);
  EXPECT_EQ(fingerprint(), brief.sha256Hex()) << "it is still served";
  store_->stop();
  started_ = false;
  EXPECT_THAT(stats_.prometheus("tls_certificate_expiry"), Not(HasSubstr(path)));
}

TEST_F(MaterialStoreTest, OcspIsFollowedAndStapledWhileItIsFresh) {
  const auto offset =
      std::chrono::duration_cast<std::chrono::seconds>(now() - std::chrono::system_clock::now());
  const TestCertificate first = leaf({"a"});
  const auto response = [&](const TestCertificate& about, hours until) {
    return test::makeOcspResponse(
        root_, about, {.this_update = offset - hours(1), .next_update = offset + until});
  };
  files_.certificates = {write("a", first)};
  files_.certificates[0].ocsp = folder_.write("a.ocsp", response(first, hours(10)));
  start();
  EXPECT_TRUE(stapled());
  EXPECT_FALSE(stapled(hours(11)));
  folder_.write("a.ocsp", response(first, hours(20)));
  settle();
  EXPECT_TRUE(stapled(hours(11)));
  EXPECT_EQ(reloads("ocsp", "success"), 1);
  // A bad one leaves the old.
  folder_.write("a.ocsp", "rubbish");
  settle();
  EXPECT_TRUE(stapled(hours(11)));
  EXPECT_EQ(reloads("ocsp", "failure"), 1);
  // A new certificate has none until there is one about it.
  const TestCertificate second = leaf({"a"});
  folder_.write("a.ocsp", response(first, hours(20)));
  settle();
  write("a", second);
  settle();
  EXPECT_EQ(fingerprint(), second.sha256Hex());
  EXPECT_FALSE(stapled());
  folder_.write("a.ocsp", response(second, hours(20)));
  settle();
  EXPECT_TRUE(stapled());
  dispatcher_.advance(hours(21));
  EXPECT_FALSE(stapled());
  EXPECT_LT(stats_.valueOf("tls_ocsp_expiry_seconds",
                           {{"certificate", files_.certificates[0].certificate}}),
            0);
}

TEST_F(MaterialStoreTest, AnOcspResponseThatHasEndedIsAWarningOnly) {
  const TestCertificate first = leaf({"a"});
  files_.certificates = {write("a", first)};
  files_.certificates[0].ocsp = folder_.write(
      "a.ocsp",
      test::makeOcspResponse(root_, first, {.this_update = -kLong, .next_update = -kLong}));
  load();
  EXPECT_FALSE(stapled());
  EXPECT_THAT(warnings_, testing::Contains(HasSubstr("is not stapled; fetch it again")));
}

TEST_F(MaterialStoreTest, TrustIsFollowed) {
  const TestCertificate client = leaf({"c"});
  const TestCertificate other_root =
      test::selfSigned({.starts = -kLong, .ends = kLong, .authority = true});
  files_.trust = TrustFiles{.ca_files = {folder_.write("ca.pem", other_root.pem())}};
  start();
  const auto trusted = [&] {
    X509* const chain[] = {client.x509()};
    return store_->current()
        ->trust->verify(chain, {.role = PeerRole::kClient, .host = "", .now = now()})
        .ok();
  };
  EXPECT_FALSE(trusted());
  folder_.write("ca.pem", other_root.pem() + root_.pem());
  settle();
  EXPECT_TRUE(trusted());
  folder_.write("ca.pem", "rubbish");
  settle();
  EXPECT_TRUE(trusted());
  EXPECT_EQ(reloads("trust", "success"), 1);
  EXPECT_EQ(reloads("trust", "failure"), 1);
  EXPECT_GT(stats_.valueOf("tls_trust_expiry_days", {{"context", "listener edge"}}), 365);
}

TEST_F(MaterialStoreTest, ARevocationTakesEffect) {
  const TestCertificate client = leaf({"c"});
  const test::CrlSpec wide{.starts = -kLong, .ends = kLong};
  files_.trust = TrustFiles{.ca_files = {folder_.write("ca.pem", root_.pem())},
                            .crl_files = {folder_.write("crl.pem", makeCrl(root_, {}, wide))}};
  start();
  X509* const chain[] = {client.x509()};
  const PeerCheck check{.role = PeerRole::kClient, .host = "", .now = now()};
  EXPECT_TRUE(store_->current()->trust->verify(chain, check).ok());
  folder_.write("crl.pem", makeCrl(root_, {client}, wide));
  settle();
  EXPECT_FALSE(store_->current()->trust->verify(chain, check).ok());
  EXPECT_GT(stats_.valueOf("tls_crl_expiry_seconds", {{"context", "listener edge"}}), 0);
}

TEST_F(MaterialStoreTest, TicketKeysRotateWithTime) {
  files_.tickets = TicketKeyOptions{.file = {}, .rotation = hours(1), .keep = 2};
  start();
  const auto tickets = store_->tickets();
  const std::string first = tickets->names().front();
  dispatcher_.advance(std::chrono::minutes(30));
  EXPECT_EQ(stats_.valueOf("tls_ticket_key_age_seconds", {{"context", "listener edge"}}), 1800);
  dispatcher_.advance(std::chrono::minutes(31));
  EXPECT_EQ(tickets->keyCount(), 2u);
  EXPECT_NE(tickets->names().front(), first);
  dispatcher_.advance(hours(5));
  EXPECT_EQ(tickets->keyCount(), 3u);
}

TEST_F(MaterialStoreTest, TicketKeysOfAFleetFollowTheirFile) {
  base::Random random(5);
  const auto keys = [&random](size_t count) {
    std::string bytes;
    for (size_t i = 0; i < count * 80; ++i) bytes.push_back(static_cast<char>(random.next()));
    return bytes;
  };
  files_.tickets = TicketKeyOptions{.file = folder_.write("tickets", keys(1))};
  start();
  folder_.write("tickets", keys(3));
  settle();
  EXPECT_EQ(store_->tickets()->keyCount(), 3u);
  folder_.write("tickets", "rubbish");
  settle();
  EXPECT_EQ(store_->tickets()->keyCount(), 3u);
  EXPECT_EQ(reloads("tickets", "success"), 1);
  EXPECT_EQ(reloads("tickets", "failure"), 1);
}

// live/site/fullchain.pem -> ../../archive/site/fullchain1.pem, as certbot leaves them.
TEST_F(MaterialStoreTest, FollowsTheLinksOfCertbot) {
  const auto publish = [this](int number, const TestCertificate& certificate) {
    for (const auto& [name, text] :
         {std::pair<std::string, std::string>{"fullchain", certificate.pem() + root_.pem()},
          std::pair<std::string, std::string>{"privkey", certificate.keyPem()}}) {
      const std::string file = name + std::to_string(number) + ".pem";
      folder_.write("archive/site/" + file, text);
      folder_.write("live/site/README", "kept by certbot");
      const std::string link = folder_.pathOf("live/site/" + name + ".pem");
      std::filesystem::remove(link);
      std::filesystem::create_symlink("../../archive/site/" + file, link);
    }
  };
  publish(1, leaf({"a"}));
  files_.certificates = {
      {folder_.pathOf("live/site/fullchain.pem"), folder_.pathOf("live/site/privkey.pem"), ""}};
  start();
  for (int i = 2; i < 5; ++i) {
    const TestCertificate next = leaf({"a"});
    publish(i, next);
    settle();
    EXPECT_EQ(fingerprint(), next.sha256Hex()) << i;
  }
}

TEST_F(MaterialStoreTest, AfterTheStopNothingChanges) {
  const TestCertificate first = leaf({"a"});
  files_.certificates = {write("a", first)};
  start();
  store_->stop();
  started_ = false;
  write("a", leaf({"a"}));
  settle();
  dispatcher_.advance(hours(1));
  EXPECT_EQ(fingerprint(), first.sha256Hex());
}

TEST_F(MaterialStoreTest, WorkersReadWhileTheMainThreadReloads) {
  files_.certificates = {write("a", leaf({"a"}))};
  start();
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> seen{0};
  std::vector<std::thread> workers;
  for (int i = 0; i < 2; ++i) {
    workers.emplace_back([&] {
      while (!stop) {
        const auto material = store_->current();
        seen += material->certificates->select("a", KeyKinds::all()).pair->chain().size();
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    write("a", leaf({"a"}));
    settle();
  }
  stop = true;
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(store_->version(), 11u);
  EXPECT_GT(seen, 0u);
}

TEST_F(MaterialStoreTest, TheLogSaysWhyAndNeverShowsAKey) {
  const std::string log = folder_.pathOf("log");
  ASSERT_TRUE(base::log::start({.file = log}).ok());
  base::log::setLevel("tls", base::log::Level::kTrace);
  const TestCertificate first = leaf({"a"});
  files_.certificates = {write("a", first)};
  start();
  const TestCertificate other = leaf({"a"});
  folder_.write("a.key", other.keyPem());
  settle();
  folder_.write("a.key", other.keyPem().substr(0, 120));
  settle();
  write("a", other);
  settle();
  base::log::stop();
  std::ostringstream text;
  text << std::ifstream(log).rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("listener edge: the old certificate stays: "));
  EXPECT_THAT(text.str(), HasSubstr("does not belong to certificate 1"));
  EXPECT_THAT(text.str(), HasSubstr("listener edge: new certificate: "));
  for (const std::string& key : {first.keyPem(), other.keyPem()}) {
    const std::string secret = key.substr(key.find('\n') + 1, 60);
    for (size_t i = 0; i + 16 < secret.size(); ++i) {
      EXPECT_EQ(text.str().find(secret.substr(i, 16)), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace weir::extensions::transport_sockets
