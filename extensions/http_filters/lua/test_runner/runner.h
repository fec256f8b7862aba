#pragma once

#include <span>
#include <string>

namespace weir::extensions::http_filters::lua::test_runner {

// `weir lua test FILE…`: runs the tests in each file; the failures and a summary line go to
// `report`. What the process is to exit with: 0, or 1 when a test failed or a file has none.
int runTests(std::span<const std::string> files, std::string& report);

}  // namespace weir::extensions::http_filters::lua::test_runner
