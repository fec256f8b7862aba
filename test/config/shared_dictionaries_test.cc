// The shared dictionaries of a file: taken over, refused with the place, and kept from one
// configuration to the next.

#include "source/config/shared_dictionaries.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "api/weir/config/v1/config.pb.h"
#include "source/base/concat.h"
#include "source/config/parsed_file.h"
#include "source/config/snapshot.h"
#include "source/config/text_parser.h"
#include "test/config/fake_extensions.h"

namespace weir::config {
namespace {

using base::SharedDictionary;
using Time = SharedDictionary::Time;

class SharedDictionariesTest : public testing::Test {
 protected:
  std::shared_ptr<const Snapshot> load(std::string_view dictionaries) {
    Diagnostics diagnostics;
    auto snapshot = loader_.loadText(
        base::concat("admin { address: \"127.0.0.1:1\" }\n", dictionaries), "w", 1, diagnostics);
    findings_ = diagnostics.toString();
    return snapshot;
  }
  std::string findings(std::string_view dictionaries) {
    EXPECT_EQ(load(dictionaries), nullptr);
    return findings_;
  }
  static std::shared_ptr<SharedDictionary> only(const std::shared_ptr<const Snapshot>& snapshot) {
    return snapshot->shared_dictionaries.at(0).dictionary;
  }

  std::unique_ptr<base::Registry> registry_ = fakeRegistry();
  stats::Store store_;
  Loader loader_{*registry_, store_};
  std::string findings_;
};

TEST_F(SharedDictionariesTest, AreRead) {
  const auto snapshot = load(R"(shared_dictionaries { name: "limits" }
shared_dictionaries { name: "A-z_0.9" max_bytes: 65536 })");
  ASSERT_NE(snapshot, nullptr) << findings_;
  ASSERT_EQ(snapshot->shared_dictionaries.size(), 2u);
  EXPECT_EQ(snapshot->shared_dictionaries[0].dictionary->name(), "limits");
  EXPECT_EQ(snapshot->shared_dictionaries[0].max_bytes, 1u << 20);
  EXPECT_EQ(snapshot->shared_dictionaries[0].dictionary->maxBytes(), 1u << 20);
  EXPECT_EQ(snapshot->shared_dictionaries[1].dictionary->maxBytes(), 65536u);
}

TEST_F(SharedDictionariesTest, AreRefusedWithThePlace) {
  EXPECT_EQ(findings("shared_dictionaries { }"),
            "w:2:1: shared_dictionaries[0].name: is required; scripts and plugins refer to it\n");
  EXPECT_EQ(findings("shared_dictionaries { name: \"a b\" }"),
            "w:2:29: shared_dictionaries[0].name: cannot be the name of a dictionary; use at most "
            "128 of A-Z, a-z, 0-9, \"_\", \".\" and \"-\"\n");
  EXPECT_NE(findings(base::concat("shared_dictionaries { name: \"", std::string(129, 'a'), "\" }"))
                .find("cannot be the name"),
            std::string::npos);
  const std::string twice =
      findings("shared_dictionaries { name: \"a\" }\nshared_dictionaries { name: \"a\" }");
  EXPECT_NE(twice.find("w:3:29: shared_dictionaries[1].name: "), std::string::npos) << twice;
  const std::string small = findings("shared_dictionaries { name: \"a\" max_bytes: 65535 }");
  EXPECT_NE(small.find("w:2:44: shared_dictionaries[0].max_bytes: "), std::string::npos) << small;
  const std::string large = findings("shared_dictionaries { name: \"a\" max_bytes: 17179869185 }");
  EXPECT_NE(large.find("shared_dictionaries[0].max_bytes: "), std::string::npos) << large;
}

TEST_F(SharedDictionariesTest, OutliveAChangeOfTheConfiguration) {
  auto before = load("shared_dictionaries { name: \"a\" }");
  only(before)->set("k", 1.0, {}, Time());
  auto after = load("shared_dictionaries { name: \"a\" max_bytes: 2000000 }");
  EXPECT_EQ(only(before), only(after));
  EXPECT_EQ(after->shared_dictionaries[0].max_bytes, 2'000'000u);
  EXPECT_EQ(only(after)->maxBytes(), 1u << 20) << "compiling changes nothing that runs";
  before.reset();
  EXPECT_EQ(only(load("shared_dictionaries { name: \"a\" }"))->size(), 1u);

  const std::weak_ptr<SharedDictionary> weak = only(after);
  EXPECT_NE(load(""), nullptr);
  EXPECT_FALSE(weak.expired());
  after.reset();
  EXPECT_TRUE(weak.expired());
  EXPECT_EQ(only(load("shared_dictionaries { name: \"a\" }"))->size(), 0u);
}

TEST_F(SharedDictionariesTest, ARefusedFileLeavesThemAsTheyAre) {
  const auto before = load("shared_dictionaries { name: \"a\" }");
  findings("shared_dictionaries { name: \"a\" max_bytes: 70000 }\nshared_dictionaries { }");
  EXPECT_EQ(only(before)->maxBytes(), 1u << 20);
}

// What an extension gets that refers to one.
TEST_F(SharedDictionariesTest, AReferenceIsFoundOrReported) {
  Diagnostics diagnostics;
  ParsedFile file("w", diagnostics);
  v1::Config config;
  ASSERT_TRUE(
      parseText("shared_dictionaries { name: \"limits\" }\n"
                "shared_dictionaries { name: \"sessions\" }\nadmin { address: \"x\" }",
                *registry_, file, config));
  DictionaryCompiler::Known known;
  DictionaryCompiler dictionaries(known);
  dictionaries.read(config, file.rootCursor());
  const Cursor at = file.rootCursor().field("admin").field("address");
  const auto found = dictionaries.find("limits", at);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name(), "limits");
  EXPECT_TRUE(diagnostics.ok());
  EXPECT_EQ(dictionaries.find("limit", at), nullptr);
  EXPECT_EQ(diagnostics.list().at(0).toString(),
            "w:3:18: admin.address: there is no shared dictionary \"limit\"; did you mean "
            "\"limits\"? known: limits, sessions");
}

TEST_F(SharedDictionariesTest, AReferenceToNoneIsReported) {
  Diagnostics diagnostics;
  ParsedFile file("w", diagnostics);
  v1::Config config;
  ASSERT_TRUE(parseText("admin { address: \"x\" }", *registry_, file, config));
  DictionaryCompiler::Known known;
  DictionaryCompiler dictionaries(known);
  dictionaries.read(config, file.rootCursor());
  EXPECT_EQ(dictionaries.find("a", file.rootCursor().field("admin").field("address")), nullptr);
  EXPECT_EQ(diagnostics.list().at(0).right,
            "the file defines none: add shared_dictionaries { name: … }");
}

}  // namespace
}  // namespace weir::config
