#include "extensions/http_filters/acme_challenge/acme_challenge.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"

namespace weir::extensions::http_filters::acme_challenge {
namespace {

namespace fs = std::filesystem;

class AcmeChallengeTest : public ::testing::Test {
 protected:
  AcmeChallengeTest() : webroot_(fs::path(::testing::TempDir()) / "webroot") {
    fs::remove_all(webroot_);
    fs::create_directories(folder());
  }
  fs::path folder() const { return webroot_ / ".well-known" / "acme-challenge"; }
  void write(const std::string& token, const std::string& text) const {
    std::ofstream(folder() / token) << text;
  }
  std::string config() const {
    return test::runtime(1) +
           test::edgeListener(
               "http_filters { config { [http_filters/acme_challenge] { webroot: \"" +
                   webroot_.string() + "\" } } }",
               "routes { direct_response { status: 299 body: \"route\" } }");
  }

  const fs::path webroot_;
};

TEST(ChallengeToken, OnlyBase64UrlBehindThePath) {
  EXPECT_EQ(challengeToken("/.well-known/acme-challenge/aZ09-_"), "aZ09-_");
  EXPECT_EQ(challengeToken("/.well-known/acme-challenge/"), "");
  EXPECT_EQ(challengeToken("/.well-known/acme-challenge/../x"), "");
  EXPECT_EQ(challengeToken("/.well-known/acme-challenge/a/b"), "");
  EXPECT_EQ(challengeToken("/.well-known/acme-challenge/a.b"), "");
  EXPECT_EQ(challengeToken("/.well-known/acme-challenge/" + std::string(257, 'a')), "");
  EXPECT_EQ(challengeToken("/.well-known/acme-challeng"), std::nullopt);
  EXPECT_EQ(challengeToken("/x/.well-known/acme-challenge/a"), std::nullopt);
}

TEST_F(AcmeChallengeTest, ReadsSmallRegularFilesOnly) {
  write("token", "token.thumbprint");
  write("large", std::string(kMaxAnswerBytes + 1, 'x'));
  write("most", std::string(kMaxAnswerBytes, 'x'));
  fs::create_symlink("/etc/passwd", folder() / "link");
  ASSERT_EQ(::mkfifo((folder() / "pipe").c_str(), 0600), 0);
  fs::create_directory(folder() / "folder");
  EXPECT_EQ(readAnswer(webroot_, "token"), "token.thumbprint");
  EXPECT_EQ(readAnswer(webroot_, "most"), std::string(kMaxAnswerBytes, 'x'));
  for (const char* name : {"large", "link", "pipe", "folder", "absent"}) {
    EXPECT_EQ(readAnswer(webroot_, name), std::nullopt) << name;
  }
}

TEST_F(AcmeChallengeTest, AnswersChallengesAndLetsTheRestPass) {
  test::InProcessProxy proxy(config());
  write("abc", "abc.key");  // after the start: files are read when asked for
  auto client = test::RawConnection::connectTo(proxy.port("edge"));
  const auto ask = [&](const std::string& method, const std::string& path) {
    client.send(method + " " + path + " HTTP/1.1\r\nHost: any.example\r\n\r\n");
    return client.readMessage(method == "HEAD");
  };
  const std::string path(kChallengePath);
  const auto found = ask("GET", path + "abc");
  EXPECT_EQ(found.status(), 200);
  EXPECT_EQ(found.body, "abc.key");
  EXPECT_EQ(ask("GET", path + "abc?x=1").body, "abc.key");
  const auto head = ask("HEAD", path + "abc");
  EXPECT_EQ(head.status(), 200);
  EXPECT_EQ(head.header("content-length"), "7");
  EXPECT_EQ(ask("GET", path + "other").status(), 404);
  EXPECT_EQ(ask("GET", path).status(), 404);
  EXPECT_EQ(ask("DELETE", path + "abc").status(), 405);
  EXPECT_EQ(ask("GET", "/other").body, "route");
}

// The stream may be gone when the file has been read.
TEST_F(AcmeChallengeTest, ClientsThatLeaveAtOnceHarmNothing) {
  test::InProcessProxy proxy(config());
  write("abc", "abc.key");
  for (int i = 0; i < 200; ++i) {
    auto client = test::RawConnection::connectTo(proxy.port("edge"));
    client.send("GET " + std::string(kChallengePath) + "abc HTTP/1.1\r\nHost: a\r\n\r\n");
    client.abort();
  }
  EXPECT_TRUE(proxy.waitForStat("listener_connections_active", 0, {{"listener", "edge"}}));
}

}  // namespace
}  // namespace weir::extensions::http_filters::acme_challenge
