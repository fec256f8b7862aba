// Runs a fuzz target where there is no libFuzzer: the seed corpus as it is, then a fixed number of
// seeded mutations of it. Arguments are the corpus folders; WEIR_FUZZ_RUNS sets the number.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/fuzz/entry_point.h"
#include "test/fuzz/mutate.h"

namespace weir::fuzz {
namespace {

constexpr size_t kDefaultRuns = 3000;
constexpr size_t kMaxInputBytes = 16 * 1024;
constexpr uint64_t kSeed = 1;

std::vector<std::string>& folders() {
  static std::vector<std::string> folders;
  return folders;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Corpus readCorpus() {
  std::vector<std::filesystem::path> paths;
  for (const std::string& folder : folders()) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  Corpus corpus;
  for (const auto& path : paths) {
    corpus.push_back(contents(path));
  }
  return corpus;
}

size_t runs() {
  const char* text = std::getenv("WEIR_FUZZ_RUNS");
  return text == nullptr || *text == '\0' ? kDefaultRuns : std::strtoull(text, nullptr, 10);
}

void run(const std::string& input) {
  // A copy of its own on the heap, so that AddressSanitizer sees a read past its end.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  EXPECT_EQ(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()), 0);
}

TEST(Fuzz, SeedCorpus) {
  for (const std::string& input : readCorpus()) {
    run(input);
  }
}

TEST(Fuzz, Mutations) {
  const Corpus corpus = readCorpus();
  Mutator mutator(kSeed);
  for (size_t i = 0; i < runs(); ++i) {
    SCOPED_TRACE(i);
    run(mutator.next(corpus, kMaxInputBytes));
  }
}

}  // namespace
}  // namespace weir::fuzz

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  weir::fuzz::folders().assign(argv + 1, argv + argc);
  return RUN_ALL_TESTS();
}
