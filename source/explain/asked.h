#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "source/explain/question.h"

namespace weir::explain {

// What the body of POST /explain asks: about a request that it describes, or about one that was
// served lately. Value.
struct Asked {
  Question question;
  std::string request_id;  // empty: the question is asked
  uint32_t worker = 0;     // whose clusters are asked
};

// Reads such a body (docs/explain.md). The error says what is wrong with it, and what would be
// right.
absl::StatusOr<Asked> readAsked(std::string_view json);

}  // namespace weir::explain
