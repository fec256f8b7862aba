#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/health_checkers/common/byte_pattern.h"

namespace weir::extensions::health_checkers::tcp {

// What an endpoint has to say, one after the other, with anything in between. Immutable.
using Expectations = std::vector<BytePattern>;

// Everything has to come within so many bytes.
inline constexpr size_t kMostAnswerBytes = 16 * 1024;

// Looks for expectations in what comes. Main-thread only.
class ExpectationReader {
 public:
  enum class Progress : uint8_t {
    kMore,   // something is still to come
    kFound,  // all has come
    kNever   // so much has come that it is too late
  };

  // `expected` outlives it.
  explicit ExpectationReader(const Expectations& expected) : expected_(&expected) {}
  // The next piece. Once found, or too late, it stays so.
  Progress read(std::string_view data);
  // Which one is missing; not when all is found.
  std::string missing() const;

 private:
  const Expectations* expected_;
  BytePattern::State state_ = 0;  // of the search for the next one
  uint32_t found_ = 0;
  uint32_t bytes_ = 0;  // that have come, at most kMostAnswerBytes
};

}  // namespace weir::extensions::health_checkers::tcp
