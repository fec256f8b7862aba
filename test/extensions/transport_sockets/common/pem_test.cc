#include "extensions/transport_sockets/common/pem.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

#include "extensions/transport_sockets/common/secret_bytes.h"
#include "source/base/concat.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets {
namespace {

std::string messageOf(const absl::Status& status) {
  return std::string(base::view(status.message()));
}

std::string errorOf(std::string_view text) {
  return messageOf(parsePem(text).status());
}

TEST(PemTest, ReadsBlocksAndSkipsWhatIsBetween) {
  const auto blocks = parsePem(
      "a comment\r\n-----BEGIN ONE-----\r\nAQID\r\nBAUG\r\n-----END ONE-----\r\n\n"
      "  -----BEGIN PRIVATE KEY-----  \nBw==\n-----END PRIVATE KEY-----");
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  ASSERT_EQ(blocks->size(), 2u);
  EXPECT_EQ((*blocks)[0].label, "ONE");
  EXPECT_EQ((*blocks)[0].der.view(), "\1\2\3\4\5\6");
  EXPECT_EQ((*blocks)[0].line, 2u);
  EXPECT_TRUE((*blocks)[1].isPrivateKey());
  EXPECT_EQ((*blocks)[1].der.view(), "\7");
  EXPECT_EQ((*blocks)[1].line, 7u);
}

TEST(PemTest, SeesTheOldHeadersOfAnEncryptedKey) {
  const auto blocks = parsePem(
      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
      "AQID\n-----END RSA PRIVATE KEY-----\n");
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  EXPECT_TRUE((*blocks)[0].encrypted);
}

TEST(PemTest, ErrorsNameTheLine) {
  EXPECT_EQ(errorOf(""), "has no PEM block; give a file with -----BEGIN …----- lines");
  EXPECT_EQ(errorOf("\x30\x82\x01"),
            "is not PEM but looks like DER; convert it with openssl x509 -inform der");
  EXPECT_EQ(errorOf("x\n-----BEGIN A-----\nAQID\n"),
            "line 2: the block A has no END; copy the file again as a whole");
  EXPECT_EQ(errorOf("-----BEGIN A-----\nAQID\n-----BEGIN A-----\nAQID\n-----END A-----\n"),
            "line 1: the block A has no END; copy the file again as a whole");
  EXPECT_EQ(errorOf("-----BEGIN A-----\nAQID\n-----END B-----\n"),
            "line 3: END does not fit BEGIN A; end the block with -----END A-----");
  EXPECT_EQ(errorOf("-----BEGIN A-----\nA*ID\n-----END A-----\n"),
            "line 1: the block A is not base64; copy the file again as a whole");
  EXPECT_EQ(errorOf("-----BEGIN A-----\n-----END A-----\n"),
            "line 1: the block A is not base64; copy the file again as a whole");
  EXPECT_EQ(errorOf("-----BEGIN -----\n"),
            "line 1: a BEGIN line without a proper label; write -----BEGIN CERTIFICATE-----");
}

TEST(PemTest, DashesWithinALineAreNoEnd) {
  EXPECT_EQ(errorOf("-----BEGIN A-----\nAQID-----END A-----\nBAUG\n-----END A-----\n"),
            "line 1: the block A is not base64; copy the file again as a whole");
}

// Costs what the text is long, not its square.
TEST(PemTest, ABundleMayHaveVeryManyBlocks) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "-----BEGIN A-----\nAQID\n-----END A-----\n";
  const auto blocks = parsePem(text);
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  EXPECT_EQ(blocks->size(), 50'000u);
  for (int i = 0; i < 60'000; ++i) text += "-----BEGIN A-----\nAQID\n-----END A-----\n";
  EXPECT_EQ(errorOf(text), "line 300001: too many blocks; give the file with what is needed only");
}

// Whatever byte is another one: a result or an error that says where, never a crash.
TEST(PemTest, AnyByteMayBeDamaged) {
  const std::string good = test::makeAuthority().pem();
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char c : {'\0', '-', '\n', 'A', '\xff'}) {
      std::string bad = good;
      bad[i] = c;
      const auto blocks = parsePem(bad);
      if (!blocks.ok()) {
        EXPECT_NE(messageOf(blocks.status()).find("; "), std::string::npos);
      }
    }
    EXPECT_FALSE(parsePem(good.substr(0, i)).ok() && i < good.size() - 1) << i;
  }
}

class ReadFileTest : public testing::Test {
 protected:
  std::string error(const std::string& path, size_t limit = 100) {
    return messageOf(readFile(path, limit).status());
  }
  test::TestFolder folder_;
};

TEST_F(ReadFileTest, ReadsWhatFits) {
  const std::string path = folder_.write("a", std::string(100, 'x'));
  const auto bytes = readFile(path, 100);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(bytes->view(), std::string(100, 'x'));
}

TEST_F(ReadFileTest, SaysWhyNot) {
  const std::string missing = folder_.pathOf("none");
  EXPECT_EQ(error(missing), missing +
                                ": cannot be read: No such file or directory; give the path "
                                "of a file that exists");
  EXPECT_EQ(error(folder_.path()), folder_.path() + ": is a folder; give the path of a file");
  const std::string large = folder_.write("large", std::string(101, 'x'));
  EXPECT_EQ(error(large),
            large + ": is larger than 100 bytes; give the file with what is needed only");
  const std::string empty = folder_.write("empty", "");
  EXPECT_EQ(error(empty), empty + ": is empty; give a file with content");
  const std::string pipe = folder_.pathOf("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(error(pipe), pipe + ": is not a regular file; give the path of a file");
  if (::geteuid() == 0) return;  // root reads everything
  const std::string closed = folder_.write("closed", "x");
  ::chmod(closed.c_str(), 0);
  EXPECT_NE(error(closed).find("make it readable"), std::string::npos);
}

TEST(SecretBytesTest, MovesWithoutACopyAndForgetsTheTail) {
  SecretBytes bytes(8);
  std::fill_n(bytes.data(), 8, uint8_t{7});
  const uint8_t* const place = bytes.data();
  SecretBytes other = std::move(bytes);
  EXPECT_EQ(other.data(), place);
  other.truncate(3);
  EXPECT_EQ(other.size(), 3u);
  other = SecretBytes(1);
  EXPECT_EQ(other.size(), 1u);
}

}  // namespace
}  // namespace weir::extensions::transport_sockets
