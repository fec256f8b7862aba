#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::fuzz {

// Immutable. The inputs that a fuzz target starts from.
using Corpus = std::vector<std::string>;

// Worker-confined. Makes inputs from seeds by small random edits; the same seed number and corpus
// give the same inputs on every machine.
class Mutator {
 public:
  explicit Mutator(uint64_t seed) : state_(seed) {}

  // An input made from one or two members of `corpus` (which may be empty), at most `max_size`
  // bytes.
  std::string next(const Corpus& corpus, size_t max_size);

 private:
  uint64_t random();
  size_t below(size_t limit) { return limit == 0 ? 0 : random() % limit; }
  void edit(std::string& input, const Corpus& corpus);

  uint64_t state_;
};

}  // namespace weir::fuzz
