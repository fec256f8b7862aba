#pragma once

#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "source/stats/stats.h"

namespace weir::extensions::http_filters {

// A file with one listener, "edge", that has one filter and one route, and with a cluster "auth".
struct FilterFile {
  std::string_view filter;       // "[http_filters/x] { … }", from line 6, column 29
  std::string_view route = {};   // the same, what the route says of it
  std::string_view before = {};  // fields of the connection manager that stand before the filter
  std::string name = "test.textproto";
};

// What is wrong with the file; "" when nothing is. `stats` gets what the file counts.
std::string findings(const FilterFile& file, stats::Store& stats);
std::string findings(std::string_view filter, std::string_view route = {});

// The tests of one filter's settings. Main-thread only.
class FilterConfigTest : public ::testing::Test {
 protected:
  explicit FilterConfigTest(std::string_view filter) : filter_(filter) {}

  // The findings for these fields of the filter and, unless empty, of its settings in the route.
  std::string findings(std::string_view fields, std::string_view of_route = {});

  stats::Store stats_;

 private:
  std::string settings(std::string_view fields) const;

  const std::string filter_;
};

}  // namespace weir::extensions::http_filters
