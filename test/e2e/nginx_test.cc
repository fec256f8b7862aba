// nginx as the origin: files of every size arrive byte for byte.

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::RawConnection;

const std::vector<size_t> kSizes = {0,      1,       1023,      4096,    16'383,    65'535,  65'536,
                                    65'537, 262'144, 1'000'003, 1 << 20, 3'333'333, 10 << 20};

std::string fileName(size_t size) {
  return "f" + std::to_string(size);
}

std::string content(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 131 + (i >> 8) + (i >> 15));
  return bytes;
}

// nginx serving kSizes from a folder.
class NginxTest : public ::testing::Test {
 protected:
  // A port that was free a moment ago.
  static uint16_t freePort() {
    return test::ScriptedOrigin([](RawConnection&, int) {}).port();
  }

  std::string configuration() {
    ::mkdir(folder_.file("www").c_str(), 0755);
    ::chmod(folder_.path().c_str(), 0755);
    for (const size_t size : kSizes) folder_.write("www/" + fileName(size), content(size));
    const std::string& path = folder_.path();
    // Started as root, its worker would be another user, who may not see the test's folder.
    const std::string user = ::geteuid() == 0 ? "user root; " : "";
    return folder_.write("nginx.conf",
                         user + "daemon off; worker_processes 1; pid " + path + "/pid; error_log " +
                             path +
                             "/error.log;\nevents { worker_connections 512; }\nhttp { access_log "
                             "off; sendfile on;\nclient_body_temp_path " +
                             path + "; proxy_temp_path " + path + "; fastcgi_temp_path " + path +
                             "; uwsgi_temp_path " + path + "; scgi_temp_path " + path +
                             ";\nserver { listen 127.0.0.1:" + std::to_string(port_) + "; root " +
                             path + "/www; } }\n");
  }

  void SetUp() override {
    ASSERT_TRUE(test::eventually(
        [&] { return !nginx_.running() || RawConnection::connectTo(port_).fd() >= 0; }));
    ASSERT_TRUE(nginx_.running()) << nginx_.err() << test::readFile(folder_.file("error.log"));
    ASSERT_NE(weir_.port("edge"), 0) << weir_.process().err();
  }

  test::TemporaryFolder folder_;
  uint16_t port_ = freePort();
  test::ChildProcess nginx_{
      {"nginx", "-c", configuration(), "-p", folder_.path(), "-e", folder_.file("error.log")}};
  test::WeirProcess weir_{test::edgeListener() +
                          test::cluster("origin", {"127.0.0.1:" + std::to_string(port_)}) +
                          test::runtime()};
};

TEST_F(NginxTest, FilesOfEverySizeAreByteIdentical) {
  std::vector<std::string> arguments = {"--fail"};
  for (const size_t size : kSizes) {
    arguments.insert(arguments.end(), {"--output", folder_.file("got-" + fileName(size)),
                                       weir_.url("edge", "/" + fileName(size))});
  }
  const test::Finished finished = test::curl(arguments);
  ASSERT_EQ(finished.code, 0) << finished.err;
  for (const size_t size : kSizes) {
    EXPECT_TRUE(test::readFile(folder_.file("got-" + fileName(size))) == content(size)) << size;
  }
}

TEST_F(NginxTest, RangesAndConditionalRequestsKeepTheirMeaning) {
  const std::string url = weir_.url("edge", "/" + fileName(1 << 20));
  const test::Finished part = test::curl({"--range", "1000-1999", "--output", folder_.file("part"),
                                          "--write-out", "%{http_code}", url});
  EXPECT_EQ(part.out, "206");
  EXPECT_TRUE(test::readFile(folder_.file("part")) == content(1 << 20).substr(1000, 1000));
  const std::string tag = folder_.file("etag");
  EXPECT_EQ(test::curl({"--etag-save", tag, "--output", "/dev/null", url}).code, 0);
  const test::Finished again = test::curl({"--etag-compare", tag, "--output", "/dev/null",
                                           "--write-out", "%{http_code} %{size_download}", url});
  EXPECT_EQ(again.out, "304 0");
  EXPECT_EQ(test::curl({"--output", "/dev/null", "--write-out", "%{http_code}",
                        weir_.url("edge", "/nothing")})
                .out,
            "404");
}

}  // namespace
}  // namespace weir
