#pragma once

#include <optional>
#include <string>
#include <vector>

#include "source/exe/command_line.h"
#include "source/explain/question.h"

namespace weir::exe {

// The options and operands of `weir explain`.
std::vector<Option> explainOptions();
inline constexpr Operands kExplainOperands{
    "REQUEST", "\"METHOD URL\", or the URL alone for GET, or a path with -H 'host: NAME'.",
    /*many=*/true};

// What the arguments ask. Nothing after putting into `error` what is wrong.
std::optional<explain::Question> questionOf(const Arguments& arguments, std::string& error);

}  // namespace weir::exe
