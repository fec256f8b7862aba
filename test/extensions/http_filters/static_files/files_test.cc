#include "extensions/http_filters/static_files/files.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"

#include "test/support/child_process.h"

namespace weir::extensions::http_filters::static_files {
namespace {

namespace fs = std::filesystem;
using common::codecs::Coding;

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() : root_(folder_.file("root")) {
    fs::create_directories(root_ + "/sub/deep");
    write("root/a.txt", "a");
    write("root/sub/b.txt", "bb");
    write("root/sub/index.html", "index");
    write("outside.txt", "secret");
    fs::create_symlink("../outside.txt", root_ + "/escape");
    fs::create_symlink(folder_.file("outside.txt"), root_ + "/absolute");
    fs::create_symlink("..", root_ + "/up");
    fs::create_symlink("/proc/self/root/etc/passwd", root_ + "/magic");
    ::mkfifo((root_ + "/pipe").c_str(), 0600);
  }
  void write(const std::string& name, const std::string& text) { folder_.write(name, text); }
  Found look(const std::string& path, std::vector<Coding> codings = {},
             const std::string& fallback = "") {
    return find({root_, path, {"index.htm", "index.html"}, fallback, std::move(codings), 100});
  }

  test::TemporaryFolder folder_;
  const std::string root_;
};

TEST_F(FilesTest, NothingLeadsOut) {
  for (const auto open : {openBelow, openByName}) {
    EXPECT_TRUE(open(root_, "a.txt").valid());
    EXPECT_TRUE(open(root_, "sub/b.txt").valid());
    for (const char* path : {"escape", "absolute", "up/outside.txt", "../outside.txt", "magic",
                             "sub/../../outside.txt", "pipe", "absent", "a.txt/b"}) {
      EXPECT_FALSE(open(root_, path).valid()) << path;
    }
  }
  EXPECT_FALSE(openBelow("/absent", "a").valid());
}

// The root itself may be a link, as deployments exchange it; so may files within.
TEST_F(FilesTest, LinksThatStayInside) {
  fs::create_symlink("root", folder_.file("current"));
  EXPECT_TRUE(openBelow(folder_.file("current"), "a.txt").valid());
  fs::create_symlink("sub/b.txt", root_ + "/inside");
  const Opened inside = openBelow(root_, "inside");
  // A kernel without openat2(2) follows none.
  EXPECT_TRUE(inside.valid() || inside.error == ELOOP);
}

TEST_F(FilesTest, FilesFoldersAndIndexes) {
  const Found file = look("sub/b.txt");
  EXPECT_EQ(file.kind, Found::Kind::kFile);
  EXPECT_EQ(file.first, "bb");
  EXPECT_EQ(file.file.size, 2u);
  EXPECT_EQ(look("sub").kind, Found::Kind::kFolder);
  const Found index = look("sub/");
  EXPECT_EQ(index.kind, Found::Kind::kFile);
  EXPECT_EQ(index.path, "sub/index.html");
  EXPECT_EQ(look("").kind, Found::Kind::kNothing);  // no index there
  EXPECT_EQ(look("sub/deep/").kind, Found::Kind::kNothing);
  EXPECT_EQ(look("absent").kind, Found::Kind::kNothing);
  EXPECT_EQ(look("escape").kind, Found::Kind::kNothing);
  EXPECT_EQ(look("absent", {}, "a.txt").path, "a.txt");
  EXPECT_EQ(look("absent", {}, "escape").kind, Found::Kind::kNothing);
}

TEST_F(FilesTest, CompressedInAdvance) {
  write("root/a.txt.br", "brotli");
  write("root/a.txt.gz", "gzip");
  EXPECT_FALSE(look("a.txt").coding);
  const Found brotli = look("a.txt", {Coding::kZstd, Coding::kBrotli, Coding::kGzip});
  EXPECT_EQ(brotli.coding, Coding::kBrotli);
  EXPECT_EQ(brotli.path, "a.txt");
  EXPECT_EQ(brotli.first, "brotli");
  EXPECT_EQ(look("a.txt", {Coding::kGzip}).coding, Coding::kGzip);
  // Older than the file: made of what it was before.
  fs::last_write_time(root_ + "/a.txt.br",
                      fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_FALSE(look("a.txt", {Coding::kBrotli}).coding);
}

TEST_F(FilesTest, PartsOfAFile) {
  const Opened file = openBelow(root_, "sub/index.html");
  EXPECT_EQ(readPart(file.fd.get(), 1, 3), "nde");
  EXPECT_EQ(readPart(file.fd.get(), 3, 100), "ex");
  EXPECT_EQ(readPart(file.fd.get(), 100, 3), "");
}

}  // namespace
}  // namespace weir::extensions::http_filters::static_files
