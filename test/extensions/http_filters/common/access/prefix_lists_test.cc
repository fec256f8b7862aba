#include "extensions/http_filters/common/access/prefix_lists.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

#include "extensions/http_filters/common/access/file_reload.h"
#include "extensions/http_filters/common/access/shared_slot.h"
#include "source/base/concat.h"

namespace weir::extensions::http_filters {
namespace {

std::string errorOf(std::string_view text) {
  const auto result = parsePrefixLines("list", text);
  return result.ok() ? "" : std::string(base::view(result.status().message()));
}

TEST(PrefixLines, TakesCommentsAndLineEndsOfAllKinds) {
  const auto list = parsePrefixLines("list", "10.0.0.0/8\r\n\n # none\n ::1 # loopback\n192.0.2.7");
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->size(), 3u);
  EXPECT_EQ((*list)[1].toString(), "::1/128");
  EXPECT_EQ((*list)[2].toString(), "192.0.2.7/32");
  EXPECT_TRUE(parsePrefixLines("list", "")->empty());
}

TEST(PrefixLines, SaysInWhichLineSomethingIsWrong) {
  EXPECT_EQ(errorOf("10.0.0.0/8\n10.0.0.1/8\n").substr(0, 7), "list:2:");
  EXPECT_EQ(errorOf("example.com").substr(0, 7), "list:1:");
}

TEST(PrefixLists, DenialWinsAmongEquals) {
  const auto prefix = [](const char* text) { return *network::Prefix::parse(text); };
  const auto set = loadPrefixLists({.prefixes = {prefix("10.0.0.0/8"), prefix("10.1.1.1")}},
                                   {.prefixes = {prefix("10.0.0.0/8")}});
  ASSERT_TRUE(set.ok());
  EXPECT_EQ((*set)->find(*network::Address::parse("10.2.2.2:1")), kDenied);
  EXPECT_EQ((*set)->find(*network::Address::parse("10.1.1.1:1")), kAllowed);
}

TEST(PrefixLists, NamesTheFileThatIsWrong) {
  const std::string path = ::testing::TempDir() + "/prefixes";
  std::ofstream(path) << "10.0.0.0/8\nnonsense\n";
  const auto wrong = loadPrefixLists({.files = {path}}, {});
  EXPECT_EQ(base::view(wrong.status().message()).substr(0, path.size() + 3), path + ":2:");
  EXPECT_FALSE(loadPrefixLists({.files = {path + ".absent"}}, {}).ok());
  EXPECT_FALSE(loadPrefixLists({.files = {::testing::TempDir()}}, {}).ok());
}

TEST(ReadSmallFile, RefusesWhatIsTooLarge) {
  const std::string path = ::testing::TempDir() + "/small";
  std::ofstream(path) << "12345";
  EXPECT_EQ(*readSmallFile(path, 5), "12345");
  EXPECT_FALSE(readSmallFile(path, 4).ok());
}

TEST(SharedSlot, ReadersSeeTheLatestValue) {
  SharedSlot<int> slot;
  SlotReader<int> reader;
  EXPECT_EQ(reader.read(slot), nullptr);
  slot.set(std::make_shared<const int>(1));
  EXPECT_EQ(*reader.read(slot), 1);
  const auto kept = reader.share(slot);
  slot.set(std::make_shared<const int>(2));
  EXPECT_EQ(*reader.read(slot), 2);
  EXPECT_EQ(*kept, 1);
}

}  // namespace
}  // namespace weir::extensions::http_filters
