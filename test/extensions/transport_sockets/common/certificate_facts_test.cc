#include "extensions/transport_sockets/common/certificate_facts.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/transport_sockets/common/x509_text.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets {
namespace {

using std::chrono::hours;
using testing::ElementsAre;

TEST(CertificateFactsTest, SayWhatTheCertificateSays) {
  const test::TestCertificate root = test::makeAuthority("Root, \"Inc\"");
  const test::TestCertificate leaf = test::issue(root, {.common_name = "web",
                                                        .dns = {"a.example"},
                                                        .uris = {"spiffe://example.com/web"},
                                                        .emails = {"a@example.com"},
                                                        .ips = {"10.0.0.1"}});
  const network::CertificateFacts facts = certificateFacts(*leaf.x509());
  EXPECT_EQ(facts.subject, "CN=web,O=Weir Test");
  EXPECT_EQ(facts.issuer, "CN=Root\\, \\\"Inc\\\",O=Weir Test");
  EXPECT_EQ(facts.sha256, leaf.sha256Hex());
  EXPECT_EQ(facts.serial.size(), 16u);
  EXPECT_EQ(facts.serial.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_THAT(facts.dns_names, ElementsAre("a.example"));
  EXPECT_THAT(facts.uris, ElementsAre("spiffe://example.com/web"));
  EXPECT_THAT(facts.emails, ElementsAre("a@example.com"));
  EXPECT_THAT(facts.ip_addresses, ElementsAre("10.0.0.1"));
  EXPECT_EQ(facts.pem, leaf.pem());
  const auto now = std::chrono::system_clock::now();
  EXPECT_LT(facts.not_before, now);
  EXPECT_GT(facts.not_after, now + hours(24 * 89));
}

TEST(CertificateFactsTest, NamesThatWouldForgeALineAreEscaped) {
  const test::TestCertificate leaf = test::selfSigned({.common_name = "a\nb\x01"});
  const std::string subject = certificateFacts(*leaf.x509()).subject;
  EXPECT_EQ(subject.find('\n'), std::string::npos) << subject;
  EXPECT_EQ(subject.find('\x01'), std::string::npos) << subject;
}

TEST(X509TextTest, TimesAreReadAsTheyAreWritten) {
  const auto utc = [](int year, unsigned month, unsigned day, int seconds) {
    return event::SystemTime(std::chrono::sys_days(std::chrono::year(year) / month / day)) +
           std::chrono::seconds(seconds);
  };
  EXPECT_EQ(parseGeneralizedTime("20261121034351Z"), utc(2026, 11, 21, 3 * 3600 + 43 * 60 + 51));
  EXPECT_EQ(parseUtcTime("491231235959Z"), utc(2049, 12, 31, 86399));
  EXPECT_EQ(parseUtcTime("500101000000Z"), utc(1950, 1, 1, 0));
  EXPECT_EQ(parseUtcTime("240229000000Z"), utc(2024, 2, 29, 0));
  for (const std::string_view bad :
       {"", "230229000000Z", "241301000000Z", "240100000000Z", "240101240000Z", "240101006000Z",
        "240101000060Z", "240101000000", "24010100000xZ", "240101000000+0100", "20240101000000Z"}) {
    EXPECT_FALSE(parseUtcTime(bad).has_value()) << bad;
  }
  EXPECT_FALSE(parseGeneralizedTime("20261121034351.5Z").has_value());
  EXPECT_FALSE(parseGeneralizedTime("-0261121034351Z").has_value());
  // What no clock here can say is as late as it can be.
  EXPECT_GT(*parseGeneralizedTime("99991231235959Z"), utc(2200, 1, 1, 0));
  EXPECT_LT(*parseGeneralizedTime("00010101000000Z"), utc(1700, 1, 1, 0));
}

TEST(X509TextTest, DaysAreWholeAndNegativeAfterTheEnd) {
  const event::SystemTime now;
  EXPECT_EQ(daysUntil(now + hours(49), now), 2);
  EXPECT_EQ(daysUntil(now + hours(23), now), 0);
  EXPECT_EQ(daysUntil(now - hours(1), now), -1);
  EXPECT_EQ(timeText(now), "1970-01-01 00:00:00 UTC");
}

}  // namespace
}  // namespace weir::extensions::transport_sockets
