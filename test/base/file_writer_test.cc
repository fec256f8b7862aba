#include "source/base/file_writer.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/eventually.h"

namespace weir::base {
namespace {

std::string contentOf(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string freshPath(const char* name) {
  const std::string path = ::testing::TempDir() + "/" + name + std::to_string(::getpid());
  ::unlink(path.c_str());
  return path;
}

TEST(LineRing, DropsWholeLinesWhenFullAndCountsThem) {
  LineRing ring(16);
  EXPECT_TRUE(ring.push("0123456789\n"));
  EXPECT_FALSE(ring.push("abcdef\n"));
  EXPECT_TRUE(ring.push("abc\n"));
  EXPECT_EQ(ring.dropped(), 1u);
}

// A process that logs little: nobody flushes, and the file is opened long after the start.
TEST(FileWriter, WritesALineThatComesAlone) {
  const std::string path = freshPath("alone");
  FileWriter writer;
  writer.flush();  // the thread has begun and found nothing to do
  auto ring = writer.open(path);
  ASSERT_TRUE(ring.ok());
  ASSERT_TRUE((*ring)->push("alone\n"));
  EXPECT_TRUE(test::eventually([&] { return contentOf(path) == "alone\n"; }));
}

TEST(FileWriter, WritesLinesOfManyThreadsWholeAndInOrder) {
  const std::string path = freshPath("lines");
  constexpr int kThreads = 4;
  constexpr int kLines = 2000;
  FileWriter writer;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&writer, &path, t] {
      auto ring = writer.open(path);
      ASSERT_TRUE(ring.ok());
      for (int i = 0; i < kLines; ++i) {
        ASSERT_TRUE((*ring)->push(std::to_string(t) + " " + std::to_string(i) + "\n"));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  writer.flush();
  std::istringstream lines(contentOf(path));
  std::vector<int> next(kThreads, 0);
  int t, i, count = 0;
  while (lines >> t >> i) {
    EXPECT_EQ(next.at(t)++, i);
    ++count;
  }
  EXPECT_EQ(count, kThreads * kLines);
  EXPECT_EQ(writer.dropped(), 0u);
}

TEST(FileWriter, ReopenFollowsARotation) {
  const std::string path = freshPath("rotated");
  const std::string moved = path + ".1";
  FileWriter writer;
  auto ring = writer.open(path);
  ASSERT_TRUE(ring.ok());
  (*ring)->push("before\n");
  writer.flush();
  ASSERT_EQ(::rename(path.c_str(), moved.c_str()), 0);
  writer.reopen();
  writer.flush();
  (*ring)->push("after\n");
  writer.flush();
  EXPECT_EQ(contentOf(moved), "before\n");
  EXPECT_EQ(contentOf(path), "after\n");
}

TEST(FileWriter, SaysWhatFileCannotBeOpened) {
  FileWriter writer;
  auto ring = writer.open("/nonexistent-folder/access.log");
  ASSERT_FALSE(ring.ok());
  EXPECT_THAT(std::string(ring.status().message()),
              ::testing::HasSubstr("/nonexistent-folder/access.log"));
}

TEST(FileWriter, CountsLinesThatTheDiskRefused) {
  FileWriter writer;
  auto ring = writer.open("/dev/full");
  ASSERT_TRUE(ring.ok());
  (*ring)->push("one\n");
  (*ring)->push("two\n");
  writer.flush();
  EXPECT_EQ(writer.dropped(), 2u);
}

}  // namespace
}  // namespace weir::base
