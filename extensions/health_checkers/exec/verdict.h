#pragma once

#include <string>
#include <string_view>

#include "source/event/program_runner.h"
#include "source/upstream/health_checker.h"

namespace weir::extensions::health_checkers::exec {

// The first line of a program's output that is not blank, in printable ASCII and at most 200
// characters; empty when there is none.
std::string firstLine(std::string_view output);

// What a program that has ended says of the endpoint: "exit 2: replica lags 300 s".
// `degraded_exit_code` 0: none.
upstream::ProbeResult verdictOn(const event::ProgramResult& result, int degraded_exit_code);

}  // namespace weir::extensions::health_checkers::exec
