#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::extensions::health_checkers {

// Bytes to be found in a stream, in whatever pieces that comes (Knuth, Morris and Pratt: one look
// at each byte, and nothing of the stream is kept). Immutable.
class BytePattern {
 public:
  explicit BytePattern(std::string bytes);  // at least one

  const std::string& bytes() const { return bytes_; }
  // Where a search is: so many bytes of the pattern are the last ones that came. 0 at first.
  using State = uint32_t;
  // Takes from the front of `data` up to the end of the first occurrence, or all of it. True:
  // found.
  bool find(std::string_view& data, State& state) const;

 private:
  std::string bytes_;
  // For a mismatch behind i + 1 bytes of the pattern: so many of them may begin another occurrence.
  std::vector<State> fallback_;
};

}  // namespace weir::extensions::health_checkers
