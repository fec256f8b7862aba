#include "test/fuzz/mutate.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace weir::fuzz {
namespace {

// Bytes on which text protocols and their parsers turn.
constexpr std::string_view kTelling("\r\n\0 \t:;,/?#%\\\"0-+\x7f\x80\xff", 20);

constexpr size_t kMaxEdits = 6;
constexpr size_t kMaxRun = 32;

}  // namespace

// SplitMix64 (Steele, Lea, Flood, 2014).
uint64_t Mutator::random() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::string Mutator::next(const Corpus& corpus, size_t max_size) {
  std::string input = corpus.empty() ? std::string() : corpus[below(corpus.size())];
  const size_t edits = 1 + below(kMaxEdits);
  for (size_t i = 0; i < edits; ++i) {
    edit(input, corpus);
  }
  if (input.size() > max_size) {
    input.resize(max_size);
  }
  return input;
}

void Mutator::edit(std::string& input, const Corpus& corpus) {
  const size_t at = below(input.size() + 1);
  const size_t run = std::min(1 + below(kMaxRun), input.size() - at);
  switch (below(7)) {
    case 0:
      input.insert(at, 1, static_cast<char>(random()));
      break;
    case 1:
      input.insert(at, 1, kTelling[below(kTelling.size())]);
      break;
    case 2:
      input.erase(at, run);
      break;
    case 3:
      if (at < input.size()) {
        input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
      }
      break;
    case 4:
      input.insert(at, input.substr(at, run));
      break;
    case 5:
      input.resize(at);
      break;
    default:
      if (!corpus.empty()) {
        const std::string& other = corpus[below(corpus.size())];
        input.replace(at, std::string::npos, other, below(other.size() + 1), std::string::npos);
      }
  }
}

}  // namespace weir::fuzz
