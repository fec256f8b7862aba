#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "test/support/exchanges.h"

namespace weir::test {

// Everything that HTTP/1 and HTTP/2 must carry alike.
const std::vector<Exchange>& scriptedExchanges();

// What came otherwise than the script says, whatever was between; empty: nothing.
std::string deviation(const Exchange& exchange, const Seen& client, const Seen& origin);

void PrintTo(const Exchange& exchange, std::ostream* out);  // for GoogleTest

}  // namespace weir::test
