#include "test/extensions/network_filters/common/findings.h"

#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::network::test {

std::string findings(std::string_view filters, std::string_view rest) {
  base::Registry registry;
  EXPECT_TRUE(extensions::registerAllExtensions(registry).ok());
  stats::Store stats;
  config::Loader loader(registry, stats);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("listeners { name: \"l\" address: \"127.0.0.1:80\" filter_chains {\n", filters,
                   "\n} }\n", rest),
      "w", 1, diagnostics);
  EXPECT_EQ(snapshot != nullptr, diagnostics.ok());
  return diagnostics.toString();
}

}  // namespace weir::network::test
