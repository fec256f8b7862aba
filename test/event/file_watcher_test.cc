#include "source/event/file_watcher.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/event/uv_dispatcher.h"

namespace weir::event {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr FileWatcher::Options kQuick{
    .settle = milliseconds(20), .settle_limit = milliseconds(200), .poll = milliseconds(3'600'000)};

class FileWatcherTest : public testing::Test {
 protected:
  FileWatcherTest() {
    std::string pattern = testing::TempDir() + "/watch-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FileWatcherTest() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::trunc) << text;
  }
  void replace(const std::string& name, const std::string& text) const {
    write(name + ".new", text);
    fs::rename(path(name + ".new"), path(name));
  }
  void link(const std::string& target, const std::string& name) const {
    fs::create_symlink(target, path(name + ".tmp"));
    fs::rename(path(name + ".tmp"), path(name));
  }

  void watch(std::vector<std::string> names, const FileWatcher::Options& options = kQuick) {
    watcher_ = std::make_unique<FileWatcher>(*dispatcher_, options);
    std::vector<std::string> paths;
    for (const auto& name : names) paths.push_back(path(name));
    handle_ = watcher_->watch(paths, [this](const std::vector<std::string>& changed) {
      calls_.push_back(changed);
      dispatcher_->stop();
    });
  }
  // Runs until the callback came, or `limit` has passed: then false.
  bool told(milliseconds limit = milliseconds(10'000)) {
    const size_t before = calls_.size();
    auto timer = dispatcher_->createTimer([this] { dispatcher_->stop(); });
    timer->start(limit);
    dispatcher_->run();
    return calls_.size() > before;
  }
  // After what is under way has settled, nothing is told.
  bool quiet() { return !told(milliseconds(150)); }

  std::string folder_;
  std::unique_ptr<UvDispatcher> dispatcher_ = *UvDispatcher::create();
  std::unique_ptr<FileWatcher> watcher_;
  std::unique_ptr<FileWatcher::Handle> handle_;
  std::vector<std::vector<std::string>> calls_;
};

TEST_F(FileWatcherTest, TellsWhatWasWrittenInPlace) {
  write("a", "1");
  write("b", "1");
  watch({"a", "b"});
  write("b", "22");
  ASSERT_TRUE(told());
  EXPECT_EQ(calls_.back(), std::vector<std::string>{path("b")});
  write("a", "22");
  ASSERT_TRUE(told());
  EXPECT_EQ(calls_.back(), std::vector<std::string>{path("a")});
}

TEST_F(FileWatcherTest, TellsWhatWasRenamedIntoPlaceAgainAndAgain) {
  write("a", "1");
  watch({"a"});
  for (int i = 0; i < 3; ++i) {
    replace("a", "1");
    ASSERT_TRUE(told()) << i;
  }
}

TEST_F(FileWatcherTest, OneTellingForABurst) {
  write("a", "1");
  write("b", "1");
  watch({"a", "b"});
  for (int i = 0; i < 20; ++i) write(i % 2 == 0 ? "a" : "b", std::to_string(i));
  ASSERT_TRUE(told());
  EXPECT_EQ(calls_.back().size(), 2u);
  EXPECT_TRUE(quiet());
}

TEST_F(FileWatcherTest, IsQuietAboutOtherFilesAndTouchedNames) {
  write("a", "1");
  watch({"a"});
  write("other", "1");
  replace("other", "2");
  EXPECT_TRUE(quiet());
}

TEST_F(FileWatcherTest, AFileMayComeAndGo) {
  watch({"a"});
  write("a", "1");
  ASSERT_TRUE(told());
  fs::remove(path("a"));
  ASSERT_TRUE(told());
  write("a", "1");
  ASSERT_TRUE(told());
}

TEST_F(FileWatcherTest, FoldersMayBeMissingAndComeLater) {
  watch({"deep/er/a"});
  fs::create_directories(path("deep"));
  EXPECT_TRUE(quiet());
  fs::create_directories(path("deep/er"));
  EXPECT_TRUE(quiet());
  write("deep/er/a", "1");
  ASSERT_TRUE(told());
  fs::remove_all(path("deep"));
  ASSERT_TRUE(told());
  fs::create_directories(path("deep/er"));
  write("deep/er/a", "2");
  ASSERT_TRUE(told());
}

// live/site/cert.pem -> ../../archive/site/cert1.pem, then cert2.pem.
TEST_F(FileWatcherTest, FollowsLinksAsCertbotMakesThem) {
  fs::create_directories(path("live/site"));
  fs::create_directories(path("archive/site"));
  write("archive/site/cert1.pem", "1");
  link("../../archive/site/cert1.pem", "live/site/cert.pem");
  watch({"live/site/cert.pem"});
  write("archive/site/cert2.pem", "2");
  EXPECT_TRUE(quiet());
  link("../../archive/site/cert2.pem", "live/site/cert.pem");
  ASSERT_TRUE(told());
  write("archive/site/cert2.pem", "in place");
  ASSERT_TRUE(told());
  write("archive/site/cert1.pem", "nobody looks at it any more");
  EXPECT_TRUE(quiet());
}

// tls.crt -> ..data/tls.crt, ..data -> ..2026_1, replaced by a rename of ..data.
TEST_F(FileWatcherTest, FollowsLinksAsKubernetesMakesThem) {
  fs::create_directories(path("..2026_1"));
  write("..2026_1/tls.crt", "1");
  link("..2026_1", "..data");
  link("..data/tls.crt", "tls.crt");
  watch({"tls.crt"});
  for (int i = 2; i < 5; ++i) {
    const std::string version = "..2026_" + std::to_string(i);
    fs::create_directories(path(version));
    write(version + "/tls.crt", "the same size");
    link(version, "..data");
    ASSERT_TRUE(told()) << i;
    fs::remove_all(path("..2026_" + std::to_string(i - 1)));
    EXPECT_TRUE(quiet());
  }
}

TEST_F(FileWatcherTest, AFolderOnTheWayMayBeALink) {
  fs::create_directories(path("one"));
  fs::create_directories(path("two"));
  write("one/a", "1");
  write("two/a", "2");
  link(path("one"), "current");
  watch({"current/a"});
  link(path("two"), "current");
  ASSERT_TRUE(told());
  write("two/a", "3!");
  ASSERT_TRUE(told());
}

TEST_F(FileWatcherTest, LinksInACircleAreNoFileAndNoHarm) {
  link("b", "a");
  link("a", "b");
  watch({"a", "b/c"});
  EXPECT_TRUE(quiet());
  fs::remove(path("b"));
  write("b", "1");
  ASSERT_TRUE(told());
}

TEST_F(FileWatcherTest, TheSlowLookSeesWhatNoEventTold) {
  // The folder is watched through its path only: moving its parent away and another in its place
  // is not told by the kernel.
  fs::create_directories(path("x/y"));
  write("x/y/a", "1");
  watch({"x/y/a"},
        {.settle = milliseconds(20), .settle_limit = milliseconds(200), .poll = milliseconds(50)});
  fs::create_directories(path("new/y"));
  write("new/y/a", "22");
  fs::rename(path("x"), path("old"));
  fs::rename(path("new"), path("x"));
  ASSERT_TRUE(told());
  EXPECT_EQ(calls_.back(), std::vector<std::string>{path("x/y/a")});
}

TEST_F(FileWatcherTest, AWriterThatNeverRestsIsToldInTime) {
  write("a", "1");
  watch({"a"}, {.settle = milliseconds(50),
                .settle_limit = milliseconds(200),
                .poll = milliseconds(3'600'000)});
  int writes = 0;
  std::unique_ptr<Timer> again;
  again = dispatcher_->createTimer([&] {
    write("a", std::to_string(++writes));
    again->start(milliseconds(10));
  });
  again->start(milliseconds(1));
  ASSERT_TRUE(told());
  EXPECT_GT(writes, 3);
}

TEST_F(FileWatcherTest, HandlesMayGoInCallbacksAndOutliveTheWatcher) {
  write("a", "1");
  watcher_ = std::make_unique<FileWatcher>(*dispatcher_, kQuick);
  std::unique_ptr<FileWatcher::Handle> first;
  std::unique_ptr<FileWatcher::Handle> second;
  std::unique_ptr<FileWatcher::Handle> third;
  int calls = 0;
  const auto callback = [&](const std::vector<std::string>&) {
    ++calls;
    first.reset();
    second.reset();
    third = watcher_->watch({path("a")}, [](const std::vector<std::string>&) { FAIL(); });
    dispatcher_->stop();
  };
  first = watcher_->watch({path("a")}, callback);
  second = watcher_->watch({path("a")}, callback);
  write("a", "22");
  told();
  EXPECT_EQ(calls, 1);
  watcher_.reset();
  third.reset();
}

TEST_F(FileWatcherTest, NobodyIsToldAfterTheHandleWent) {
  write("a", "1");
  watch({"a"});
  write("a", "22");
  handle_.reset();
  EXPECT_TRUE(quiet());
  EXPECT_TRUE(calls_.empty());
}

TEST_F(FileWatcherTest, ManyFilesInManyFolders) {
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) {
    const std::string folder = "f" + std::to_string(i);
    fs::create_directories(path(folder));
    names.push_back(folder + "/a");
    write(names.back(), "1");
  }
  watch(names);
  write(names[123], "22");
  ASSERT_TRUE(told());
  EXPECT_EQ(calls_.back(), std::vector<std::string>{path(names[123])});
}

TEST_F(FileWatcherTest, AnIdentityChangesWithTheFile) {
  EXPECT_EQ(fileIdentity(path("a")), FileIdentity());
  write("a", "1");
  const FileIdentity before = fileIdentity(path("a"));
  EXPECT_NE(before, FileIdentity());
  replace("a", "1");
  EXPECT_NE(fileIdentity(path("a")), before);
}

}  // namespace
}  // namespace weir::event
