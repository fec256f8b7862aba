#include "source/base/suggest.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "source/base/ascii.h"
#include "source/base/concat.h"

namespace weir::base {
namespace {

constexpr size_t kLongestWord = 256;

// Distance of two words (optimal string alignment), or anything above `bound` once it is clear that
// it is more.
size_t distance(std::string_view a, std::string_view b, size_t bound) {
  const size_t longer = std::max(a.size(), b.size());
  if (longer - std::min(a.size(), b.size()) > bound) return bound + 1;
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> above(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    size_t least = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({changed, above[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
      least = std::min(least, row[j]);
    }
    if (least > bound) return bound + 1;
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::string closest(std::string_view word, std::span<const std::string> candidates) {
  if (word.empty() || word.size() > kLongestWord) return {};
  const std::string wanted = lowered(word);
  size_t bound = std::max<size_t>(1, word.size() / 3);
  const std::string* best = nullptr;
  for (const std::string& candidate : candidates) {
    const size_t away = distance(wanted, lowered(candidate), bound);
    if (away > bound) continue;
    // A single letter is not near to every other one.
    if (away >= std::max(word.size(), candidate.size())) continue;
    best = &candidate;
    if (away == 0) break;
    bound = away - 1;
  }
  return best == nullptr ? std::string() : *best;
}

std::string didYouMean(std::string_view word, std::span<const std::string> candidates) {
  const std::string near = closest(word, candidates);
  return near.empty() ? near : concat("; did you mean \"", near, "\"?");
}

}  // namespace weir::base
