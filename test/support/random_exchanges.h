#pragma once

#include <cstdint>
#include <vector>

#include "test/support/exchanges.h"

namespace weir::test {

// Exchanges that end well, of any shape; the same for the same seed.
std::vector<Exchange> randomExchanges(uint32_t seed, size_t count);

}  // namespace weir::test
