#include "test/fuzz/mutate.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace weir::fuzz {
namespace {

const Corpus kCorpus = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", "x"};

TEST(Mutator, SameSeedSameInputs) {
  Mutator one(7);
  Mutator two(7);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(one.next(kCorpus, 4096), two.next(kCorpus, 4096));
  }
}

TEST(Mutator, MakesManyDifferentInputsWithinTheLimit) {
  Mutator mutator(1);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string input = mutator.next(kCorpus, 20);
    EXPECT_LE(input.size(), 20u);
    seen.insert(input);
  }
  EXPECT_GT(seen.size(), 500u);
}

TEST(Mutator, GrowsInputsFromAnEmptyCorpus) {
  Mutator mutator(1);
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    seen.insert(mutator.next({}, 100));
  }
  EXPECT_GT(seen.size(), 50u);
}

}  // namespace
}  // namespace weir::fuzz
