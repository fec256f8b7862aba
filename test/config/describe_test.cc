#include "source/config/describe.h"

#include <gtest/gtest.h>

#include "test/config/fake_extensions.h"

namespace weir::config {
namespace {

TEST(Describe, EachExtensionWithItsMessageAndFields) {
  const std::string text = describeExtensions(*fakeRegistry());
  EXPECT_NE(text.find("load_balancing/least_request\n"
                      "  weir.extensions.load_balancing.least_request.v1.LeastRequest\n"
                      "    choices: uint32\n"
                      "    full_scan_size: uint32\n"
                      "load_balancing/round_robin\n"
                      "  weir.extensions.load_balancing.round_robin.v1.RoundRobin\n"
                      "network_filters/http_connection_manager\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("    virtual_hosts: repeated weir.config.v1.VirtualHost\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("      escaped_slashes: ESCAPED_SLASHES_UNSPECIFIED | "), std::string::npos)
      << text;
}

}  // namespace
}  // namespace weir::config
