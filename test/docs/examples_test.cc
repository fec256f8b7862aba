// Every configuration that the documentation shows loads: the files in docs/examples, and each
// ```textproto block of a page as a whole file.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "extensions/all_extensions.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "test/extensions/http_filters/grpc_json_transcoder/descriptor_sets.h"
#include "test/support/test_certificates.h"

namespace weir::config {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> filesEndingIn(const std::string& suffix) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator("docs")) {
    if (entry.path().extension() == suffix) found.push_back(entry.path());
  }
  return found;
}

class Examples : public testing::Test {
 protected:
  Examples() {
    EXPECT_TRUE(extensions::registerAllExtensions(registry_).ok());
    std::string key;
    for (int i = 0; i < 80; ++i) key.push_back(static_cast<char>(128 + i));
    pki_.folder().write("tickets.key", key);
    for (const char* name : {"sticky.key", "sticky.old.key"}) {
      pki_.folder().write(name, std::string(48, name[7]));
    }
    fs::permissions(pki_.folder().write("check_replica.sh", "#!/bin/sh\n"), fs::perms::owner_all);
    pki_.folder().write("library.pb",
                        extensions::http_filters::grpc_json_transcoder::descriptorSet(
                            extensions::http_filters::grpc_json_transcoder::shelvesProto()));
  }

  // Files of /etc/weir are there while this test runs, elsewhere.
  std::string withFiles(std::string text) const {
    constexpr std::string_view kFolder = "/etc/weir/";
    for (size_t at = text.find(kFolder); at != std::string::npos; at = text.find(kFolder, at)) {
      text.replace(at, kFolder.size() - 1, pki_.folder().path());
    }
    return text;
  }

  std::shared_ptr<const Snapshot> load(const fs::path& path) {
    Diagnostics diagnostics;
    auto snapshot = loader_.loadText(withFiles(read(path)), path.string(), 1, diagnostics);
    EXPECT_NE(snapshot, nullptr) << diagnostics.toString();
    return snapshot;
  }

  // The blocks of a page; how many there were.
  int loadBlocks(const fs::path& page) {
    const std::string text = read(page);
    constexpr std::string_view kOpen = "```textproto\n";
    int blocks = 0;
    for (size_t at = text.find(kOpen); at != std::string::npos; at = text.find(kOpen, at)) {
      at += kOpen.size();
      const std::string block = withFiles(text.substr(at, text.find("```", at) - at));
      // Findings show the lines of the page.
      const auto lines = static_cast<size_t>(
          std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
      Diagnostics diagnostics;
      EXPECT_NE(loader_.loadText(base::concat(std::string(lines, '\n'), block), page.string(), 1,
                                 diagnostics),
                nullptr)
          << diagnostics.toString();
      ++blocks;
    }
    return blocks;
  }

  test::TestPki pki_;
  base::Registry registry_;
  stats::Store store_;
  Loader loader_{registry_, store_};
};

TEST_F(Examples, FilesLoad) {
  const std::vector<fs::path> files = filesEndingIn(".textproto");
  EXPECT_GE(files.size(), 5u);
  for (const fs::path& file : files) load(file);
}

TEST_F(Examples, BlocksOfPagesLoad) {
  int blocks = loadBlocks("README.md");
  EXPECT_GE(blocks, 1);
  for (const fs::path& page : filesEndingIn(".md")) blocks += loadBlocks(page);
  EXPECT_GE(blocks, 8);
}

TEST_F(Examples, EachExtensionHasAPageWithAConfiguration) {
  for (const base::Extension* extension : registry_.entries()) {
    const std::string page =
        base::concat("docs/extensions/", extension->category(), "/", extension->name(), ".md");
    ASSERT_TRUE(fs::exists(page)) << page;
    EXPECT_GE(loadBlocks(page), 1) << page;
    const std::string text = read(page);
    const bool named =
        text.find(base::concat("[", extension->category(), "/", extension->name(), "]")) !=
            std::string::npos ||
        text.find(base::concat("[type.googleapis.com/", extension->configType(), "]")) !=
            std::string::npos;
    EXPECT_TRUE(named) << page;
  }
}

TEST_F(Examples, TheMinimalOneHasLessThanTenLines) {
  const std::string text = read("docs/examples/minimal.textproto");
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 10);
}

}  // namespace
}  // namespace weir::config
