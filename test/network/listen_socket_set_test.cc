#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/network/listener.h"
#include "source/network/socket.h"
#include "test/network/support.h"

namespace weir::network::test {
namespace {

using ::testing::HasSubstr;

ListenerConfig config(std::string_view address) {
  ListenerConfig config;
  config.name = "edge";
  config.address = *Address::parse(address);
  return config;
}

int connectTo(const Address& address) {
  const int fd = socket(address.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, address.data(), address.length()) == 0) return fd;
  close(fd);
  return -1;
}

TEST(ListenSocketSetTest, OneSocketPerWorkerOnOnePort) {
  const int descriptors = openDescriptors();
  {
    auto set = ListenSocketSet::bind(config("127.0.0.1:0"), 3);
    ASSERT_TRUE(set.ok()) << set.status();
    EXPECT_NE((*set)->address().port(), 0);
    for (uint32_t i = 0; i < 3; ++i) {
      EXPECT_EQ(addressOf((*set)->fd(i)), (*set)->address());
      EXPECT_NE(fcntl((*set)->fd(i), F_GETFL) & O_NONBLOCK, 0);
      EXPECT_NE(fcntl((*set)->fd(i), F_GETFD) & FD_CLOEXEC, 0);
    }
    const base::UniqueFd client(connectTo((*set)->address()));
    EXPECT_TRUE(client.valid());
  }
  EXPECT_EQ(openDescriptors(), descriptors);
}

TEST(ListenSocketSetTest, ATakenAddressIsAnErrorEvenOfTheSameProgram) {
  auto first = ListenSocketSet::bind(config("127.0.0.1:0"), 1);
  ASSERT_TRUE(first.ok());
  auto second = ListenSocketSet::bind(config((*first)->address().toString()), 1);
  ASSERT_FALSE(second.ok());
  const std::string message(second.status().message());
  EXPECT_THAT(message, HasSubstr("listener \"edge\""));
  EXPECT_THAT(message, HasSubstr((*first)->address().toString()));
  EXPECT_THAT(message, HasSubstr("another process listens there"));
}

TEST(ListenSocketSetTest, RefusesWhenEveryWorkerHasClosed) {
  auto set = ListenSocketSet::bind(config("127.0.0.1:0"), 2);
  ASSERT_TRUE(set.ok()) << set.status();
  (*set)->close(0);
  EXPECT_TRUE(base::UniqueFd(connectTo((*set)->address())).valid());
  (*set)->close(1);
  EXPECT_FALSE(base::UniqueFd(connectTo((*set)->address())).valid());
}

TEST(ListenSocketSetTest, AnAddressOfAnotherHostIsExplained) {
  const auto set = ListenSocketSet::bind(config("192.0.2.1:80"), 1);
  ASSERT_FALSE(set.ok());
  EXPECT_THAT(std::string(set.status().message()), HasSubstr("use an address of this host"));
}

TEST(ListenSocketSetTest, BothFamiliesShareAPort) {
  auto v4 = ListenSocketSet::bind(config("0.0.0.0:0"), 1);
  ASSERT_TRUE(v4.ok());
  const std::string port = std::to_string((*v4)->address().port());
  auto v6 = ListenSocketSet::bind(config("[::]:" + port), 2);
  if (!v6.ok() && absl::IsUnavailable(v6.status())) GTEST_SKIP() << "no IPv6 here";
  EXPECT_TRUE(v6.ok()) << v6.status();
}

class UnixListenTest : public ::testing::Test {
 protected:
  UnixListenTest() {
    // Not Bazel's folder for the test: its path is often longer than sun_path.
    folder_ = std::string(P_tmpdir) + "/weirXXXXXX";
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/s";
  }
  ~UnixListenTest() override {
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }
  bool exists() const {
    struct stat status {};
    return lstat(path_.c_str(), &status) == 0;
  }
  std::string folder_;
  std::string path_;
};

TEST_F(UnixListenTest, WorkersShareOneSocketThatIsRemovedAtTheEnd) {
  {
    auto set = ListenSocketSet::bind(config("unix:" + path_), 2);
    ASSERT_TRUE(set.ok()) << set.status();
    EXPECT_NE((*set)->fd(0), (*set)->fd(1));
    EXPECT_TRUE(exists());
  }
  EXPECT_FALSE(exists());
}

TEST_F(UnixListenTest, AStaleSocketIsReplaced) {
  const Address address = *Address::parse("unix:" + path_);
  {
    const base::UniqueFd dead(socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(bind(dead.get(), address.data(), address.length()), 0);
  }
  EXPECT_TRUE(exists());
  auto set = ListenSocketSet::bind(config("unix:" + path_), 1);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_TRUE(base::UniqueFd(connectTo(address)).valid());
}

TEST_F(UnixListenTest, ALivingSocketIsLeftAlone) {
  auto first = ListenSocketSet::bind(config("unix:" + path_), 1);
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(ListenSocketSet::bind(config("unix:" + path_), 1).ok());
  EXPECT_TRUE(base::UniqueFd(connectTo((*first)->address())).valid());
}

TEST_F(UnixListenTest, AFileThatIsNoSocketIsLeftAlone) {
  std::ofstream(path_) << "precious";
  EXPECT_FALSE(ListenSocketSet::bind(config("unix:" + path_), 1).ok());
  EXPECT_TRUE(exists());
}

TEST_F(UnixListenTest, ASuccessorsSocketIsNotRemoved) {
  auto first = ListenSocketSet::bind(config("unix:" + path_), 1);
  ASSERT_TRUE(first.ok());
  unlink(path_.c_str());
  auto second = ListenSocketSet::bind(config("unix:" + path_), 1);
  ASSERT_TRUE(second.ok());
  first->reset();
  EXPECT_TRUE(exists());
}

TEST_F(UnixListenTest, AMissingFolderIsExplained) {
  const auto set = ListenSocketSet::bind(config("unix:" + folder_ + "/none/s"), 1);
  ASSERT_FALSE(set.ok());
  EXPECT_THAT(std::string(set.status().message()), HasSubstr("make the folder first"));
}

}  // namespace
}  // namespace weir::network::test
