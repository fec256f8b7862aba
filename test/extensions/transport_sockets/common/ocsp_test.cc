#include "extensions/transport_sockets/common/ocsp.h"

#include <openssl/err.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets {
namespace {

using std::chrono::hours;
using test::makeOcspResponse;
using test::OcspSpec;
using test::TestCertificate;
using testing::HasSubstr;

class OcspTest : public testing::Test {
 protected:
  // A handshake would take what is left there for its own failure.
  ~OcspTest() override { EXPECT_EQ(ERR_peek_error(), 0u); }

  absl::StatusOr<std::shared_ptr<const OcspResponse>> parse(std::string_view der) {
    return OcspResponse::parse({reinterpret_cast<const uint8_t*>(der.data()), der.size()},
                               *leaf_.x509(), root_.x509(), now_);
  }
  std::string error(std::string_view der) {
    return std::string(base::view(parse(der).status().message()));
  }
  std::string errorOf(const OcspSpec& spec) { return error(makeOcspResponse(root_, leaf_, spec)); }

  const event::SystemTime now_ = std::chrono::system_clock::now();
  const TestCertificate root_ = test::makeAuthority();
  const TestCertificate leaf_ = test::makeLeaf(root_, {"a.example"});
};

TEST_F(OcspTest, AGoodOneIsStapledUntilItEnds) {
  const std::string der = makeOcspResponse(root_, leaf_);
  const auto response = parse(der);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ((*response)->der().size(), der.size());
  EXPECT_LT((*response)->thisUpdate(), now_);
  EXPECT_TRUE((*response)->fresh(now_));
  EXPECT_FALSE((*response)->fresh(now_ + hours(25)));
}

TEST_F(OcspTest, OneThatHasEndedIsNoErrorButNotFresh) {
  const auto response =
      parse(makeOcspResponse(root_, leaf_, {.this_update = hours(-9), .next_update = hours(-1)}));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_FALSE((*response)->fresh(now_));
}

TEST_F(OcspTest, WithoutNextUpdateItIsBelievedForAWeek) {
  const auto response = parse(makeOcspResponse(root_, leaf_, {.without_next_update = true}));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE((*response)->fresh(now_ + hours(24 * 6)));
  EXPECT_FALSE((*response)->fresh(now_ + hours(24 * 7)));
}

TEST_F(OcspTest, RefusesWhatIsNotGood) {
  EXPECT_EQ(errorOf({.status = OcspSpec::Status::kRevoked}),
            "says that the certificate is revoked; replace the certificate");
  EXPECT_THAT(errorOf({.status = OcspSpec::Status::kUnknown}), HasSubstr("does not know"));
  EXPECT_EQ(errorOf({.response_status = 3}),
            "the responder's answer was tryLater; fetch a successful response");
  EXPECT_THAT(errorOf({.response_status = 77}), HasSubstr("unknown"));
  EXPECT_THAT(errorOf({.this_update = hours(1)}), HasSubstr("is not valid before "));
  EXPECT_THAT(errorOf({.this_update = hours(-1), .next_update = hours(-2)}),
              HasSubstr("ends before it begins"));
}

TEST_F(OcspTest, RefusesOneAboutAnotherCertificate) {
  const TestCertificate other = test::makeLeaf(root_, {"b.example"});
  EXPECT_THAT(error(makeOcspResponse(root_, other)),
              HasSubstr("is not about the certificate CN=a.example"));
  // The same serial number from another authority.
  const TestCertificate impostor = test::makeAuthority("Another Root");
  EXPECT_THAT(error(makeOcspResponse(impostor, leaf_)), HasSubstr("is not about the certificate"));
  // The same authority's name, another key: told only when the issuer is known.
  const TestCertificate namesake = test::makeAuthority();
  const std::string der = makeOcspResponse(namesake, leaf_);
  EXPECT_THAT(error(der), HasSubstr("is not about the certificate"));
  EXPECT_TRUE(OcspResponse::parse({reinterpret_cast<const uint8_t*>(der.data()), der.size()},
                                  *leaf_.x509(), nullptr, now_)
                  .ok());
}

TEST_F(OcspTest, RefusesWhatIsNoResponse) {
  EXPECT_THAT(error(""), HasSubstr("is no OCSP response"));
  EXPECT_THAT(error("hello"), HasSubstr("is no OCSP response"));
  EXPECT_THAT(error(leaf_.der()), HasSubstr("is no OCSP response"));
  EXPECT_THAT(error(makeOcspResponse(root_, leaf_) + "x"), HasSubstr("outer part"));
}

TEST_F(OcspTest, ErrorsOfFilesNameThem) {
  const test::TestFolder folder;
  const std::string path = folder.write("a.ocsp", "hello");
  const auto response = OcspResponse::load(path, *leaf_.x509(), nullptr, now_);
  EXPECT_THAT(std::string(base::view(response.status().message())),
              HasSubstr(path + ": is no OCSP"));
  folder.write("a.ocsp", makeOcspResponse(root_, leaf_));
  EXPECT_TRUE(OcspResponse::load(path, *leaf_.x509(), nullptr, now_).ok());
}

TEST_F(OcspTest, AnyByteMayBeDamagedOrMissing) {
  const std::string good = makeOcspResponse(root_, leaf_);
  for (size_t i = 0; i < good.size(); ++i) {
    for (const int delta : {1, 0x20, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ delta);
      const std::string message = error(bad);
      if (!message.empty()) {
        EXPECT_THAT(message, HasSubstr("; "));
      }
    }
    EXPECT_FALSE(parse(good.substr(0, i)).ok());
  }
}

}  // namespace
}  // namespace weir::extensions::transport_sockets
